/* A power flow's result as one JSON document (`flexgrid powerflow --json`, runs of the platform), and its elements as objects
 * for series. Thread rule: pure functions. */
#ifndef FG_TOOLKIT_DFMCT_POWERFLOW_JSON_H
#define FG_TOOLKIT_DFMCT_POWERFLOW_JSON_H

#include "base/json.h"
#include "grid/powerflow.h"

enum fg_code fg_powerflow_result_json(const struct fg_powerflow_result *result, struct fg_text *text, struct fg_error *err);

/* Net injection at each bus: what its branches and shunts carry away; added to the arrays. */
void fg_powerflow_bus_injections(const struct fg_powerflow_result *result, double *p_mw, double *q_mvar);
const char *fg_powerflow_violation_element(const struct fg_network *network, const struct fg_violation *violation);

void fg_powerflow_put_bus(struct fg_json_writer *json, const struct fg_powerflow_result *result, size_t b, double p_mw,
                          double q_mvar);
void fg_powerflow_put_branch(struct fg_json_writer *json, const struct fg_powerflow_result *result, size_t k);

#endif

/* Elements of a power flow's result as JSON objects and CSV rows, for one power flow and for series. */
#ifndef FG_CMD_POWERFLOW_ROWS_H
#define FG_CMD_POWERFLOW_ROWS_H

#include "base/json.h"
#include "grid/powerflow.h"

/* Net injection at each bus: what its branches and shunts carry away; added to the arrays. */
void fg_powerflow_bus_injections(const struct fg_powerflow_result *result, double *p_mw, double *q_mvar);
const char *fg_powerflow_violation_element(const struct fg_network *network, const struct fg_violation *violation);

void fg_powerflow_put_bus(struct fg_json_writer *json, const struct fg_powerflow_result *result, size_t b, double p_mw,
                          double q_mvar);
void fg_powerflow_put_branch(struct fg_json_writer *json, const struct fg_powerflow_result *result, size_t k);

/* Header rows, and one row an element; `step` (NULL: none) is the first column then. */
extern const char *const fg_powerflow_bus_header, *const fg_powerflow_branch_header,
    *const fg_powerflow_violation_header;
void fg_powerflow_bus_rows(const struct fg_powerflow_result *result, const char *step, struct fg_text *text);
void fg_powerflow_branch_rows(const struct fg_powerflow_result *result, const char *step, struct fg_text *text);
void fg_powerflow_violation_rows(const struct fg_powerflow_result *result, const char *step, struct fg_text *text);

#endif

/* An optimal power flow's result with its independent check, as one JSON document (`flexgrid opf --json`, runs of the
 * platform). Thread rule: pure functions. */
#ifndef FG_TOOLKIT_DFMCT_OPF_JSON_H
#define FG_TOOLKIT_DFMCT_OPF_JSON_H

#include "base/text.h"
#include "grid/opf_network.h"

struct fg_opf_outcome {
    const struct fg_network *network;
    struct fg_opf_network_result result;
    double max_violation; /* of the original constraints, by grid/check.h; NAN when there is no AC state to check */
    char worst[160];      /* what it is */
};

/* Fill max_violation and worst. */
enum fg_code fg_opf_outcome_check(struct fg_opf_outcome *outcome, enum fg_physics physics, struct fg_error *err);
enum fg_code fg_opf_outcome_json(const struct fg_opf_outcome *outcome, struct fg_text *text, struct fg_error *err);

const char *fg_opf_broken_element(const struct fg_network *network, const struct fg_opf_broken *broken);
const char *fg_opf_broken_unit(enum fg_opf_limit limit);

#endif

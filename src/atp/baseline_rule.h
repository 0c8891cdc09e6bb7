/* The baseline rule of a product as JSON, as it stands in the product's row:
 *
 *     {"method": "days", "days": 10, "days_used": 4, "look_back_days": 45, "pick": "highest", "adjustment": "additive",
 *      "window_lead_units": 4, "window_units": 8, "cap": "0.2"}
 *     {"method": "before_after", "before_units": 4, "after_units": 4}
 *     {"method": "control_group", "calibration_units": 96}
 *     {"method": "submitted"}
 *
 * Members and their meaning are those of market/baseline.h; units are market time units. Thread rule: pure functions. */
#ifndef FG_ATP_BASELINE_RULE_H
#define FG_ATP_BASELINE_RULE_H

#include "market/baseline.h"

/* FG_ERR_SYNTAX, FG_ERR_SCHEMA, FG_ERR_VALUE or FG_ERR_ARGUMENT with the place in the text. */
enum fg_code fg_baseline_rule_parse(const char *json, struct fg_baseline_rule *rule, struct fg_error *err);

/* Units before the first and after the last unit of an event on which the rule may look. */
void fg_baseline_rule_reach(const struct fg_baseline_rule *rule, int64_t unit_s, int64_t *before, int64_t *after);

#endif

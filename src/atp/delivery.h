/* Delivery between trade and settlement: the supplier's plan per asset with the grid operator's yes or no, set-points of
 * the operator with the supplier's answer, and the buyer's word on what was delivered.
 *
 *   plan        pending -> accepted | refused by the operator of the portfolio's location; a new plan for overlapping
 *               units replaces a pending or accepted one
 *   set-point   by the operator of the location for units that lie ahead; answered once by the portfolio's owner
 *   receipt     by the buyer, after the trade's unit has ended; may be changed until the run of the day is released
 *
 * Powers are changes of net injection in W. Refusals and thread rule: registry.h. */
#ifndef FG_ATP_DELIVERY_H
#define FG_ATP_DELIVERY_H

#include "atp/registry.h"

struct fg_plan_line {
    int64_t asset;
    int64_t period;
    int64_t power_w;
};
/* By the portfolio's owner, for units that have not begun; assets must belong to the portfolio in each unit. */
enum fg_code fg_plan_send(struct fg_registry *registry, int64_t portfolio, const struct fg_plan_line *lines, size_t count,
                          int64_t *id, struct fg_error *err);
/* By the operator of the portfolio's location. `reason` is needed for a refusal. */
enum fg_code fg_plan_decide(struct fg_registry *registry, int64_t id, bool accept, const char *reason, struct fg_error *err);

enum fg_code fg_set_point_send(struct fg_registry *registry, int64_t portfolio, int64_t first_period, int64_t period_count,
                               int64_t power_w, int64_t *id, struct fg_error *err);
enum fg_code fg_set_point_answer(struct fg_registry *registry, int64_t id, bool accept, const char *reason,
                                 struct fg_error *err);

enum fg_receipt { FG_RECEIPT_DELIVERED, FG_RECEIPT_PARTLY, FG_RECEIPT_MISSING };
extern const char *const fg_receipt_words[];
enum fg_code fg_receipt_give(struct fg_registry *registry, int64_t area, int64_t trade, enum fg_receipt verdict,
                             const char *note, struct fg_error *err);

#endif

/* Clearing of an auction on the physics of the grid: from a network and a sealed book of orders to accepted
 * quantities, nodal prices, payments, and the proof that the grid holds. The model is docs/models/clearing.md.
 *
 *   minimise  sum of offer costs - sum of accepted request values
 *           + h import price (slack import - baseline import) + h sum of scarcity price x violation
 *
 * Violations are MVA over rating, p.u. outside the voltage band, and MW not served: a grid that cannot carry its load gets
 * the schedule that sheds least.
 *
 * Stages: operating point by power flow; positions of controllable taps, the operator's own measure; continuous
 * relaxation on the market's physics; second-order-cone relaxation (a valid bound); integer decisions on a linearised
 * program whose incumbent is confirmed on the full physics; rounding to the tick; power flow of the rounded schedule,
 * which alone decides the status; prices; payments. Where power not served would lower the cost, the stages begin again
 * with it; the taps stay as they were chosen.
 *
 * Physical values are doubles (MW, Mvar, MVA, p.u.); quantities, prices and money of the market are integers of
 * base/units.h. Thread rule: one thread per call; network and market are read only. The result borrows both. */
#ifndef FG_DFMCT_CLEAR_H
#define FG_DFMCT_CLEAR_H

#include "grid/network.h"
#include "grid/opf.h"
#include "base/text.h"
#include "market/auction.h"
#include "market/settlement.h"
#include "solve/lp.h"

#include <stdatomic.h>

enum fg_clear_status {
    FG_CLEAR_CLEARED,       /* the rounded schedule holds every limit in the power flow */
    FG_CLEAR_PARTLY_SOLVED, /* least-violating schedule; sizes and costs of what remains are listed */
    FG_CLEAR_FAILED         /* no schedule could be computed or checked; `explanation` says why */
};
const char *fg_clear_status_word(enum fg_clear_status status); /* "cleared", "partly_solved", "failed" */

/* What a limit is held to in the final power flow. */
#define FG_CLEAR_VOLTAGE_TOLERANCE_PU 1e-5
#define FG_CLEAR_RATING_TOLERANCE 1e-4 /* of the rating */

struct fg_clear_options {
    double time_limit_s;        /* whole clearing; default 60. The best schedule so far is returned */
    double gap_target;          /* integer gap at which the search stops; default 0.005 */
    bool without_bound;         /* skip the relaxation that proves the bound (ac) */
    enum fg_lp_backend backend; /* of the integer program */
    const atomic_int *interrupt; /* nonzero: stop; FG_ERR_INTERRUPTED when there is no schedule yet. May be NULL */
    /* Called at each step; `fraction` 0 ... 1 never falls. May be NULL. */
    void (*progress)(void *user, const char *stage, double fraction);
    void *progress_user;
};
struct fg_clear_options fg_clear_defaults(void);

/* Price of one more MWh (Mvarh) consumed at a bus. The parts add up to the whole:
 *   energy      what the slack pays for a MWh (closed balance: plus the price of the balance)
 *   loss        sensitivity of the slack to consumption here, times its prices, beyond the energy itself
 *   congestion  sensitivities of flows at their ratings (and of the substation) times multipliers
 *   voltage     the same for voltages at their limits
 *   zone        what need requests at the bus and in the zones around it pay for net change */
struct fg_clear_price {
    double total, part[FG_PART_COUNT]; /* currency per MWh or Mvarh; parts in the order of market/settlement.h */
    struct fg_price settled;           /* sum of the parts rounded to micro-units: what is settled */
};

enum fg_clear_limit_kind {
    FG_CLEAR_LIMIT_VOLTAGE_LOW,  /* element: bus; p.u. */
    FG_CLEAR_LIMIT_VOLTAGE_HIGH,
    FG_CLEAR_LIMIT_BRANCH,       /* element: branch; MVA (current ratings: p.u. current x base MVA), the worse end */
    FG_CLEAR_LIMIT_SUBSTATION_P, /* element: bus of the slack; MW */
    FG_CLEAR_LIMIT_SUBSTATION_Q,
    FG_CLEAR_LIMIT_NOT_SERVED,   /* element: bus; MW not served, limit 0 */
    FG_CLEAR_LIMIT_KINDS
};
const char *fg_clear_limit_word(enum fg_clear_limit_kind kind);

/* A limit that was violated before, is violated after, or binds after the clearing. */
struct fg_clear_limit {
    enum fg_clear_limit_kind kind;
    int32_t element, period;
    /* Power flow of the baseline and of the rounded schedule; before and violation_before are NAN where the baseline has no
     * power flow, cost is where it has none with the chosen taps. */
    double limit, before, after;
    double violation_before, violation_after; /* beyond the limit, 0 within tolerance */
    double shadow_price;          /* saving per unit of relaxed limit and hour, >= 0 */
    double cost;                  /* h x shadow price x relief that orders bring (with the chosen taps - after, beyond the
                                     limit): what holding it costs */
    double remaining_cost;        /* h x scarcity price x violation_after */
};
/* Id of the bus or branch; "": it has none. */
const char *fg_clear_limit_element(const struct fg_network *network, const struct fg_clear_limit *limit);

/* Rejected although the prices would have paid it: `gain` is what it misses. */
struct fg_clear_rejected {
    int32_t order, period; /* period -1: the order as a whole */
    double gain;
    const char *reason;    /* static text */
};

struct fg_clear_state { /* power flow of one period; of a baseline NAN all over where it does not converge */
    bool converged;
    double slack_p_mw, slack_q_mvar, losses_mw;
    double *vm_pu, *va_rad;                                  /* per bus */
    double *p_from_mw, *q_from_mvar, *p_to_mw, *q_to_mvar;   /* per branch */
};

struct fg_clear_result {
    const struct fg_network *network; /* borrowed */
    const struct fg_market *market;
    enum fg_clear_status status;
    char explanation[512];

    /* Of the whole market, currency; constants (baseline import) removed. */
    double cost, welfare;       /* welfare = -cost */
    double request_value, offer_cost, import_cost, violation_cost; /* cost = offer + import + violation - request */
    double baseline_cost;       /* cost when nothing is accepted and no tap moves: its violations; NAN where the baseline of a
                                   period has no power flow */
    double cost_with_taps;      /* the same with the chosen taps: violations, and what their import costs more; NAN likewise */
    double bound;               /* valid lower bound of the cost with all integer rules; -INFINITY: none */
    double gap, integer_gap, relaxation_gap; /* shares of max(|cost|, request_value, 1); gap is the sum of the others */
    double published_cost;      /* the cost recomputed from the rounded schedule's power flow */
    double max_violation;       /* worst of the rounded schedule, in p.u. of voltage or as a share of the rating */

    struct fg_power *accepted;  /* market->order_period_count, at order->offset + k */
    double *fraction;           /* per order: accepted energy / offered energy */
    struct fg_clear_price *price_p, *price_q; /* period x bus, row-major; NAN total at buses without supply */
    /* Per period and regulation (up, down): what match_requests adds for accepted quantities of that direction. */
    double *match_p, *match_q; /* period x 2 */
    struct fg_price *need_price; /* order_period_count: what need requests pay per MWh (nodal pricing) */
    struct fg_power *not_served; /* period x bus, in ticks or the whole load; NULL when everything is served */
    int32_t *tap_position;       /* period x branch: of controllable taps as chosen, else as in the network */

    struct fg_clear_limit *limits; size_t limit_count;
    struct fg_clear_rejected *rejected; size_t rejected_count;
    struct fg_settlement settlement; /* per order: energy, limit, settled, make-whole; and the ledger */
    struct fg_clear_state *before, *after; /* per period; before: with the network's taps */
    struct fg_clear_state *with_taps;      /* the baseline with the chosen taps; arrays of `before` where none moved */

    size_t variable_count, row_count, integer_count;
    int32_t opf_iterations, integer_rounds;
    double seconds, seconds_opf, seconds_bound, seconds_integer, seconds_check;

    struct fg_arena arena; /* owns the arrays */
};

/* Clear. Errors are misuse, lack of memory, ids that the network does not have (place names the order), or an
 * interrupt; everything else is a result. `network` is validated, `market` is validated. Options NULL: defaults. */
enum fg_code fg_clear(const struct fg_network *network, const struct fg_market *market,
                      const struct fg_clear_options *options, struct fg_clear_result **result, struct fg_error *err);
void fg_clear_result_destroy(struct fg_clear_result *result);
double fg_clear_not_served_mwh(const struct fg_clear_result *result); /* over all buses and periods */

/* Of a branch with a controllable tap: its position in a period, and the steps it takes along time, the first from the
 * network's position. */
int32_t fg_clear_tap_position(const struct fg_clear_result *result, int32_t branch, int32_t period);
int64_t fg_clear_tap_steps(const struct fg_clear_result *result, int32_t branch);

/* Writers: one JSON document (schema in docs/formats/clear-result.md), and the same tables as CSV: "orders", "prices",
 * "limits", "postings", "rejected", "taps". */
enum fg_code fg_clear_result_json(const struct fg_clear_result *result, struct fg_text *text, struct fg_error *err);
enum fg_code fg_clear_result_csv(const struct fg_clear_result *result, const char *table, struct fg_text *text,
                                 struct fg_error *err);

#endif

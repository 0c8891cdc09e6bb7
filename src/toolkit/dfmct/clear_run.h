/* What the stages of one clearing share. Internal to the clearing. */
#ifndef FG_DFMCT_CLEAR_RUN_H
#define FG_DFMCT_CLEAR_RUN_H

#include "toolkit/dfmct/clear_linear.h"
#include "toolkit/dfmct/clear_model.h"

/* -- clear_grid.c: the composition of network blocks for one physics ---------------------------------------------- */

struct clear_grid {
    const struct clear_model *model;
    enum fg_physics physics;
    struct fg_opf *opf;
    int32_t *variable, *row, *circle; /* in the composition, -1: not in it */
    size_t variable_count;            /* of the model when composed */
    double *x;                        /* model variables at the last solution */
    double *lower, *upper;            /* scratch */
    struct fg_opf_result result;
    double cost;                      /* of the last solution, constants removed */
    bool has_solution;
};
enum fg_code clear_grid_create(const struct clear_model *model, enum fg_physics physics, struct clear_grid **grid,
                               struct fg_error *err);
void clear_grid_destroy(struct clear_grid *grid);
/* Begin the first solve at a schedule x and its power flow states, one per period. */
enum fg_code clear_grid_start(struct clear_grid *grid, const struct fg_clear_state *states, const double *x,
                              struct fg_error *err);
/* Solve with the decisions taken (NULL: none). */
enum fg_code clear_grid_solve(struct clear_grid *grid, const signed char *decided, bool warm_start, double time_limit_s,
                              const atomic_int *interrupt, struct fg_error *err);

/* -- clear_flow.c: independent power flow of a schedule ------------------------------------------------------------- */

struct clear_flow;
enum fg_code clear_flow_create(const struct clear_model *model, struct clear_flow **flow, struct fg_error *err);
void clear_flow_destroy(struct clear_flow *flow);
/* Power flow of a period with net deviations per node (MW, Mvar; slack excluded); arrays of `state` are filled. */
enum fg_code clear_flow_solve(struct clear_flow *flow, int32_t period, const double *deviation_p,
                              const double *deviation_q, struct fg_clear_state *state, struct fg_error *err);
enum fg_code clear_flow_state_create(const struct fg_network *network, struct fg_arena *arena,
                                     struct fg_clear_state *state, struct fg_error *err);

void clear_flow_forget(const struct fg_network *network, struct fg_clear_state *state); /* an iterate that is no solution: NAN */

/* A state's voltages per node, free branch ends included. */
void clear_node_state(const struct clear_model *model, const struct fg_clear_state *state, double *vm, double *va);

/* -- limits --------------------------------------------------------------------------------------------------------- */

/* Every limit of a period as a pair (quantity, limit), with its price per unit and hour. */
struct clear_limit {
    struct clear_quantity quantity;
    bool is_lower;
    double limit, price;
};
/* Price of a limit: a covering request's where there is one, else the market's scarcity price (per unit and hour). */
double clear_limit_price(const struct clear_model *model, int32_t period, struct clear_quantity quantity, bool is_lower);
/* Largest flow at the ends of a branch, in the unit of its rating. */
double clear_branch_loading(const struct clear_model *model, const struct fg_clear_state *state, int32_t edge);
/* What the scarcity price counts: excess over the rating, mean of both ends. */
double clear_branch_excess(const struct clear_model *model, int32_t period, const struct fg_clear_state *state, int32_t edge);
/* Largest violation: as a multiple of its published tolerance, and in p.u. of voltage or shares of the rating. */
struct clear_worst { double tolerances, size; };
/* Cost of a period's violations beyond the published tolerances (substation included); `worst` (may be NULL) is raised. */
double clear_state_violation_cost(const struct clear_model *model, int32_t period, const struct fg_clear_state *state,
                                  struct clear_worst *worst);

/* -- clear_program.c: the integer program ---------------------------------------------------------------------------- */

/* coefficient . x <= upper + e / unit with e >= 0 at `price`, in the unit of the limit; cuts of one limit share their e.
 * Rows are divided by `unit`, their largest coefficient. */
struct clear_cut {
    int64_t identity;
    double upper, price, unit;
    double violation; /* e at the last solution */
    size_t first_term;
    int32_t term_count;
};
struct clear_program {
    const struct clear_model *model;
    enum fg_lp_backend backend;
    const atomic_int *interrupt; /* may be NULL */
    bool keeps_slack; /* slack variables and substation rows as in the model (bounds from minorants) */
    double *cost;    /* per model variable: own cost plus slack's share */
    double constant;
    struct clear_cut *cuts; size_t cut_count, cut_capacity;
    struct clear_term *terms; size_t term_count, term_capacity;
    double *x;       /* model variables of the last solution */
    double objective, bound, seconds;
    enum fg_lp_status status;
    bool has_solution;
};
enum fg_code clear_program_create(const struct clear_model *model, const struct fg_clear_options *options,
                                  struct clear_program **program, struct fg_error *err);
void clear_program_destroy(struct clear_program *program);
void clear_program_reset(struct clear_program *program, bool keep_cuts); /* cost back to the orders' own */
/* Add slope . (deviation) to the cost of period t, and a constant. Slopes are per node, per MW and Mvar. */
void clear_program_add_cost(struct clear_program *program, int32_t period, const double *slope_p,
                            const double *slope_q);
/* Cut value + slope . (x - x0) <= limit (is_lower: >=), from slopes at the point x0. */
enum fg_code clear_program_add_cut(struct clear_program *program, int32_t period, const struct clear_limit *limit,
                                   double value, const double *slope_p, const double *slope_q, const double *x0,
                                   struct fg_error *err);
/* By how much the last solution admits to violate a limit that has cuts; 0 for others. */
double clear_program_violation(const struct clear_program *program, int32_t period, const struct clear_limit *limit);
/* One more minorant of a period's network cost: at least constant + slopes . deviation above the one in the cost. */
enum fg_code clear_program_add_minorant(struct clear_program *program, int32_t period, double constant,
                                        const double *slope_p, const double *slope_q, struct fg_error *err);
/* Objective at a point, every cut with a violation of its own. */
double clear_program_value(const struct clear_program *program, const double *x);
/* Solve; `relax` ignores integrality; `start` (model variables) may be NULL. */
enum fg_code clear_program_solve(struct clear_program *program, bool relax, const double *start, double relative_gap,
                                 double absolute_gap, double time_limit_s, struct fg_error *err);

/* -- the run ------------------------------------------------------------------------------------------------------------- */

struct clear_run {
    struct clear_model *model;
    struct fg_clear_options options;
    struct fg_clear_result *result;
    enum fg_physics physics;
    double started, deadline, attempt_started;
    struct clear_flow *flow;
    struct clear_linear *linear;
    struct clear_grid *grid;     /* the market's physics */
    double baseline_import_cost; /* constant removed from costs */
    signed char *decided;        /* incumbent's decisions, per choice */
    double *x;                   /* incumbent, model variables */
    double cost;                 /* incumbent's cost on the market's physics; INFINITY: not known */
    double continuous_cost;      /* of the relaxation without integers */
    double relaxed_cost;         /* of the incumbent's decisions on the cone relaxation; NAN: not known */
    bool has_incumbent;
    bool *sheds;                 /* per period: power not served is in the model */
    double *shed_worth;          /* period x bus: see clear_shed_weigh */
    struct fg_clear_rejected *rejected; size_t rejected_capacity; /* while they are listed */
    bool restart;                /* more periods ask for it: the market is to be solved again */
    bool lacks_shedding;         /* they do, and there is no time for it */
    int32_t attempts;
    bool taps_cut;               /* the search for tap positions ended before its time */
    double *import_p, *import_q; /* per period: baseline import, from which the change of import counts (MW, Mvar) */
    double *slope_p, *slope_q, *node_p, *node_q; /* scratch per node */
};
/* Accepted request value of a point, and the gap's denominator: max(|cost|, value, 1). */
double clear_request_value(const struct clear_model *model, const double *x);
double clear_gap_scale(const struct clear_run *run);
/* State of a period at the grid's last solution, per node. */
void clear_grid_state(const struct clear_grid *grid, int32_t period, double *vm, double *va);
/* Deviations of the schedule x (without slack and held generators' Q) in a period, per node. */
void clear_schedule_deviation(const struct clear_model *model, const double *x, int32_t period, double *p_mw,
                              double *q_mvar);
double clear_run_left(const struct clear_run *run); /* seconds to the deadline */
bool clear_run_interrupted(const struct clear_run *run);
/* More periods are marked for shedding: is there time to solve the market again? Remembered in run->restart. */
bool clear_run_restarts(struct clear_run *run, int32_t marked);
void clear_run_explain_more(struct clear_run *run, const char *text); /* after what the result explains already */
void clear_run_progress(const struct clear_run *run, const char *stage, double fraction);

/* The operator's measure: controllable taps by the baseline, after the operating point; clear_taps.c. Chosen in the first
 * attempt; later ones begin with the positions at which the one before ended. */
enum fg_code clear_choose_taps(struct clear_run *run, struct fg_error *err);
/* The model's tap positions into its topologies, and into the result with the baseline's states. */
enum fg_code clear_publish_taps(struct clear_run *run, struct fg_error *err);
/* Second look (ac): one step of taps where the continuous relaxation, just solved, keeps violations; clear_tap_step.c.
 * False when there is no step that promises a lower cost. */
bool clear_step_taps(struct clear_run *run);
/* Sequential linear programs from the baseline: a schedule that nearly holds the limits, into run->x, and its power flow
 * states, into result->after, for the interior point to start from. */
enum fg_code clear_start_schedule(struct clear_run *run, struct fg_error *err);      /* clear_integer.c */
enum fg_code clear_integer_search(struct clear_run *run, struct fg_error *err);      /* clear_integer.c */
enum fg_code clear_relaxation_bound(struct clear_run *run, struct fg_error *err);    /* clear_bound.c */
/* -- clear_shed.c: power not served ---------------------------------------------------------------------------------------- */

/* Loads of a period that could be shed (room for one per bus); their number. */
size_t clear_shed_loads(const struct clear_model *model, int32_t period, struct clear_load *loads);
/* Mark the periods in which shedding would lower the cost of the grid's last solution; all that are left: how many are
 * new. */
int32_t clear_shed_mark(struct clear_run *run, const struct clear_grid *grid);
int32_t clear_shed_mark_all(struct clear_run *run);
/* Linear physics with integers: shedding is left out only where it could not pay even if every limit that was found had
 * its full scarcity price. `clear_shed_weigh` adds a cost per MW, Mvar injected in a period. */
void clear_shed_weigh(struct clear_run *run, int32_t period, double factor, const double *slope_p, const double *slope_q);
int32_t clear_shed_mark_weighed(struct clear_run *run);
/* What shedding that is not in the model could at most earn against slopes of a period's cost per MW, Mvar injected. */
double clear_shed_allowance(const struct clear_model *model, int32_t period, const double *slope_p, const double *slope_q);
bool clear_shed_exists(const struct clear_model *model, int32_t period); /* in the model */
/* Shed half (or all) of what is still served in a period. */
void clear_shed_half(const struct clear_model *model, int32_t period, bool whole, double *x);
enum fg_code clear_shed_round(struct clear_run *run, struct fg_error *err);
void clear_shed_add(const struct clear_run *run, int32_t period, double *p_mw, double *q_mvar); /* rounded, per node */
enum fg_code clear_shed_until_solvable(struct clear_run *run, int32_t period, struct fg_error *err);
/* Least cost of violations and power not served of a baseline without power flow when all loads give way alike: cost
 * INFINITY and a state that did not converge where nothing helps. */
enum fg_code clear_shed_alike(struct clear_run *run, int32_t period, struct fg_clear_state *state, double *cost,
                              struct fg_error *err);
enum fg_code clear_shed_totals(const struct clear_run *run, int32_t period, struct fg_power *p, struct fg_power *q,
                               struct fg_error *err);

/* -- stages ---------------------------------------------------------------------------------------------------------------- */

enum fg_code clear_keep_assets(struct clear_run *run, struct fg_error *err);         /* clear_tick.c */
enum fg_code clear_keep_needs(struct clear_run *run, struct fg_error *err);          /* clear_tick.c */
/* By how many ticks the accepted requests of a need row exceed the rounded net change; not more than 0: they are covered,
 * or nothing asked for is accepted. */
double clear_need_excess(struct clear_run *run, const struct clear_row *row);        /* clear_repair.c */
enum fg_code clear_round_schedule(struct clear_run *run, struct fg_error *err);      /* clear_round.c */
/* Are P and Q of an asset within its limits in a period? */
bool clear_asset_holds(const struct clear_model *model, int32_t index, int32_t period, double p, double q);
enum fg_code clear_repair_schedule(struct clear_run *run, struct fg_error *err);     /* clear_repair.c */
enum fg_code clear_check_period(struct clear_run *run, int32_t period, struct fg_error *err); /* power flow into result->after */
enum fg_code clear_price_schedule(struct clear_run *run, struct fg_error *err);      /* clear_prices.c */
enum fg_code clear_settle_schedule(struct clear_run *run, struct fg_error *err);     /* clear_settle.c */
enum fg_code clear_list_rejected(struct clear_run *run, struct fg_error *err);       /* clear_rejected.c */
enum fg_code clear_list_limits(struct clear_run *run, struct fg_error *err);         /* clear_limits.c */
/* Deviations of the accepted orders, rounded, at the nodes of a period; rebound included, power not served left out. */
void clear_rounded_deviation(const struct clear_run *run, int32_t period, double *p_mw, double *q_mvar);

#endif

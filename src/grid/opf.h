/* Optimal power flow as a composition: variables, linear rows, circles and network blocks make one sparse problem.
 *
 *   minimise    sum_v cost_v(x_v)  +  sum_rows price_r * violation_r
 *   subject to  network equations of every block        (physics: ac | soc | lindistflow | dc | none)
 *               voltage band, ratings and angle limits of every block   (hard, or elastic at a price)
 *               lower_r <= sum_v a_rv x_v <= upper_r    (coupling rows: ramps, storage, energy budgets, market rules)
 *               x_p^2 + x_q^2 <= radius^2               (circles)
 *               lower_v <= x_v <= upper_v
 *
 * A block is one network state: a (period, scenario, topology) of the caller's choosing. Nothing here knows what a
 * period is, so that multi-period, stochastic, rolling and bilevel problems are all built from the same parts:
 * variables inject into nodes of any blocks, rows couple any variables. The same composition with physics `soc` is the
 * convex relaxation, whose solve gives a valid lower bound.
 *
 * Units at this interface: MW and Mvar for powers (of injections, ratings and circles), p.u. for voltages, and
 * currency for costs. The objective is whatever the caller sums: multiply cost rates by the hours of a period.
 * Inside, powers are per unit of a base that the composition chooses from the ratings and injections.
 *
 * Life cycle: create, add parts, solve; afterwards bounds, costs, coefficients, fixed injections and prices may change
 * and the next solve reuses the symbolic analysis; adding parts after a solve starts a new analysis. Thread rule: one
 * thread per composition; topologies are borrowed and must outlive it.
 *
 * Sources: AC model, MATPOWER manual ch. 6; second-order-cone relaxation, R. A. Jabr, "Radial distribution load flow
 * using conic programming" (2006), in the bus-pair form of PowerModels' SOCWRPowerModel; LinDistFlow, M. E. Baran and
 * F. F. Wu, "Optimal capacitor placement on radial distribution systems" (1989). */
#ifndef FG_GRID_OPF_H
#define FG_GRID_OPF_H

#include "grid/topology.h"

#include <stdatomic.h>

enum fg_physics {
    FG_PHYSICS_AC,          /* polar voltages, exact */
    FG_PHYSICS_SOC,         /* second-order-cone relaxation of the same model: a lower bound */
    FG_PHYSICS_LINDISTFLOW, /* lossless linear branch flow with squared voltages; ratings as active-power limits when
                               the block asks for linear ratings, else as circles; radial graphs only */
    FG_PHYSICS_DC,          /* active power and angles only */
    FG_PHYSICS_NONE         /* one balance of P and one of Q per island */
};
extern const char *const fg_physics_words[]; /* in the order above, NULL-terminated */

/* The closed list of outcomes. */
enum fg_opf_status {
    FG_OPF_OPTIMAL,
    FG_OPF_LOCALLY_INFEASIBLE,
    FG_OPF_INFEASIBLE_PROVED, /* the convex relaxation is infeasible, with a dual certificate */
    FG_OPF_ITERATION_LIMIT,
    FG_OPF_TIME_LIMIT,
    FG_OPF_INTERRUPTED
};
const char *fg_opf_status_text(enum fg_opf_status status); /* "optimal", "locally_infeasible", ... */

struct fg_opf;

enum fg_code fg_opf_create(struct fg_opf **opf, struct fg_error *err);
void fg_opf_destroy(struct fg_opf *opf);

/* -- variables ------------------------------------------------------------------------------------------------- */

/* A new variable with no cost; returns its number, or -1 when out of memory. `unit` is its typical size in the caller's
 * units (a MW variable of a 5 MW plant: 5; a fraction: 1) and only scales the algebra. */
int32_t fg_opf_add_variable(struct fg_opf *opf, double lower, double upper, double start, double unit);
void fg_opf_set_bounds(struct fg_opf *opf, int32_t variable, double lower, double upper);
void fg_opf_set_start(struct fg_opf *opf, int32_t variable, double start);
/* cost(x) = linear x + quadratic x^2 (and higher powers by fg_opf_set_polynomial: count coefficients, lowest first). */
void fg_opf_set_cost(struct fg_opf *opf, int32_t variable, double linear, double quadratic);
enum fg_code fg_opf_set_polynomial(struct fg_opf *opf, int32_t variable, int32_t count, const double *coefficients,
                                   struct fg_error *err);
/* Convex piecewise-linear cost through points (x, cost), x ascending; refuses a curve that is not convex. Adds an
 * epigraph variable and one row per piece. */
enum fg_code fg_opf_add_piecewise(struct fg_opf *opf, int32_t variable, int32_t count, const double *points,
                                  double weight, struct fg_error *err);
/* Proximal term weight/2 (x - centre)^2 for decomposition methods; weight 0 removes it. */
void fg_opf_set_proximal(struct fg_opf *opf, int32_t variable, double weight, double centre);

/* -- linear rows and circles ----------------------------------------------------------------------------------- */

/* lower <= sum terms <= upper. With a finite `price` the row is elastic: violation costs price per unit. Returns the
 * row's number, or -1 when out of memory. */
int32_t fg_opf_add_row(struct fg_opf *opf, double lower, double upper, double price);
enum fg_code fg_opf_add_term(struct fg_opf *opf, int32_t row, int32_t variable, double coefficient, struct fg_error *err);
void fg_opf_set_row(struct fg_opf *opf, int32_t row, double lower, double upper, double price);
/* Change the coefficient of an existing term (terms count from 0 in the order in which they were added to the row). */
void fg_opf_set_term(struct fg_opf *opf, int32_t row, int32_t term, double coefficient);
/* x_p^2 + x_q^2 <= radius^2 in the variables' (common) unit; returns its number or -1. */
int32_t fg_opf_add_circle(struct fg_opf *opf, int32_t variable_p, int32_t variable_q, double radius);

/* -- network blocks -------------------------------------------------------------------------------------------- */

enum fg_opf_rating { FG_OPF_RATING_NORMAL, FG_OPF_RATING_EMERGENCY, FG_OPF_RATING_NONE };

struct fg_opf_block_options {
    enum fg_physics physics;
    enum fg_opf_rating rating;
    bool linear_ratings;      /* lindistflow: |P| <= rate and |Q| <= rate instead of the circle, so that the block is an LP */
    bool angle_limits;        /* keep the branches' angle limits (always hard) */
    double voltage_price;     /* per p.u. outside the band; INFINITY: hard band */
    double rating_price;      /* per MVA over rating; INFINITY: hard */
    double reference_vm_pu;   /* fixed magnitude at the reference nodes; NAN: free within the band */
};
struct fg_opf_block_options fg_opf_block_defaults(void); /* ac, normal ratings, everything hard, magnitude free */

/* Add a block; returns its number or -1 with err. All node injections start at zero: say what injects. */
int32_t fg_opf_add_block(struct fg_opf *opf, const struct fg_topology *topology,
                         const struct fg_opf_block_options *options, struct fg_error *err);
/* Variable v adds p_factor * x_v MW and q_factor * x_v Mvar to the injection at the node. */
enum fg_code fg_opf_inject(struct fg_opf *opf, int32_t block, int32_t node, int32_t variable, double p_factor,
                           double q_factor, struct fg_error *err);
/* Fixed injection at the node: replaces the former one. `p_current`, `q_current` are the parts proportional to the
 * voltage magnitude (constant-current loads; exact in `ac`, taken at 1 p.u. elsewhere); constant impedance belongs in
 * *_impedance, proportional to the squared magnitude. */
struct fg_opf_injection {
    double p_mw, q_mvar, p_current_mw, q_current_mvar, p_impedance_mw, q_impedance_mvar;
};
void fg_opf_set_injection(struct fg_opf *opf, int32_t block, int32_t node, const struct fg_opf_injection *injection);
/* Override limits and prices of one node or edge of a block. rate in MVA, INFINITY removes. */
void fg_opf_set_band(struct fg_opf *opf, int32_t block, int32_t node, double vm_min_pu, double vm_max_pu,
                     double price);
void fg_opf_set_rating(struct fg_opf *opf, int32_t block, int32_t edge, double rate_mva, double price);
/* Start voltages (default 1 p.u. inside the band, angle 0). */
void fg_opf_set_voltage_start(struct fg_opf *opf, int32_t block, int32_t node, double vm_pu, double va_rad);

/* -- solving --------------------------------------------------------------------------------------------------- */

struct fg_opf_options {
    double tolerance;      /* scaled optimality and complementarity; default 1e-6 */
    double feasibility;    /* largest constraint violation, p.u. inside; default 1e-8 */
    int32_t max_iterations;
    double time_limit_s;   /* INFINITY: none */
    const atomic_int *interrupt; /* nonzero stops at the next iteration; may be NULL */
    bool warm_start;       /* start from the last solution and multipliers */
    void (*progress)(void *user, int32_t iteration, double objective, double infeasibility, double optimality);
    void *progress_user;
};
struct fg_opf_options fg_opf_defaults(void);

struct fg_opf_result {
    enum fg_opf_status status;
    double objective;      /* of the composition, elastic prices included */
    double elastic_cost;   /* the part that is paid for violations */
    double bound;          /* valid lower bound on the composition's optimum when every block is convex (soc or
                              linear), from the dual; -INFINITY otherwise */
    double infeasibility;  /* largest violation of any constraint, p.u. inside */
    int32_t iterations, factorisations;
    double seconds;        /* solver alone */
};
/* Solve. An outcome such as an infeasible problem is a result, not an error. After `locally_infeasible` the values read
 * are those of the point of least violation that was found. */
enum fg_code fg_opf_solve(struct fg_opf *opf, const struct fg_opf_options *options, struct fg_opf_result *result,
                          struct fg_error *err);

/* -- reading the solution (caller's units) ---------------------------------------------------------------------- */

double fg_opf_value(const struct fg_opf *opf, int32_t variable);
double fg_opf_bound_dual(const struct fg_opf *opf, int32_t variable); /* d objective / d bound: >= 0 at a lower bound, <= 0 at an upper */
double fg_opf_row_value(const struct fg_opf *opf, int32_t row);
double fg_opf_row_dual(const struct fg_opf *opf, int32_t row);      /* d objective / d (active side of the row) */
double fg_opf_row_excess(const struct fg_opf *opf, int32_t row);    /* > 0 above upper, < 0 below lower, elastic rows */
double fg_opf_circle_dual(const struct fg_opf *opf, int32_t circle); /* d objective / d radius, <= 0 */

struct fg_opf_node {
    double vm_pu, va_rad;
    double price_p, price_q;       /* d objective / d (MW, Mvar consumed at the node) */
    double vm_excess_pu;           /* > 0 above the band, < 0 below (elastic bands) */
    double vm_dual;                /* d objective / d vm limit: <= 0 at the upper limit, >= 0 at the lower */
};
struct fg_opf_edge {
    double pf_mw, qf_mvar, pt_mw, qt_mvar;
    double excess_from_mva, excess_to_mva; /* over the rating (elastic ratings) */
    double dual_from, dual_to;             /* d objective / d rating (MVA) of each end, <= 0 */
    double angle_dual;                     /* d objective / d angle limit */
};
struct fg_opf_node fg_opf_node(const struct fg_opf *opf, int32_t block, int32_t node);
struct fg_opf_edge fg_opf_edge(const struct fg_opf *opf, int32_t block, int32_t edge);

/* Affine minorant of a convex block (soc, lindistflow, dc, none) from the last solve: the block's own cost (elastic
 * prices) as a function of the nodal injections (P, Q in MW, Mvar of the variables alone) is at least
 *     constant + sum_node (slope_p[node] * P_node + slope_q[node] * Q_node)
 * for every injection whatever; +infinite costs of unsolvable injections included. Valid by weak duality, whatever the
 * accuracy of the solve: rounding is paid out of the constant. Arrays have node_count entries. */
enum fg_code fg_opf_block_minorant(const struct fg_opf *opf, int32_t block, double *constant, double *slope_p,
                                   double *slope_q, struct fg_error *err);

#endif

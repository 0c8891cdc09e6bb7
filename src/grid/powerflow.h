/* Power flow: the voltages at which every injection is met, and what follows from them.
 *
 *   create (topology, symbolic analysis) -> set injections -> solve -> ... -> destroy
 *
 * One handle serves any number of solves: time series and scenarios change injections, never the pattern, so that a
 * solve neither allocates nor repeats the symbolic analysis. The equations are in docs/models/powerflow.md.
 *
 * Buses are reference (external grid: voltage and angle fixed), PV (a generator holds the voltage) or PQ. A network
 * with several islands is solved whole, each island with its own reference. Parts without supply are dead: NAN voltage,
 * zero flow.
 *
 * Units: MW and Mvar with injection positive, voltages in p.u. and radians, branch currents in p.u. of
 * base_mva / (sqrt(3) vn_kv). Thread rule: a handle and a result belong to one thread at a time; handles of
 * different threads may share one network, which must stay unchanged while a handle exists. */
#ifndef FG_GRID_POWERFLOW_H
#define FG_GRID_POWERFLOW_H

#include "grid/network.h"

enum fg_powerflow_method {
    FG_POWERFLOW_NEWTON, /* any network */
    FG_POWERFLOW_SWEEP   /* radial islands with one source each and no further held voltage; the fastest there */
};

enum fg_powerflow_start {
    FG_POWERFLOW_FLAT, /* 1 p.u., set-points where voltage is held, angles follow the transformers' shifts */
    FG_POWERFLOW_FILE  /* vm_start_pu, va_start_rad of the buses */
};

/* Automatic tap changers (branches with tap.regulates), the strategies of power-grid-model: a tap is valid when the
 * regulated voltage lies in v_set +- v_band/2; any valid tap near the present one, or the valid tap with the lowest or
 * the highest regulated voltage; FAST_ANY finds a valid tap by bisection instead of single steps. */
enum fg_tap_strategy { FG_TAP_FIXED, FG_TAP_ANY_VALID, FG_TAP_MIN_VOLTAGE, FG_TAP_MAX_VOLTAGE, FG_TAP_FAST_ANY };

struct fg_powerflow_options {
    enum fg_powerflow_method method;
    enum fg_powerflow_start start;
    double tolerance_pu;    /* largest mismatch of P or Q at any bus, on base_mva; default 1e-8 */
    int32_t max_iterations; /* per attempt; default 50 (Newton) or 500 (sweep) when 0 */
    bool is_plain;          /* no further attempts when Newton fails from its start */
    bool enforce_q_limits;  /* PV buses whose generators reach a reactive limit become PQ, and return when they can */
    enum fg_tap_strategy taps;
    bool without_violations; /* leave the list of violations empty */
};
struct fg_powerflow_options fg_powerflow_options_default(void);

enum fg_powerflow_status {
    FG_POWERFLOW_CONVERGED,
    FG_POWERFLOW_ITERATION_LIMIT,
    FG_POWERFLOW_DIVERGED,  /* no attempt found a solution; often none exists */
    FG_POWERFLOW_SINGULAR,  /* the Jacobian cannot be factorised */
    FG_POWERFLOW_TAP_LIMIT, /* tap control found no resting state */
    FG_POWERFLOW_STATUS_COUNT
};
const char *fg_powerflow_status_name(enum fg_powerflow_status status);

enum fg_violation_kind {
    FG_VIOLATION_VOLTAGE_LOW, /* element: bus; p.u. */
    FG_VIOLATION_VOLTAGE_HIGH,
    FG_VIOLATION_BRANCH_NORMAL, /* element: branch; MVA, or p.u. current x base_mva; the worse end */
    FG_VIOLATION_BRANCH_EMERGENCY,
    FG_VIOLATION_GENERATOR_Q, /* element: generator; Mvar */
    FG_VIOLATION_GENERATOR_P, /* element: generator (the reference's balance); MW */
    FG_VIOLATION_KIND_COUNT
};
const char *fg_violation_name(enum fg_violation_kind kind);

struct fg_violation {
    enum fg_violation_kind kind;
    int32_t element;
    double value, limit;
};

/* Everything a solve gives. Arrays belong to the result and have the network's counts; valid until the next solve. */
struct fg_powerflow_result {
    const struct fg_network *network;
    enum fg_powerflow_status status;
    int32_t iterations; /* of all attempts and rounds together */
    int32_t attempts;   /* 1 when the first start converged */
    /* Recomputed from the voltages in complex arithmetic, on base_mva; worst_bus -1: the free end of worst_branch. */
    double max_mismatch_pu;
    int32_t worst_bus, worst_branch;
    /* "" for an operable state. Otherwise where and how it failed, and what to try; also when converged, but to a
     * low-voltage solution that no path from nominal voltages leads to. */
    char explanation[480];

    double *vm_pu, *va_rad;                                           /* per bus */
    double *p_from_mw, *q_from_mvar, *p_to_mw, *q_to_mvar;            /* per branch, into the branch */
    double *i_from_pu, *i_to_pu, *loading_normal, *loading_emergency; /* loading 1 = rating; 0 when none */
    double *generator_p_mw, *generator_q_mvar;                        /* per generator */
    int32_t *tap_position;                                            /* per branch */

    double losses_mw, losses_mvar; /* branches: sum of the power entering at both ends */
    double shunt_mw, shunt_mvar;   /* drawn by shunts (mvar negative for capacitors) */
    double vm_min_pu, vm_max_pu;
    int32_t vm_min_bus, vm_max_bus;
    double loading_max;
    int32_t loading_max_branch; /* -1: no branch has a rating */

    struct fg_violation *violations; /* voltages, branches, generators, each in file order */
    size_t violation_count;
};
enum fg_code fg_powerflow_result_create(const struct fg_network *network, struct fg_powerflow_result **result,
                                        struct fg_error *err);
void fg_powerflow_result_destroy(struct fg_powerflow_result *result);

struct fg_powerflow;

/* Options may be NULL (defaults). Fails with FG_ERR_NETWORK when nothing is supplied, FG_ERR_UNSUPPORTED when the sweep
 * cannot treat the network (the element is named), FG_ERR_ARGUMENT for options without meaning. */
enum fg_code fg_powerflow_create(const struct fg_network *network, const struct fg_powerflow_options *options,
                                 struct fg_powerflow **powerflow, struct fg_error *err);
void fg_powerflow_destroy(struct fg_powerflow *powerflow);

/* What one solve injects. A NULL array means the network's own values (for buses: nothing in addition). Injections keep
 * their voltage shares. Out-of-service elements are ignored. */
struct fg_powerflow_input {
    const double *injection_p_mw, *injection_q_mvar; /* per injection */
    const double *generator_p_mw, *generator_q_mvar; /* per generator; q only where it holds no voltage */
    const double *storage_p_mw, *storage_q_mvar;     /* per storage */
    const double *bus_p_mw, *bus_q_mvar;             /* per bus, constant power on top of the elements */
};
/* Copies what it needs; NULL resets to the network's values. */
void fg_powerflow_set_injections(struct fg_powerflow *powerflow, const struct fg_powerflow_input *input);

/* Move a branch's tap for the solves that follow; the network stays as it is. They start from a linear solution, because
 * a flat start is far from the voltages behind a moved tap. Errors: FG_ERR_ARGUMENT without tap changer or outside its
 * range; memory, at the first call only. Regulators of the options' strategy start from the network's positions. */
enum fg_code fg_powerflow_set_tap(struct fg_powerflow *powerflow, int32_t branch, int32_t position,
                                  struct fg_error *err);

/* From the start of the options. A failed iteration is a result (status, explanation), not an error; the state
 * reported is then the last iterate. */
enum fg_code fg_powerflow_solve(struct fg_powerflow *powerflow, struct fg_powerflow_result *result,
                                struct fg_error *err);

/* Warm starts: a solved state is kept as fg_powerflow_state_size numbers of the caller's, and later solves of the same handle
 * start from it, for a power flow after a small change. fg_powerflow_response gives the linear change of all voltages at
 * the state that was solved last, for powers at buses that change by dp and dq (count of them); d_vm and d_va per bus, 0
 * where dead. Newton's method only (its last factors are used); false when it has none. Neither allocates. */
size_t fg_powerflow_state_size(const struct fg_powerflow *powerflow);
void fg_powerflow_keep_state(const struct fg_powerflow *powerflow, double *state);
enum fg_code fg_powerflow_solve_from(struct fg_powerflow *powerflow, const double *state,
                                     struct fg_powerflow_result *result, struct fg_error *err);
bool fg_powerflow_response(struct fg_powerflow *powerflow, int32_t count, const int32_t *buses, const double *dp_mw,
                           const double *dq_mvar, double *d_vm_pu, double *d_va_rad);

/* Batches: `scenario_count` inputs, each array row-major scenario x element (NULL as above). The base case (network's
 * values) is solved once and every scenario starts from its state, so that no scenario depends on another; one that
 * does not converge from there is tried again from the start of the options. `sink` sees each result in order, in the
 * caller's thread; anything but FG_OK from it ends the batch with that code. */
typedef enum fg_code fg_powerflow_sink(void *context, size_t scenario, const struct fg_powerflow_result *result);
enum fg_code fg_powerflow_batch(struct fg_powerflow *powerflow, size_t scenario_count,
                                const struct fg_powerflow_input *inputs, fg_powerflow_sink *sink, void *context,
                                struct fg_powerflow_result *result, struct fg_error *err);

#endif

/* What the files of the power flow share. Not part of the library's interface. */
#ifndef FG_GRID_POWERFLOW_INTERNAL_H
#define FG_GRID_POWERFLOW_INTERNAL_H

#include "grid/powerflow.h"
#include "grid/topology.h"

#include <complex.h>

enum fg_node_kind { FG_NODE_PQ, FG_NODE_PV, FG_NODE_REFERENCE };

/* Specified injection of a node in p.u.: P = p0 + p1 Vm + p2 Vm^2, Q alike (constant power, current, impedance). */
struct fg_node_power {
    double p0, p1, p2, q0, q1, q2;
};

/* A branch as the results see it: series and shunt admittances, the inverse of the complex ratio, ratings. Kept apart
 * from the network's large structs so that scenarios run through little memory. */
struct fg_port {
    double gs, bs, gf, bf, gt, bt, inverse_re, inverse_im;
    double rate_normal_mva, rate_emergency_mva;
    int32_t tap_position;
    bool is_current_rated;
};
void fg_port_set(struct fg_port *port, const struct fg_branch *branch);

struct fg_powerflow {
    const struct fg_network *network;
    struct fg_topology *topology;
    struct fg_powerflow_options options;
    const struct fg_branch *branches; /* the network's, or `tapped` where taps may move */
    struct fg_branch *tapped;
    struct fg_port *ports;   /* per branch */
    double *edge_shift;      /* per edge of the topology, rad */
    double (*bus_limits)[2]; /* per bus: lowest and highest voltage */

    int32_t node_count;
    enum fg_node_kind *kind;     /* as solved now */
    enum fg_node_kind *own_kind; /* with no generator at a limit */
    double *vm_set, *va_set;     /* where voltage or angle is held */
    int32_t *slack_generator;    /* per node: takes the reference's balance; -1 elsewhere */
    int32_t *holder_count;       /* per node: generators that hold its voltage */
    struct fg_node_power *power;
    double *start_vm, *start_va; /* the start of the options */
    double *vm, *va;             /* state; also the start handed to a method */
    double *re, *im;             /* the same in rectangular form, after fg_powerflow_rectangular or a sweep */
    double *scratch;             /* 2 x node_count */

    /* Reactive limits: sums over the generators that hold a node's voltage, p.u. */
    double *q_min, *q_max, *q_held; /* q_held: what an exhausted node injects, 0 otherwise */
    int32_t *switch_count;          /* how often a node changed its kind in this solve */

    double *generator_p_mw, *generator_q_mvar; /* as set */
    int32_t moved_branch;                      /* the last transformer whose tap moved in this solve; -1: none */
    double reached;    /* part of the injections up to which a solution was followed; 1 otherwise */
    double *found;     /* 2 x node_count: a solution that may not be the operable one, while a better one is sought */
    bool is_doubtful;  /* no better one was found */
    int nominal_sign;  /* of det J at nominal voltages; 0: unknown */
    bool is_nominal_sign_sure;
    struct fg_newton *newton;
    struct fg_sweep *sweep;
    struct fg_tap_control *tap_control;
};

/* Outcome of one attempt of a method. */
struct fg_attempt {
    enum fg_powerflow_status status;
    int32_t iterations;
    double mismatch_pu;
    int32_t worst_node;
    int first_sign, sign; /* of det J where the first and the last step were taken; 0 without a step */
};

/* Newton. The pattern is that of all nodes as PQ, so that kinds may change between solves. */
enum fg_code fg_newton_create(const struct fg_powerflow *powerflow, struct fg_newton **newton, struct fg_error *err);
void fg_newton_destroy(struct fg_newton *newton);
/* What the equations ask for: P_calc - scale * P_spec - remaining * offset = 0, Q alike. `remaining` leads from a state
 * that meets nothing (offset = its mismatch, fg_newton_set_offset) to a solution. */
struct fg_newton_target {
    double scale, remaining;
    double tolerance_pu; /* at least that of the options */
};
/* From powerflow->vm, va; at most `limit` iterations, plain or with a line search. */
struct fg_attempt fg_newton_solve(struct fg_powerflow *powerflow, const struct fg_newton_target *target, bool is_damped,
                                  int32_t limit);
void fg_newton_set_offset(struct fg_powerflow *powerflow, double scale); /* the mismatch of the present state */
/* Keep the factors at the present state for the first steps of later solves from it. */
enum fg_code fg_newton_keep_base(struct fg_powerflow *powerflow, struct fg_error *err);

/* Linear starts (powerflow_linear.c). Angles of the direct-current power flow at the present magnitudes; with more than
 * `most_rad` across a branch the injections are reduced. Voltages of the linear network with held nodes as they are. */
void fg_newton_set_linear_angles(struct fg_powerflow *powerflow, double scale, double most_rad);
void fg_newton_set_linear_voltages(struct fg_powerflow *powerflow, double scale);

/* Paths (powerflow_path.c), both from nominal voltages; the state left is the last solution on the path. */
void fg_path_go_to_nominal(struct fg_powerflow *powerflow, double scale);
struct fg_attempt fg_path_from_nominal(struct fg_powerflow *powerflow, double scale);
struct fg_attempt fg_path_of_loading(struct fg_powerflow *powerflow, double *reached);

/* Backward/forward sweep. */
enum fg_code fg_sweep_create(const struct fg_powerflow *powerflow, struct fg_sweep **sweep, struct fg_error *err);
void fg_sweep_destroy(struct fg_sweep *sweep);
void fg_sweep_branch_changed(struct fg_sweep *sweep); /* after a tap moved */
/* `from_state`: start at powerflow->re, im, otherwise at the voltages without load. Leaves re and im. */
struct fg_attempt fg_sweep_solve(struct fg_powerflow *powerflow, bool from_state);

/* Compute the start of the options (once, at creation). */
enum fg_code fg_powerflow_start_create(struct fg_powerflow *powerflow, struct fg_error *err);
/* One solve into `result`, from the state in vm, va (and re, im for the sweep) or from the start of the options. */
void fg_powerflow_run(struct fg_powerflow *powerflow, bool from_state, struct fg_powerflow_result *result);
/* The same with fixed taps and without evaluation; counts into `attempts`. FROM_LINEAR improves the start by a linear
 * solution, for networks far from nominal voltages. */
enum fg_powerflow_from { FG_FROM_START, FG_FROM_LINEAR, FG_FROM_STATE };
struct fg_attempt fg_powerflow_run_once(struct fg_powerflow *powerflow, enum fg_powerflow_from from, int32_t *attempts);

/* re, im from vm, va. */
void fg_powerflow_rectangular(struct fg_powerflow *powerflow);
/* Power leaving each node into edges and shunts, from re, im in complex arithmetic, p.u. */
void fg_powerflow_node_sums(const struct fg_powerflow *powerflow, double *p, double *q);
/* Currents into a branch in the graph at its from and to end, p.u. */
void fg_powerflow_branch_currents(const struct fg_powerflow *powerflow, int32_t branch, double complex current[2]);
/* Fill the result from vm, va, re, im. */
void fg_powerflow_evaluate(struct fg_powerflow *powerflow, struct fg_powerflow_result *result);

/* `tapped`: branches of the handle's own, whose taps may move. Idempotent. */
enum fg_code fg_powerflow_own_branches(struct fg_powerflow *powerflow, struct fg_error *err);
void fg_powerflow_move_tap(struct fg_powerflow *powerflow, int32_t branch, int32_t position);

/* Tap control (tap_control.c). */
enum fg_code fg_tap_control_create(struct fg_powerflow *powerflow, struct fg_tap_control **control,
                                   struct fg_error *err);
void fg_tap_control_destroy(struct fg_tap_control *control);
/* Solves and moves taps until the strategy rests. */
struct fg_attempt fg_tap_control_run(struct fg_powerflow *powerflow, int32_t *attempts);

#endif

/* Feasibility of a state, checked on the original network: proof for power flow, optimal power flow and clearing.
 *
 * Shares no code with the solvers, the topology or the flow functions: voltages are complex numbers, currents come from
 * each branch's circuit (r, x, shunts, complex ratio), powers from S = V conj(I), limits from the elements themselves.
 *
 * Sizes are in p.u.: powers of base_mva, voltages of nominal, angles in radians. */
#ifndef FG_GRID_CHECK_H
#define FG_GRID_CHECK_H

#include "grid/network.h"

enum fg_check_kind {
    FG_CHECK_VOLTAGE,     /* bus: outside vm_min..vm_max; INFINITY where a bus with a generator has no voltage */
    FG_CHECK_P_BALANCE,   /* bus (the lowest of those merged by closed switches): active power not balanced */
    FG_CHECK_Q_BALANCE,   /* bus: reactive power not balanced */
    FG_CHECK_BRANCH,      /* branch: MVA (or current x base_mva) above the normal rating, the worse end */
    FG_CHECK_ANGLE,       /* branch: va(from) - va(to) outside its limits */
    FG_CHECK_GENERATOR_P, /* generator: outside p_min..p_max */
    FG_CHECK_GENERATOR_Q, /* generator: outside q_min..q_max, its capability lines or its apparent-power circle */
    FG_CHECK_SWITCH,      /* switch: voltage difference across a closed switch */
    FG_CHECK_KIND_COUNT
};
const char *fg_check_kind_name(enum fg_check_kind kind);

/* What is checked. NULL arrays of powers mean the network's own values; bus powers come on top. */
struct fg_check_state {
    const double *vm_pu, *va_rad;                    /* per bus; NAN where dead */
    const double *generator_p_mw, *generator_q_mvar; /* per generator */
    const double *injection_p_mw, *injection_q_mvar; /* per injection, at 1 p.u. */
    const double *storage_p_mw, *storage_q_mvar;     /* per storage */
    const double *bus_p_mw, *bus_q_mvar;             /* per bus */
};

struct fg_check_item {
    enum fg_check_kind kind;
    int32_t element;     /* index of the bus, branch, generator or switch; -1: none */
    double size;         /* p.u. or rad */
    double value, limit; /* in the element's units: p.u., MW, Mvar, MVA, rad; balances: value is what is missing */
};

struct fg_check_report {
    double max_violation; /* largest size of all kinds, 0 when everything holds */
    enum fg_check_kind max_kind;
    struct fg_check_item worst[FG_CHECK_KIND_COUNT]; /* of each kind; size 0 and element -1 when it holds */
    struct fg_check_item *items;                     /* sizes above the tolerance given */
    size_t item_count, item_capacity;
};

/* The report lists what exceeds `tolerance` (>= 0); `worst` knows everything above 0. Release with
 * fg_check_report_release, also after an error (only FG_ERR_MEMORY can occur). Cost: one pass over the elements.
 * Thread rule: pure function of its inputs. */
enum fg_code fg_check_run(const struct fg_network *network, const struct fg_check_state *state, double tolerance,
                          struct fg_check_report *report, struct fg_error *err);
void fg_check_report_release(struct fg_check_report *report);

/* "bus 7: voltage 0.93 p.u., limit 0.95" and the like, into buffer (always terminated). Returns buffer. */
const char *fg_check_item_text(const struct fg_network *network, const struct fg_check_item *item, char *buffer,
                               size_t size);

#endif

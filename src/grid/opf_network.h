/* Plain optimal power flow of a network: every generator in service dispatched at its cost, one network state.
 *
 * minimise sum of generator costs subject to the AC equations (or another physics), voltage bands, ratings, angle
 * limits, generator limits, capability curves and apparent-power circles. A piecewise-linear curve that is not convex is
 * replaced by its lower convex hull, which keeps the bound valid; the objective reported is that of the curve itself. Loads, static generators and storage units
 * inject what the network says. Sources (external grids) are dispatched like generators, their bus holds the angle.
 * An infeasible problem is solved again with every limit elastic, which names the limits that cannot be met and by how
 * much; it is called `infeasible_proved` only when the convex relaxation of that problem has a positive lower bound. */
#ifndef FG_GRID_OPF_NETWORK_H
#define FG_GRID_OPF_NETWORK_H

#include "grid/opf.h"

struct fg_opf_network_options {
    enum fg_physics physics;     /* default ac */
    enum fg_opf_rating rating;   /* default normal */
    bool relaxation;             /* also solve the cone relaxation for a bound (ac only); default true */
    bool start_from_file;        /* start at the network's stored voltages and set points instead of flat */
    struct fg_opf_options solver;
};
struct fg_opf_network_options fg_opf_network_defaults(void);

enum fg_opf_limit {
    FG_OPF_LIMIT_VM_MIN, FG_OPF_LIMIT_VM_MAX, FG_OPF_LIMIT_RATING,
    FG_OPF_LIMIT_P_MIN, FG_OPF_LIMIT_P_MAX, FG_OPF_LIMIT_Q_MIN, FG_OPF_LIMIT_Q_MAX
};
const char *fg_opf_limit_text(enum fg_opf_limit limit); /* "vm_min", ... */

/* A limit that the least-violation solution breaks. `element` is a bus (vm), branch (rating) or generator (p, q). */
struct fg_opf_broken {
    enum fg_opf_limit limit;
    int32_t element;
    double value, bound, excess; /* p.u., MVA, MW or Mvar */
};

struct fg_opf_network_result {
    enum fg_opf_status status;
    double objective;            /* currency per hour, by the cost curves as they are given */
    int32_t convexified_count;   /* piecewise-linear curves that are not convex: dispatched by their convex hull */
    int32_t iterations;
    double seconds;              /* AC solver alone */
    double infeasibility;        /* solver's own largest violation, p.u. */
    bool has_bound;
    double soc_bound, soc_gap, soc_seconds; /* gap = (objective - bound) / max(|objective|, 1) */
    /* Solution by index in the network; NAN (voltages) or 0 where out of service. */
    double *vm_pu, *va_rad, *price_p, *price_q; /* per bus; prices per MWh, Mvarh */
    double *pg_mw, *qg_mvar;                    /* per generator */
    double *pf_mw, *qf_mvar, *pt_mw, *qt_mvar, *rating_price; /* per branch; rating_price >= 0 per MVA */
    struct fg_opf_broken *broken;               /* empty unless infeasible */
    size_t broken_count;
};

/* Solve; release the result with fg_opf_network_result_release, also after an error. */
enum fg_code fg_opf_network_solve(const struct fg_network *network, const struct fg_opf_network_options *options,
                                  struct fg_opf_network_result *result, struct fg_error *err);
void fg_opf_network_result_release(struct fg_opf_network_result *result);

#endif

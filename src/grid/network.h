/* The network model: what every reader produces and every computation starts from.
 *
 * Balanced three-phase grid as its single-phase equivalent, without contingencies. Impedances and admittances are
 * per unit on base_mva and the bus's nominal voltage; powers are MW and Mvar; angles radians.
 * Sign: injection into the bus is positive, consumption negative, for every element (loads have p_mw < 0).
 *
 * Branch (line, transformer, link, generic): a two-port with an ideal transformer on the FROM side,
 *
 *      from o--[ t : 1 ]--+--[ r + jx ]--+--o to        t = ratio * exp(j shift)
 *                         |              |
 *                    g_from+jb_from  g_to+jb_to
 *
 *      Yff = (ys + y_from) / ratio^2     Yft = -ys / conj(t)     Ytf = -ys / t     Ytt = ys + y_to
 *      (MATPOWER manual, eq. 3.2, with the two shunts kept apart.)
 *
 * Three-winding transformers are stored as their star: an internal bus and three branches (origin names them).
 *
 * External ids are strings, unique per element kind; everything inside refers by index. Indices are int32_t, -1 means
 * none. The network owns its memory (fg_network_destroy); strings live in its arena.
 * Thread rule: a network may be read by many threads; building and changing it belongs to one. */
#ifndef FG_GRID_NETWORK_H
#define FG_GRID_NETWORK_H

#include "base/error.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fg_bus {
    const char *id;
    const char *name; /* for people; may be NULL */
    double vn_kv;
    double vm_min_pu, vm_max_pu; /* 0 and INFINITY: no limit */
    double vm_start_pu, va_start_rad; /* state given in the file: a start, or a solved state; 1 and 0 otherwise */
    const char *zone;                 /* may be NULL */
    double x, y;                      /* coordinates for drawings; NAN when unknown */
    bool in_service;
    bool is_internal; /* star point of a three-winding transformer, end of an open branch */
};

enum fg_branch_kind { FG_BRANCH_LINE, FG_BRANCH_TRANSFORMER, FG_BRANCH_LINK, FG_BRANCH_GENERIC };
enum fg_rating_kind {
    FG_RATING_APPARENT, /* |S| <= rate at both ends */
    FG_RATING_CURRENT   /* |I| <= rate_mva / base_mva in p.u. at both ends: rate is the MVA at 1 p.u. voltage */
};

/* The two-port at one tap position, for tap changers that the linear rule does not describe. */
struct fg_tap_point {
    double ratio, shift_rad, r_pu, x_pu, g_from_pu, b_from_pu, g_to_pu, b_to_pu;
};

/* Tap changer: a step changes ratio (and shift, for a phase shifter) from the neutral position. */
struct fg_tap_changer {
    bool exists;
    int32_t position, neutral, minimum, maximum; /* minimum may exceed maximum when steps count downward */
    double step_ratio;     /* relative change of the tapped winding's voltage per step, e.g. 0.0125 */
    double step_shift_rad; /* change of shift per step */
    bool on_from_side;     /* the tapped winding */
    /* Where impedance varies with the position or the steps are not linear (tap on the winding that impedances refer
     * to, asymmetric phase shifters): the two-ports of positions point_first, point_first + 1, ...; NULL otherwise. */
    const struct fg_tap_point *points;
    int32_t point_first, point_count;
    /* Automatic control (off unless the computation asks for it). */
    bool regulates;
    int32_t regulated_bus;   /* index; the bus whose voltage is held */
    double v_set_pu, v_band_pu;     /* target and full width of the band */
    double drop_r_pu, drop_x_pu; /* line-drop compensation seen from the controlled side */
};

struct fg_branch {
    const char *id;
    const char *name;
    enum fg_branch_kind kind;
    int32_t from, to; /* bus indices */
    double r_pu, x_pu;
    double g_from_pu, b_from_pu, g_to_pu, b_to_pu;
    double ratio, shift_rad; /* at the present tap position */
    double rate_normal_mva, rate_emergency_mva; /* INFINITY: no limit */
    enum fg_rating_kind rating_kind;
    double angle_min_rad, angle_max_rad; /* limits of va(from) - va(to); -INFINITY, INFINITY: none */
    bool in_service;                     /* both ends connected; a switch may open one end alone */
    bool from_closed, to_closed;         /* false: that end hangs free */
    struct fg_tap_changer tap;
    const char *origin; /* element it is a part of (three-winding transformer); NULL otherwise */
};

/* Connection without impedance between two buses (open or closed). Closed switches merge their buses. */
struct fg_switch {
    const char *id;
    int32_t from, to;
    bool closed;
};

/* Fixed injections: loads (negative), static generators (positive). Voltage dependence by shares of constant power,
 * current and impedance at 1 p.u. that add up to 1. */
enum fg_injection_kind { FG_INJECTION_LOAD, FG_INJECTION_STATIC_GENERATOR };
struct fg_injection {
    const char *id;
    const char *name;
    enum fg_injection_kind kind;
    int32_t bus;
    double p_mw, q_mvar; /* at 1 p.u. voltage */
    double p_current_share, p_impedance_share; /* rest is constant power */
    double q_current_share, q_impedance_share;
    bool in_service;
};

/* Cost of active power (per hour): polynomial sum c[k] P^k, or points (P, cost) of a piecewise-linear curve. */
enum fg_cost_kind { FG_COST_NONE, FG_COST_POLYNOMIAL, FG_COST_PIECEWISE };
struct fg_cost {
    enum fg_cost_kind kind;
    int32_t count;        /* coefficients, lowest power first; or points */
    const double *values; /* count coefficients, or 2*count numbers p0,c0,p1,c1,... in MW and currency/h */
};

enum fg_generator_kind {
    FG_GENERATOR_DISPATCHABLE, /* holds voltage when its bus is PV */
    FG_GENERATOR_SOURCE        /* external grid: the reference of its island */
};
struct fg_generator {
    const char *id;
    const char *name;
    enum fg_generator_kind kind;
    int32_t bus;
    double p_mw, q_mvar;
    double p_min_mw, p_max_mw, q_min_mvar, q_max_mvar; /* -INFINITY, INFINITY: no limit */
    double vm_set_pu;  /* voltage it holds; NAN: holds none (fixed P and Q) */
    double va_set_rad; /* only for sources */
    bool in_service;
    /* Capability (MATPOWER PC1..QC2MAX): reactive limits at two active powers; used when pc1_mw < pc2_mw. */
    double pc1_mw, pc2_mw, qc1_min_mvar, qc1_max_mvar, qc2_min_mvar, qc2_max_mvar;
    double s_max_mva; /* apparent-power circle; INFINITY: none */
    double ramp_mw_per_h; /* INFINITY: none */
    struct fg_cost cost, cost_reactive;
};

struct fg_storage {
    const char *id;
    const char *name;
    int32_t bus;
    double p_mw, q_mvar; /* present injection: discharging positive */
    double charge_max_mw, discharge_max_mw; /* both >= 0 */
    double q_min_mvar, q_max_mvar, s_max_mva;
    double energy_mwh, energy_min_mwh, energy_max_mwh;
    double charge_efficiency, discharge_efficiency; /* (0, 1] */
    double standing_loss_mw; /* drawn from the store */
    bool in_service;
};

/* Shunt admittance: injection at voltage V is (-g_mw + j b_mvar) V^2. */
struct fg_shunt {
    const char *id;
    int32_t bus;
    double g_mw, b_mvar; /* consumption of P, injection of Q at 1 p.u. */
    bool in_service;
};

/* One line of the import report: what was ignored, defaulted or converted, and where. */
enum fg_note_kind { FG_NOTE_IGNORED, FG_NOTE_DEFAULTED, FG_NOTE_CONVERTED, FG_NOTE_WARNING };
struct fg_note {
    enum fg_note_kind kind;
    const char *place; /* file:line or file#/pointer */
    const char *text;
    size_t count; /* how many elements alike */
};

struct fg_network {
    const char *name;
    double base_mva;
    double frequency_hz;

    struct fg_bus *buses;              size_t bus_count, bus_capacity;
    struct fg_branch *branches;        size_t branch_count, branch_capacity;
    struct fg_switch *switches;        size_t switch_count, switch_capacity;
    struct fg_injection *injections;   size_t injection_count, injection_capacity;
    struct fg_generator *generators;   size_t generator_count, generator_capacity;
    struct fg_storage *storages;       size_t storage_count, storage_capacity;
    struct fg_shunt *shunts;           size_t shunt_count, shunt_capacity;
    struct fg_note *notes;             size_t note_count, note_capacity;
    size_t tap_point_count; /* of all branches together */

    struct fg_arena arena;
};

struct fg_network *fg_network_create(void); /* NULL when out of memory; base_mva 1, frequency 50 */
void fg_network_destroy(struct fg_network *network);
struct fg_network *fg_network_clone(const struct fg_network *network); /* deep copy; NULL when out of memory */

/* Append an element with its documented defaults (in service, no limits, ratio 1); the pointer is valid until the
 * next append of that kind. `id` is copied. NULL when out of memory. */
struct fg_bus *fg_network_add_bus(struct fg_network *network, const char *id, double vn_kv);
struct fg_branch *fg_network_add_branch(struct fg_network *network, const char *id, int32_t from, int32_t to);
struct fg_switch *fg_network_add_switch(struct fg_network *network, const char *id, int32_t from, int32_t to,
                                        bool closed);
struct fg_injection *fg_network_add_injection(struct fg_network *network, const char *id, enum fg_injection_kind kind,
                                              int32_t bus, double p_mw, double q_mvar);
struct fg_generator *fg_network_add_generator(struct fg_network *network, const char *id, enum fg_generator_kind kind,
                                              int32_t bus);
struct fg_storage *fg_network_add_storage(struct fg_network *network, const char *id, int32_t bus);
struct fg_shunt *fg_network_add_shunt(struct fg_network *network, const char *id, int32_t bus, double g_mw,
                                      double b_mvar);

/* Copies into the network's arena; NULL when out of memory. */
const char *fg_network_string(struct fg_network *network, const char *text);
/* Polynomial (lowest power first) or piecewise points; values are copied. */
enum fg_code fg_network_set_cost(struct fg_network *network, struct fg_cost *cost, enum fg_cost_kind kind,
                                 int32_t count, const double *values, struct fg_error *err);

/* Give a branch the two-ports of its tap positions first, first + 1, ...; copied into the network's arena. A network
 * holds at most FG_NETWORK_MOST_TAP_POINTS of them (128 MB), FG_ERR_TOO_LARGE beyond: a short file may ask for many. */
#define FG_NETWORK_MOST_TAP_POINTS ((size_t)2000000)
enum fg_code fg_network_set_tap_points(struct fg_network *network, struct fg_tap_changer *tap, int32_t first,
                                       int32_t count, const struct fg_tap_point *points, struct fg_error *err);

/* Import report: a note with the same kind and text only raises the count of the first. */
enum fg_code fg_network_note(struct fg_network *network, enum fg_note_kind kind, const char *place, struct fg_error *err,
                             const char *format, ...) FG_PRINTF(5, 6);

/* Index of an element by external id, -1 when absent. Linear; readers keep their own maps. */
int32_t fg_network_find_bus(const struct fg_network *network, const char *id);
int32_t fg_network_find_branch(const struct fg_network *network, const char *id);

/* Check what every computation relies on; the first violation is the error, its place "bus ID" and the like:
 * duplicate ids, indices in range, finite impedances that are not zero (|z| < 1e-12: use a switch), limits in order,
 * efficiencies in (0, 1], shares in [0, 1], at least one bus, base_mva > 0. Voltage limits in order. Buses that no
 * source reaches are not an error: they become a note of kind WARNING (needs a non-const network). */
enum fg_code fg_network_validate(struct fg_network *network, struct fg_error *err);

/* Apply a tap position: from its point where there is one, else by changing ratio and shift linearly. */
void fg_branch_set_tap(struct fg_branch *branch, int32_t position);

#endif

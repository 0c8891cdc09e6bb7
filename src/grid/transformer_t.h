/* Two-winding transformer from its name plate, as a T-model turned into the network's two-port; shared by the readers
 * whose formats describe transformers by vk, vkr, pfe and i0 (pandapower, SimBench).
 *
 * All on the low-voltage side, with vn the winding voltages at the tap position and Zb = vn_bus_lv^2 / base_mva:
 *
 *   ratio = (vn_hv / vn_lv) / (vn_bus_hv / vn_bus_lv)
 *   |z| = vk / 100 * vn_lv^2 / sn / Zb / parallel      r likewise from vkr      x = sign(vk) sqrt(z^2 - r^2)
 *   g = pfe / vn_lv^2 * Zb * parallel                  b = -sign(i0) sqrt((i0 sn)^2 - pfe^2) / vn_lv^2 * Zb * parallel
 *
 * The T (shares of z, magnetising y, rest of z) becomes a pi by the exact star-delta transformation. A complex tap step
 * (step_percent at step_degree) adds du = vn * step_percent * (pos - neutral) at that angle to the tapped winding's
 * voltage; an ideal one only shifts the angle. (pandapower documentation, "Transformer", trafo_model "t".) */
#ifndef FG_GRID_TRANSFORMER_T_H
#define FG_GRID_TRANSFORMER_T_H

#include "grid/network.h"

#define FG_TRANSFORMER_MOST_TAPS 1000 /* positions of a movable tap changer */

enum fg_tap_kind { FG_TAP_NONE, FG_TAP_COMPLEX, FG_TAP_IDEAL };
struct fg_transformer_tap {
    enum fg_tap_kind kind;
    bool on_hv, at_star_point; /* at the star point: the far end of the winding is tapped */
    double position, neutral, step_percent, step_degree;
    double minimum, maximum; /* NAN: not given */
};

struct fg_transformer_t {
    double vn_hv_kv, vn_lv_kv, bus_hv_kv, bus_lv_kv;
    double sn_mva, vk_percent, vkr_percent, pfe_kw, i0_percent, shift_degree, parallel;
    double r_share_hv, x_share_hv; /* of the leakage impedance, on the hv side of the T */
    struct fg_transformer_tap taps[2];
};

/* The two-port with the first tap changer at `position` (not necessarily a whole number). */
struct fg_tap_point fg_transformer_two_port(const struct fg_transformer_t *transformer, double base_mva,
                                            double position);

/* Make `branch` (from the hv to the lv bus) this transformer, its first tap changer movable where positions are whole
 * numbers within a range of at most FG_TRANSFORMER_MOST_TAPS; `is_fixed` (may be NULL) tells when one could not be. */
enum fg_code fg_transformer_apply(const struct fg_transformer_t *transformer, struct fg_network *network,
                                  struct fg_branch *branch, bool *is_fixed, struct fg_error *err);

#endif

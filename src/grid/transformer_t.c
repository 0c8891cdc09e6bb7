#include "grid/transformer_t.h"

#include <complex.h>
#include <math.h>

#define RAD_PER_DEGREE (3.14159265358979323846 / 180)

static void apply_tap(const struct fg_transformer_tap *tap, double position, double *vn_hv_kv, double *vn_lv_kv,
                      double *shift_rad)
{
    if (tap->kind == FG_TAP_NONE)
        return;
    bool on_hv = tap->on_hv;
    double steps = position - tap->neutral, percent = tap->step_percent, angle = tap->step_degree * RAD_PER_DEGREE;
    if (tap->at_star_point) {
        /* The winding is tapped at its far end: the same voltage change seen from the other side. */
        double complex step = percent * cexp(CMPLX(0, angle));
        step = 100 * step / (100 + step * steps);
        percent = cabs(step);
        angle = carg(step) - 180 * RAD_PER_DEGREE;
        on_hv = !on_hv;
    }
    double direction = on_hv ? 1 : -1;
    if (tap->kind == FG_TAP_IDEAL) {
        *shift_rad += direction * (angle != 0 ? steps * angle : 2 * asin(steps * percent / 200));
        return;
    }
    double *vn_kv = on_hv ? vn_hv_kv : vn_lv_kv, du = *vn_kv * percent * steps / 100;
    *shift_rad += atan(direction * du * sin(angle) / (*vn_kv + du * cos(angle)));
    *vn_kv = hypot(*vn_kv + du * cos(angle), du * sin(angle));
}

struct fg_tap_point fg_transformer_two_port(const struct fg_transformer_t *t, double base_mva, double position)
{
    double vn_hv_kv = t->vn_hv_kv, vn_lv_kv = t->vn_lv_kv, shift_rad = t->shift_degree * RAD_PER_DEGREE;
    apply_tap(&t->taps[0], position, &vn_hv_kv, &vn_lv_kv, &shift_rad);
    apply_tap(&t->taps[1], t->taps[1].position, &vn_hv_kv, &vn_lv_kv, &shift_rad);

    double v2 = vn_lv_kv * vn_lv_kv / (t->bus_lv_kv * t->bus_lv_kv); /* (p.u.)^2 on the bus's base */
    double z = t->vk_percent / 100 / t->sn_mva * v2 * base_mva / t->parallel;
    double r = t->vkr_percent / 100 / t->sn_mva * v2 * base_mva / t->parallel;
    double x = copysign(sqrt(fmax(z * z - r * r, 0)), z);
    double pfe_mw = t->pfe_kw * 1e-3, s0_mva = t->i0_percent / 100 * t->sn_mva;
    double g = pfe_mw / v2 / base_mva * t->parallel;
    double b = -copysign(sqrt(fmax(s0_mva * s0_mva - pfe_mw * pfe_mw, 0)), s0_mva) / v2 / base_mva * t->parallel;

    /* Star (za, zb, 1/y) to delta: z = za + zb + za zb y, shunts zb y / z and za y / z. */
    double complex za = CMPLX(r * t->r_share_hv, x * t->x_share_hv), zb = CMPLX(r, x) - za, y = CMPLX(g, b);
    double complex series = za + zb + za * zb * y;
    double complex y_hv = y == 0 ? 0 : zb * y / series, y_lv = y == 0 ? 0 : za * y / series;
    return (struct fg_tap_point){.ratio = vn_hv_kv / vn_lv_kv / (t->bus_hv_kv / t->bus_lv_kv),
                                 .shift_rad = shift_rad,
                                 .r_pu = creal(series),
                                 .x_pu = cimag(series),
                                 .g_from_pu = creal(y_hv),
                                 .b_from_pu = cimag(y_hv),
                                 .g_to_pu = creal(y_lv),
                                 .b_to_pu = cimag(y_lv)};
}

static bool is_whole(double value)
{
    return value == floor(value) && fabs(value) <= 1e6;
}

enum fg_code fg_transformer_apply(const struct fg_transformer_t *t, struct fg_network *network,
                                  struct fg_branch *branch, bool *is_fixed, struct fg_error *err)
{
    const struct fg_transformer_tap *tap = &t->taps[0];
    struct fg_tap_point at = fg_transformer_two_port(t, network->base_mva, tap->position);
    branch->kind = FG_BRANCH_TRANSFORMER;
    branch->ratio = at.ratio, branch->shift_rad = at.shift_rad;
    branch->r_pu = at.r_pu, branch->x_pu = at.x_pu;
    branch->g_from_pu = at.g_from_pu, branch->b_from_pu = at.b_from_pu;
    branch->g_to_pu = at.g_to_pu, branch->b_to_pu = at.b_to_pu;
    if (is_fixed != NULL)
        *is_fixed = false;
    if (tap->kind == FG_TAP_NONE)
        return FG_OK;
    double low = isnan(tap->minimum) ? tap->position : fmin(tap->minimum, tap->maximum);
    double high = isnan(tap->maximum) ? tap->position : fmax(tap->minimum, tap->maximum);
    if (!is_whole(tap->position) || !is_whole(tap->neutral) || !is_whole(low) || !is_whole(high) ||
        tap->position < low || tap->position > high || high - low >= FG_TRANSFORMER_MOST_TAPS) {
        if (is_fixed != NULL)
            *is_fixed = true;
        return FG_OK;
    }
    double direction = tap->on_hv != tap->at_star_point ? 1 : -1;
    branch->tap.exists = true;
    branch->tap.position = (int32_t)tap->position;
    branch->tap.neutral = (int32_t)tap->neutral;
    branch->tap.minimum = (int32_t)low;
    branch->tap.maximum = (int32_t)high;
    branch->tap.on_from_side = direction > 0;
    if (tap->kind == FG_TAP_COMPLEX && tap->step_degree == 0 && direction > 0 && !tap->at_star_point) {
        branch->tap.step_ratio = tap->step_percent / 100;
        return FG_OK;
    }
    if (tap->kind == FG_TAP_IDEAL && tap->step_percent == 0) {
        branch->tap.step_shift_rad = direction * tap->step_degree * RAD_PER_DEGREE;
        return FG_OK;
    }
    /* Impedance refers to the tapped winding, or steps are not linear. */
    struct fg_tap_point points[FG_TRANSFORMER_MOST_TAPS];
    int32_t count = branch->tap.maximum - branch->tap.minimum + 1;
    for (int32_t k = 0; k < count; k++)
        points[k] = fg_transformer_two_port(t, network->base_mva, low + k);
    return fg_network_set_tap_points(network, &branch->tap, branch->tap.minimum, count, points, err);
}

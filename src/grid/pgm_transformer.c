/* Transformers of a power-grid-model dataset and their regulators. Everything on the to side, u2 at the tap position:
 *
 *   ratio = (u1 / u2) / (u_rated_from / u_rated_to) at clock * 30 degrees
 *   |z| = |uk| u2^2 / sn     r = pk u2^2 / sn^2     x = sign(uk) sqrt(max(0, |z|^2 - r^2))
 *   |y| = i0 sn / u2^2       g = p0 / u2^2          b = -sqrt(max(0, |y|^2 - g^2)), half of y at each end
 *
 * uk and pk change linearly between the tap's minimum, nominal and maximum. A three-winding transformer is the star of
 * its pairs; the star point is at side 1's voltage (rated, so that the tap of a side stays within its own branch:
 * another choice of the star point's voltage scale, the same transformer), with i0 and p0 at side 1. (Power Grid Model
 * documentation, "Components".) */
#include "grid/pgm_reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PI 3.14159265358979323846

/* A quantity given at the nominal tap and perhaps at the ends of the range. */
struct tapped {
    double nominal, minimum, maximum;
};
struct tap {
    int32_t position, minimum, maximum, nominal;
    double size_v; /* signed: per step upward */
};
struct transformer {
    double u1, u2, u1_rated, u2_rated, sn, i0, p0;
    struct tapped uk, pk;
    double shift_rad;
    bool tap_on_from;
    struct tap tap;
};

static double at_position(const struct tapped *value, const struct tap *tap, int32_t position)
{
    int32_t low = tap->nominal < tap->maximum ? tap->nominal : tap->maximum;
    int32_t high = tap->nominal < tap->maximum ? tap->maximum : tap->nominal;
    bool toward_maximum = position >= low && position <= high;
    int32_t end = toward_maximum ? tap->maximum : tap->minimum;
    if (end == tap->nominal)
        return value->nominal;
    double end_value = toward_maximum ? value->maximum : value->minimum;
    return value->nominal +
           ((double)position - tap->nominal) * (end_value - value->nominal) / ((double)end - tap->nominal);
}

static bool varies(const struct tapped *value)
{
    return value->minimum != value->nominal || value->maximum != value->nominal;
}

static struct fg_tap_point two_port(const struct transformer *t, int32_t position)
{
    double du = ((double)position - t->tap.nominal) * t->tap.size_v;
    double u1 = t->u1 + (t->tap_on_from ? du : 0), u2 = t->u2 + (t->tap_on_from ? 0 : du);
    double uk = at_position(&t->uk, &t->tap, position), pk = at_position(&t->pk, &t->tap, position);
    double base_ohm = t->u2_rated * t->u2_rated / FG_PGM_BASE_VA;
    double z = fabs(uk) * u2 * u2 / t->sn, r = pk * u2 * u2 / t->sn / t->sn;
    double y = t->i0 * t->sn / u2 / u2, g = t->p0 / u2 / u2;
    struct fg_tap_point at = {.ratio = u1 / u2 / (t->u1_rated / t->u2_rated), .shift_rad = t->shift_rad};
    at.r_pu = r / base_ohm;
    at.x_pu = copysign(sqrt(fmax(z * z - r * r, 0)), uk) / base_ohm;
    at.g_from_pu = at.g_to_pu = g * base_ohm / 2;
    at.b_from_pu = at.b_to_pu = -sqrt(fmax(y * y - g * g, 0)) * base_ohm / 2;
    return at;
}

static enum fg_code set_two_port(struct fg_pgm_reader *reader, struct fg_branch *branch, const struct transformer *t)
{
    struct fg_tap_point at = two_port(t, t->tap.position);
    branch->kind = FG_BRANCH_TRANSFORMER;
    branch->ratio = at.ratio, branch->shift_rad = at.shift_rad;
    branch->r_pu = at.r_pu, branch->x_pu = at.x_pu;
    branch->g_from_pu = at.g_from_pu, branch->b_from_pu = at.b_from_pu;
    branch->g_to_pu = at.g_to_pu, branch->b_to_pu = at.b_to_pu;
    branch->rate_normal_mva = t->sn * 1e-6;
    if (t->tap.size_v == 0)
        return FG_OK;
    branch->tap.exists = true;
    branch->tap.position = t->tap.position;
    branch->tap.neutral = t->tap.nominal;
    branch->tap.minimum = t->tap.minimum;
    branch->tap.maximum = t->tap.maximum;
    branch->tap.on_from_side = t->tap_on_from;
    branch->tap.step_ratio = t->tap.size_v / (t->tap_on_from ? t->u1 : t->u2);
    if (t->tap_on_from && !varies(&t->uk) && !varies(&t->pk))
        return FG_OK;
    struct fg_tap_point points[256]; /* positions are 8-bit numbers */
    int32_t low = t->tap.minimum < t->tap.maximum ? t->tap.minimum : t->tap.maximum;
    int32_t count = abs(t->tap.maximum - t->tap.minimum) + 1;
    for (int32_t k = 0; k < count; k++)
        points[k] = two_port(t, low + k);
    return fg_network_set_tap_points(reader->network, &branch->tap, low, count, points, reader->err);
}

static int32_t tap_position(struct fg_pgm_row *row, const char *name, int32_t fallback)
{
    int32_t position = fg_pgm_integer(row, name, fallback);
    if (row->code == FG_OK && (position < -128 || position > 127))
        fg_pgm_refuse(row, name, FG_ERR_VALUE, "%d is not a tap position from -128 to 127", (int)position);
    return position;
}

/* The position is limited to its range, as in power-grid-model. */
static struct tap read_tap(struct fg_pgm_row *row)
{
    struct tap tap = {.minimum = tap_position(row, "tap_min", 0),
                      .maximum = tap_position(row, "tap_max", 0),
                      .nominal = tap_position(row, "tap_nom", 0)};
    int32_t low = tap.minimum < tap.maximum ? tap.minimum : tap.maximum;
    int32_t high = tap.minimum < tap.maximum ? tap.maximum : tap.minimum;
    tap.position = tap_position(row, "tap_pos", tap.nominal);
    tap.position = tap.position < low ? low : tap.position > high ? high : tap.position;
    tap.size_v = fg_pgm_number(row, "tap_size", 0) * (tap.maximum > tap.minimum ? 1 : -1);
    return tap;
}

static struct tapped read_tapped(struct fg_pgm_row *row, const char *name)
{
    char end[32];
    struct tapped value = {.nominal = fg_pgm_need(row, name)};
    snprintf(end, sizeof end, "%s_min", name);
    value.minimum = fg_pgm_number(row, end, value.nominal);
    snprintf(end, sizeof end, "%s_max", name);
    value.maximum = fg_pgm_number(row, end, value.nominal);
    return value;
}

/* Hours on the clock, checked against the windings: between star and another winding the number is odd, else even. */
static double read_clock(struct fg_pgm_row *row, const char *name, const char *winding_a, const char *winding_b)
{
    int32_t clock = fg_pgm_integer(row, name, 0);
    int32_t a = fg_pgm_integer(row, winding_a, 0), b = fg_pgm_integer(row, winding_b, 0);
    if (row->code == FG_OK && (a < 0 || a > 4 || b < 0 || b > 4))
        fg_pgm_refuse(row, winding_a, FG_ERR_VALUE, "winding types %d and %d; 0 to 4 are known", (int)a, (int)b);
    bool is_alike = (a <= 1) == (b <= 1);
    if (row->code == FG_OK && (clock < 0 || clock > 12 || (clock % 2 == 0) != is_alike))
        fg_pgm_refuse(row, name, FG_ERR_VALUE,
                      "clock number %d does not fit the windings; give 0 to 12, even between windings of one kind, odd "
                      "between wye and delta or zigzag",
                      (int)clock);
    return clock % 12 * (PI / 6);
}

enum fg_code fg_pgm_transformer(struct fg_pgm_reader *reader, struct fg_pgm_row *row)
{
    int32_t from = fg_pgm_node(reader, row, "from_node"), to = fg_pgm_node(reader, row, "to_node");
    bool from_closed = fg_pgm_status(row, "from_status"), to_closed = fg_pgm_status(row, "to_status");
    struct transformer t = {.u1 = fg_pgm_positive(row, "u1"),
                            .u2 = fg_pgm_positive(row, "u2"),
                            .sn = fg_pgm_positive(row, "sn"),
                            .i0 = fg_pgm_need(row, "i0"),
                            .p0 = fg_pgm_need(row, "p0")};
    t.uk = read_tapped(row, "uk");
    t.pk = read_tapped(row, "pk");
    t.shift_rad = read_clock(row, "clock", "winding_from", "winding_to");
    t.tap = read_tap(row);
    t.tap_on_from = fg_pgm_integer(row, "tap_side", 0) == 0;
    if (row->code != FG_OK)
        return row->code;
    t.u1_rated = reader->network->buses[from].vn_kv * 1e3;
    t.u2_rated = reader->network->buses[to].vn_kv * 1e3;
    char id[FG_PGM_ID];
    struct fg_branch *branch;
    enum fg_code code = fg_pgm_branch(reader, fg_pgm_id(row, id), from, to, &branch);
    if (code != FG_OK)
        return code;
    branch->from_closed = from_closed;
    branch->to_closed = to_closed;
    branch->in_service = from_closed || to_closed;
    return set_two_port(reader, branch, &t);
}

/* Star of three pairwise values, each on the smaller rated power of its pair to the power `degree` (1 for uk, 2 for
 * pk); results on each side's own rated power. */
static void star_of_pairs(double v12, double v13, double v23, const double sn[3], int degree, double star[3])
{
    double s12 = pow(fmin(sn[0], sn[1]), degree), s13 = pow(fmin(sn[0], sn[2]), degree);
    double s23 = pow(fmin(sn[1], sn[2]), degree);
    star[0] = 0.5 * (v12 / s12 + v13 / s13 - v23 / s23) * pow(sn[0], degree);
    star[1] = 0.5 * (v12 / s12 + v23 / s23 - v13 / s13) * pow(sn[1], degree);
    star[2] = 0.5 * (v13 / s13 + v23 / s23 - v12 / s12) * pow(sn[2], degree);
}

enum fg_code fg_pgm_three_winding(struct fg_pgm_reader *reader, struct fg_pgm_row *row)
{
    static const char *const pairs[] = {"12", "13", "23"};
    int32_t node[3];
    double u[3], sn[3], shift_rad[3] = {0}, uk_pair[3], pk_pair[3], uk[3], pk[3];
    bool closed[3], impedance_varies = false;
    char field[16];
    struct tap tap = read_tap(row);
    int32_t tap_side = fg_pgm_integer(row, "tap_side", 0);
    for (int i = 0; i < 3; i++) {
#define FIELD(format, value) (snprintf(field, sizeof field, format, value), field)
        node[i] = fg_pgm_node(reader, row, FIELD("node_%d", i + 1));
        closed[i] = fg_pgm_status(row, FIELD("status_%d", i + 1));
        u[i] = fg_pgm_positive(row, FIELD("u%d", i + 1));
        sn[i] = fg_pgm_positive(row, FIELD("sn_%d", i + 1));
        struct tapped pair_uk = read_tapped(row, FIELD("uk_%s", pairs[i]));
        struct tapped pair_pk = read_tapped(row, FIELD("pk_%s", pairs[i]));
#undef FIELD
        uk_pair[i] = at_position(&pair_uk, &tap, tap.position);
        pk_pair[i] = at_position(&pair_pk, &tap, tap.position);
        impedance_varies = impedance_varies || varies(&pair_uk) || varies(&pair_pk);
    }
    shift_rad[1] = -read_clock(row, "clock_12", "winding_1", "winding_2");
    shift_rad[2] = -read_clock(row, "clock_13", "winding_1", "winding_3");
    double i0 = fg_pgm_need(row, "i0"), p0 = fg_pgm_need(row, "p0");
    if (row->code != FG_OK)
        return row->code;
    star_of_pairs(uk_pair[0], uk_pair[1], uk_pair[2], sn, 1, uk);
    star_of_pairs(pk_pair[0], pk_pair[1], pk_pair[2], sn, 2, pk);

    struct fg_network *network = reader->network;
    char owner[FG_PGM_ID], id[FG_PGM_ID + 8];
    fg_pgm_id(row, owner);
    snprintf(id, sizeof id, "%s_star", owner);
    struct fg_bus *star = fg_network_add_bus(network, id, network->buses[node[0]].vn_kv);
    const char *origin = fg_network_string(network, owner);
    if (star == NULL || origin == NULL)
        return fg_fail_memory(reader->err);
    star->is_internal = true;
    int32_t star_bus = (int32_t)network->bus_count - 1;
    for (int i = 0; i < 3; i++) {
        struct transformer t = {.u1 = u[i],
                                .u2 = u[0],
                                .sn = sn[i],
                                .uk = {uk[i], uk[i], uk[i]},
                                .pk = {pk[i], pk[i], pk[i]},
                                .shift_rad = shift_rad[i],
                                .tap_on_from = true};
        t.u1_rated = network->buses[node[i]].vn_kv * 1e3;
        t.u2_rated = network->buses[node[0]].vn_kv * 1e3;
        if (i == 0)
            t.i0 = i0, t.p0 = p0;
        if (i == tap_side)
            t.tap = tap;
        struct fg_branch *branch;
        snprintf(id, sizeof id, "%s_%d", owner, i + 1);
        enum fg_code code = fg_pgm_branch(reader, id, node[i], star_bus, &branch);
        if (code == FG_OK)
            code = set_two_port(reader, branch, &t);
        if (code != FG_OK)
            return code;
        branch->origin = origin;
        branch->in_service = branch->from_closed = closed[i];
        branch->tap.exists = branch->tap.exists && !impedance_varies;
    }
    return impedance_varies
               ? fg_pgm_note(reader, row, FG_NOTE_CONVERTED,
                             "three-winding transformer whose impedance varies with the tap: the tap is fixed "
                             "where it stands")
               : FG_OK;
}

/* Attach a regulator to its tap changer. The controlled side names the bus whose voltage counts. */
enum fg_code fg_pgm_tap_regulator(struct fg_pgm_reader *reader, struct fg_pgm_row *row)
{
    struct fg_network *network = reader->network;
    int64_t object = fg_pgm_need_id(row, "regulated_object");
    bool is_on = fg_pgm_status(row, "status");
    int32_t side = fg_pgm_integer(row, "control_side", 0);
    double u_set = fg_pgm_positive(row, "u_set"), u_band = fg_pgm_need(row, "u_band");
    double drop_r = fg_pgm_number(row, "line_drop_compensation_r", 0);
    double drop_x = fg_pgm_number(row, "line_drop_compensation_x", 0);
    if (row->code != FG_OK)
        return row->code;
    char id[FG_PGM_ID], part[FG_PGM_ID + 16];
    snprintf(id, sizeof id, "%lld", (long long)object);
    int32_t tapped = fg_names_find(&reader->branches, id), controlled = tapped;
    bool is_star = tapped < 0;
    if (is_star) {
        snprintf(part, sizeof part, "%s_%d", id, (int)side + 1);
        controlled = fg_names_find(&reader->branches, part);
        for (int i = 0; i < 3; i++) {
            snprintf(part, sizeof part, "%s_%d", id, i + 1);
            int32_t branch = fg_names_find(&reader->branches, part);
            if (branch >= 0 && network->branches[branch].tap.exists)
                tapped = branch;
        }
    }
    if (controlled < 0 || (!is_star && network->branches[tapped].kind != FG_BRANCH_TRANSFORMER))
        return fg_pgm_refuse(row, "regulated_object", FG_ERR_NETWORK,
                             "%s is no transformer with a side %d; correct the reference", id, (int)side);
    if (side < 0 || side > (is_star ? 2 : 1))
        return fg_pgm_refuse(row, "control_side", FG_ERR_VALUE, "side %d; give one of the transformer's sides",
                             (int)side);
    if (!is_on)
        return FG_OK;
    if (reader->regulator_count > 0)
        return fg_pgm_refuse(row, NULL, FG_ERR_UNSUPPORTED,
                             "voltage regulators and a transformer tap regulator in one dataset; remove one kind, "
                             "power-grid-model does not combine them either");
    if (tapped < 0 || !network->branches[tapped].tap.exists)
        return fg_pgm_note(reader, row, FG_NOTE_IGNORED, "regulator of a transformer whose tap cannot move");
    if (is_star && controlled != tapped && (drop_r != 0 || drop_x != 0))
        return fg_pgm_refuse(
            row, "line_drop_compensation_r", FG_ERR_UNSUPPORTED,
            "line-drop compensation at a side of a three-winding transformer that has no tap; control the "
            "tapped side, or drop the compensation");
    const struct fg_branch *at = &network->branches[controlled];
    int32_t bus = is_star || side == 0 ? at->from : at->to;
    double vn_v = network->buses[bus].vn_kv * 1e3, base_ohm = vn_v * vn_v / FG_PGM_BASE_VA;
    struct fg_tap_changer *tap = &network->branches[tapped].tap;
    tap->regulates = true;
    tap->regulated_bus = bus;
    tap->v_set_pu = u_set / vn_v;
    tap->v_band_pu = u_band / vn_v;
    tap->drop_r_pu = drop_r / base_ohm;
    tap->drop_x_pu = drop_x / base_ohm;
    return FG_OK;
}

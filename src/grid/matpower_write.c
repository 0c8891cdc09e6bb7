/* Network to MATPOWER case. What the format holds is written exactly; the rest becomes its equivalent, with a note:
 *   closed switches            their buses become one
 *   unequal or conductive      the symmetric susceptance stays in the branch, the rest becomes a bus shunt,
 *   branch shunts              which gives the same voltages
 *   a branch open at one end   its admittance seen from the closed end, as a bus shunt
 *   storage                    a generator with its power limits (energy and efficiencies are lost)
 *   current ratings            MVA at nominal voltage
 * Loads that vary with voltage have no equivalent and are refused. */
#include "grid/matpower.h"
#include "grid/matpower_columns.h"

#include <complex.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bus_row {
    int32_t representative; /* the bus that stands for this one and those merged with it */
    double number;          /* in the file */
    double p_mw, q_mvar, g_mw, b_mvar;
    bool holds_voltage, is_reference;
    double va_rad, vm_min_pu, vm_max_pu; /* the tightest limits of the merged buses */
};

struct writer {
    struct fg_network *network;
    struct fg_text *text;
    struct fg_error *err;
    struct bus_row *rows;
};

static enum fg_code note(struct writer *writer, enum fg_note_kind kind, const char *element, const char *id,
                         const char *text)
{
    char place[256];
    snprintf(place, sizeof place, "%s %s", element, id);
    return fg_network_note(writer->network, kind, place, writer->err, "MATPOWER file: %s", text);
}

/* ---- Numbers ---- */

static void put_number(struct writer *writer, double number, const char *behind)
{
    if (isnan(number))
        fg_text_puts(writer->text, "NaN");
    else if (isinf(number))
        fg_text_puts(writer->text, number > 0 ? "Inf" : "-Inf");
    else
        fg_text_number(writer->text, number);
    fg_text_puts(writer->text, behind);
}

static void put_row(struct writer *writer, const double *numbers, size_t count)
{
    fg_text_puts(writer->text, "\t");
    for (size_t i = 0; i < count; i++)
        put_number(writer, numbers[i], i + 1 < count ? "\t" : ";\n");
}

/* Degrees that the reader turns back into these radians: the neighbours of the quotient are tried. */
static double degrees(double radians)
{
    double middle = radians / RADIANS_PER_DEGREE, below = middle, above = middle;
    for (int step = 0; step < 4; step++) {
        if (below * RADIANS_PER_DEGREE == radians)
            return below;
        if (above * RADIANS_PER_DEGREE == radians)
            return above;
        below = nextafter(below, -INFINITY);
        above = nextafter(above, INFINITY);
    }
    return middle;
}

/* ---- Buses ---- */

static int32_t representative(const struct writer *writer, int32_t bus)
{
    while (writer->rows[bus].representative != bus)
        bus = writer->rows[bus].representative;
    return bus;
}

static struct bus_row *row_of(struct writer *writer, int32_t bus)
{
    return &writer->rows[representative(writer, bus)];
}

/* A bus keeps its id where it is a whole number, as all ids are in a network that came from MATPOWER. */
static double number_of_id(const char *id)
{
    size_t length = strlen(id);
    if (length == 0 || length > 15 || strspn(id, "0123456789") != length || id[0] == '0')
        return 0;
    return strtod(id, NULL);
}

static enum fg_code number_buses(struct writer *writer)
{
    const struct fg_network *n = writer->network;
    bool all_numbers = true;
    for (size_t i = 0; i < n->bus_count; i++)
        all_numbers = all_numbers && number_of_id(n->buses[i].id) > 0;
    for (size_t i = 0; i < n->bus_count; i++)
        writer->rows[i].number = all_numbers ? number_of_id(n->buses[i].id) : (double)(i + 1);
    return all_numbers ? FG_OK
                       : note(writer, FG_NOTE_CONVERTED, "bus", n->buses[0].id,
                              "bus ids that are not whole numbers became row numbers; the ids are in mpc.bus_name");
}

static enum fg_code merge_buses(struct writer *writer)
{
    const struct fg_network *n = writer->network;
    enum fg_code code = FG_OK;
    for (size_t i = 0; i < n->bus_count; i++) {
        writer->rows[i].representative = (int32_t)i;
        writer->rows[i].vm_min_pu = n->buses[i].vm_min_pu;
        writer->rows[i].vm_max_pu = n->buses[i].vm_max_pu;
    }
    for (size_t i = 0; code == FG_OK && i < n->switch_count; i++) {
        const struct fg_switch *s = &n->switches[i];
        if (!s->closed || !n->buses[s->from].in_service || !n->buses[s->to].in_service) {
            code = note(writer, FG_NOTE_IGNORED, "switch", s->id, "open switch");
            continue;
        }
        int32_t a = representative(writer, s->from), b = representative(writer, s->to);
        struct bus_row *kept = &writer->rows[a < b ? a : b], *gone = &writer->rows[a < b ? b : a];
        gone->representative = a < b ? a : b;
        kept->vm_min_pu = fmax(kept->vm_min_pu, gone->vm_min_pu);
        kept->vm_max_pu = fmin(kept->vm_max_pu, gone->vm_max_pu);
        code = note(writer, FG_NOTE_CONVERTED, "switch", s->id, "the buses of a closed switch became one");
    }
    return code;
}

static enum fg_code add_injections(struct writer *writer)
{
    const struct fg_network *n = writer->network;
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < n->injection_count; i++) {
        const struct fg_injection *item = &n->injections[i];
        if (!item->in_service) {
            code = note(writer, FG_NOTE_IGNORED, "injection", item->id, "load or static generator out of service");
            continue;
        }
        if (item->p_current_share != 0 || item->p_impedance_share != 0 || item->q_current_share != 0 ||
            item->q_impedance_share != 0) {
            char place[256];
            snprintf(place, sizeof place, "injection %s", item->id);
            return fg_fail(writer->err, FG_ERR_UNSUPPORTED, place,
                           "a load that varies with voltage has no place in a "
                           "MATPOWER file; use the own JSON format, or make its power constant");
        }
        struct bus_row *row = row_of(writer, item->bus);
        if (row->p_mw != 0 || row->q_mvar != 0)
            code = note(writer, FG_NOTE_CONVERTED, "injection", item->id,
                        "loads and static generators of one bus became one load");
        row->p_mw -= item->p_mw;
        row->q_mvar -= item->q_mvar;
    }
    for (size_t i = 0; code == FG_OK && i < n->shunt_count; i++) {
        const struct fg_shunt *item = &n->shunts[i];
        if (!item->in_service) {
            code = note(writer, FG_NOTE_IGNORED, "shunt", item->id, "shunt out of service");
            continue;
        }
        row_of(writer, item->bus)->g_mw += item->g_mw;
        row_of(writer, item->bus)->b_mvar += item->b_mvar;
    }
    return code;
}

static void add_admittance(struct writer *writer, int32_t bus, double complex admittance_pu)
{
    struct bus_row *row = row_of(writer, bus);
    row->g_mw += creal(admittance_pu) * writer->network->base_mva;
    row->b_mvar += cimag(admittance_pu) * writer->network->base_mva;
}

/* A branch that hangs on one end: eliminate the free end from the two-port. */
static double complex seen_from_closed_end(const struct fg_branch *b)
{
    double complex ys = 1 / (b->r_pu + b->x_pu * I);
    double complex y_from = b->g_from_pu + b->b_from_pu * I, y_to = b->g_to_pu + b->b_to_pu * I;
    double complex closed = b->from_closed ? y_from : y_to, open = b->from_closed ? y_to : y_from;
    double complex seen = closed + (open == 0 ? 0 : ys * open / (ys + open));
    return b->from_closed ? seen / (b->ratio * b->ratio) : seen;
}

static bool carries(const struct fg_branch *b)
{
    return b->in_service && b->from_closed && b->to_closed;
}

/* The part of the branch shunts that BR_B cannot hold, moved to the buses. */
static enum fg_code add_branch_shunts(struct writer *writer)
{
    const struct fg_network *n = writer->network;
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < n->branch_count; i++) {
        const struct fg_branch *b = &n->branches[i];
        if (b->in_service && b->from_closed != b->to_closed) {
            add_admittance(writer, b->from_closed ? b->from : b->to, seen_from_closed_end(b));
            code = note(writer, FG_NOTE_CONVERTED, "branch", b->id,
                        "a branch open at one end became a bus shunt, the branch out of service");
            continue;
        }
        if (b->g_from_pu == 0 && b->g_to_pu == 0 && b->b_from_pu == b->b_to_pu)
            continue;
        if (carries(b)) {
            double half = (b->b_from_pu + b->b_to_pu) / 2;
            add_admittance(writer, b->from, (b->g_from_pu + (b->b_from_pu - half) * I) / (b->ratio * b->ratio));
            add_admittance(writer, b->to, b->g_to_pu + (b->b_to_pu - half) * I);
        }
        code = note(writer, FG_NOTE_CONVERTED, "branch", b->id,
                    "conductance and unequal susceptance of a branch became bus shunts");
    }
    return code;
}

static void choose_types(struct writer *writer)
{
    const struct fg_network *n = writer->network;
    for (size_t i = 0; i < n->generator_count; i++) {
        const struct fg_generator *g = &n->generators[i];
        struct bus_row *row = row_of(writer, g->bus);
        if (!g->in_service)
            continue;
        if (g->kind == FG_GENERATOR_SOURCE && !row->is_reference) {
            row->is_reference = true;
            row->va_rad = g->va_set_rad;
        }
        row->holds_voltage = row->holds_voltage || !isnan(g->vm_set_pu);
    }
}

/* The zone column is a number; other names are lost. */
static double zone_number(const char *zone)
{
    char *end = NULL;
    double number = zone != NULL ? strtod(zone, &end) : 1;
    return zone != NULL && (end == zone || *end != '\0' || !isfinite(number)) ? 1 : number;
}

static enum fg_code put_buses(struct writer *writer)
{
    const struct fg_network *n = writer->network;
    enum fg_code code = FG_OK;
    fg_text_puts(writer->text, "\n%% bus data\n%\tbus_i\ttype\tPd\tQd\tGs\tBs\tarea\tVm\tVa\tbaseKV\tzone\tVmax\tVmin\n"
                               "mpc.bus = [\n");
    for (size_t i = 0; i < n->bus_count; i++) {
        const struct fg_bus *bus = &n->buses[i];
        const struct bus_row *row = &writer->rows[i];
        if (row->representative != (int32_t)i)
            continue;
        int type = !bus->in_service     ? TYPE_ISOLATED
                   : row->is_reference  ? TYPE_REF
                   : row->holds_voltage ? TYPE_PV
                                        : TYPE_PQ;
        double numbers[BUS_COLUMNS] = {
            [BUS_I] = row->number,
            [BUS_TYPE] = type,
            [PD] = row->p_mw,
            [QD] = row->q_mvar,
            [GS] = row->g_mw,
            [BS] = row->b_mvar,
            [BUS_AREA] = 1,
            [VM] = bus->vm_start_pu,
            [VA] = degrees(row->is_reference ? row->va_rad : bus->va_start_rad),
            [BASE_KV] = bus->vn_kv,
            [ZONE] = zone_number(bus->zone),
            [VMAX] = row->vm_max_pu,
            [VMIN] = row->vm_min_pu,
        };
        put_row(writer, numbers, BUS_COLUMNS);
        if (code == FG_OK && bus->zone != NULL && zone_number(bus->zone) == 1 && strcmp(bus->zone, "1") != 0)
            code = note(writer, FG_NOTE_IGNORED, "bus", bus->id, "zone names that are not numbers");
    }
    fg_text_puts(writer->text, "];\n");
    return code;
}

/* ---- Generators ---- */

static void put_generator(struct writer *writer, const struct fg_generator *g)
{
    double base = writer->network->base_mva;
    double ramp = isinf(g->ramp_mw_per_h) ? 0 : g->ramp_mw_per_h / 2;
    double numbers[GEN_COLUMNS] = {
        [GEN_BUS] = row_of(writer, g->bus)->number,
        [PG] = g->p_mw,
        [QG] = g->q_mvar,
        [QMAX] = g->q_max_mvar,
        [QMIN] = g->q_min_mvar,
        [VG] = isnan(g->vm_set_pu) ? 1 : g->vm_set_pu,
        [MBASE] = base,
        [GEN_STATUS] = g->in_service,
        [PMAX] = g->p_max_mw,
        [PMIN] = g->p_min_mw,
        [PC1] = g->pc1_mw,
        [PC2] = g->pc2_mw,
        [QC1MIN] = g->qc1_min_mvar,
        [QC1MAX] = g->qc1_max_mvar,
        [QC2MIN] = g->qc2_min_mvar,
        [QC2MAX] = g->qc2_max_mvar,
        [RAMP_30] = ramp,
    };
    put_row(writer, numbers, GEN_COLUMNS);
}

static enum fg_code put_generators(struct writer *writer)
{
    const struct fg_network *n = writer->network;
    enum fg_code code = FG_OK;
    fg_text_puts(writer->text,
                 "\n%% generator data\n%\tbus\tPg\tQg\tQmax\tQmin\tVg\tmBase\tstatus\tPmax\tPmin\tPc1\tPc2\t"
                 "Qc1min\tQc1max\tQc2min\tQc2max\tramp_agc\tramp_10\tramp_30\tramp_q\tapf\nmpc.gen = [\n");
    for (size_t i = 0; code == FG_OK && i < n->generator_count; i++) {
        const struct fg_generator *g = &n->generators[i];
        put_generator(writer, g);
        const struct bus_row *row = row_of(writer, g->bus);
        if (!isinf(g->s_max_mva))
            code = note(writer, FG_NOTE_IGNORED, "generator", g->id, "apparent-power circle of a generator");
        if (code == FG_OK && g->in_service && isnan(g->vm_set_pu) && (row->holds_voltage || row->is_reference))
            code = note(writer, FG_NOTE_CONVERTED, "generator", g->id,
                        "a generator with fixed reactive power stands at a bus whose voltage another one holds; in the "
                        "file both hold it");
    }
    for (size_t i = 0; code == FG_OK && i < n->storage_count; i++) {
        const struct fg_storage *s = &n->storages[i];
        struct fg_generator g = {
            .bus = s->bus,
            .p_mw = s->p_mw,
            .q_mvar = s->q_mvar,
            .p_min_mw = 0 - s->charge_max_mw,
            .p_max_mw = s->discharge_max_mw,
            .q_min_mvar = s->q_min_mvar,
            .q_max_mvar = s->q_max_mvar,
            .vm_set_pu = NAN,
            .in_service = s->in_service,
            .ramp_mw_per_h = INFINITY,
        };
        put_generator(writer, &g);
        code = note(writer, FG_NOTE_CONVERTED, "storage", s->id,
                    "storage became a generator with its power limits; energy and efficiencies are lost");
    }
    fg_text_puts(writer->text, "];\n");
    return code;
}

static size_t cost_width(const struct fg_cost *cost)
{
    return (size_t)cost->count * (cost->kind == FG_COST_PIECEWISE ? 2 : 1);
}

static void put_cost(struct writer *writer, const struct fg_cost *cost, size_t width)
{
    bool is_piecewise = cost->kind == FG_COST_PIECEWISE;
    size_t used = cost->kind == FG_COST_NONE ? 0 : cost_width(cost);
    fg_text_printf(writer->text, "\t%d\t0\t0\t%d", is_piecewise ? MODEL_PIECEWISE : MODEL_POLYNOMIAL,
                   cost->kind == FG_COST_NONE ? 0 : (int)cost->count);
    for (size_t k = 0; k < width; k++) {
        fg_text_puts(writer->text, "\t");
        put_number(writer, k >= used ? 0 : cost->values[is_piecewise ? k : used - 1 - k], "");
    }
    fg_text_puts(writer->text, ";\n");
}

static void put_costs(struct writer *writer)
{
    static const struct fg_cost none = {0};
    const struct fg_network *n = writer->network;
    size_t width = 0;
    bool has_cost = false, has_reactive = false;
    for (size_t i = 0; i < n->generator_count; i++) {
        const struct fg_cost *costs[2] = {&n->generators[i].cost, &n->generators[i].cost_reactive};
        for (int k = 0; k < 2; k++)
            if (costs[k]->kind != FG_COST_NONE && cost_width(costs[k]) > width)
                width = cost_width(costs[k]);
        has_cost = has_cost || costs[0]->kind != FG_COST_NONE;
        has_reactive = has_reactive || costs[1]->kind != FG_COST_NONE;
    }
    if (!has_cost && !has_reactive)
        return;
    fg_text_puts(writer->text, "\n%% generator cost data\n%\t1\tstartup\tshutdown\tn\tx1\ty1\t...\txn\tyn\n"
                               "%\t2\tstartup\tshutdown\tn\tc(n-1)\t...\tc0\nmpc.gencost = [\n");
    for (int reactive = 0; reactive <= has_reactive; reactive++) {
        for (size_t i = 0; i < n->generator_count; i++)
            put_cost(writer, reactive ? &n->generators[i].cost_reactive : &n->generators[i].cost, width);
        for (size_t i = 0; i < n->storage_count; i++)
            put_cost(writer, &none, width);
    }
    fg_text_puts(writer->text, "];\n");
}

/* ---- Branches ---- */

static double rating(double rate_mva)
{
    return isinf(rate_mva) ? 0 : rate_mva;
}

static enum fg_code put_branches(struct writer *writer)
{
    const struct fg_network *n = writer->network;
    enum fg_code code = FG_OK;
    fg_text_puts(writer->text, "\n%% branch data\n%\tfbus\ttbus\tr\tx\tb\trateA\trateB\trateC\tratio\tangle\tstatus\t"
                               "angmin\tangmax\nmpc.branch = [\n");
    for (size_t i = 0; code == FG_OK && i < n->branch_count; i++) {
        const struct fg_branch *b = &n->branches[i];
        const struct bus_row *from = row_of(writer, b->from), *to = row_of(writer, b->to);
        if (from == to) {
            code = note(writer, FG_NOTE_IGNORED, "branch", b->id, "branch in parallel with a closed switch");
            continue;
        }
        bool is_line = b->kind != FG_BRANCH_TRANSFORMER && b->ratio == 1 && b->shift_rad == 0;
        double numbers[BRANCH_COLUMNS] = {
            [F_BUS] = from->number,
            [T_BUS] = to->number,
            [BR_R] = b->r_pu,
            [BR_X] = b->x_pu,
            [BR_B] = b->b_from_pu + b->b_to_pu,
            [RATE_A] = rating(b->rate_normal_mva),
            [RATE_B] = rating(b->rate_emergency_mva),
            [RATE_C] = rating(b->rate_emergency_mva),
            [TAP] = is_line ? 0 : b->ratio,
            [SHIFT] = degrees(b->shift_rad),
            [BR_STATUS] = carries(b),
            [ANGMIN] = isinf(b->angle_min_rad) ? -ANGLE_UNLIMITED : degrees(b->angle_min_rad),
            [ANGMAX] = isinf(b->angle_max_rad) ? ANGLE_UNLIMITED : degrees(b->angle_max_rad),
        };
        put_row(writer, numbers, BRANCH_COLUMNS);
        bool is_limited = !isinf(b->rate_normal_mva) || !isinf(b->rate_emergency_mva);
        if (b->rating_kind == FG_RATING_CURRENT && is_limited)
            code = note(writer, FG_NOTE_CONVERTED, "branch", b->id, "current ratings became MVA at nominal voltage");
        if (code == FG_OK && b->tap.exists)
            code = note(writer, FG_NOTE_IGNORED, "branch", b->id, "tap changer: only its present position is kept");
    }
    fg_text_puts(writer->text, "];\n");
    return code;
}

static void put_bus_names(struct writer *writer)
{
    const struct fg_network *n = writer->network;
    bool has_names = false, ids_are_numbers = true;
    for (size_t i = 0; i < n->bus_count; i++) {
        has_names = has_names || n->buses[i].name != NULL;
        ids_are_numbers = ids_are_numbers && number_of_id(n->buses[i].id) > 0;
    }
    if (!has_names && ids_are_numbers)
        return;
    fg_text_puts(writer->text, "\n%% bus names\nmpc.bus_name = {\n");
    for (size_t i = 0; i < n->bus_count; i++) {
        if (writer->rows[i].representative != (int32_t)i)
            continue;
        const char *name = !ids_are_numbers ? n->buses[i].id : n->buses[i].name ? n->buses[i].name : "";
        fg_text_puts(writer->text, "\t'");
        for (const char *p = name; *p != '\0'; p++)
            if (*p == '\'')
                fg_text_puts(writer->text, "''");
            else
                fg_text_append(writer->text, *p == '\n' || *p == '\r' ? " " : p, 1);
        fg_text_puts(writer->text, "';\n");
    }
    fg_text_puts(writer->text, "};\n");
}

/* The name of the function: letters, digits and underscores. */
static void put_head(struct writer *writer)
{
    const struct fg_network *n = writer->network;
    fg_text_puts(writer->text, "function mpc = ");
    if (!isalpha((unsigned char)n->name[0]))
        fg_text_puts(writer->text, n->name[0] == '\0' ? "network" : "case_");
    for (const char *p = n->name; *p != '\0' && p < n->name + 50; p++)
        fg_text_printf(writer->text, "%c", isalnum((unsigned char)*p) ? *p : '_');
    fg_text_puts(writer->text, "\n\n%% MATPOWER Case Format : Version 2\nmpc.version = '2';\n\n%% system MVA base\n"
                               "mpc.baseMVA = ");
    put_number(writer, n->base_mva, ";\n");
}

enum fg_code fg_matpower_format(struct fg_network *network, struct fg_text *text, struct fg_error *err)
{
    struct writer writer = {network, text, err, fg_alloc(network->bus_count, sizeof *writer.rows)};
    if (writer.rows == NULL)
        return fg_fail_memory(err);
    enum fg_code code = number_buses(&writer);
    if (code == FG_OK)
        code = merge_buses(&writer);
    if (code == FG_OK)
        code = add_injections(&writer);
    if (code == FG_OK)
        code = add_branch_shunts(&writer);
    choose_types(&writer);
    put_head(&writer);
    if (code == FG_OK)
        code = put_buses(&writer);
    if (code == FG_OK)
        code = put_generators(&writer);
    if (code == FG_OK)
        code = put_branches(&writer);
    put_costs(&writer);
    put_bus_names(&writer);
    fg_free(writer.rows);
    return code == FG_OK && text->failed ? fg_fail_memory(err) : code;
}

enum fg_code fg_matpower_write(struct fg_network *network, const char *path, struct fg_error *err)
{
    struct fg_text text;
    fg_text_init(&text);
    enum fg_code code = fg_matpower_format(network, &text, err);
    if (code == FG_OK)
        code = fg_file_write(path, text.data, text.length, err);
    fg_text_release(&text);
    return code;
}

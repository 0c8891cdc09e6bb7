/* MATPOWER case to network. Rules: matpower.h; the columns and their defaults: docs/networks.md. */
#include "grid/matlab.h"
#include "grid/matpower.h"
#include "grid/matpower_columns.h"
#include "grid/network_read.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct matrix {
    const char *name; /* "bus" */
    const struct fg_matlab_value *value;
    size_t line; /* where the field was first assigned */
};

struct bus_number {
    double number;
    int32_t index;
};

struct reader {
    struct fg_matlab run;
    const char *place;
    struct fg_network *network;
    struct fg_error *err;
    struct matrix bus, gen, branch, gencost;
    struct bus_number *numbers; /* sorted by number */
    int *types;                 /* per bus, after MATPOWER's choice of references */
    bool *has_generator;        /* per bus: one in service */
};

/* ---- Access and failure ---- */

/* Columns that the file does not have are 0; adding 0 turns "-0.0" into 0. */
static double at(const struct matrix *matrix, size_t row, size_t col)
{
    return col < matrix->value->cols ? matrix->value->numbers[row * matrix->value->cols + col] + 0.0 : 0;
}

static size_t line_of(const struct matrix *matrix, size_t row)
{
    return matrix->value->lines != NULL && row < matrix->value->rows ? matrix->value->lines[row] : matrix->line;
}

static enum fg_code fail_at(struct reader *reader, const struct matrix *matrix, size_t row, enum fg_code code,
                            const char *format, ...) FG_PRINTF(5, 6);
static enum fg_code fail_at(struct reader *reader, const struct matrix *matrix, size_t row, enum fg_code code,
                            const char *format, ...)
{
    char place[300], text[500];
    snprintf(place, sizeof place, "%s:%zu", reader->place, line_of(matrix, row));
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fg_fail(reader->err, code, place, "mpc.%s row %zu: %s", matrix->name, row + 1, text);
}

static enum fg_code note_at(struct reader *reader, const struct matrix *matrix, size_t row, enum fg_note_kind kind,
                            const char *text)
{
    char place[300];
    snprintf(place, sizeof place, "%s:%zu", reader->place, line_of(matrix, row));
    return fg_network_note(reader->network, kind, place, reader->err, "%s", text);
}

/* Columns that must be finite; the others may be infinite but never NaN. */
static enum fg_code check_numbers(struct reader *reader, const struct matrix *matrix, const bool *may_be_infinite,
                                  size_t columns)
{
    for (size_t r = 0; r < matrix->value->rows; r++)
        for (size_t c = 0; c < columns && c < matrix->value->cols; c++) {
            double x = at(matrix, r, c);
            if (isnan(x) || (isinf(x) && !may_be_infinite[c]))
                return fail_at(reader, matrix, r, FG_ERR_VALUE, "column %zu is %s; give a finite number", c + 1,
                               isnan(x) ? "NaN" : "infinite");
        }
    return FG_OK;
}

/* ---- Fields of the structure ---- */

static const struct fg_matlab_variable *field(const struct reader *reader, const char *name)
{
    char dotted[80];
    const char *output = reader->run.output_name ? reader->run.output_name : "mpc";
    snprintf(dotted, sizeof dotted, "%s.%s", output, name);
    return fg_matlab_find(&reader->run, dotted);
}

static enum fg_code fail_field(struct reader *reader, const struct fg_matlab_variable *variable, enum fg_code code,
                               const char *format, ...) FG_PRINTF(4, 5);
static enum fg_code fail_field(struct reader *reader, const struct fg_matlab_variable *variable, enum fg_code code,
                               const char *format, ...)
{
    char place[300], text[500];
    snprintf(place, sizeof place, "%s:%zu", reader->place, variable ? variable->line : reader->run.line);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fg_fail(reader->err, code, place, "%s", text);
}

static enum fg_code get_matrix(struct reader *reader, const char *name, size_t columns_min, size_t columns_max,
                               struct matrix *out)
{
    const struct fg_matlab_variable *variable = field(reader, name);
    *out = (struct matrix){.name = name};
    if (variable == NULL)
        return fail_field(reader, NULL, FG_ERR_SCHEMA, "mpc.%s is missing; the file may be cut off or not be a case",
                          name);
    if (variable->value.kind != FG_MATLAB_NUMBER)
        return fail_field(reader, variable, FG_ERR_SCHEMA, "mpc.%s is not a matrix of numbers", name);
    out->value = &variable->value;
    out->line = variable->line;
    if (variable->value.rows > INT32_MAX / 4)
        return fail_field(reader, variable, FG_ERR_TOO_LARGE, "mpc.%s has %zu rows, too many", name,
                          variable->value.rows);
    if (variable->value.rows != 0 && (variable->value.cols < columns_min || variable->value.cols > columns_max))
        return fail_field(reader, variable, FG_ERR_SCHEMA,
                          "mpc.%s has %zu columns, a case has %zu to %zu; compare with "
                          "MATPOWER's caseformat",
                          name, variable->value.cols, columns_min, columns_max);
    return FG_OK;
}

static enum fg_code check_version(struct reader *reader)
{
    const struct fg_matlab_variable *version = field(reader, "version");
    if (version == NULL)
        return fail_field(reader, NULL, FG_ERR_SCHEMA,
                          "mpc.version is missing; the file must be a MATPOWER case of version "
                          "'2'");
    bool is_two = version->value.kind == FG_MATLAB_TEXT ? strcmp(version->value.text, "2") == 0
                  : version->value.kind == FG_MATLAB_NUMBER
                      ? version->value.rows * version->value.cols == 1 && version->value.numbers[0] == 2
                      : false;
    return is_two ? FG_OK
                  : fail_field(reader, version, FG_ERR_UNSUPPORTED,
                               "mpc.version is not '2'; save the case with MATPOWER's "
                               "savecase in the present format");
}

static enum fg_code read_base(struct reader *reader)
{
    const struct fg_matlab_variable *base = field(reader, "baseMVA");
    if (base == NULL)
        return fail_field(reader, NULL, FG_ERR_SCHEMA, "mpc.baseMVA is missing; the file may be cut off");
    double number =
        base->value.kind == FG_MATLAB_NUMBER && base->value.rows * base->value.cols == 1 ? base->value.numbers[0] : NAN;
    if (!(number > 0 && isfinite(number)))
        return fail_field(reader, base, FG_ERR_VALUE, "mpc.baseMVA is not a positive number");
    reader->network->base_mva = number;
    return FG_OK;
}

/* DC lines: MATPOWER leaves them out unless toggle_dcline switches them on. The same here for those that carry no
 * power; one with a schedule would shift the balance, so it is refused. */
static enum fg_code check_dc_lines(struct reader *reader)
{
    const struct fg_matlab_variable *variable = field(reader, "dcline");
    if (variable == NULL || (variable->value.kind == FG_MATLAB_NUMBER && variable->value.rows == 0))
        return FG_OK;
    struct matrix dcline;
    enum fg_code code = get_matrix(reader, "dcline", 5, 23, &dcline);
    for (size_t r = 0; code == FG_OK && r < dcline.value->rows; r++) {
        if (at(&dcline, r, 2) == 0)
            code = note_at(reader, &dcline, r, FG_NOTE_IGNORED, "DC line out of service");
        else if (at(&dcline, r, 3) == 0 && at(&dcline, r, 4) == 0)
            code = note_at(
                reader, &dcline, r, FG_NOTE_IGNORED,
                "DC line in service without scheduled flow; left out, as MATPOWER does unless toggle_dcline is on");
        else
            code = fail_at(reader, &dcline, r, FG_ERR_UNSUPPORTED,
                           "a DC line in service carries %g MW; DC lines are not "
                           "modelled. Replace it by a load and a generator",
                           at(&dcline, r, 3));
    }
    return code;
}

/* What the structure holds beyond the model: extra constraints and costs change the answer and are refused, other
 * fields are noted. */
static enum fg_code check_other_fields(struct reader *reader)
{
    static const char *const used[] = {"version", "baseMVA", "bus", "gen", "branch", "gencost", "dcline", "bus_name"};
    static const char *const refused[] = {"A", "l", "u", "N", "fparm", "H", "Cw", "z0", "zl", "zu", "userfcn"};
    const char *output = reader->run.output_name ? reader->run.output_name : "mpc";
    size_t prefix = strlen(output);
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < reader->run.variable_count; i++) {
        const struct fg_matlab_variable *variable = &reader->run.variables[i];
        if (strncmp(variable->name, output, prefix) != 0 || variable->name[prefix] != '.')
            continue;
        const char *name = variable->name + prefix + 1;
        bool known = false;
        for (size_t k = 0; k < sizeof used / sizeof *used; k++)
            known = known || strcmp(name, used[k]) == 0;
        for (size_t k = 0; k < sizeof refused / sizeof *refused; k++)
            if (strcmp(name, refused[k]) == 0)
                return fail_field(reader, variable, FG_ERR_UNSUPPORTED,
                                  "mpc.%s adds user-defined variables, constraints "
                                  "or costs, which are not understood; remove it",
                                  name);
        if (known)
            continue;
        char place[300];
        snprintf(place, sizeof place, "%s:%zu", reader->place, variable->line);
        code = fg_network_note(reader->network, FG_NOTE_IGNORED, place, reader->err, "field mpc.%s", name);
    }
    return code;
}

/* ---- Buses ---- */

static int compare_numbers(const void *a, const void *b)
{
    const struct bus_number *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Index of a bus by the number in the file, -1 when there is none. */
static int32_t find_bus(const struct reader *reader, double number)
{
    size_t low = 0, high = reader->bus.value->rows;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reader->numbers[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < reader->bus.value->rows && reader->numbers[low].number == number ? reader->numbers[low].index : -1;
}

static enum fg_code index_buses(struct reader *reader)
{
    size_t count = reader->bus.value->rows;
    reader->numbers = fg_alloc(count, sizeof *reader->numbers);
    reader->types = fg_alloc(count, sizeof *reader->types);
    reader->has_generator = fg_alloc(count, sizeof *reader->has_generator);
    if (reader->numbers == NULL || reader->types == NULL || reader->has_generator == NULL)
        return fg_fail_memory(reader->err);
    for (size_t r = 0; r < count; r++) {
        double number = at(&reader->bus, r, BUS_I), type = at(&reader->bus, r, BUS_TYPE);
        if (!(number >= 1 && number < 9e15 && floor(number) == number))
            return fail_at(reader, &reader->bus, r, FG_ERR_VALUE, "bus number %.17g is not a whole number from 1",
                           number);
        if (!(type == TYPE_PQ || type == TYPE_PV || type == TYPE_REF || type == TYPE_ISOLATED))
            return fail_at(reader, &reader->bus, r, FG_ERR_VALUE,
                           "bus type %g is unknown; give 1 (PQ), 2 (PV), 3 "
                           "(reference) or 4 (isolated)",
                           type);
        reader->numbers[r] = (struct bus_number){number, (int32_t)r};
        reader->types[r] = (int)type;
    }
    qsort(reader->numbers, count, sizeof *reader->numbers, compare_numbers);
    for (size_t i = 0; i + 1 < count; i++)
        if (reader->numbers[i].number == reader->numbers[i + 1].number)
            return fail_at(reader, &reader->bus, (size_t)reader->numbers[i + 1].index, FG_ERR_NETWORK,
                           "bus number %.0f is used twice (first on line %zu); bus numbers must be unique",
                           reader->numbers[i].number, line_of(&reader->bus, (size_t)reader->numbers[i].index));
    return FG_OK;
}

/* Which buses are references, as MATPOWER's bustypes decides: types count only where a generator is in service, and
 * without a reference the first PV bus takes its place. */
static enum fg_code choose_references(struct reader *reader)
{
    size_t count = reader->bus.value->rows, reference_count = 0;
    for (size_t r = 0; r < reader->gen.value->rows; r++) {
        int32_t bus = find_bus(reader, at(&reader->gen, r, GEN_BUS));
        if (bus < 0)
            return fail_at(reader, &reader->gen, r, FG_ERR_NETWORK,
                           "bus %.17g does not exist; add it to mpc.bus or correct "
                           "the number",
                           at(&reader->gen, r, GEN_BUS));
        if (at(&reader->gen, r, GEN_STATUS) > 0)
            reader->has_generator[bus] = true;
    }
    enum fg_code code = FG_OK;
    for (size_t r = 0; code == FG_OK && r < count; r++) {
        bool holds = reader->types[r] == TYPE_REF || reader->types[r] == TYPE_PV;
        if (holds && !reader->has_generator[r]) {
            if (reader->types[r] == TYPE_REF)
                code = note_at(reader, &reader->bus, r, FG_NOTE_CONVERTED,
                               "reference bus without generator in service becomes a PQ bus");
            reader->types[r] = TYPE_PQ;
        }
        reference_count += reader->types[r] == TYPE_REF;
    }
    for (size_t r = 0; code == FG_OK && reference_count == 0 && r < count; r++)
        if (reader->types[r] == TYPE_PV) {
            reader->types[r] = TYPE_REF;
            reference_count = 1;
            code = note_at(reader, &reader->bus, r, FG_NOTE_CONVERTED,
                           "no reference bus has a generator in service; the first PV bus takes its place");
        }
    if (code == FG_OK && reference_count == 0)
        return fg_fail(reader->err, FG_ERR_NETWORK, reader->place,
                       "no reference or PV bus has a generator in service; set "
                       "the type of a bus with a generator to 3");
    return code;
}

static enum fg_code read_bus(struct reader *reader, size_t r, const char *name)
{
    const struct matrix *m = &reader->bus;
    char id[40], text[48];
    snprintf(id, sizeof id, "%.0f", at(m, r, BUS_I));
    struct fg_bus *bus = fg_network_add_bus(reader->network, id, at(m, r, BASE_KV));
    if (bus == NULL || (name != NULL && (bus->name = fg_network_string(reader->network, name)) == NULL))
        return fg_fail_memory(reader->err);
    bus->vm_min_pu = at(m, r, VMIN);
    bus->vm_max_pu = at(m, r, VMAX);
    bus->vm_start_pu = at(m, r, VM);
    bus->va_start_rad = at(m, r, VA) * RADIANS_PER_DEGREE;
    bus->in_service = reader->types[r] != TYPE_ISOLATED;
    snprintf(text, sizeof text, "%.17g", at(m, r, ZONE));
    if ((bus->zone = fg_network_string(reader->network, text)) == NULL)
        return fg_fail_memory(reader->err);
    if (at(m, r, BASE_KV) < 0)
        return fail_at(reader, m, r, FG_ERR_VALUE, "nominal voltage %g kV is negative", at(m, r, BASE_KV));
    if (!(bus->vm_min_pu >= 0 && bus->vm_max_pu > 0 && bus->vm_min_pu <= bus->vm_max_pu))
        return fail_at(reader, m, r, FG_ERR_NETWORK,
                       "voltage limits %g to %g p.u. are impossible; give 0 <= Vmin <= Vmax", bus->vm_min_pu,
                       bus->vm_max_pu);
    enum fg_code code = FG_OK;
    if (bus->vm_start_pu <= 0) {
        bus->vm_start_pu = 1;
        code = note_at(reader, m, r, FG_NOTE_DEFAULTED, "voltage magnitude of 0 or below is taken as 1 p.u.");
    }
    double p = at(m, r, PD), q = at(m, r, QD), g = at(m, r, GS), b = at(m, r, BS);
    snprintf(text, sizeof text, "L%s", id);
    if ((p != 0 || q != 0) &&
        fg_network_add_injection(reader->network, text, FG_INJECTION_LOAD, (int32_t)r, 0 - p, 0 - q) == NULL)
        return fg_fail_memory(reader->err);
    snprintf(text, sizeof text, "S%s", id);
    if ((g != 0 || b != 0) && fg_network_add_shunt(reader->network, text, (int32_t)r, g, b) == NULL)
        return fg_fail_memory(reader->err);
    return code;
}

static enum fg_code read_buses(struct reader *reader)
{
    static const bool may_be_infinite[BUS_COLUMNS] = {[VMAX] = true};
    enum fg_code code = check_numbers(reader, &reader->bus, may_be_infinite, BUS_COLUMNS);
    const struct fg_matlab_variable *names = field(reader, "bus_name");
    size_t count = reader->bus.value->rows;
    bool has_names =
        names != NULL && names->value.kind == FG_MATLAB_CELL && names->value.rows * names->value.cols == count;
    if (code == FG_OK && names != NULL && !has_names)
        code = fail_field(reader, names, FG_ERR_SCHEMA, "mpc.bus_name is not a list of %zu texts, one for each bus",
                          count);
    bool one_area = true, unknown_kv = false;
    for (size_t r = 0; code == FG_OK && r < count; r++) {
        code = read_bus(reader, r, has_names ? names->value.texts[r] : NULL);
        one_area = one_area && at(&reader->bus, r, BUS_AREA) == at(&reader->bus, 0, BUS_AREA);
        unknown_kv = unknown_kv || at(&reader->bus, r, BASE_KV) == 0;
    }
    if (code == FG_OK && !one_area)
        code = note_at(reader, &reader->bus, 0, FG_NOTE_IGNORED, "area numbers of buses (column 7)");
    if (code == FG_OK && unknown_kv)
        code = note_at(reader, &reader->bus, 0, FG_NOTE_WARNING,
                       "some nominal voltages (column 10) are 0, that is unknown");
    if (code == FG_OK && reader->bus.value->cols > BUS_COLUMNS)
        code = note_at(reader, &reader->bus, 0, FG_NOTE_IGNORED, "columns 14 and up of mpc.bus (results)");
    return code;
}

/* ---- Generators and their costs ---- */

/* Ramp over an hour from the reserve columns: the longest one given, 30 min before 10 min before 1 min. */
static double hourly_ramp(const struct matrix *m, size_t r)
{
    if (at(m, r, RAMP_30) > 0)
        return at(m, r, RAMP_30) * 2;
    if (at(m, r, RAMP_10) > 0)
        return at(m, r, RAMP_10) * 6;
    return at(m, r, RAMP_AGC) > 0 ? at(m, r, RAMP_AGC) * 60 : INFINITY;
}

/* Limits in the wrong order are an error in service; out of service they bind nobody, so they are only worth a note. */
static enum fg_code check_generator(struct reader *reader, size_t r)
{
    const struct matrix *m = &reader->gen;
    bool has_capability = at(m, r, PC1) < at(m, r, PC2);
    const struct {
        const char *name;
        size_t low, high;
        bool applies;
    } limits[] = {
        {"Pmin, Pmax", PMIN, PMAX, true},
        {"Qmin, Qmax", QMIN, QMAX, true},
        {"Qc1min, Qc1max", QC1MIN, QC1MAX, has_capability},
        {"Qc2min, Qc2max", QC2MIN, QC2MAX, has_capability},
    };
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < sizeof limits / sizeof *limits; i++) {
        double low = at(m, r, limits[i].low), high = at(m, r, limits[i].high);
        if (!limits[i].applies || (low <= high && low < INFINITY && high > -INFINITY))
            continue;
        if (at(m, r, GEN_STATUS) > 0)
            return fail_at(reader, m, r, FG_ERR_NETWORK,
                           "limits %s are %.9g and %.9g; the lower one must not exceed the "
                           "upper one",
                           limits[i].name, low, high);
        code = note_at(reader, m, r, FG_NOTE_WARNING, "limits of a generator out of service are in the wrong order");
    }
    return code;
}

static enum fg_code read_generator(struct reader *reader, size_t r, bool *is_source)
{
    const struct matrix *m = &reader->gen;
    enum fg_code code = check_generator(reader, r);
    if (code != FG_OK)
        return code;
    int32_t bus = find_bus(reader, at(m, r, GEN_BUS));
    bool in_service = at(m, r, GEN_STATUS) > 0;
    bool source = in_service && reader->types[bus] == TYPE_REF && !is_source[bus];
    is_source[bus] = is_source[bus] || source;
    char id[32];
    snprintf(id, sizeof id, "G%zu", r + 1);
    struct fg_generator *g =
        fg_network_add_generator(reader->network, id, source ? FG_GENERATOR_SOURCE : FG_GENERATOR_DISPATCHABLE, bus);
    if (g == NULL)
        return fg_fail_memory(reader->err);
    g->p_mw = at(m, r, PG);
    g->q_mvar = at(m, r, QG);
    g->p_min_mw = at(m, r, PMIN);
    g->p_max_mw = at(m, r, PMAX);
    g->q_min_mvar = at(m, r, QMIN);
    g->q_max_mvar = at(m, r, QMAX);
    bool holds_voltage = reader->types[bus] == TYPE_REF || reader->types[bus] == TYPE_PV;
    g->vm_set_pu = holds_voltage ? at(m, r, VG) : NAN;
    if (holds_voltage && at(m, r, VG) <= 0) {
        if (in_service)
            return fail_at(reader, m, r, FG_ERR_VALUE, "voltage set-point %g p.u. is not positive", at(m, r, VG));
        g->vm_set_pu = NAN;
    }
    g->va_set_rad = source ? reader->network->buses[bus].va_start_rad : 0;
    g->in_service = in_service;
    g->pc1_mw = at(m, r, PC1);
    g->pc2_mw = at(m, r, PC2);
    g->qc1_min_mvar = at(m, r, QC1MIN);
    g->qc1_max_mvar = at(m, r, QC1MAX);
    g->qc2_min_mvar = at(m, r, QC2MIN);
    g->qc2_max_mvar = at(m, r, QC2MAX);
    g->ramp_mw_per_h = hourly_ramp(m, r);
    if (at(m, r, PC1) > at(m, r, PC2))
        code = note_at(reader, m, r, FG_NOTE_IGNORED, "capability curve with Pc1 above Pc2");
    bool is_dispatchable_load = in_service && g->p_min_mw < 0 && g->p_max_mw == 0;
    if (code == FG_OK && is_dispatchable_load && (g->q_min_mvar != 0 || g->q_max_mvar != 0))
        code = note_at(reader, m, r, FG_NOTE_WARNING,
                       "dispatchable load: its constant power factor is not enforced, its reactive limits are");
    if (code == FG_OK && (at(m, r, RAMP_Q) != 0 || at(m, r, APF) != 0))
        code = note_at(reader, m, r, FG_NOTE_IGNORED, "reactive ramp or participation factor of a generator");
    return code;
}

static enum fg_code read_cost(struct reader *reader, size_t r, struct fg_cost *cost)
{
    const struct matrix *m = &reader->gencost;
    double model = at(m, r, MODEL), number = at(m, r, NCOST);
    if (model != MODEL_PIECEWISE && model != MODEL_POLYNOMIAL)
        return fail_at(reader, m, r, FG_ERR_VALUE,
                       "cost model %g is unknown; give 1 (piecewise linear) or 2 (polynomial)", model);
    size_t per_item = model == MODEL_PIECEWISE ? 2 : 1;
    if (!(number >= 0 && floor(number) == number && number * (double)per_item <= (double)m->value->cols - COST))
        return fail_at(reader, m, r, FG_ERR_VALUE, "cost has n = %g, but the row has room for %zu numbers", number,
                       m->value->cols - COST);
    size_t count = (size_t)number;
    if (model == MODEL_PIECEWISE && count < 2)
        return fail_at(reader, m, r, FG_ERR_VALUE, "piecewise-linear cost has n = %zu; it needs at least 2 points",
                       count);
    if (count == 0)
        return FG_OK;
    double *values = fg_alloc(count * per_item, sizeof *values);
    if (values == NULL)
        return fg_fail_memory(reader->err);
    for (size_t k = 0; k < count * per_item;
         k++) /* polynomials: highest power first in the file, lowest in the model */
        values[k] = at(m, r, COST + (model == MODEL_POLYNOMIAL ? count - 1 - k : k));
    enum fg_code code =
        fg_network_set_cost(reader->network, cost, model == MODEL_POLYNOMIAL ? FG_COST_POLYNOMIAL : FG_COST_PIECEWISE,
                            (int32_t)count, values, reader->err);
    for (size_t k = 0; code == FG_OK && model == MODEL_PIECEWISE && k + 1 < count; k++)
        if (!(values[2 * k + 2] > values[2 * k]))
            code = fail_at(reader, m, r, FG_ERR_VALUE,
                           "power %.9g of point %zu is not above the one before; order the points", values[2 * k + 2],
                           k + 2);
    fg_free(values);
    if (code == FG_OK && (at(m, r, STARTUP) != 0 || at(m, r, SHUTDOWN) != 0))
        code = note_at(reader, m, r, FG_NOTE_IGNORED, "start-up and shut-down costs");
    return code;
}

static enum fg_code read_costs(struct reader *reader)
{
    size_t generator_count = reader->gen.value->rows;
    if (field(reader, "gencost") == NULL)
        return fg_network_note(reader->network, FG_NOTE_DEFAULTED, reader->place, reader->err,
                               "mpc.gencost is missing: generators have no costs");
    enum fg_code code = get_matrix(reader, "gencost", COST, SIZE_MAX, &reader->gencost);
    if (code != FG_OK)
        return code;
    size_t rows = reader->gencost.value->rows;
    if (rows == 0)
        return FG_OK;
    if (rows != generator_count && rows != 2 * generator_count)
        return fail_field(reader, field(reader, "gencost"), FG_ERR_SCHEMA,
                          "mpc.gencost has %zu rows for %zu generators; "
                          "give one row each, and as many again for reactive power",
                          rows, generator_count);
    const struct matrix *m = &reader->gencost;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < m->value->cols; c++)
            if (!isfinite(at(m, r, c)))
                return fail_at(reader, m, r, FG_ERR_VALUE, "column %zu is %g; give a finite number", c + 1,
                               at(m, r, c));
    for (size_t r = 0; code == FG_OK && r < rows; r++) {
        struct fg_generator *g = &reader->network->generators[r % generator_count];
        code = read_cost(reader, r, r < generator_count ? &g->cost : &g->cost_reactive);
    }
    return code;
}

static enum fg_code read_generators(struct reader *reader)
{
    static const bool may_be_infinite[GEN_COLUMNS] = {
        [QMAX] = true,     [QMIN] = true,    [PMAX] = true,    [PMIN] = true,   [MBASE] = true,
        [RAMP_AGC] = true, [RAMP_10] = true, [RAMP_30] = true, [RAMP_Q] = true,
    };
    bool *is_source = fg_alloc(reader->bus.value->rows, sizeof *is_source);
    if (is_source == NULL)
        return fg_fail_memory(reader->err);
    enum fg_code code = check_numbers(reader, &reader->gen, may_be_infinite, GEN_COLUMNS);
    for (size_t r = 0; code == FG_OK && r < reader->gen.value->rows; r++)
        code = read_generator(reader, r, is_source);
    fg_free(is_source);
    if (code == FG_OK && reader->gen.value->cols > GEN_COLUMNS)
        code = note_at(reader, &reader->gen, 0, FG_NOTE_IGNORED, "columns 22 and up of mpc.gen (results)");
    return code == FG_OK ? read_costs(reader) : code;
}

/* ---- Branches ---- */

struct branch_key {
    double from, to;
    size_t row, parallel; /* 1 for the first of its pair */
};

static int compare_pairs(const void *a, const void *b)
{
    const struct branch_key *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int compare_rows(const void *a, const void *b)
{
    const struct branch_key *x = a, *y = b;
    return x->row < y->row ? -1 : x->row > y->row;
}

static enum fg_code read_rating(struct reader *reader, size_t r, size_t column, double *rate)
{
    double number = at(&reader->branch, r, column);
    if (number < 0)
        return fail_at(reader, &reader->branch, r, FG_ERR_VALUE, "rating %g MVA is negative; 0 means no limit", number);
    *rate = number == 0 || number >= RATE_UNLIMITED ? INFINITY : number;
    return FG_OK;
}

static enum fg_code read_branch(struct reader *reader, const struct branch_key *key)
{
    const struct matrix *m = &reader->branch;
    size_t r = key->row;
    int32_t from = find_bus(reader, key->from), to = find_bus(reader, key->to);
    if (from < 0 || to < 0)
        return fail_at(reader, m, r, FG_ERR_NETWORK,
                       "bus %.17g does not exist; add it to mpc.bus or correct the number",
                       from < 0 ? key->from : key->to);
    if (from == to)
        return fail_at(reader, m, r, FG_ERR_NETWORK, "both ends are at bus %.0f; connect two different buses",
                       key->from);
    char id[96];
    int written = snprintf(id, sizeof id, "%.0f-%.0f", key->from, key->to);
    if (key->parallel > 1)
        snprintf(id + written, sizeof id - (size_t)written, "#%zu", key->parallel);
    struct fg_branch *b = fg_network_add_branch(reader->network, id, from, to);
    if (b == NULL)
        return fg_fail_memory(reader->err);
    double tap = at(m, r, TAP), shift = at(m, r, SHIFT);
    bool same_level = reader->network->buses[from].vn_kv == reader->network->buses[to].vn_kv;
    b->kind = tap == 0 && shift == 0 && same_level ? FG_BRANCH_LINE : FG_BRANCH_TRANSFORMER;
    b->r_pu = at(m, r, BR_R);
    b->x_pu = at(m, r, BR_X);
    b->b_from_pu = b->b_to_pu = at(m, r, BR_B) / 2;
    b->ratio = tap == 0 ? 1 : tap;
    b->shift_rad = shift * RADIANS_PER_DEGREE;
    b->in_service = at(m, r, BR_STATUS) > 0;
    if (b->ratio < 0)
        return fail_at(reader, m, r, FG_ERR_VALUE, "ratio %g is negative; give a positive one, or 0 for a line", tap);
    if (b->in_service && hypot(b->r_pu, b->x_pu) < 1e-12)
        return fail_at(reader, m, r, FG_ERR_NETWORK,
                       "the series impedance is zero; merge the two buses, or give a small "
                       "impedance");
    double rate_b = INFINITY, rate_c = INFINITY;
    enum fg_code code = read_rating(reader, r, RATE_A, &b->rate_normal_mva);
    if (code == FG_OK)
        code = read_rating(reader, r, RATE_B, &rate_b);
    if (code == FG_OK)
        code = read_rating(reader, r, RATE_C, &rate_c);
    b->rate_emergency_mva = isinf(rate_c) ? rate_b : rate_c;
    if (code == FG_OK && !isinf(rate_b) && rate_b != b->rate_emergency_mva)
        code = note_at(reader, m, r, FG_NOTE_IGNORED, "short-term rating (column 7); the emergency rating is column 8");
    double low = at(m, r, ANGMIN), high = at(m, r, ANGMAX);
    if (low != 0 || high != 0) {
        b->angle_min_rad = low > -ANGLE_UNLIMITED ? low * RADIANS_PER_DEGREE : -INFINITY;
        b->angle_max_rad = high < ANGLE_UNLIMITED ? high * RADIANS_PER_DEGREE : INFINITY;
    }
    if (code == FG_OK && !(b->angle_min_rad <= b->angle_max_rad))
        code = fail_at(reader, m, r, FG_ERR_NETWORK, "angle limits %g to %g degrees are impossible", low, high);
    return code;
}

static enum fg_code read_branches(struct reader *reader)
{
    static const bool may_be_infinite[BRANCH_COLUMNS] = {
        [RATE_A] = true, [RATE_B] = true, [RATE_C] = true, [ANGMIN] = true, [ANGMAX] = true};
    size_t count = reader->branch.value->rows;
    struct branch_key *keys = fg_alloc(count, sizeof *keys);
    if (keys == NULL)
        return fg_fail_memory(reader->err);
    enum fg_code code = check_numbers(reader, &reader->branch, may_be_infinite, BRANCH_COLUMNS);
    for (size_t r = 0; r < count; r++)
        keys[r] = (struct branch_key){at(&reader->branch, r, F_BUS), at(&reader->branch, r, T_BUS), r, 1};
    if (code == FG_OK)
        qsort(keys, count, sizeof *keys, compare_pairs);
    for (size_t i = 1; code == FG_OK && i < count; i++)
        if (keys[i].from == keys[i - 1].from && keys[i].to == keys[i - 1].to)
            keys[i].parallel = keys[i - 1].parallel + 1;
    if (code == FG_OK)
        qsort(keys, count, sizeof *keys, compare_rows);
    for (size_t r = 0; code == FG_OK && r < count; r++)
        code = read_branch(reader, &keys[r]);
    fg_free(keys);
    if (code == FG_OK && reader->branch.value->cols > BRANCH_COLUMNS)
        code = note_at(reader, &reader->branch, 0, FG_NOTE_IGNORED, "columns 14 and up of mpc.branch (results)");
    return code;
}

/* ---- The whole ---- */

static enum fg_code read_case(struct reader *reader)
{
    enum fg_code code = check_version(reader);
    if (code == FG_OK)
        code = read_base(reader);
    if (code == FG_OK)
        code = get_matrix(reader, "bus", BUS_COLUMNS, BUS_COLUMNS_MAX, &reader->bus);
    if (code == FG_OK)
        code = get_matrix(reader, "gen", GEN_COLUMNS_MIN, GEN_COLUMNS_MAX, &reader->gen);
    if (code == FG_OK)
        code = get_matrix(reader, "branch", BRANCH_COLUMNS_MIN, BRANCH_COLUMNS_MAX, &reader->branch);
    if (code == FG_OK)
        code = check_other_fields(reader);
    if (code == FG_OK)
        code = check_dc_lines(reader);
    if (code == FG_OK)
        code = index_buses(reader);
    if (code == FG_OK)
        code = choose_references(reader);
    if (code == FG_OK)
        code = read_buses(reader);
    if (code == FG_OK)
        code = read_generators(reader);
    return code == FG_OK ? read_branches(reader) : code;
}

enum fg_code fg_matpower_parse(const char *bytes, size_t length, const char *place, struct fg_network **network,
                               struct fg_error *err)
{
    *network = NULL;
    if (length > FG_MATPOWER_MAX_BYTES)
        return fg_fail(err, FG_ERR_TOO_LARGE, place, "the case has %zu bytes, the limit is %zu; split it", length,
                       FG_MATPOWER_MAX_BYTES);
    struct reader reader = {.place = place, .err = err};
    enum fg_code code = fg_matlab_run(&reader.run, bytes, length, place, err);
    if (code == FG_OK && (reader.network = fg_network_create()) == NULL)
        code = fg_fail_memory(err);
    if (code == FG_OK && reader.run.function_name != NULL &&
        (reader.network->name = fg_network_string(reader.network, reader.run.function_name)) == NULL)
        code = fg_fail_memory(err);
    if (code == FG_OK)
        code = read_case(&reader);
    if (code == FG_OK)
        code = fg_network_validate_file(reader.network, place, err);
    fg_free(reader.numbers);
    fg_free(reader.types);
    fg_free(reader.has_generator);
    fg_matlab_release(&reader.run);
    if (code == FG_OK)
        *network = reader.network;
    else
        fg_network_destroy(reader.network);
    return code;
}

enum fg_code fg_matpower_read(const char *path, struct fg_network **network, struct fg_error *err)
{
    *network = NULL;
    struct fg_text text;
    fg_text_init(&text);
    enum fg_code code = fg_file_read(path, FG_MATPOWER_MAX_BYTES, &text, err);
    if (code == FG_OK)
        code = fg_matpower_parse(text.data ? text.data : "", text.length, path, network, err);
    fg_text_release(&text);
    return code;
}

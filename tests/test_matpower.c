/* MATPOWER reader and writer. Expected values: the case files read by a second, line-based parser in this file; unit
 * conversions by hand from the published ohm and kW values; meaning of columns from the MATPOWER manual. */
#include "base/text.h"
#include "grid/matpower.h"
#include "network_equal.h"

#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define CASES FG_SHARED_DIR "/data/cases/matpower"
#define PGLIB FG_SHARED_DIR "/data/cases/pglib"

static void need_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        print_message("skipped: folder absent: %s\n", path);
        skip();
    }
    closedir(folder);
}

static struct fg_network *read_case(const char *path)
{
    struct fg_network *network;
    struct fg_error err = {0};
    if (fg_matpower_read(path, &network, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    return network;
}

static struct fg_network *parse_text(const char *text)
{
    struct fg_network *network;
    struct fg_error err = {0};
    if (fg_matpower_parse(text, strlen(text), "t.m", &network, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    return network;
}

/* ---- A second parser: rows of "mpc.NAME = [ ... ];" by lines; only plain numbers ---- */

struct table {
    size_t rows;
    double sum[30];   /* of each column */
    double first[30]; /* the first row */
};

static void scan_table(const char *text, const char *name, struct table *table)
{
    char head[40];
    *table = (struct table){0};
    snprintf(head, sizeof head, "mpc.%s = [", name);
    const char *p = strstr(text, head);
    if (p == NULL)
        return;
    p = strchr(p, '\n') + 1;
    while (*p != ']') {
        double numbers[30];
        size_t count = 0;
        while (*p != '\n' && *p != ';' && *p != '%' && *p != ']') {
            char *end;
            while (*p == ' ' || *p == '\t' || *p == '\r' || *p == ',')
                p++;
            double number = strtod(p, &end);
            if (end == p) {
                if (*p != '\n' && *p != ';' && *p != '%' && *p != ']') /* an expression: step over the word */
                    while (!isspace((unsigned char)*p) && *p != ';')
                        p++;
                continue;
            }
            if (count < 30)
                numbers[count++] = number;
            for (p = end; !isspace((unsigned char)*p) && *p != ';' && *p != ',';)
                p++; /* "135/sqrt(3)": the first number stands for the field */
        }
        for (size_t c = 0; c < count; c++) {
            table->sum[c] += numbers[c];
            if (table->rows == 0)
                table->first[c] = numbers[c];
        }
        table->rows += count != 0;
        while (*p != '\n' && *p != ']')
            p++;
        p += *p == '\n';
    }
}

static double load_sum(const struct fg_network *n)
{
    double sum = 0;
    for (size_t i = 0; i < n->injection_count; i++)
        sum -= n->injections[i].p_mw;
    return sum;
}

/* Factor from the file's Pd to MW, from the words in its comments and the code at its end. */
static double load_factor(const char *text)
{
    double factor = strstr(text, "mpc.bus(:, [PD, QD]) / 1e3") ? 1e-3 : 1;
    return strstr(text, "pf = 0.85") ? factor * 0.85 : factor;
}

static size_t check_folder(const char *folder)
{
    need_folder(folder);
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    size_t checked = 0;
    for (int i = 0; i < count; i++) {
        size_t length = strlen(entries[i]->d_name);
        if (length > 2 && strcmp(entries[i]->d_name + length - 2, ".m") == 0) {
            char path[1024];
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            struct fg_text text;
            fg_text_init(&text);
            assert_int_equal(fg_file_read(path, (size_t)64 << 20, &text, NULL), FG_OK);
            struct table bus, gen, branch;
            scan_table(text.data, "bus", &bus);
            scan_table(text.data, "gen", &gen);
            scan_table(text.data, "branch", &branch);
            struct fg_network *n = read_case(path);
            if (n->bus_count != bus.rows || n->generator_count != gen.rows || n->branch_count != branch.rows)
                fail_msg("%s: %zu buses, %zu generators, %zu branches; the file has %zu, %zu, %zu", path, n->bus_count,
                         n->generator_count, n->branch_count, bus.rows, gen.rows, branch.rows);
            double expected = bus.sum[2] * load_factor(text.data);
            if (fabs(load_sum(n) - expected) > 1e-9 * (1 + fabs(expected)))
                fail_msg("%s: load %.12g MW, the file's numbers give %.12g", path, load_sum(n), expected);
            fg_network_destroy(n);
            fg_text_release(&text);
            checked++;
        }
        free(entries[i]);
    }
    free(entries);
    return checked;
}

static void all_matpower_cases_are_read(void **state)
{
    (void)state;
    assert_int_equal(check_folder(CASES), 41);
}

static void all_pglib_cases_are_read(void **state)
{
    (void)state;
    assert_int_equal(check_folder(PGLIB), 35);
}

/* ---- Unit conversions by hand ---- */

static void near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-12 * fabs(expected)))
        fail_msg("%.17g, expected %.17g", value, expected);
}

static double load_at(const struct fg_network *n, const char *bus, bool reactive)
{
    int32_t index = fg_network_find_bus(n, bus);
    for (size_t i = 0; i < n->injection_count; i++)
        if (n->injections[i].bus == index)
            return reactive ? -n->injections[i].q_mvar : -n->injections[i].p_mw;
    return 0;
}

static void ohms_and_kilowatts_become_per_unit_and_megawatts(void **state)
{
    (void)state;
    need_folder(CASES);
    /* Baran and Wu 1989: first branch 0.0922 + j0.0470 ohm at 12.66 kV, load of bus 2 is 100 kW + j60 kvar. */
    struct fg_network *n = read_case(CASES "/case33bw.m");
    near(n->branches[0].r_pu, 0.0922 / (12.66 * 12.66 / 10));
    near(n->branches[0].x_pu, 0.0470 / (12.66 * 12.66 / 10));
    near(load_at(n, "2", false), 0.1);
    near(load_at(n, "2", true), 0.06);
    assert_false(n->branches[32].in_service); /* the five tie lines are open */
    fg_network_destroy(n);
    /* Das et al. 1995, 11 kV, 100 MVA-free base 1 MVA; power factor 0.70, given in kW and kvar. */
    n = read_case(CASES "/case85.m");
    near(n->branches[0].r_pu, 0.108 / (11.0 * 11.0 / 1));
    near(n->branches[0].x_pu, 0.075 / (11.0 * 11.0 / 1));
    fg_network_destroy(n);
    /* Khodr et al. 2008: loads in kVA at power factor 0.85, 12.47 kV. */
    n = read_case(CASES "/case141.m");
    struct fg_text text;
    fg_text_init(&text);
    assert_int_equal(fg_file_read(CASES "/case141.m", (size_t)1 << 20, &text, NULL), FG_OK);
    struct table bus, branch;
    scan_table(text.data, "bus", &bus);
    scan_table(text.data, "branch", &branch);
    near(load_sum(n), bus.sum[2] / 1000 * 0.85);
    near(n->branches[0].r_pu, branch.first[2] / (bus.first[9] * bus.first[9] / 10));
    double q = 0;
    for (size_t i = 0; i < n->injection_count; i++)
        q -= n->injections[i].q_mvar;
    near(q, bus.sum[2] / 1000 * sqrt(1 - 0.85 * 0.85));
    fg_text_release(&text);
    fg_network_destroy(n);
    /* Zhang et al. 2007: 11 kV, base 10 MVA, first branch 0.036 + j0.01296 ohm. */
    n = read_case(CASES "/case118zh.m");
    near(n->branches[0].r_pu, 0.036 / (11.0 * 11.0 / 10));
    near(n->branches[0].x_pu, 0.01296 / (11.0 * 11.0 / 10));
    fg_network_destroy(n);
    /* Malmer and Thorin 2023: single-phase quantities by expressions inside the matrices. */
    n = read_case(CASES "/case533mt_hi.m");
    near(n->base_mva, 50.0 / 3);
    near(n->buses[0].vn_kv, 135 / sqrt(3));
    near(n->buses[1].vn_kv, 12 / sqrt(3));
    near(n->generators[0].p_max_mw, 50.0 / 3);
    fg_network_destroy(n);
    /* per-unit impedances stay, loads in kW are converted (idx_bus alone). */
    n = read_case(CASES "/case15nbr.m");
    near(n->branches[0].r_pu, 0.7766);
    near(load_sum(n), 1.2264);
    fg_network_destroy(n);
}

/* ---- Meaning of the columns ---- */

#define HEAD "function mpc = t\nmpc.version = '2';\nmpc.baseMVA = 100;\n"
#define BUSES                                                                                   \
    "mpc.bus = [\n 1 3 0 0 0 0 1 1.02 5 110 1 1.1 0.9;\n 2 1 50 20 3 -4 1 1 0 110 1 1.1 0.9;\n" \
    " 3 2 0 0 0 0 1 1 0 110 2 1.05 0.95;\n 4 4 9 9 0 0 1 1 0 110 1 1.1 0.9;\n];\n"
#define GENS                                                                                                       \
    "mpc.gen = [\n 1 10 0 300 -300 1.01 100 1 250 10 0 0 0 0 0 0 0 0 0 0 0;\n"                                     \
    " 1 11 0 300 -300 1.01 100 1 250 10 0 0 0 0 0 0 0 0 15 0 0;\n"                                                 \
    " 2 5 1 30 -30 1.05 100 1 25 0 0 0 0 0 0 0 0 0 0 0 0;\n 3 6 1 30 -30 1.03 100 0 25 0 0 0 0 0 0 0 0 0 0 0 0;\n" \
    " 3 7 1 30 -30 1.04 100 1 25 0 5 20 -9 8 -7 6 2 0 0 0 0;\n];\n"
#define BRANCHES                                                                                                \
    "mpc.branch = [\n 1 2 0.01 0.1 0.2 0 0 0 0 0 1 -360 360;\n 1 2 0.01 0.1 0.2 80 90 100 0.95 -30 1 -30 30;\n" \
    " 2 3 0.01 0.1 0 70 0 0 1 0 1 0 0;\n 1 2 0.02 0.1 0 1e10 75 0 0 0 0 0 15;\n];\n"
#define COSTS \
    "mpc.gencost = [\n 2 0 0 3 0.1 20 5;\n 2 0 0 2 30 1 0;\n 1 0 0 2 0 0 25;\n 2 0 0 0 0 0 0;\n 2 0 0 3 1 2 3;\n];\n"

static void columns_mean_what_the_manual_says(void **state)
{
    (void)state;
    struct fg_network *n = parse_text(
        HEAD BUSES GENS BRANCHES "mpc.gencost = [\n 2 0 0 3 0.1 20 5 0;\n 2 0 0 2 30 1 0 0;\n 1 0 0 2 0 0 25 500;\n"
                                 " 2 0 0 0 0 0 0 0;\n 2 0 0 3 1 2 3 0;\n];\n");
    assert_int_equal(n->bus_count, 4);
    near(n->buses[0].va_start_rad, 5 * M_PI / 180);
    near(n->buses[0].vm_start_pu, 1.02);
    assert_false(n->buses[3].in_service);
    assert_string_equal(n->buses[2].zone, "2");
    near(n->buses[2].vm_max_pu, 1.05);
    near(load_at(n, "2", false), 50);
    assert_int_equal(n->shunt_count, 1);
    near(n->shunts[0].g_mw, 3);
    near(n->shunts[0].b_mvar, -4);
    /* generators: the first at the reference is the source; a PQ bus's generator holds no voltage */
    assert_int_equal(n->generators[0].kind, FG_GENERATOR_SOURCE);
    near(n->generators[0].va_set_rad, 5 * M_PI / 180);
    assert_int_equal(n->generators[1].kind, FG_GENERATOR_DISPATCHABLE);
    near(n->generators[1].vm_set_pu, 1.01);
    near(n->generators[1].ramp_mw_per_h, 30); /* 15 MW in 30 min */
    assert_true(isnan(n->generators[2].vm_set_pu));
    assert_false(n->generators[3].in_service);
    near(n->generators[4].ramp_mw_per_h, 120); /* 2 MW in a minute */
    near(n->generators[4].pc2_mw, 20);
    near(n->generators[4].qc1_min_mvar, -9);
    near(n->generators[4].qc2_max_mvar, 6);
    /* branches */
    assert_string_equal(n->branches[0].id, "1-2");
    assert_string_equal(n->branches[1].id, "1-2#2");
    assert_string_equal(n->branches[3].id, "1-2#3");
    assert_int_equal(n->branches[0].kind, FG_BRANCH_LINE);
    assert_true(isinf(n->branches[0].rate_normal_mva) && isinf(n->branches[0].angle_max_rad));
    near(n->branches[0].b_from_pu, 0.1);
    near(n->branches[0].b_to_pu, 0.1);
    assert_int_equal(n->branches[1].kind, FG_BRANCH_TRANSFORMER);
    near(n->branches[1].ratio, 0.95);
    near(n->branches[1].shift_rad, -M_PI / 6);
    near(n->branches[1].rate_emergency_mva, 100);
    near(n->branches[1].angle_min_rad, -M_PI / 6);
    assert_int_equal(n->branches[2].kind, FG_BRANCH_TRANSFORMER); /* ratio 1, not 0 */
    assert_true(isinf(n->branches[2].angle_min_rad));             /* both 0: none */
    assert_true(isinf(n->branches[3].rate_normal_mva));           /* 1e10 and more: none */
    near(n->branches[3].rate_emergency_mva, 75);
    assert_true(n->branches[3].angle_min_rad == 0); /* one of the two is given, so 0 is a limit */
    near(n->branches[3].angle_max_rad, M_PI / 12);
    assert_false(n->branches[3].in_service);
    /* costs: lowest power first */
    assert_int_equal(n->generators[0].cost.count, 3);
    near(n->generators[0].cost.values[0], 5);
    near(n->generators[0].cost.values[2], 0.1);
    near(n->generators[1].cost.values[1], 30);
    assert_int_equal(n->generators[2].cost.kind, FG_COST_PIECEWISE);
    near(n->generators[2].cost.values[3], 500);
    assert_int_equal(n->generators[3].cost.kind, FG_COST_NONE);
    assert_int_equal(n->generators[4].cost_reactive.kind, FG_COST_NONE);
    fg_network_destroy(n);
}

static void reactive_costs_follow_the_active_ones(void **state)
{
    (void)state;
    struct fg_network *n = parse_text(HEAD "mpc.bus = [1 3 0 0 0 0 1 1 0 110 1 1.1 0.9];\n"
                                           "mpc.gen = [1 0 0 9 -9 1 100 1 9 0];\nmpc.branch = zeros(0, 13);\n"
                                           "mpc.gencost = [2 0 0 2 7 1; 2 0 0 2 3 2];\n");
    near(n->generators[0].cost.values[1], 7);
    near(n->generators[0].cost_reactive.values[1], 3);
    near(n->generators[0].cost_reactive.values[0], 2);
    fg_network_destroy(n);
}

static bool has_note(const struct fg_network *n, enum fg_note_kind kind, const char *part)
{
    for (size_t i = 0; i < n->note_count; i++)
        if (n->notes[i].kind == kind && strstr(n->notes[i].text, part) != NULL)
            return true;
    return false;
}

static void references_are_chosen_as_matpower_does(void **state)
{
    (void)state;
    /* Two references, each the source of its part of the angle; bus 3 is PV. */
    struct fg_network *n = parse_text(
        HEAD "mpc.bus = [1 3 0 0 0 0 1 1 0 110 1 1.1 0.9; 2 3 0 0 0 0 1 1 0 110 1 1.1 0.9; 3 2 0 0 0 0 1 1 0 110 1 1.1 "
             "0.9];\nmpc.gen = [1 0 0 9 -9 1 100 1 9 0; 2 0 0 9 -9 1 100 1 9 0; 3 0 0 9 -9 1 100 1 9 0];\n"
             "mpc.branch = [1 2 0 0.1 0 0 0 0 0 0 1; 2 3 0 0.1 0 0 0 0 0 0 1];\n");
    assert_int_equal(n->generators[0].kind, FG_GENERATOR_SOURCE);
    assert_int_equal(n->generators[1].kind, FG_GENERATOR_SOURCE);
    assert_int_equal(n->generators[2].kind, FG_GENERATOR_DISPATCHABLE);
    fg_network_destroy(n);
    /* The reference has no generator in service: the first PV bus takes its place. */
    n = parse_text(HEAD "mpc.bus = [1 3 0 0 0 0 1 1 0 110 1 1.1 0.9; 2 2 0 0 0 0 1 1 0 110 1 1.1 0.9];\n"
                        "mpc.gen = [1 0 0 9 -9 1 100 0 9 0; 2 0 0 9 -9 1 100 1 9 0];\n"
                        "mpc.branch = [1 2 0 0.1 0 0 0 0 0 0 1];\n");
    assert_int_equal(n->generators[1].kind, FG_GENERATOR_SOURCE);
    assert_true(has_note(n, FG_NOTE_CONVERTED, "first PV bus"));
    fg_network_destroy(n);
}

static void report_names_what_is_ignored(void **state)
{
    (void)state;
    struct fg_network *n =
        parse_text(HEAD BUSES GENS BRANCHES "mpc.areas = [1 1];\nmpc.genfuel = {'coal'; 'gas'};\n"
                                            "mpc.bus_name = {'North'; 'It''s'; 'C'; 'D'};\n"
                                            "mpc.dcline = [1 2 0 10 10 0 0 1 1 0 10 0 0 0 0 0 0];\n");
    assert_true(has_note(n, FG_NOTE_IGNORED, "mpc.areas"));
    assert_true(has_note(n, FG_NOTE_IGNORED, "mpc.genfuel"));
    assert_true(has_note(n, FG_NOTE_IGNORED, "DC line out of service"));
    assert_true(has_note(n, FG_NOTE_DEFAULTED, "gencost"));
    assert_string_equal(n->buses[1].name, "It's");
    fg_network_destroy(n);
}

/* ---- Bad input ---- */

static void bad_files_are_refused_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum fg_code code;
        const char *place, *part;
    } cases[] = {
        {"", FG_ERR_SCHEMA, "t.m:1", "mpc.version"},
        {"this is not a case", FG_ERR_UNSUPPORTED, "t.m:1", "'this'"},
        {"\x89PNG\r\n\x1a\n", FG_ERR_SYNTAX, "t.m:1", "byte 0x89"},
        {"mpc.version = '1';\n", FG_ERR_UNSUPPORTED, "t.m:1", "not '2'"},
        {"mpc.version = '2';\nmpc.baseMVA = 0;\n", FG_ERR_VALUE, "t.m:2", "baseMVA"},
        {"mpc.version = '2';\nmpc.baseMVA = [1 2];\n", FG_ERR_VALUE, "t.m:2", "baseMVA"},
        {HEAD, FG_ERR_SCHEMA, "t.m:4", "mpc.bus is missing"},
        {HEAD "mpc.bus = [\n 1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n 2 1 0 0 0", FG_ERR_SYNTAX, "t.m:6", "not closed"},
        {HEAD "mpc.bus = [\n1 3 0 0 0 0 1 1 0 110 1 1.1;\n];\n", FG_ERR_SCHEMA, "t.m:4", "12 columns"},
        {HEAD BUSES "mpc.gen = [1 2 3];\n", FG_ERR_SCHEMA, "t.m:10", "3 columns"},
        {HEAD "mpc.bus = 'text';\n", FG_ERR_SCHEMA, "t.m:4", "not a matrix"},
        {HEAD BUSES "mpc.bus(3, 1) = 2;\n" GENS BRANCHES, FG_ERR_NETWORK, "t.m:7", "used twice"},
        {HEAD BUSES "mpc.bus(2, 1) = 2.5;\n" GENS BRANCHES, FG_ERR_VALUE, "t.m:6", "whole number"},
        {HEAD BUSES "mpc.bus(2, 2) = 5;\n" GENS BRANCHES, FG_ERR_VALUE, "t.m:6", "bus type 5"},
        {HEAD BUSES "mpc.bus(2, 3) = NaN;\n" GENS BRANCHES, FG_ERR_VALUE, "t.m:6", "column 3 is NaN"},
        {HEAD BUSES "mpc.bus(2, 13) = 1.2;\n" GENS BRANCHES, FG_ERR_NETWORK, "t.m:6", "voltage limits"},
        {HEAD BUSES GENS "mpc.gen(3, 1) = 77;\n" BRANCHES, FG_ERR_NETWORK, "t.m:13", "bus 77 does not exist"},
        {HEAD BUSES GENS "mpc.gen(3, 10) = 99;\n" BRANCHES, FG_ERR_NETWORK, "t.m:13", "Pmin, Pmax"},
        {HEAD BUSES GENS "mpc.gen(3, 2) = Inf;\n" BRANCHES, FG_ERR_VALUE, "t.m:13", "infinite"},
        {HEAD BUSES GENS "mpc.gen(:, 8) = 0;\n" BRANCHES, FG_ERR_NETWORK, "t.m", "generator in service"},
        {HEAD BUSES GENS BRANCHES "mpc.branch(2, 2) = 77;\n", FG_ERR_NETWORK, "t.m:19", "bus 77 does not exist"},
        {HEAD BUSES GENS BRANCHES "mpc.branch(2, 2) = 1;\n", FG_ERR_NETWORK, "t.m:19", "both ends"},
        {HEAD BUSES GENS BRANCHES "mpc.branch(2, 3:4) = 0;\n", FG_ERR_NETWORK, "t.m:19", "impedance is zero"},
        {HEAD BUSES GENS BRANCHES "mpc.branch(2, 6) = -1;\n", FG_ERR_VALUE, "t.m:19", "negative"},
        {HEAD BUSES GENS BRANCHES "mpc.branch(2, 9) = -1;\n", FG_ERR_VALUE, "t.m:19", "negative"},
        {HEAD BUSES GENS BRANCHES "mpc.branch(2, 12) = 40;\n", FG_ERR_NETWORK, "t.m:19", "angle limits"},
        {HEAD BUSES GENS BRANCHES COSTS "mpc.gencost(2, :) = [];\n", FG_ERR_SCHEMA, "t.m:23", "4 rows for 5"},
        {HEAD BUSES GENS BRANCHES COSTS "mpc.gencost(1, 1) = 3;\n", FG_ERR_VALUE, "t.m:24", "cost model 3"},
        {HEAD BUSES GENS BRANCHES COSTS "mpc.gencost(1, 4) = 1e9;\n", FG_ERR_VALUE, "t.m:24", "room for"},
        {HEAD BUSES GENS BRANCHES COSTS, FG_ERR_VALUE, "t.m:26", "room for 3"},
        {HEAD BUSES GENS BRANCHES "mpc.A = 1;\n", FG_ERR_UNSUPPORTED, "t.m:23", "mpc.A"},
        {HEAD BUSES GENS BRANCHES "mpc.dcline = [1 2 1 10 10 0 0 1 1 0 10 0 0 0 0 0 0];\n", FG_ERR_UNSUPPORTED,
         "t.m:23", "DC line"},
        {HEAD BUSES GENS BRANCHES "mpc = scale_load(2, mpc);\n", FG_ERR_UNSUPPORTED, "t.m:23", "structure"},
        {HEAD BUSES GENS BRANCHES "x = scale_load(2);\n", FG_ERR_UNSUPPORTED, "t.m:23", "'scale_load'"},
        {HEAD BUSES GENS BRANCHES "mpc.bus = zeros(1e8, 13);\n", FG_ERR_TOO_LARGE, "t.m:23", "out of proportion"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fg_network *n = NULL;
        struct fg_error err = {0};
        enum fg_code code = fg_matpower_parse(cases[i].text, strlen(cases[i].text), "t.m", &n, &err);
        if (code != cases[i].code || strcmp(err.place, cases[i].place) != 0 || strstr(err.text, cases[i].part) == NULL)
            fail_msg("case %zu: %s at %s: %s (expected %s at %s: ...%s...)", i, fg_code_slug(code), err.place, err.text,
                     fg_code_slug(cases[i].code), cases[i].place, cases[i].part);
        assert_null(n);
    }
    struct fg_network *n;
    struct fg_error err;
    assert_int_equal(fg_matpower_read("/nonexistent/case.m", &n, &err), FG_ERR_IO);
}

/* Every prefix of a case is either refused or, behind the last needed line, a case; never a crash. */
static void truncated_files_are_refused(void **state)
{
    (void)state;
    const char *text = HEAD BUSES GENS BRANCHES;
    size_t length = strlen(text);
    for (size_t cut = 0; cut + 3 < length; cut++) {
        char *copy = malloc(cut + 1); /* exact size, so that reading beyond the end is seen */
        memcpy(copy, text, cut);
        struct fg_network *n;
        assert_int_not_equal(fg_matpower_parse(copy, cut, "t.m", &n, NULL), FG_OK);
        assert_null(n);
        free(copy);
    }
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    const char *text = HEAD BUSES GENS BRANCHES "define_constants;\nmpc.bus(:, [PD QD]) = mpc.bus(:, [PD QD]) / 1e3;\n"
                                                "mpc.bus_name = {'a'; 'b'; 'c'; 'd'};\n";
    long n_allocations = 0;
    for (long k = 1;; k++) {
        struct fg_network *n = NULL;
        struct fg_error err = {0};
        fg_alloc_fail_after(k);
        enum fg_code code = fg_matpower_parse(text, strlen(text), "t.m", &n, &err);
        struct fg_text out;
        fg_text_init(&out);
        bool parsed = code == FG_OK;
        if (parsed)
            code = fg_matpower_format(n, &out, &err);
        fg_alloc_fail_after(0);
        fg_text_release(&out);
        fg_network_destroy(n);
        if (code == FG_OK) {
            n_allocations = k;
            break;
        }
        assert_int_equal(code, FG_ERR_MEMORY);
        assert_int_equal(err.code, FG_ERR_MEMORY);
    }
    assert_true(n_allocations > 50);
}

/* ---- Writing ---- */

static void expect_round_trip(const struct fg_network *n, struct fg_network *scratch, const char *what)
{
    struct fg_text text;
    struct fg_error err = {0};
    fg_text_init(&text);
    if (fg_matpower_format(scratch, &text, &err) != FG_OK)
        fail_msg("%s: %s %s", what, err.place, err.text);
    struct fg_network *again;
    if (fg_matpower_parse(text.data, text.length, what, &again, &err) != FG_OK)
        fail_msg("%s: %s %s", what, err.place, err.text);
    if (!networks_equal(n, again))
        fail_msg("%s: reads back differently", what);
    fg_network_destroy(again);
    fg_text_release(&text);
}

static void written_cases_read_back_to_the_last_bit(void **state)
{
    (void)state;
    static const char *const names[] = {
        CASES "/case33bw.m",
        CASES "/case141.m",
        CASES "/case300.m",
        CASES "/case_RTS_GMLC.m",
        CASES "/case16ci.m",
        CASES "/case533mt_lo.m",
        CASES "/case24_ieee_rts.m",
        CASES "/case2869pegase.m",
        CASES "/case4_dist.m",
        CASES "/case_ACTIVSg2000.m",
        PGLIB "/pglib_opf_case1888_rte.m",
        PGLIB "/pglib_opf_case240_pserc.m",
        PGLIB "/pglib_opf_case2853_sdet.m",
    };
    need_folder(CASES);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct fg_network *n = read_case(names[i]);
        struct fg_network *clone = fg_network_clone(n);
        assert_non_null(clone);
        assert_true(networks_equal(n, clone));
        expect_round_trip(n, clone, names[i]);
        fg_network_destroy(clone);
        fg_network_destroy(n);
    }
}

static void what_the_format_lacks_becomes_its_equivalent(void **state)
{
    (void)state;
    struct fg_network *n = fg_network_create();
    n->base_mva = 10;
    fg_network_add_bus(n, "A", 20);
    fg_network_add_bus(n, "B", 20);
    fg_network_add_bus(n, "B2", 20)->vm_max_pu = 1.05;
    fg_network_add_bus(n, "C", 20);
    fg_network_add_generator(n, "grid", FG_GENERATOR_SOURCE, 0);
    fg_network_add_switch(n, "s1", 1, 2, true);
    fg_network_add_switch(n, "s2", 2, 3, false);
    fg_network_add_injection(n, "load", FG_INJECTION_LOAD, 1, -2, -1);
    fg_network_add_injection(n, "pv", FG_INJECTION_STATIC_GENERATOR, 2, 0.5, 0);
    struct fg_branch *b = fg_network_add_branch(n, "line", 0, 1);
    b->r_pu = 0.1;
    b->x_pu = 0.2;
    b->g_from_pu = 0.01;
    b->b_from_pu = 0.03;
    b->b_to_pu = 0.01;
    b->ratio = 2;
    b = fg_network_add_branch(n, "open", 1, 3);
    b->r_pu = 0.1;
    b->x_pu = 0.2;
    b->to_closed = false;
    b->b_from_pu = b->b_to_pu = 0.02;
    struct fg_storage *s = fg_network_add_storage(n, "battery", 3);
    s->charge_max_mw = 1;
    s->discharge_max_mw = 2;
    s->energy_max_mwh = 4;
    struct fg_text text;
    struct fg_error err = {0};
    fg_text_init(&text);
    assert_int_equal(fg_matpower_format(n, &text, &err), FG_OK);
    struct fg_network *m = parse_text(text.data);
    assert_int_equal(m->bus_count, 3); /* B and B2 became one */
    assert_string_equal(m->buses[1].name, "B");
    near(m->buses[1].vm_max_pu, 1.05);
    near(load_at(m, "2", false), 1.5);
    near(m->branches[0].b_from_pu, 0.02);
    /* what is left of the shunts at the from end, behind the ratio: (0.01 + j0.01) / 4 p.u. on 10 MVA */
    assert_int_equal(m->shunts[0].bus, 0);
    near(m->shunts[0].g_mw, 0.025);
    near(m->shunts[0].b_mvar, 0.025);
    /* at B: -j0.01 of the line, and the open line seen from B: j0.02 + 1 / (0.1 + j0.2 + 1 / j0.02) by hand:
     * 1 / (0.1 - j49.8) = (0.1 + j49.8) / 2480.05 */
    assert_int_equal(m->shunts[1].bus, 1);
    near(m->shunts[1].g_mw, 10 * 0.1 / 2480.05);
    near(m->shunts[1].b_mvar, 10 * (-0.01 + 0.02 + 49.8 / 2480.05));
    assert_false(m->branches[1].in_service);
    assert_int_equal(m->generator_count, 2);
    near(m->generators[1].p_min_mw, -1);
    near(m->generators[1].p_max_mw, 2);
    assert_true(has_note(n, FG_NOTE_CONVERTED, "closed switch") && has_note(n, FG_NOTE_IGNORED, "open switch") &&
                has_note(n, FG_NOTE_CONVERTED, "storage") && has_note(n, FG_NOTE_CONVERTED, "open at one end"));
    fg_network_destroy(m);
    fg_text_release(&text);
    n->injections[0].p_impedance_share = 0.5;
    fg_text_init(&text);
    assert_int_equal(fg_matpower_format(n, &text, &err), FG_ERR_UNSUPPORTED);
    assert_string_equal(err.place, "injection load");
    fg_text_release(&text);
    fg_network_destroy(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_matpower_cases_are_read),
        cmocka_unit_test(all_pglib_cases_are_read),
        cmocka_unit_test(ohms_and_kilowatts_become_per_unit_and_megawatts),
        cmocka_unit_test(columns_mean_what_the_manual_says),
        cmocka_unit_test(reactive_costs_follow_the_active_ones),
        cmocka_unit_test(references_are_chosen_as_matpower_does),
        cmocka_unit_test(report_names_what_is_ignored),
        cmocka_unit_test(bad_files_are_refused_with_their_line),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(every_failing_allocation_is_reported),
        cmocka_unit_test(written_cases_read_back_to_the_last_bit),
        cmocka_unit_test(what_the_format_lacks_becomes_its_equivalent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

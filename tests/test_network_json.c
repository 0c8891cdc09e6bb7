/* The own JSON format: what is written reads back to the last bit, and what is not of the format is refused at its
 * pointer. Also validation, deep copies, tap positions and the choice of reader by content. */
#include "base/text.h"
#include "grid/matpower.h"
#include "grid/network_json.h"
#include "grid/network_read.h"
#include "network_equal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define CASES FG_SHARED_DIR "/data/cases"

/* A network that uses every field with a value that is not its default. */
static struct fg_network *full_network(void)
{
    struct fg_network *n = fg_network_create();
    n->name = fg_network_string(n, "full \"test\" \xc3\xa4\n");
    n->base_mva = 0.1 + 0.2;
    n->frequency_hz = 60;
    const char *ids[] = {"a", "b/1", "c~2", "d"};
    for (int i = 0; i < 4; i++) {
        struct fg_bus *bus = fg_network_add_bus(n, ids[i], 20.0 / (i + 3));
        bus->name = fg_network_string(n, "bus");
        bus->zone = fg_network_string(n, "north");
        bus->vm_min_pu = 0.9;
        bus->vm_max_pu = 1.0 / 0.9;
        bus->vm_start_pu = 1.01;
        bus->va_start_rad = -1e-300;
        bus->x = 8.5 + i;
        bus->y = i == 2 ? NAN : 49.1;
        bus->is_internal = i == 3;
        bus->in_service = i != 3;
    }
    struct fg_branch *b = fg_network_add_branch(n, "t1", 0, 1);
    *b = (struct fg_branch){
        .id = b->id,
        .name = fg_network_string(n, "trafo"),
        .kind = FG_BRANCH_TRANSFORMER,
        .from = 0,
        .to = 1,
        .r_pu = 1.0 / 3,
        .x_pu = 2.0 / 3,
        .g_from_pu = 1e-5,
        .b_from_pu = -1e-6,
        .g_to_pu = 2e-5,
        .b_to_pu = -2e-6,
        .ratio = 1.0125,
        .shift_rad = M_PI / 6,
        .rate_normal_mva = 40,
        .rate_emergency_mva = 50,
        .rating_kind = FG_RATING_CURRENT,
        .angle_min_rad = -0.5,
        .angle_max_rad = 0.5,
        .in_service = true,
        .from_closed = true,
        .to_closed = false,
        .origin = fg_network_string(n, "t3w"),
        .tap = {.exists = true,
                .position = 2,
                .neutral = 1,
                .minimum = -3,
                .maximum = 5,
                .step_ratio = 0.0125,
                .step_shift_rad = 0.001,
                .on_from_side = true,
                .regulates = true,
                .regulated_bus = 1,
                .v_set_pu = 1.02,
                .v_band_pu = 0.02,
                .drop_r_pu = 0.001,
                .drop_x_pu = 0.002},
    };
    const struct fg_tap_point points[2] = {{1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7},
                                           {1.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8}};
    fg_network_set_tap_points(n, &b->tap, 2, 2, points, NULL);
    b = fg_network_add_branch(n, "line", 1, 2);
    b->x_pu = 0.1;
    b->in_service = false;
    fg_network_add_switch(n, "s", 1, 2, true);
    fg_network_add_switch(n, "s2", 2, 3, false);
    struct fg_injection *i = fg_network_add_injection(n, "pv", FG_INJECTION_STATIC_GENERATOR, 2, 0.1, -0.3);
    i->name = fg_network_string(n, "roof");
    i->p_current_share = 0.2;
    i->p_impedance_share = 0.3;
    i->q_current_share = 0.4;
    i->q_impedance_share = 0.5;
    i->in_service = false;
    struct fg_generator *g = fg_network_add_generator(n, "g", FG_GENERATOR_SOURCE, 0);
    g->name = fg_network_string(n, "grid");
    g->va_set_rad = 0.25;
    g->vm_set_pu = 1.05;
    g = fg_network_add_generator(n, "chp", FG_GENERATOR_DISPATCHABLE, 2);
    g->vm_set_pu = NAN;
    g->p_mw = 1;
    g->q_mvar = 2;
    g->p_min_mw = 0;
    g->p_max_mw = 3;
    g->q_min_mvar = -1;
    g->q_max_mvar = 1e300;
    g->pc1_mw = 1;
    g->pc2_mw = 2;
    g->qc1_min_mvar = -3;
    g->qc1_max_mvar = 4;
    g->qc2_min_mvar = -5;
    g->qc2_max_mvar = 6;
    g->s_max_mva = 7;
    g->ramp_mw_per_h = 8;
    g->in_service = false;
    fg_network_set_cost(n, &g->cost, FG_COST_POLYNOMIAL, 3, (const double[]){1, 1.0 / 3, 5e-324}, NULL);
    fg_network_set_cost(n, &g->cost_reactive, FG_COST_PIECEWISE, 3, (const double[]){-1, 2, 0, 0, 1, 2}, NULL);
    struct fg_storage *s = fg_network_add_storage(n, "battery", 1);
    *s = (struct fg_storage){.id = s->id,
                             .name = fg_network_string(n, "cellar"),
                             .bus = 1,
                             .p_mw = -0.1,
                             .q_mvar = 0.2,
                             .charge_max_mw = 1,
                             .discharge_max_mw = 2,
                             .q_min_mvar = -1,
                             .q_max_mvar = 1,
                             .s_max_mva = 3,
                             .energy_mwh = 4,
                             .energy_min_mwh = 1,
                             .energy_max_mwh = 8,
                             .charge_efficiency = 0.95,
                             .discharge_efficiency = 0.9,
                             .standing_loss_mw = 0.001,
                             .in_service = false};
    fg_network_add_shunt(n, "sh", 2, 0.1, -0.2)->in_service = false;
    fg_network_note(n, FG_NOTE_DEFAULTED, "f.m:3", NULL, "something");
    return n;
}

static void expect_round_trip(const struct fg_network *n, const char *what)
{
    struct fg_text text, second;
    struct fg_error err = {0};
    fg_text_init(&text);
    fg_text_init(&second);
    assert_int_equal(fg_network_json_format(n, &text, &err), FG_OK);
    struct fg_network *again;
    if (fg_network_json_parse(text.data, text.length, what, &again, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    assert_true(networks_equal(n, again));
    assert_int_equal(fg_network_json_format(again, &second, &err), FG_OK);
    if (n->note_count == again->note_count)
        assert_string_equal(text.data, second.data);
    fg_network_destroy(again);
    fg_text_release(&text);
    fg_text_release(&second);
}

static void every_field_reads_back(void **state)
{
    (void)state;
    struct fg_network *n = full_network();
    struct fg_error err = {0};
    if (fg_network_validate(n, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    expect_round_trip(n, "full");
    struct fg_network *clone = fg_network_clone(n);
    assert_true(networks_equal(n, clone));
    assert_int_equal(clone->note_count, n->note_count);
    fg_network_destroy(n); /* the clone stands on its own */
    assert_string_equal(clone->buses[1].id, "b/1");
    assert_true(clone->generators[1].cost.values[1] == 1.0 / 3);
    fg_network_destroy(clone);
}

static void cases_read_back(void **state)
{
    (void)state;
    static const char *const names[] = {CASES "/matpower/case33bw.m", CASES "/matpower/case_RTS_GMLC.m",
                                        CASES "/pglib/pglib_opf_case2853_sdet.m"};
    if (access(CASES, R_OK) != 0) {
        print_message("skipped: folder absent: %s\n", CASES);
        skip();
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct fg_network *n;
        assert_int_equal(fg_network_read(names[i], NULL, &n, NULL), FG_OK);
        expect_round_trip(n, names[i]);
        fg_network_destroy(n);
    }
}

#define SMALL_HEAD                                                                                            \
    "{\"flexgrid_network\": 1, \"base_mva\": 1, \"buses\": [{\"id\": \"1\", \"vn_kv\": 20}, {\"id\": \"2\", " \
    "\"vn_kv\": 20}]"
#define SMALL_GRID ", \"generators\": [{\"id\": \"g\", \"kind\": \"source\", \"bus\": \"1\"}]"

static void defaults_are_those_of_the_model(void **state)
{
    (void)state;
    const char *text =
        SMALL_HEAD SMALL_GRID ", \"branches\": [{\"id\": \"b\", \"from\": \"1\", \"to\": \"2\", \"r_pu\": 0.1, "
                              "\"x_pu\": 0}]}";
    struct fg_network *n;
    struct fg_error err = {0};
    if (fg_network_json_parse(text, strlen(text), "n.json", &n, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    assert_true(n->frequency_hz == 50 && n->buses[0].vm_start_pu == 1 && isinf(n->buses[0].vm_max_pu));
    assert_true(isinf(n->branches[0].rate_normal_mva) && n->branches[0].ratio == 1 && n->branches[0].in_service);
    assert_true(n->generators[0].vm_set_pu == 1 && isinf(n->generators[0].p_max_mw));
    fg_network_destroy(n);
}

/* The example of docs/network-format.md is read as it stands there. */
static void documented_example_is_read(void **state)
{
    (void)state;
    struct fg_text text;
    struct fg_error err = {0};
    struct fg_network *n;
    fg_text_init(&text);
    assert_int_equal(fg_file_read(FG_SOURCE_DIR "/docs/network-format.md", 1 << 20, &text, &err), FG_OK);
    char *start = strstr(text.data, "```json\n"), *end = start ? strstr(start + 8, "```") : NULL;
    assert_non_null(end);
    if (fg_network_json_parse(start + 8, (size_t)(end - start - 8), "example", &n, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    assert_int_equal(n->bus_count, 2);
    assert_true(n->branches[0].rate_normal_mva == 8);
    fg_network_destroy(n);
    fg_text_release(&text);
}

static void refusals_name_the_pointer(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum fg_code code;
        const char *place, *part;
    } cases[] = {
        {"", FG_ERR_SYNTAX, "n.json:1:0", "not valid JSON"},
        {"[1]", FG_ERR_SCHEMA, "n.json#", "object"},
        {"{}", FG_ERR_SCHEMA, "n.json#/flexgrid_network", "missing"},
        {"{\"flexgrid_network\": 2}", FG_ERR_UNSUPPORTED, "n.json#/flexgrid_network", "version 2"},
        {"{\"flexgrid_network\": 1, \"base_mva\": 1, \"busses\": []}", FG_ERR_SCHEMA, "n.json#/busses", "buses"},
        {"{\"flexgrid_network\": 1, \"base_mva\": \"1\"}", FG_ERR_SCHEMA, "n.json#/base_mva", "number"},
        {"{\"flexgrid_network\": 1, \"base_mva\": 1}", FG_ERR_NETWORK, "n.json", "no bus"},
        {SMALL_HEAD "}", FG_ERR_NETWORK, "n.json", "no source"},
        {SMALL_HEAD ", \"buses\": []}", FG_ERR_SYNTAX, "", "duplicate"},
        {SMALL_HEAD ", \"shunts\": [{\"id\": \"s\", \"bus\": \"3\", \"g_mw\": 0, \"b_mvar\": 0}]}", FG_ERR_NETWORK,
         "n.json#/shunts/0/bus", "\"3\" does not exist"},
        {SMALL_HEAD ", \"shunts\": [{\"id\": \"s\", \"bus\": \"2\", \"g_mw\": 0}]}", FG_ERR_SCHEMA,
         "n.json#/shunts/0/b_mvar", "missing"},
        {SMALL_HEAD ", \"shunts\": [{\"id\": \"s\", \"bus\": \"2\", \"g_mw\": 0, \"b_mvr\": 0}]}", FG_ERR_SCHEMA,
         "n.json#/shunts/0/b_mvr", "b_mvar"},
        {SMALL_HEAD ", \"shunts\": {}}", FG_ERR_SCHEMA, "n.json#/shunts", "array"},
        {SMALL_HEAD ", \"shunts\": [7]}", FG_ERR_SCHEMA, "n.json#/shunts/0", "object"},
        {SMALL_HEAD ", \"shunts\": [{\"id\": \"\"}]}", FG_ERR_VALUE, "n.json#/shunts/0/id", "empty"},
        {SMALL_HEAD ", \"generators\": [{\"id\": \"g\", \"kind\": \"slack\", \"bus\": \"1\"}]}", FG_ERR_VALUE,
         "n.json#/generators/0/kind", "dispatchable, source"},
        {SMALL_HEAD ", \"generators\": [{\"id\": \"g\", \"kind\": \"source\", \"bus\": \"1\", \"cost\": {\"kind\": "
                    "\"piecewise\", \"points\": [[0, 1], [2]]}}]}",
         FG_ERR_SCHEMA, "n.json#/generators/0/cost/points/1", "pair"},
        {SMALL_HEAD ", \"generators\": [{\"id\": \"g\", \"kind\": \"source\", \"bus\": \"1\", \"cost\": {\"kind\": "
                    "\"piecewise\", \"points\": [[0, 0], [1, 9], [1, 10]]}}]}",
         FG_ERR_VALUE, "n.json#generator g", "not above"},
        {SMALL_HEAD SMALL_GRID
         ", \"branches\": [{\"id\": \"b\", \"from\": \"1\", \"to\": \"2\", \"r_pu\": 0, \"x_pu\": 0}]}",
         FG_ERR_NETWORK, "n.json#branch b", "zero"},
        {SMALL_HEAD SMALL_GRID ", \"switches\": [{\"id\": \"s\", \"from\": \"1\", \"to\": \"2\", \"closed\": 1}]}",
         FG_ERR_SCHEMA, "n.json#/switches/0/closed", "true or false"},
        {SMALL_HEAD SMALL_GRID
         ", \"switches\": [{\"id\": \"s\", \"from\": \"1\", \"to\": \"2\", \"closed\": true}, {\"id\": "
         "\"s\", \"from\": \"1\", \"to\": \"2\", \"closed\": true}]}",
         FG_ERR_NETWORK, "n.json#switch s", "twice"},
        {"{\"flexgrid_network\": 1, \"base_mva\": 1, \"buses\": [{\"id\": \"1\", \"vn_kv\": 1}, {\"id\": \"1\", "
         "\"vn_kv\": "
         "1}]}",
         FG_ERR_NETWORK, "n.json#/buses/1/id", "twice"},
        {SMALL_HEAD SMALL_GRID
         ", \"branches\": [{\"id\": \"b\", \"from\": \"1\", \"to\": \"2\", \"r_pu\": 1, \"x_pu\": 0, "
         "\"tap\": {\"position\": 9, \"neutral\": 0, \"minimum\": -2, \"maximum\": 2}}]}",
         FG_ERR_NETWORK, "n.json#branch b", "tap position 9"},
        {SMALL_HEAD SMALL_GRID
         ", \"branches\": [{\"id\": \"b\", \"from\": \"1\", \"to\": \"2\", \"r_pu\": 1, \"x_pu\": 0, "
         "\"tap\": {\"position\": 9e9, \"neutral\": 0, \"minimum\": -2, \"maximum\": 2}}]}",
         FG_ERR_VALUE, "n.json#/branches/0/tap/position", "32 bits"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fg_network *n = NULL;
        struct fg_error err = {0};
        enum fg_code code = fg_network_json_parse(cases[i].text, strlen(cases[i].text), "n.json", &n, &err);
        bool place_fits = cases[i].place[0] == '\0' || strcmp(err.place, cases[i].place) == 0;
        if (code != cases[i].code || !place_fits || strstr(err.text, cases[i].part) == NULL)
            fail_msg("case %zu: %s at %s: %s (expected %s at %s: ...%s...)", i, fg_code_slug(code), err.place, err.text,
                     fg_code_slug(cases[i].code), cases[i].place, cases[i].part);
        assert_null(n);
    }
}

/* ---- Validation, taps, choice of reader ---- */

static void validation_warns_of_buses_that_nothing_feeds(void **state)
{
    (void)state;
    struct fg_network *n = fg_network_create();
    fg_network_add_bus(n, "1", 20);
    fg_network_add_bus(n, "2", 20);
    fg_network_add_bus(n, "3", 20);
    fg_network_add_generator(n, "g", FG_GENERATOR_SOURCE, 0);
    fg_network_add_switch(n, "s", 0, 1, true);
    for (int times = 0; times < 2; times++) /* the report does not grow */
        assert_int_equal(fg_network_validate(n, NULL), FG_OK);
    assert_int_equal(n->note_count, 1);
    assert_int_equal(n->notes[0].kind, FG_NOTE_WARNING);
    assert_string_equal(n->notes[0].place, "bus 3");
    assert_int_equal(n->notes[0].count, 1);
    n->generators[0].in_service = false;
    assert_int_equal(fg_network_validate(n, NULL), FG_ERR_NETWORK);
    fg_network_destroy(n);
}

static void tap_positions_change_ratio_and_shift(void **state)
{
    (void)state;
    struct fg_branch b = {.ratio = 1.1 * (1 + 2 * 0.0125),
                          .shift_rad = 0.1,
                          .tap = {.exists = true,
                                  .position = 2,
                                  .neutral = 0,
                                  .minimum = -8,
                                  .maximum = 8,
                                  .step_ratio = 0.0125,
                                  .step_shift_rad = 0.02,
                                  .on_from_side = true}};
    fg_branch_set_tap(&b, -4);
    assert_true(fabs(b.ratio - 1.1 * (1 - 4 * 0.0125)) < 1e-15);
    assert_true(fabs(b.shift_rad - (0.1 - 6 * 0.02)) < 1e-15);
    b = (struct fg_branch){.ratio = 1.1 / (1 + 0.0125), .tap = {.exists = true, .position = 1, .step_ratio = 0.0125}};
    fg_branch_set_tap(&b, 0); /* tap on the to side: a longer winding there lowers the ratio */
    assert_true(fabs(b.ratio - 1.1) < 1e-15);
    assert_int_equal(b.tap.position, 0);
}

static void write_file(const char *path, const char *text)
{
    assert_int_equal(fg_file_write(path, text, strlen(text), NULL), FG_OK);
}

static void the_reader_is_chosen_by_content(void **state)
{
    (void)state;
    char folder[] = "/tmp/fg_network_read_XXXXXX", path[100];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/net", folder);
    struct fg_network *n;
    struct fg_error err;
    write_file(path, SMALL_HEAD SMALL_GRID "}");
    assert_int_equal(fg_network_read(path, NULL, &n, &err), FG_OK);
    assert_int_equal(n->bus_count, 2);
    /* the file that was written whole reads back whole */
    assert_int_equal(fg_network_json_write(n, path, &err), FG_OK);
    fg_network_destroy(n);
    assert_int_equal(fg_network_read(path, "flexgrid", &n, &err), FG_OK);
    assert_int_equal(fg_matpower_write(n, path, &err), FG_OK);
    fg_network_destroy(n);
    assert_int_equal(fg_network_read(path, NULL, &n, &err), FG_OK);
    assert_int_equal(n->bus_count, 2);
    fg_network_destroy(n);
    write_file(path, "nothing of the kind");
    assert_int_equal(fg_network_read(path, NULL, &n, &err), FG_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "matpower"));
    assert_int_equal(fg_network_read(path, "excel", &n, &err), FG_ERR_UNSUPPORTED);
    assert_int_equal(fg_network_read(folder, NULL, &n, &err), FG_ERR_UNSUPPORTED);
    unlink(path);
    rmdir(folder);
    assert_int_equal(fg_network_read(path, NULL, &n, &err), FG_ERR_IO);
}

static void files_of_every_format_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t bus_count_min;
    } files[] = {
        {CASES "/matpower/case9.m", 9},
        {CASES "/pandapower/case33bw.json", 33},
        {CASES "/power-grid-model/power_flow/1os2msr/input.json", 3},
    };
    if (access(CASES, R_OK) != 0) {
        print_message("skipped: folder absent: %s\n", CASES);
        skip();
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct fg_network *n;
        struct fg_error err = {0};
        if (fg_network_read(files[i].path, NULL, &n, &err) != FG_OK)
            fail_msg("%s: %s", err.place, err.text);
        assert_true(n->bus_count >= files[i].bus_count_min);
        expect_round_trip(n, files[i].path);
        fg_network_destroy(n);
    }
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    struct fg_network *n = full_network();
    struct fg_text text;
    fg_text_init(&text);
    assert_int_equal(fg_network_json_format(n, &text, NULL), FG_OK);
    long k = 1;
    for (;; k++) {
        struct fg_network *again = NULL, *clone = NULL;
        struct fg_text out;
        fg_text_init(&out);
        fg_alloc_fail_after(k);
        enum fg_code code = fg_network_json_parse(text.data, text.length, "n.json", &again, NULL);
        if (code == FG_OK)
            code = fg_network_json_format(again, &out, NULL);
        if (code == FG_OK && (clone = fg_network_clone(again)) == NULL)
            code = FG_ERR_MEMORY;
        fg_alloc_fail_after(0);
        fg_network_destroy(again);
        fg_network_destroy(clone);
        fg_text_release(&out);
        if (code == FG_OK)
            break;
        assert_int_equal(code, FG_ERR_MEMORY);
    }
    assert_true(k > 20);
    fg_text_release(&text);
    fg_network_destroy(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_reads_back),
        cmocka_unit_test(cases_read_back),
        cmocka_unit_test(defaults_are_those_of_the_model),
        cmocka_unit_test(documented_example_is_read),
        cmocka_unit_test(refusals_name_the_pointer),
        cmocka_unit_test(validation_warns_of_buses_that_nothing_feeds),
        cmocka_unit_test(tap_positions_change_ratio_and_shift),
        cmocka_unit_test(the_reader_is_chosen_by_content),
        cmocka_unit_test(files_of_every_format_are_told_apart),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

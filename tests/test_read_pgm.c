/* power-grid-model reader: parameters by hand calculation from the formulas of the documentation, rows as lists,
 * updates, taps, errors with places. (test_pgm_validation.c compares whole power flows with published results.) */
#include "grid/pgm.h"

#include "base/text.h"
#include "grid/network_read.h"
#include "reference_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define INPUT(attributes, data) \
    "{\"version\":\"1.0\",\"type\":\"input\",\"is_batch\":false,\"attributes\":{" attributes "},\"data\":{" data "}}"
#define NODES "\"node\":[{\"id\":1,\"u_rated\":10500.0},{\"id\":2,\"u_rated\":10500},{\"id\":3,\"u_rated\":400}]"
#define SOURCE "\"source\":[{\"id\":9,\"node\":1,\"status\":1,\"u_ref\":1.02,\"sk\":2e8,\"rx_ratio\":0.1}]"

static struct fg_network *read_text(const char *text)
{
    struct fg_network *network;
    struct fg_error err = {0};
    if (fg_pgm_parse(text, strlen(text), "in.json", &network, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    return network;
}

static void test_line_and_source(void **context)
{
    (void)context;
    struct fg_network *network = read_text(INPUT(
        "", NODES "," SOURCE ",\"line\":[{\"id\":4,\"from_node\":1,\"to_node\":2,\"from_status\":1,\"to_status\":0,"
                  "\"r1\":0.25,\"x1\":0.2,\"c1\":1e-5,\"tan1\":0.1,\"i_n\":300}]"));
    const struct fg_branch *line = &network->branches[fg_network_find_branch(network, "4")];
    double base_ohm = 10.5 * 10.5; /* on 1 MVA */
    assert_near(line->r_pu, 0.25 / base_ohm, 1e-15);
    assert_near(line->x_pu, 0.2 / base_ohm, 1e-15);
    assert_near(line->b_from_pu, 2 * 3.14159265358979323846 * 50 * 1e-5 * base_ohm / 2, 1e-12);
    assert_near(line->g_to_pu, 0.1 * line->b_to_pu, 1e-15);
    assert_true(line->from_closed && !line->to_closed && line->in_service);
    assert_int_equal(line->rating_kind, FG_RATING_CURRENT);
    assert_near(line->rate_normal_mva, sqrt(3) * 10.5 * 0.3, 1e-12);
    const struct fg_branch *inner = &network->branches[fg_network_find_branch(network, "9")];
    assert_near(hypot(inner->r_pu, inner->x_pu), 1e6 / 2e8, 1e-15);
    assert_near(inner->r_pu / inner->x_pu, 0.1, 1e-15);
    assert_true(network->buses[inner->from].is_internal);
    assert_near(network->generators[0].vm_set_pu, 1.02, 0);
    fg_network_destroy(network);
}

#define TRANSFORMER(side, pos)                                                                               \
    INPUT("", NODES                                                                                          \
          ",\"transformer\":[{\"id\":5,\"from_node\":1,\"to_node\":3,\"from_status\":1,\"to_status\":1,"     \
          "\"u1\":10750,\"u2\":420,\"sn\":630000,\"uk\":0.05,\"pk\":6000,\"i0\":0.01,\"p0\":900,"            \
          "\"winding_from\":2,\"winding_to\":1,\"clock\":5,\"tap_side\":" side ",\"tap_pos\":" pos           \
          ",\"tap_min\":5,\"tap_max\":1,\"tap_nom\":3,\"tap_size\":10,\"uk_min\":0.04,\"uk_max\":0.07,"      \
          "\"pk_min\":5000}],"                                                                               \
          "\"transformer_tap_regulator\":[{\"id\":6,\"regulated_object\":5,\"status\":1,\"control_side\":1," \
          "\"u_set\":410,\"u_band\":8,\"line_drop_compensation_r\":0.01,\"line_drop_compensation_x\":0.02}]," SOURCE)

static void test_transformer(void **context)
{
    (void)context;
    /* Position 2 of 5..1 with nominal 3: one of two steps toward the maximum; the range counts downward. */
    struct fg_network *network = read_text(TRANSFORMER("1", "2"));
    const struct fg_branch *t = &network->branches[fg_network_find_branch(network, "5")];
    double u2 = 420 + 10, uk = 0.05 + 0.02 / 2, pk = 6000;
    double base_ohm = 0.4 * 0.4, z = uk * u2 * u2 / 630000 / base_ohm, r = pk * u2 * u2 / 630000 / 630000 / base_ohm;
    assert_near(t->ratio, 10750 / u2 / (10500.0 / 400), 1e-14);
    assert_near(t->shift_rad, 5 * 3.14159265358979323846 / 6, 1e-15);
    assert_near(t->r_pu, r, 1e-15);
    assert_near(t->x_pu, sqrt(z * z - r * r), 1e-14);
    double g = 900 / (u2 * u2) * base_ohm, y = 0.01 * 630000 / (u2 * u2) * base_ohm;
    assert_near(t->g_from_pu, g / 2, 1e-15);
    assert_near(t->b_to_pu, -sqrt(y * y - g * g) / 2, 1e-15);
    assert_near(t->rate_normal_mva, 0.63, 1e-15);
    assert_true(t->tap.exists && t->tap.regulates && !t->tap.on_from_side);
    assert_int_equal(t->tap.position, 2);
    assert_int_equal(t->tap.minimum, 5);
    assert_int_equal(t->tap.maximum, 1);
    assert_int_equal(t->tap.regulated_bus, fg_network_find_bus(network, "3"));
    assert_near(t->tap.v_set_pu, 410.0 / 400, 1e-15);
    assert_near(t->tap.v_band_pu, 8.0 / 400, 1e-15);
    assert_near(t->tap.drop_x_pu, 0.02 / base_ohm, 1e-15);
    fg_network_destroy(network);
}

/* The nominal position may be the end of the range: then everything lies toward the other end. */
static void test_nominal_at_the_end(void **context)
{
    (void)context;
    struct fg_network *network = read_text(
        INPUT("", NODES ",\"transformer\":[{\"id\":5,\"from_node\":1,\"to_node\":3,\"u1\":10500,\"u2\":400,\"sn\":1e6,"
                        "\"uk\":0.05,\"pk\":0,\"i0\":0,\"p0\":0,\"winding_from\":1,\"winding_to\":1,\"clock\":0,"
                        "\"tap_side\":0,\"tap_pos\":6,\"tap_min\":1,\"tap_max\":9,\"tap_nom\":9,\"tap_size\":10,"
                        "\"uk_min\":0.034,\"uk_max\":0.09}]," SOURCE));
    assert_near(network->branches[0].x_pu, 0.05 - 0.016 * 3 / 8, 1e-14);
    fg_network_destroy(network);
}

static void test_moving_a_tap(void **context)
{
    (void)context;
    static const char *const at[2][5] = {
        {TRANSFORMER("0", "1"), TRANSFORMER("0", "2"), TRANSFORMER("0", "3"), TRANSFORMER("0", "4"),
         TRANSFORMER("0", "5")},
        {TRANSFORMER("1", "1"), TRANSFORMER("1", "2"), TRANSFORMER("1", "3"), TRANSFORMER("1", "4"),
         TRANSFORMER("1", "5")},
    };
    for (int side = 0; side < 2; side++)
        for (int from = 0; from < 5; from++)
            for (int to = 0; to < 5; to++) {
                struct fg_network *moved = read_text(at[side][from]), *fresh = read_text(at[side][to]);
                struct fg_branch *a = &moved->branches[0];
                const struct fg_branch *b = &fresh->branches[0];
                fg_branch_set_tap(a, to + 1);
                assert_int_equal(a->tap.position, b->tap.position);
                assert_near(a->ratio, b->ratio, 1e-14);
                assert_near(a->r_pu, b->r_pu, 1e-14);
                assert_near(a->x_pu, b->x_pu, 1e-14);
                assert_near(a->b_from_pu, b->b_from_pu, 1e-16);
                fg_network_destroy(moved);
                fg_network_destroy(fresh);
            }
}

static void test_rows_as_lists(void **context)
{
    (void)context;
    struct fg_network *lists = read_text(
        INPUT("\"node\":[\"u_rated\",\"id\"],\"sym_load\":[\"id\",\"node\",\"status\",\"type\",\"p_specified\","
              "\"q_specified\"]",
              "\"node\":[[10500,1],[10500,2]]," SOURCE ",\"sym_load\":[[7,2,1,2,3e5,1e5],[8,2,0,1,3e5,null]]"));
    assert_near(lists->buses[0].vn_kv, 10.5, 1e-12);
    assert_near(lists->injections[0].p_mw, -0.3, 1e-15);
    assert_near(lists->injections[0].p_current_share, 1, 0);
    assert_near(lists->injections[1].q_impedance_share, 1, 0);
    assert_near(lists->injections[1].q_mvar, 0, 0);
    assert_false(lists->injections[1].in_service);
    assert_int_equal(lists->notes[0].kind, FG_NOTE_DEFAULTED);
    fg_network_destroy(lists);
}

static void test_regulated_generators(void **context)
{
    (void)context;
    struct fg_network *network = read_text(
        INPUT("", NODES "," SOURCE ",\"sym_gen\":[{\"id\":7,\"node\":2,\"status\":1,\"type\":0,\"p_specified\":2e6,"
                        "\"q_specified\":1e5}],\"asym_load\":[{\"id\":8,\"node\":2,\"status\":1,\"type\":0,"
                        "\"p_specified\":[1e5,2e5,3e5],\"q_specified\":[0,1e4,2e4]}],\"voltage_regulator\":[{\"id\":20,"
                        "\"regulated_object\":7,\"status\":1,\"u_ref\":1.03,\"q_min\":-5e5,\"q_max\":\"inf\"}]"));
    const struct fg_generator *generator = &network->generators[1];
    assert_string_equal(generator->id, "7");
    assert_near(generator->vm_set_pu, 1.03, 0);
    assert_near(generator->p_mw, 2, 1e-15);
    assert_near(generator->q_min_mvar, -0.5, 1e-15);
    assert_true(isinf(generator->q_max_mvar));
    assert_near(network->injections[0].p_mw, -0.6, 1e-15);
    assert_near(network->injections[0].q_mvar, -0.03, 1e-15);
    fg_network_destroy(network);
}

/* Star of the pairs, seen from side 1 with side 2 shorted and side 3 open: the pair's own impedance. */
static void test_three_winding_star(void **context)
{
    (void)context;
    struct fg_network *network = read_text(INPUT(
        "", NODES
        "," SOURCE ",\"three_winding_transformer\":[{\"id\":5,\"node_1\":1,\"node_2\":2,\"node_3\":3,"
        "\"status_1\":1,\"status_2\":1,\"status_3\":0,\"u1\":10500,\"u2\":10500,\"u3\":400,\"sn_1\":6e6,\"sn_2\":5e6,"
        "\"sn_3\":1e6,\"uk_12\":0.09,\"uk_13\":0.06,\"uk_23\":0.03,\"pk_12\":50e3,\"pk_13\":10e3,\"pk_23\":8e3,"
        "\"i0\":0.01,\"p0\":2000,\"winding_1\":1,\"winding_2\":1,\"winding_3\":2,\"clock_12\":0,\"clock_13\":11,"
        "\"tap_side\":1,\"tap_pos\":2,\"tap_min\":-3,\"tap_max\":3,\"tap_size\":100}]"));
    const struct fg_branch *one = &network->branches[fg_network_find_branch(network, "5_1")];
    const struct fg_branch *two = &network->branches[fg_network_find_branch(network, "5_2")];
    const struct fg_branch *three = &network->branches[fg_network_find_branch(network, "5_3")];
    /* uk_12 and pk_12 are on 5 MVA, the base is 1 MVA; resistances and impedances add up by parts. */
    assert_near(one->r_pu + two->r_pu, 50e3 / 5e6 / 5, 1e-12);
    assert_near(one->r_pu + three->r_pu, 10e3 / 1e6, 1e-12);
    assert_near(two->r_pu + three->r_pu, 8e3 / 1e6, 1e-12);
    double uk1 = 0.5 * (0.09 / 5 + 0.06 - 0.03); /* per MVA */
    assert_near(hypot(one->r_pu, one->x_pu), uk1, 1e-12);
    assert_near(two->ratio, 10700.0 / 10500, 1e-14);
    assert_near(three->shift_rad, -11 * 3.14159265358979323846 / 6, 1e-14);
    assert_false(three->in_service);
    assert_true(two->tap.exists && !one->tap.exists);
    assert_string_equal(one->origin, "5");
    assert_near(one->g_from_pu + one->g_to_pu, 2000 / 1e6, 1e-15);
    assert_near(two->g_from_pu, 0, 0);
    fg_network_destroy(network);
}

static void write_file(const char *path, const char *text)
{
    struct fg_error err;
    assert_int_equal(fg_file_write(path, text, strlen(text), &err), FG_OK);
}

static void test_batch(void **context)
{
    (void)context;
    const char *input =
        INPUT("", NODES "," SOURCE ",\"sym_load\":[{\"id\":7,\"node\":2,\"status\":1,\"type\":0,"
                        "\"p_specified\":1e6,\"q_specified\":1e5},{\"id\":8,\"node\":2,\"status\":1,\"type\":0,"
                        "\"p_specified\":2e6,\"q_specified\":1e5}]");
    const char *update = "{\"version\":\"1.0\",\"type\":\"update\",\"is_batch\":true,"
                         "\"attributes\":{\"sym_load\":[\"id\",\"p_specified\"]},\"data\":[{\"sym_load\":[[8,5e6]]},"
                         "{\"sym_load\":[{\"p_specified\":3e6,\"q_specified\":null},{\"status\":0}]},{}]}";
    char input_path[] = "/tmp/fg_pgm_in_XXXXXX", update_path[] = "/tmp/fg_pgm_up_XXXXXX";
    struct fg_error err = {0};
    struct fg_pgm_batch *batch;
    struct fg_network *network;
    assert_true(mkstemp(input_path) >= 0 && mkstemp(update_path) >= 0);
    write_file(input_path, input);
    write_file(update_path, update);
    assert_int_equal(fg_network_read(input_path, NULL, &network, &err), FG_OK); /* recognised by content */
    assert_int_equal(network->injection_count, 2);
    fg_network_destroy(network);
    assert_int_equal(fg_pgm_batch_open(input_path, update_path, &batch, &err), FG_OK);
    assert_int_equal(fg_pgm_batch_count(batch), 3);
    static const double p_mw[3][2] = {{-1, -5}, {-3, -2}, {-1, -2}};
    for (size_t s = 0; s < 3; s++) {
        assert_int_equal(fg_pgm_batch_network(batch, s, &network, &err), FG_OK);
        for (size_t k = 0; k < 2; k++) {
            assert_near(network->injections[k].p_mw, p_mw[s][k], 1e-12);
            assert_near(network->injections[k].q_mvar, -0.1, 1e-15);
            assert_int_equal(network->injections[k].in_service, s != 1 || k == 0);
        }
        fg_network_destroy(network);
    }
    assert_int_equal(fg_pgm_batch_network(batch, 3, &network, &err), FG_ERR_ARGUMENT);
    fg_pgm_batch_close(batch);

    write_file(update_path, "{\"version\":\"1.0\",\"type\":\"update\",\"is_batch\":true,\"attributes\":{},"
                            "\"data\":[{\"sym_load\":[{\"id\":70,\"status\":1}]}]}");
    assert_int_equal(fg_pgm_batch_open(input_path, update_path, &batch, &err), FG_OK);
    assert_int_equal(fg_pgm_batch_network(batch, 0, &network, &err), FG_ERR_NETWORK);
    assert_non_null(strstr(err.place, "#/data/0/sym_load/0/id"));
    fg_pgm_batch_close(batch);
    remove(input_path);
    remove(update_path);
}

static void test_errors_name_the_place(void **context)
{
    (void)context;
#define LINE(fields) INPUT("", NODES ",\"line\":[{\"id\":4," fields "}]")
    static const struct {
        const char *text;
        enum fg_code code;
        const char *place, *part;
    } cases[] = {
        {"{\"version\":\"1.0\"", FG_ERR_SYNTAX, "in.json", ""},
        {"{\"version\":\"2.0\",\"type\":\"input\",\"data\":{}}", FG_ERR_UNSUPPORTED, "in.json#", "1.0"},
        {"{\"version\":\"1.0\",\"type\":\"sym_output\",\"data\":{}}", FG_ERR_SCHEMA, "in.json#", "sym_output"},
        {"{\"version\":\"1.0\",\"type\":\"input\",\"data\":[]}", FG_ERR_SCHEMA, "in.json#/data", ""},
        {INPUT("", "\"node\":[{\"id\":1,\"u_rated\":-5}]"), FG_ERR_VALUE, "in.json#/data/node/0/u_rated", "positive"},
        {INPUT("", "\"node\":[{\"id\":\"x\",\"u_rated\":5}]"), FG_ERR_SCHEMA, "in.json#/data/node/0/id", "whole"},
        {INPUT("", "\"node\":[3]"), FG_ERR_SCHEMA, "in.json#/data/node/0", "object"},
        {INPUT("\"node\":[\"id\"]", "\"node\":[[1,2]]"), FG_ERR_SCHEMA, "in.json#/data/node/0", "attributes"},
        {INPUT("", "\"nodes\":[]"), FG_ERR_UNSUPPORTED, "in.json#/data/nodes", "unknown"},
        {INPUT("", "\"node\":{}"), FG_ERR_SCHEMA, "in.json#/data/node", "array"},
        {INPUT("", "\"node\":[{\"id\":1,\"u_rated\":5},{\"id\":1,\"u_rated\":5}]"), FG_ERR_NETWORK, "in.json#bus 1",
         ""},
        {LINE("\"from_node\":1,\"to_node\":8"), FG_ERR_NETWORK, "in.json#/data/line/0/to_node", "line 4"},
        {LINE("\"from_node\":1,\"to_node\":2,\"r1\":1"), FG_ERR_SCHEMA, "in.json#/data/line/0", "x1"},
        {LINE("\"from_node\":1,\"to_node\":3,\"r1\":1,\"x1\":1,\"c1\":0,\"tan1\":0"), FG_ERR_NETWORK,
         "in.json#/data/line/0/to_node", "equal rated voltages"},
        {LINE("\"from_node\":1,\"to_node\":2,\"from_status\":7"), FG_ERR_VALUE, "in.json#/data/line/0/from_status",
         "0 or 1"},
        {INPUT("", NODES ",\"asym_line\":[{\"id\":4}]"), FG_ERR_UNSUPPORTED, "in.json#/data/asym_line/0", "unbalanced"},
        {INPUT("", NODES ",\"transformer\":[{\"id\":4,\"from_node\":1,\"to_node\":2,\"u1\":10,\"u2\":10,\"sn\":1,"
                         "\"uk\":0.1,\"pk\":0,\"i0\":0,\"p0\":0,\"winding_from\":1,\"winding_to\":2,\"clock\":6}]"),
         FG_ERR_VALUE, "in.json#/data/transformer/0/clock", "odd"},
        {INPUT("", NODES ",\"transformer_tap_regulator\":[{\"id\":4,\"regulated_object\":3,\"u_set\":1,\"u_band\":1}]"),
         FG_ERR_NETWORK, "in.json#/data/transformer_tap_regulator/0/regulated_object", "no transformer"},
        {INPUT("", NODES ",\"asym_load\":[{\"id\":4,\"node\":2,\"p_specified\":[1,2]}]"), FG_ERR_SCHEMA,
         "in.json#/data/asym_load/0/p_specified", "three"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct fg_network *network = (struct fg_network *)1;
        struct fg_error err = {0};
        enum fg_code code = fg_pgm_parse(cases[c].text, strlen(cases[c].text), "in.json", &network, &err);
        if (code != cases[c].code || strncmp(err.place, cases[c].place, strlen(cases[c].place)) != 0 ||
            strstr(err.text, cases[c].part) == NULL || network != NULL)
            fail_msg("case %zu: %s at %s: %s", c, fg_code_slug(code), err.place, err.text);
    }
}

static void test_out_of_memory(void **context)
{
    (void)context;
    const char *text = TRANSFORMER("1", "2");
    enum fg_code code = FG_ERR_MEMORY;
    for (long n = 1; code != FG_OK; n++) {
        struct fg_network *network = NULL;
        struct fg_error err = {0};
        fg_alloc_fail_after(n);
        code = fg_pgm_parse(text, strlen(text), "in.json", &network, &err);
        fg_alloc_fail_after(0);
        if (code != FG_OK)
            assert_int_equal(code, FG_ERR_MEMORY);
        assert_true(n < 100000);
        fg_network_destroy(network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_and_source),       cmocka_unit_test(test_transformer),
        cmocka_unit_test(test_nominal_at_the_end),    cmocka_unit_test(test_moving_a_tap),
        cmocka_unit_test(test_rows_as_lists),         cmocka_unit_test(test_regulated_generators),
        cmocka_unit_test(test_three_winding_star),    cmocka_unit_test(test_batch),
        cmocka_unit_test(test_errors_name_the_place), cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

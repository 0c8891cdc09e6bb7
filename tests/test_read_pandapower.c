/* pandapower reader. Reference states come from pandapower 3.5.6 (tests/data/pandapower/generate.py says how) and from
 * the results stored in published files; limits, costs and errors from hand calculation. */
#include "grid/pandapower.h"

#include "base/text.h"
#include "grid/powerflow.h"
#include "reference_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define DATA FG_SOURCE_DIR "/tests/data/pandapower/"
#define SHARED FG_SHARED_DIR "/data/cases/pandapower/"

static struct fg_network *read_file(const char *path)
{
    struct fg_network *network;
    struct fg_error err = {0};
    if (fg_pandapower_read(path, &network, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    return network;
}

static const struct fg_branch *branch_of(const struct fg_network *network, const char *id)
{
    int32_t index = fg_network_find_branch(network, id);
    if (index < 0)
        fail_msg("no branch %s", id);
    return &network->branches[index];
}

static const struct fg_generator *generator_of(const struct fg_network *network, const char *id)
{
    for (size_t i = 0; i < network->generator_count; i++)
        if (strcmp(network->generators[i].id, id) == 0)
            return &network->generators[i];
    fail_msg("no generator %s", id);
    return NULL;
}

static bool has_note(const struct fg_network *network, enum fg_note_kind kind, const char *part)
{
    for (size_t i = 0; i < network->note_count; i++)
        if (network->notes[i].kind == kind && strstr(network->notes[i].text, part) != NULL)
            return true;
    return false;
}

static void check_state(const char *name, int voltages)
{
    char path[512];
    const char *worst = "";
    struct reference_state state;
    snprintf(path, sizeof path, DATA "%s.json", name);
    struct fg_network *network = read_file(path);
    reference_state_create(&state, network);
    snprintf(path, sizeof path, DATA "%s.csv", name);
    assert_int_equal(reference_state_load(&state, network, path), voltages);
    double mismatch_mva = reference_state_mismatch_mva(network, &state, &worst);
    if (!(mismatch_mva < 1e-6))
        fail_msg("%s: %g MVA at bus %s", name, mismatch_mva, worst);
    /* The check can fail: another angle at one bus is another power. */
    state.va_rad[2] += 1e-4;
    assert_true(reference_state_mismatch_mva(network, &state, NULL) > 1e-4);
    reference_state_release(&state);
    fg_network_destroy(network);
}

static void test_states_of_own_networks(void **context)
{
    (void)context;
    check_state("feeder", 9);
    check_state("feeder_2_4", 9);
    check_state("devices", 21);
}

static void test_feeder_data(void **context)
{
    (void)context;
    struct fg_network *network = read_file(DATA "feeder.json");
    assert_string_equal(network->name, "feeder");
    assert_near(network->base_mva, 10, 0);

    const struct fg_bus *lv = &network->buses[fg_network_find_bus(network, "7")];
    assert_string_equal(lv->name, "lv");
    assert_near(lv->vm_min_pu, 0.9, 0);
    assert_near(lv->vm_max_pu, 1.1, 0);
    const struct fg_bus *grid = &network->buses[fg_network_find_bus(network, "0")];
    assert_near(grid->x, 7.5, 0);
    assert_near(grid->y, 48.25, 0);
    assert_near(grid->vm_max_pu, 2, 0); /* what pandapower writes for buses without limits */

    const struct fg_branch *ring = branch_of(network, "line_0");
    assert_string_equal(ring->name, "ring 1");
    assert_int_equal(ring->rating_kind, FG_RATING_CURRENT);
    assert_near(ring->rate_normal_mva, sqrt(3) * 20 * 0.362 * 0.9 * 2 * 0.6, 1e-12);
    assert_near(ring->r_pu, 0.161 * 3.2 / 2 / (20.0 * 20 / 10), 1e-15);
    const struct fg_branch *open = branch_of(network, "line_2");
    assert_false(open->from_closed);
    assert_true(open->to_closed);
    const struct fg_branch *hanging = branch_of(network, "line_4"); /* its to bus is out of service */
    assert_true(hanging->from_closed && hanging->in_service);
    assert_false(hanging->to_closed);
    assert_false(branch_of(network, "line_5")->in_service);

    const struct fg_branch *trafo = branch_of(network, "trafo_0");
    assert_int_equal(trafo->rating_kind, FG_RATING_APPARENT);
    assert_near(trafo->rate_normal_mva, 25 * 0.8, 1e-12);
    assert_near(trafo->ratio, 112 * (1 - 2 * 0.015) / 20.5 / (110.0 / 20), 1e-14);
    assert_true(trafo->tap.exists && trafo->tap.on_from_side);
    assert_int_equal(trafo->tap.position, -2);
    assert_int_equal(trafo->tap.minimum, -9);
    assert_int_equal(trafo->tap.maximum, 9);
    assert_near(trafo->tap.step_ratio, 0.015, 1e-15);

    assert_int_equal(network->switch_count, 2);
    assert_string_equal(network->switches[0].id, "switch_2");
    assert_true(network->switches[0].closed);
    assert_false(network->switches[1].closed);
    assert_int_equal(branch_of(network, "switch_3")->kind, FG_BRANCH_LINK);

    assert_near(network->injections[0].p_mw, -2.4 * 0.6, 1e-15);
    assert_near(network->injections[1].p_impedance_share, 0.3, 1e-15);
    assert_near(network->injections[1].q_current_share, 0.6, 1e-15);
    assert_false(network->injections[4].in_service);

    const struct fg_generator *source = generator_of(network, "ext_grid_0");
    assert_int_equal(source->kind, FG_GENERATOR_SOURCE);
    assert_near(source->va_set_rad, 5 * 3.14159265358979323846 / 180, 1e-15);
    assert_near(source->p_min_mw, -30, 0);
    assert_near(source->p_max_mw, 60, 0);
    assert_int_equal(source->cost.kind, FG_COST_POLYNOMIAL);
    assert_near(source->cost.values[0], 3, 0);
    assert_near(source->cost.values[1], 50, 0);
    assert_near(source->cost.values[2], 0.1, 0);
    const struct fg_generator *gen = generator_of(network, "gen_0");
    assert_near(gen->vm_set_pu, 1.01, 0);
    assert_int_equal(gen->cost.kind, FG_COST_PIECEWISE);
    static const double points[] = {0, 0, 1, 20, 2, 55};
    assert_int_equal(gen->cost.count, 3);
    for (int k = 0; k < 6; k++)
        assert_near(gen->cost.values[k], points[k], 1e-12);
    const struct fg_generator *pv = generator_of(network, "sgen_1");
    assert_true(isnan(pv->vm_set_pu));
    assert_near(pv->p_max_mw, 0.25, 0);
    assert_true(has_note(network, FG_NOTE_CONVERTED, "controllable sgen"));
    fg_network_destroy(network);
}

static void test_devices_data(void **context)
{
    (void)context;
    struct fg_network *network = read_file(DATA "devices.json");
    const struct fg_branch *mv = branch_of(network, "trafo3w_1_mv");
    assert_string_equal(mv->origin, "trafo3w_1");
    assert_near(mv->rate_normal_mva, 25, 1e-12);
    assert_true(network->buses[mv->from].is_internal);
    assert_string_equal(network->buses[mv->from].id, "trafo3w_1_star");
    assert_false(branch_of(network, "trafo3w_4_lv")->to_closed);
    const struct fg_storage *storage = &network->storages[0];
    assert_near(storage->p_mw, 2, 0);
    assert_near(storage->energy_mwh, 8 * 0.45, 1e-12);
    assert_near(storage->energy_min_mwh, 1, 0);
    assert_near(storage->charge_max_mw, 3, 0);
    assert_near(storage->discharge_max_mw, 3, 0);
    const struct fg_generator *sending = generator_of(network, "dcline_0_from");
    const struct fg_generator *receiving = generator_of(network, "dcline_0_to");
    assert_near(sending->p_mw, -15, 0);
    assert_near(receiving->p_mw, 15 * 0.98 - 0.1, 1e-12);
    /* Motor: 1.5 MW / 0.94 * 0.8 * 0.9 drawn, Q from the power factor. */
    double motor_mw = 1.5 / 0.94 * 0.8 * 0.9;
    for (size_t i = 0; i < network->injection_count; i++)
        if (strcmp(network->injections[i].id, "motor_0") == 0) {
            assert_near(network->injections[i].p_mw, -motor_mw, 1e-12);
            assert_near(network->injections[i].q_mvar, -motor_mw * tan(acos(0.86)), 1e-12);
            motor_mw = 0;
        }
    assert_near(motor_mw, 0, 0);
    assert_true(has_note(network, FG_NOTE_CONVERTED, "asymmetric_load"));
    assert_true(has_note(network, FG_NOTE_DEFAULTED, "storage efficiencies"));
    fg_network_destroy(network);
}

/* A small network as text; the tests vary one table of it. */
#define TABLE(name, columns, index, data)                                                                        \
    "\"" name "\":{\"_module\":\"pandas.core.frame\",\"_class\":\"DataFrame\",\"orient\":\"split\",\"_object\":" \
    "{\"columns\":[" columns "],\"index\":[" index "],\"data\":[" data "]}}"
#define BUS TABLE("bus", "\"vn_kv\",\"in_service\"", "0,1", "[20.0,true],[0.4,true]")
#define GRID TABLE("ext_grid", "\"bus\",\"vm_pu\"", "0", "[0,1.0]")
#define NET(tables)                                                                                                 \
    "{\"_module\":\"pandapower.auxiliary\",\"_class\":\"pandapowerNet\",\"_object\":{\"format_version\":\"3.0.0\"," \
    "\"sn_mva\":1.0," tables "}}"
#define TRAFO_COLUMNS                                                                                       \
    "\"hv_bus\",\"lv_bus\",\"sn_mva\",\"vn_hv_kv\",\"vn_lv_kv\",\"vk_percent\",\"vkr_percent\",\"pfe_kw\"," \
    "\"i0_percent\",\"tap_side\",\"tap_neutral\",\"tap_min\",\"tap_max\",\"tap_pos\",\"tap_step_percent\"," \
    "\"tap_step_degree\",\"tap_changer_type\""

static struct fg_network *read_text(const char *text)
{
    struct fg_network *network;
    struct fg_error err = {0};
    if (fg_pandapower_parse(text, strlen(text), "net.json", &network, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    return network;
}

static struct fg_network *read_tapped(const char *side, double degree, const char *type, int position)
{
    char text[2048];
    snprintf(text, sizeof text,
             NET(BUS "," GRID "," TABLE("trafo", TRAFO_COLUMNS, "0",
                                        "[0,1,0.4,20.0,0.4,6.0,1.4,1.3,0.4,\"%s\",1,-3,5,%d,2.5,%g,\"%s\"]")),
             side, position, degree, type);
    return read_text(text);
}

/* Moving the tap of a network that was read equals reading the network at that position. */
static void test_moving_a_tap(void **context)
{
    (void)context;
    static const struct {
        const char *side, *type;
        double degree;
    } cases[] = {{"hv", "Ratio", 0}, {"lv", "Ratio", 0}, {"hv", "Ratio", 70}, {"lv", "Symmetrical", 90}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int position = -3; position <= 5; position++) {
            struct fg_network *moved = read_tapped(cases[c].side, cases[c].degree, cases[c].type, 3);
            struct fg_network *fresh = read_tapped(cases[c].side, cases[c].degree, cases[c].type, position);
            struct fg_branch *a = &moved->branches[0];
            const struct fg_branch *b = &fresh->branches[0];
            fg_branch_set_tap(a, position);
            assert_int_equal(a->tap.position, b->tap.position);
            assert_near(a->ratio, b->ratio, 1e-14);
            assert_near(a->shift_rad, b->shift_rad, 1e-14);
            assert_near(a->x_pu, b->x_pu, 1e-14);
            assert_near(a->b_from_pu, b->b_from_pu, 1e-16);
            fg_network_destroy(moved);
            fg_network_destroy(fresh);
        }
}

/* Without a type a tap has no effect in pandapower 3, and the report says so. */
static void test_tap_without_type(void **context)
{
    (void)context;
    struct fg_network *idle = read_tapped("hv", 0, "", 3), *neutral = read_tapped("hv", 0, "Ratio", 1);
    assert_near(idle->branches[0].ratio, neutral->branches[0].ratio, 0);
    assert_true(has_note(idle, FG_NOTE_WARNING, "has no effect"));
    assert_false(has_note(neutral, FG_NOTE_WARNING, "has no effect"));
    fg_network_destroy(idle);
    fg_network_destroy(neutral);
}

/* Up to version 2.0 the whole network was a string; and Python writes NaN where JSON has null. */
static void test_packed_network(void **context)
{
    (void)context;
    struct fg_network *network = read_text(
        "{\"_class\":\"pandapowerNet\",\"_object\":\"{\\\"version\\\":2.0,\\\"sn_mva\\\":5,\\\"name\\\":\\\"NaN\\\","
        "\\\"extra\\\":[NaN,-Infinity],\\\"bus\\\":{\\\"_object\\\":{\\\"columns\\\":[\\\"vn_kv\\\",\\\"max_vm_pu\\\"],"
        "\\\"index\\\":[3],\\\"data\\\":[[20,NaN]]}},\\\"ext_grid\\\":{\\\"_object\\\":{\\\"columns\\\":[\\\"bus\\\"],"
        "\\\"index\\\":[0],\\\"data\\\":[[3]]}}}\",\"more\":Infinity}");
    assert_near(network->base_mva, 5, 0);
    assert_string_equal(network->name, "NaN");
    assert_string_equal(network->buses[0].id, "3");
    assert_true(isinf(network->buses[0].vm_max_pu));
    fg_network_destroy(network);
}

/* Copies keep the two-ports of the tap positions. */
static void test_clone_keeps_tap_points(void **context)
{
    (void)context;
    struct fg_network *network = read_tapped("lv", 0, "Ratio", 3), *clone = fg_network_clone(network);
    assert_non_null(clone);
    double x_pu = network->branches[0].x_pu;
    fg_network_destroy(network);
    fg_branch_set_tap(&clone->branches[0], -3);
    assert_near(clone->branches[0].x_pu, x_pu * pow((1 - 4 * 0.025) / (1 + 2 * 0.025), 2), 1e-5);
    fg_network_destroy(clone);
}

static void test_controllable_load_cost(void **context)
{
    (void)context;
    struct fg_network *network = read_text(NET(BUS "," GRID "," TABLE(
        "load", "\"bus\",\"p_mw\",\"q_mvar\",\"controllable\",\"min_p_mw\",\"max_p_mw\"", "4",
        "[1,0.5,0.1,true,0.2,0.6]") "," TABLE("pwl_cost", "\"power_type\",\"element\",\"et\",\"points\"", "0",
                                              "[\"p\",4,\"load\",[[0.2,0.4,-30.0],[0.4,0.6,-10.0]]]")));
    const struct fg_generator *load = generator_of(network, "load_4");
    assert_near(load->p_mw, -0.5, 0);
    assert_near(load->p_min_mw, -0.6, 0);
    assert_near(load->p_max_mw, -0.2, 0);
    assert_near(load->q_max_mvar, -0.1, 0);
    /* Cost of consuming 0.2, 0.4, 0.6: -6, -12, -14. */
    static const double points[] = {-0.6, -14, -0.4, -12, -0.2, -6};
    for (int k = 0; k < 6; k++)
        assert_near(load->cost.values[k], points[k], 1e-12);
    assert_true(has_note(network, FG_NOTE_DEFAULTED, "without limits of q_mvar"));
    fg_network_destroy(network);
}

static void test_negative_magnetising_current(void **context)
{
    (void)context;
#define I0_NET(version)                                                                                    \
    "{\"_class\":\"pandapowerNet\",\"_object\":{\"format_version\":\"" version "\"," BUS "," GRID          \
    "," TABLE("trafo",                                                                                     \
              "\"hv_bus\",\"lv_bus\",\"sn_mva\",\"vn_hv_kv\",\"vn_lv_kv\",\"vk_percent\",\"vkr_percent\"," \
              "\"pfe_kw\",\"i0_percent\"",                                                                 \
              "0", "[0,1,0.4,20.0,0.4,6.0,1.4,0.0,-2.0]") "}}"
    struct fg_network *modern = read_text(I0_NET("3.1.0")), *old = read_text(I0_NET("2.9.0"));
    assert_true(modern->branches[0].b_from_pu < 0); /* inductive */
    assert_true(old->branches[0].b_from_pu > 0);    /* capacitive, as that version counted it */
    assert_true(has_note(modern, FG_NOTE_WARNING, "negative i0_percent"));
    fg_network_destroy(modern);
    fg_network_destroy(old);
}

static void test_errors_name_the_place(void **context)
{
    (void)context;
    static const struct {
        const char *text;
        enum fg_code code;
        const char *place, *part;
    } cases[] = {
        {"{\"_class\":\"pandapowerNet\"", FG_ERR_SYNTAX, "net.json", ""},
        {"[]", FG_ERR_SCHEMA, "net.json#", ""},
        {"{\"bus\":{}}", FG_ERR_SCHEMA, "net.json#", "pandapowerNet"},
        {"{\"_class\":\"pandapowerNet\"}", FG_ERR_SCHEMA, "net.json#/_object", ""},
        {"{\"_class\":\"pandapowerNet\",\"_object\":\"{ 3\"}", FG_ERR_SYNTAX, "net.json#/_object", ""},
        {"{\"_class\":\"pandapowerNet\",\"_object\":{\"version\":1.6}}", FG_ERR_UNSUPPORTED,
         "net.json#/_object/version", "2.0"},
        {NET("\"bus\":{\"orient\":\"split\",\"_object\":\"{\\\"columns\\\": [\"}"), FG_ERR_SYNTAX,
         "net.json#/_object/bus/_object", ""},
        {NET("\"bus\":{\"orient\":\"columns\",\"_object\":\"{}\"}"), FG_ERR_UNSUPPORTED, "net.json#/_object/bus",
         "columns"},
        {NET(TABLE("bus", "\"vn_kv\"", "0,1", "[20.0]")), FG_ERR_SCHEMA, "net.json#/_object/bus/_object/data", "index"},
        {NET(TABLE("bus", "\"vn_kv\"", "0", "[20.0,1]")), FG_ERR_SCHEMA, "net.json#/_object/bus/_object/data/0", ""},
        {NET(TABLE("bus", "\"vn_kv\"", "\"a\"", "[20.0]")), FG_ERR_SCHEMA, "net.json#/_object/bus/_object/index/0",
         "whole"},
        {NET(TABLE("bus", "\"vn_kv\"", "0", "[\"20\"]")), FG_ERR_SCHEMA, "net.json#/_object/bus/_object/data/0/0",
         "number"},
        {NET(TABLE("bus", "\"vn_kv\"", "0", "[0]")), FG_ERR_VALUE, "net.json#/_object/bus/_object/data/0/0",
         "positive"},
        {NET(TABLE("bus", "\"vn_kv\"", "0,0", "[20.0],[20.0]")), FG_ERR_NETWORK, "net.json#bus 0", ""},
        {NET(BUS "," TABLE("load", "\"bus\",\"p_mw\"", "3", "[9,1.0]")), FG_ERR_NETWORK,
         "net.json#/_object/load/_object/data/0/0", "load 3, bus: bus 9"},
        {NET(BUS "," TABLE("load", "\"bus\",\"p_mw\"", "3", "[1,null]")), FG_ERR_SCHEMA,
         "net.json#/_object/load/_object/data/0/1", "p_mw"},
        {NET(BUS "," TABLE("switch", "\"bus\",\"element\",\"et\",\"closed\"", "0", "[1,4,\"l\",false]")),
         FG_ERR_NETWORK, "net.json#/_object/switch/_object/data/0/1", "line_4"},
        {NET(BUS "," TABLE("switch", "\"bus\",\"element\",\"et\",\"closed\"", "0", "[1,4,\"x\",false]")), FG_ERR_VALUE,
         "net.json#/_object/switch/_object/data/0/2", "t3"},
        {NET(BUS "," TABLE("svc", "\"bus\",\"in_service\"", "0", "[1,true]")), FG_ERR_UNSUPPORTED,
         "net.json#/_object/svc/_object/data/0", "svc 0"},
        {NET(BUS
             "," TABLE("impedance", "\"from_bus\",\"to_bus\",\"rft_pu\",\"xft_pu\",\"rtf_pu\",\"xtf_pu\",\"sn_mva\"",
                       "0", "[0,1,0.1,0.1,0.2,0.1,1.0]")),
         FG_ERR_UNSUPPORTED, "net.json#/_object/impedance/_object/data/0/4", "direction"},
        {NET(BUS "," TABLE("trafo", TRAFO_COLUMNS, "0",
                           "[0,1,0.4,20.0,0.4,6.0,7.0,1.3,0.4,\"hv\",0,-3,5,0,2.5,0,\"Ratio\"]")),
         FG_ERR_VALUE, "net.json#/_object/trafo/_object/data/0", "vkr_percent"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct fg_network *network = (struct fg_network *)1;
        struct fg_error err = {0};
        enum fg_code code = fg_pandapower_parse(cases[c].text, strlen(cases[c].text), "net.json", &network, &err);
        if (code != cases[c].code || strncmp(err.place, cases[c].place, strlen(cases[c].place)) != 0 ||
            strstr(err.text, cases[c].part) == NULL || network != NULL)
            fail_msg("case %zu: %s at %s: %s", c, fg_code_slug(code), err.place, err.text);
    }
}

/* Every allocation of the library may fail; nothing leaks and the error says so. */
static void test_out_of_memory(void **context)
{
    (void)context;
    struct fg_text text;
    struct fg_error err = {0};
    fg_text_init(&text);
    assert_int_equal(fg_file_read(DATA "devices.json", 1 << 20, &text, &err), FG_OK);
    enum fg_code code = FG_ERR_MEMORY;
    for (long n = 1; code != FG_OK; n++) {
        struct fg_network *network = NULL;
        fg_alloc_fail_after(n);
        code = fg_pandapower_parse(text.data, text.length, "devices.json", &network, &err);
        fg_alloc_fail_after(0);
        if (code != FG_OK)
            assert_int_equal(code, FG_ERR_MEMORY);
        assert_true(n < 100000);
        fg_network_destroy(network);
    }
    fg_text_release(&text);
}

/* Power flows of published networks against pandapower 3.5.6 (runpp, tolerance 1e-9 MVA): losses of lines and
 * transformers, lowest voltage and where. */
static void test_shared_networks(void **context)
{
    (void)context;
    static const struct {
        const char *file;
        size_t buses, branches;
        double losses_mw, vm_min_pu;
        const char *vm_min_bus;
    } cases[] = {
        {"mv_oberrhein.json", 179, 183, 1.017697, 0.975617171, "190"},
        {"mv_oberrhein_substations.json", 320, 324, 1.54401402, 0.953484886, "96"},
        {"lv_schutterwald.json", 2940, 3014, 0.182834357, 0.868992076, "1362"},
        {"case33bw.json", 33, 37, 0.202677126, 0.913090479, "17"},
        {"case118.json", 118, 186, 133.169694, 0.943, "75"},
        {"case300.json", 300, 411, 424.88658, 0.889002077, "281"},
        {"iceland.json", 189, 206, 44.9268729, 0.881092517, "62"},
        {"GBreducednetwork.json", 29, 99, 1724.55596, 0.98450364, "23"},
        {"case1354pegase.json", 1354, 1991, 1663.46749, 0.981906909, "783"},
    };
    FILE *probe = fopen(SHARED "mv_oberrhein.json", "r");
    if (probe == NULL) {
        print_message("skipped: folder absent (%s)\n", SHARED);
        skip();
    }
    fclose(probe);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char path[512];
        struct fg_error err = {0};
        struct fg_powerflow *powerflow;
        struct fg_powerflow_result *result;
        snprintf(path, sizeof path, SHARED "%s", cases[c].file);
        struct fg_network *network = read_file(path);
        assert_int_equal(network->bus_count, cases[c].buses);
        assert_int_equal(network->branch_count, cases[c].branches);
        if (fg_powerflow_create(network, NULL, &powerflow, &err) != FG_OK ||
            fg_powerflow_result_create(network, &result, &err) != FG_OK ||
            fg_powerflow_solve(powerflow, result, &err) != FG_OK)
            fail_msg("%s: %s: %s", cases[c].file, err.place, err.text);
        if (result->status != FG_POWERFLOW_CONVERGED)
            fail_msg("%s: %s", cases[c].file, result->explanation);
        assert_near(result->losses_mw, cases[c].losses_mw, 2e-8 * cases[c].losses_mw + 1e-7);
        assert_near(result->vm_min_pu, cases[c].vm_min_pu, 1e-8);
        assert_string_equal(network->buses[result->vm_min_bus].id, cases[c].vm_min_bus);
        print_message("  %-30s losses %.9g MW, lowest voltage %.9g p.u. at bus %s\n", cases[c].file, result->losses_mw,
                      result->vm_min_pu, network->buses[result->vm_min_bus].id);
        fg_powerflow_result_destroy(result);
        fg_powerflow_destroy(powerflow);
        fg_network_destroy(network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_of_own_networks),
        cmocka_unit_test(test_feeder_data),
        cmocka_unit_test(test_devices_data),
        cmocka_unit_test(test_moving_a_tap),
        cmocka_unit_test(test_tap_without_type),
        cmocka_unit_test(test_packed_network),
        cmocka_unit_test(test_clone_keeps_tap_points),
        cmocka_unit_test(test_controllable_load_cost),
        cmocka_unit_test(test_negative_magnetising_current),
        cmocka_unit_test(test_errors_name_the_place),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_shared_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

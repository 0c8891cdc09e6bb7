/* SimBench reader: the published power-flow result of 1-LV-rural1, profiles and study cases against the files' own
 * numbers, an own small set, errors with file and line. */
#include "grid/simbench.h"

#include "base/csv.h"
#include "grid/network_read.h"
#include "grid/powerflow.h"
#include "reference_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define FOLDER FG_SHARED_DIR "/data/cases/simbench_lv_rural1"

static struct fg_simbench *open_published(void)
{
    struct fg_simbench *set;
    struct fg_error err = {0};
    FILE *probe = fopen(FOLDER "/Node.csv.gz", "r");
    if (probe == NULL) {
        print_message("skipped: folder absent (%s)\n", FOLDER);
        skip();
    }
    fclose(probe);
    if (fg_simbench_open(FOLDER, &set, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    return set;
}

/* NodePFResult gives five to six digits, and angles without the transformer's 150 degrees. */
static void test_published_result(void **context)
{
    (void)context;
    struct fg_simbench *set = open_published();
    const struct fg_network *network = fg_simbench_network(set);
    struct fg_error err = {0};
    struct fg_powerflow *powerflow;
    struct fg_powerflow_result *result;
    assert_int_equal(network->bus_count, 15);
    assert_int_equal(network->branch_count, 14);
    assert_int_equal(fg_powerflow_create(network, NULL, &powerflow, &err), FG_OK);
    assert_int_equal(fg_powerflow_result_create(network, &result, &err), FG_OK);
    assert_int_equal(fg_powerflow_solve(powerflow, result, &err), FG_OK);
    assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);

    struct fg_csv csv;
    assert_int_equal(fg_csv_read(&csv, FOLDER "/NodePFResult.csv.gz", &err), FG_OK);
    assert_int_equal(csv.row_count, 15);
    double worst_vm = 0, worst_va = 0;
    for (size_t i = 0; i < csv.row_count; i++) {
        double vm, va;
        int32_t bus = fg_network_find_bus(network, fg_csv_field(&csv, i, 0));
        assert_true(bus >= 0);
        assert_int_equal(fg_csv_number(&csv, i, 1, &vm, &err), FG_OK);
        assert_int_equal(fg_csv_number(&csv, i, 2, &va, &err), FG_OK);
        double shift = network->buses[bus].vn_kv < 1 ? -150 : 0;
        double degree = result->va_rad[bus] * 180 / 3.14159265358979323846;
        worst_vm = fmax(worst_vm, fabs(result->vm_pu[bus] - vm));
        worst_va = fmax(worst_va, fabs(degree - va - shift));
    }
    print_message("  largest difference: %.2g p.u., %.2g degrees\n", worst_vm, worst_va);
    assert_true(worst_vm < 1e-5);
    assert_true(worst_va < 1e-4);
    fg_csv_release(&csv);
    struct fg_network *found; /* the folder is recognised */
    assert_int_equal(fg_network_read(FOLDER, NULL, &found, &err), FG_OK);
    assert_int_equal(found->bus_count, 15);
    fg_network_destroy(found);
    fg_powerflow_result_destroy(result);
    fg_powerflow_destroy(powerflow);
    fg_simbench_close(set);
}

static void test_profiles_and_cases(void **context)
{
    (void)context;
    struct fg_simbench *set = open_published();
    const struct fg_network *network = fg_simbench_network(set);
    assert_int_equal(fg_simbench_step_count(set), 35136); /* 366 days */
    assert_string_equal(fg_simbench_time(set, 0), "01.01.2016 00:00");
    assert_string_equal(fg_simbench_time(set, 35135), "31.12.2016 23:45");
    double p[32], q[32], slack;
    assert_true(network->injection_count <= 32);
    struct fg_simbench_powers powers = {.injection_p_mw = p, .injection_q_mvar = q};
    fg_simbench_at_step(set, 1, &powers);
    for (size_t i = 0; i < network->injection_count; i++) {
        if (strcmp(network->injections[i].id, "LV1.101 Load 2") == 0) { /* H0-C, 3 kW and 1.186 kvar */
            assert_near(p[i], -0.003 * 0.066869, 1e-12);
            assert_near(q[i], -0.001186 * 0.007691, 1e-12);
        }
        if (strcmp(network->injections[i].id, "LV1.101 SGen 2") == 0)
            assert_near(p[i], 0, 0); /* night */
    }
    assert_int_equal(fg_simbench_case_count(set), 6);
    assert_string_equal(fg_simbench_case_name(set, 5), "lPV");
    fg_simbench_at_case(set, 5, &powers, &slack);
    assert_near(slack, 1.055, 0);
    for (size_t i = 0; i < network->injection_count; i++) {
        if (strcmp(network->injections[i].id, "LV1.101 Load 8") == 0) {
            assert_near(p[i], -0.014 * 0.1, 1e-12);
            assert_near(q[i], -0.005533 * 0.122543, 1e-12);
        }
        if (strcmp(network->injections[i].id, "LV1.101 SGen 2") == 0)
            assert_near(p[i], 0.078381 * 0.95, 1e-12);
    }
    fg_simbench_close(set);
}

#define NODE                                                                                                    \
    "Node.csv", "id;type;vmSetp;vaSetp;vmR;vmMin;vmMax;substation;coordID;subnet;voltLvl\n"                     \
                "hv;busbar;1.02;10;110;0.9;1.1;NULL;c1;S;3\nmv;busbar;1.01;NULL;20;0.965;1.055;NULL;NULL;S;5\n" \
                "far;node;NULL;NULL;20;NULL;NULL;NULL;NULL;S;5\naux;auxiliary;NULL;NULL;20;NULL;NULL;NULL;NULL;S;5\n"
#define LINE_TYPE "LineType.csv", "id;r;x;b;iMax;type\nNA2XS2Y;0.161;0.117;85.8;362;cable\n"
#define LINE "Line.csv", "id;nodeA;nodeB;type;length;loadingMax;subnet;voltLvl\nL1;mv;aux;NA2XS2Y;2.5;60;S;5\n"
#define SWITCH    \
    "Switch.csv", \
        "id;nodeA;nodeB;type;cond;substation;subnet;voltLvl\nS1;aux;far;CB;1;NULL;S;5\nS2;mv;far;LBS;0;NULL;S;5\n"
#define TYPE                                                                                         \
    "TransformerType.csv",                                                                           \
        "id;sR;vmHV;vmLV;va0;vmImp;pCu;pFe;iNoLoad;tapable;tapside;dVm;dVa;tapNeutr;tapMin;tapMax\n" \
        "T;25;110;20;150;12;102.5;14;0.07;1;HV;1.5;0;0;-9;9\n"
#define TRAFO                                                                                                    \
    "Transformer.csv", "id;nodeHV;nodeLV;type;tappos;autoTap;autoTapSide;loadingMax;substation;subnet;voltLvl\n" \
                       "T1;hv;mv;T;-2;1;LV;100;NULL;S;4\n"
#define EXTERNAL                                                                                              \
    "ExternalNet.csv",                                                                                        \
        "id;node;calc_type;dspf;pExtNet;qExtNet;pWardShunt;qWardShunt;rXWard;xXWard;vmXWard;subnet;voltLvl\n" \
        "E1;hv;vavm;1;NULL;NULL;NULL;NULL;NULL;NULL;NULL;S;3\nE2;far;xWard;1;0.5;0.2;0.1;0.05;2;20;1.0;S;5\n"
#define PLANT                                                                                               \
    "PowerPlant.csv", "id;node;type;profile;calc_type;dspf;pPP;qPP;sR;pMin;pMax;qMin;qMax;subnet;voltLvl\n" \
                      "P1;far;gas;pp_1;pvm;0;1.5;NULL;2;0.2;1.8;-1;1;S;5\n"
#define STORAGE                                                                                                        \
    "Storage.csv",                                                                                                     \
        "id;node;type;profile;pStor;qStor;chargeLevel;sR;eStore;etaStore;sdStore;pMin;pMax;qMin;qMax;subnet;voltLvl\n" \
        "B1;far;PV_Storage;bat;-0.3;0;0.4;0.5;2;0.95;0.13;-0.5;0.5;-0.2;0.3;S;5\n"
#define SHUNT "Shunt.csv", "id;node;p0;q0;vmR;step;subnet;voltLvl\nC1;mv;0.01;-1.2;21;2;S;5\n"
#define STORAGE_PROFILE "StorageProfile.csv", "time;bat\na;1\nb;-0.5\n"
#define PLANT_PROFILE "PowerPlantProfile.csv", "time;pp_1\na;0.7\nb;1\n"

static enum fg_code parse(const char *const *names_and_texts, size_t count, struct fg_simbench **set,
                          struct fg_error *err)
{
    struct fg_simbench_file files[16];
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++)
        files[i] = (struct fg_simbench_file){names_and_texts[2 * i], names_and_texts[2 * i + 1],
                                             strlen(names_and_texts[2 * i + 1])};
    return fg_simbench_parse(files, count, set, err);
}

static const char *const own_set[] = {NODE,
                                      LINE_TYPE,
                                      LINE,
                                      SWITCH,
                                      TYPE,
                                      TRAFO,
                                      EXTERNAL,
                                      PLANT,
                                      STORAGE,
                                      SHUNT,
                                      STORAGE_PROFILE,
                                      PLANT_PROFILE,
                                      "Coordinates.csv",
                                      "id;x;y\nc1;9.5;51.3\n"};
#define OWN_COUNT (sizeof own_set / sizeof *own_set / 2)

static void test_own_set(void **context)
{
    (void)context;
    struct fg_simbench *set;
    struct fg_error err = {0};
    if (parse(own_set, OWN_COUNT, &set, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    const struct fg_network *network = fg_simbench_network(set);
    assert_near(network->buses[0].x, 9.5, 0);
    assert_near(network->buses[1].vm_min_pu, 0.965, 0);
    const struct fg_branch *line = &network->branches[fg_network_find_branch(network, "L1")];
    assert_near(line->r_pu, 0.161 * 2.5 / 400, 1e-15);
    assert_near(line->b_from_pu, 85.8e-6 * 2.5 * 400 / 2, 1e-15);
    assert_near(line->rate_normal_mva, sqrt(3) * 20 * 0.362 * 0.6, 1e-12);
    const struct fg_branch *trafo = &network->branches[fg_network_find_branch(network, "T1")];
    assert_near(trafo->ratio, 1 - 2 * 0.015, 1e-14);
    assert_near(trafo->rate_normal_mva, 25, 1e-12);
    assert_true(trafo->tap.regulates);
    assert_int_equal(trafo->tap.regulated_bus, 1);
    assert_near(trafo->tap.v_set_pu, 1.01, 0);
    assert_near(trafo->tap.v_band_pu, 0.03, 1e-15);
    assert_true(network->switches[0].closed && !network->switches[1].closed);
    assert_int_equal(network->generators[0].kind, FG_GENERATOR_SOURCE);
    assert_near(network->generators[0].vm_set_pu, 1.02, 0);
    assert_near(network->generators[0].va_set_rad, 10 * 3.14159265358979323846 / 180, 1e-15);
    assert_string_equal(network->generators[1].id, "E2");
    assert_near(network->injections[0].p_mw, -0.5, 0);
    assert_near(network->shunts[0].b_mvar, -0.05, 1e-15);
    assert_near(network->generators[2].p_max_mw, 1.8, 0);
    assert_near(network->storages[0].p_mw, 0.3, 0);
    assert_near(network->storages[0].energy_mwh, 0.8, 1e-15);
    assert_near(network->storages[0].q_min_mvar, -0.3, 0);
    assert_near(network->storages[0].charge_efficiency, 0.95, 0);
    assert_near(network->shunts[1].b_mvar, 1.2 * 2 * 400 / 441, 1e-12);
    double generator_mw[3], storage_mw[1];
    fg_simbench_at_step(set, 1,
                        &(struct fg_simbench_powers){.generator_p_mw = generator_mw, .storage_p_mw = storage_mw});
    assert_near(generator_mw[2], 1.5, 1e-15);
    assert_near(storage_mw[0], -0.15, 1e-15);
    fg_simbench_at_step(set, 0, &(struct fg_simbench_powers){.generator_p_mw = generator_mw});
    assert_near(generator_mw[2], 1.05, 1e-15);
    fg_simbench_close(set);
}

static void test_errors_name_the_place(void **context)
{
    (void)context;
    static const struct {
        const char *texts[8];
        size_t count;
        enum fg_code code;
        const char *place, *part;
    } cases[] = {
        {{LINE}, 1, FG_ERR_IO, "", "Node.csv"},
        {{NODE, LINE}, 2, FG_ERR_NETWORK, "Line.csv:2", "LineType.csv"},
        {{NODE, "Line.csv", "id;nodeA;nodeB;type;length\nL;mv;nowhere;x;1\n"},
         2,
         FG_ERR_NETWORK,
         "Line.csv:2",
         "nowhere"},
        {{NODE, LINE_TYPE, "Line.csv", "id;nodeA;nodeB;type;length\nL;mv;far;NA2XS2Y;abc\n"},
         3,
         FG_ERR_VALUE,
         "Line.csv:2",
         "abc"},
        {{NODE, LINE_TYPE, "Line.csv", "id;nodeA;nodeB;type\nL;mv;far;NA2XS2Y\n"},
         3,
         FG_ERR_SCHEMA,
         "Line.csv",
         "length"},
        {{"Node.csv", "id;vmR\na;-3\n"}, 1, FG_ERR_VALUE, "Node.csv:2", "positive"},
        {{NODE, "Load.csv", "id;node;profile;pLoad;qLoad\nl;far;H0;NULL;0\n"}, 2, FG_ERR_SCHEMA, "Load.csv:2", "empty"},
        {{NODE, "Switch.csv", "id;nodeA;nodeB;cond\ns;mv;far;maybe\n"}, 2, FG_ERR_VALUE, "Switch.csv:2", "maybe"},
        {{NODE, "Transformer3W.csv", "id;nodeHV\nt;hv\n"}, 2, FG_ERR_UNSUPPORTED, "Transformer3W.csv:2", "three"},
        {{NODE, "RES.csv", "id;node;calc_type;pRES\nr;far;xyz;1\n"}, 2, FG_ERR_VALUE, "RES.csv:2", "xyz"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct fg_simbench *set = (struct fg_simbench *)1;
        struct fg_error err = {0};
        enum fg_code code = parse(cases[c].texts, cases[c].count, &set, &err);
        if (code != cases[c].code || strncmp(err.place, cases[c].place, strlen(cases[c].place)) != 0 ||
            strstr(err.text, cases[c].part) == NULL || set != NULL)
            fail_msg("case %zu: %s at %s: %s", c, fg_code_slug(code), err.place, err.text);
    }
    struct fg_network *network;
    struct fg_error err = {0};
    assert_int_equal(fg_simbench_read("/nonexistent", &network, &err), FG_ERR_IO);
    assert_string_equal(err.place, "/nonexistent");
}

static void test_out_of_memory(void **context)
{
    (void)context;
    enum fg_code code = FG_ERR_MEMORY;
    for (long n = 1; code != FG_OK; n++) {
        struct fg_simbench *set = NULL;
        struct fg_error err = {0};
        fg_alloc_fail_after(n);
        code = parse(own_set, OWN_COUNT, &set, &err);
        fg_alloc_fail_after(0);
        if (code != FG_OK)
            assert_int_equal(code, FG_ERR_MEMORY);
        assert_true(n < 100000);
        fg_simbench_close(set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_result), cmocka_unit_test(test_profiles_and_cases),
        cmocka_unit_test(test_own_set),          cmocka_unit_test(test_errors_name_the_place),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

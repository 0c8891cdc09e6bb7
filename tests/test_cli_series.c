/* flexgrid powerflow --series from outside. Expected numbers: the closed formula of a two-bus grid, published results of
 * power-grid-model, and for SimBench the tables of its own folder. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli.h"
#include "near.h"

#include "base/csv.h"
#include "base/json.h"

#define PGM FG_SHARED_DIR "/data/cases/power-grid-model/power_flow/"
#define SIMBENCH FG_SHARED_DIR "/data/cases/simbench_lv_rural1"

/* Two buses, base 10 MVA: source at 1 p.u., line r = 0.02, x = 0.01. The load's id is that of its bus. */
static const char *const two_bus =
    "function mpc = two\nmpc.version = '2';\nmpc.baseMVA = 10;\n"
    "mpc.bus = [1 3 0 0 0 0 1 1 0 10 1 1 1;\n 2 1 5 1 0 0 1 1 0 10 1 1.05 0.95];\n"
    "mpc.gen = [1 0 0 100 -100 1 10 1 100 0];\nmpc.branch = [1 2 0.02 0.01 0 8 8 8 0 0 1 -360 360];\n"
    "mpc.gencost = [2 0 0 2 20 0];\n";

/* V^4 + (2 (rP + xQ) - 1) V^2 + |z|^2 |S|^2 = 0, upper root; powers consumed. */
static double two_bus_voltage(double p_mw, double q_mvar)
{
    double p = p_mw / 10, q = q_mvar / 10, half = 0.5 - (0.02 * p + 0.01 * q);
    return sqrt(half + sqrt(half * half - 0.0005 * (p * p + q * q)));
}

static json_t *document_of(const struct cli_run *run)
{
    json_error_t error;
    json_t *root = json_loads(cli_out(run), 0, &error);
    if (root == NULL)
        fail_msg("no JSON document: %s", error.text);
    return root;
}

static double number(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        fail_msg("no number \"%s\"", key);
    return json_number_value(value);
}

static const char *string(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void test_steps_by_formula(void **state)
{
    (void)state;
    char network[160], series[160];
    cli_write("two.m", two_bus, network);
    cli_write("day.csv",
              "time,id,kind,p_mw,q_mvar\n08:00,L2,load,-2,-0.5\n09:00,L2,load,-9,\n10:00,2,bus,-3,0.25\n11:00,L2,load,,\n",
              series);
    /* What a step does not give is the file's: 5 MW and 1 Mvar; powers at the bus come on top. */
    static const struct {
        const char *time;
        double p, q;
        int violations;
    } expected[] = {{"08:00", 2, 0.5, 0}, {"09:00", 9, 1, 1}, {"10:00", 8, 0.75, 1}, {"11:00", 5, 1, 0}};
    static const char *const methods[] = {"auto", "newton", "sweep"};
    for (int m = 0; m < 3; m++) {
        struct cli_run run = cli("powerflow %s --series %s --method %s --json --full", network, series, methods[m]);
        assert_int_equal(run.exit_code, 0);
        json_t *root = document_of(&run), *steps = json_object_get(root, "steps");
        assert_int_equal(json_array_size(steps), 4);
        for (size_t i = 0; i < 4; i++) {
            json_t *step = json_array_get(steps, i);
            double vm = two_bus_voltage(expected[i].p, expected[i].q);
            double current2 = (pow(expected[i].p / 10, 2) + pow(expected[i].q / 10, 2)) / (vm * vm);
            assert_string_equal(string(step, "step"), expected[i].time);
            assert_string_equal(string(step, "status"), "converged");
            assert_near(number(step, "vm_min_pu"), vm, 1e-9);
            assert_string_equal(string(step, "vm_min_bus"), "2");
            assert_near(number(step, "losses_mw"), 10 * 0.02 * current2, 1e-8);
            double from_mva = sqrt(current2) * 10; /* the source end is at 1 p.u. */
            assert_near(number(step, "loading_max"), from_mva / 8, 1e-8);
            assert_int_equal((int)number(step, "violations"),
                             2 * (from_mva > 8)); /* normal and emergency rating are both 8 MVA */
            json_t *bus = json_array_get(json_object_get(step, "buses"), 1);
            assert_near(number(bus, "vm_pu"), vm, 1e-9);
            assert_near(number(bus, "p_mw"), -expected[i].p, 1e-7);
            assert_int_equal(json_array_size(json_object_get(step, "branches")), 1);
        }
        assert_string_equal(string(root, "status"), "converged");
        assert_string_equal(string(root, "vm_min_step"), "09:00");
        assert_string_equal(string(root, "loading_max_step"), "09:00");
        assert_int_equal((int)number(root, "converged_count"), 4);
        json_decref(root);
        cli_release(&run);
    }
    struct cli_run run = cli("powerflow %s --series %s --first 2 --last 3 --json", network, series);
    json_t *root = document_of(&run);
    assert_int_equal((int)number(root, "step_count"), 2);
    assert_string_equal(string(json_array_get(json_object_get(root, "steps"), 0), "step"), "09:00");
    assert_null(json_object_get(json_array_get(json_object_get(root, "steps"), 0), "buses"));
    json_decref(root);
    cli_release(&run);
}

/* P of a load at unity power factor is at most 1 / (2 (r + |z|)) = 11.80 p.u.: 118.0 MW. */
static void test_beyond_loadability(void **state)
{
    (void)state;
    char network[160], series[160];
    cli_write("two.m", two_bus, network);
    cli_write("series.csv", "step,id,kind,p_mw,q_mvar\na,L2,load,-117,0\nb,L2,load,-125,0\nc,L2,load,-1,0\n", series);
    struct cli_run run = cli("powerflow %s --series %s --json", network, series);
    assert_int_equal(run.exit_code, 4);
    json_t *root = document_of(&run), *steps = json_object_get(root, "steps");
    assert_string_equal(string(root, "status"), "partly_converged");
    assert_near(number(json_array_get(steps, 0), "vm_min_pu"), two_bus_voltage(117, 0), 1e-7);
    json_t *failed = json_array_get(steps, 1);
    assert_string_equal(string(failed, "status"), "diverged");
    assert_true(json_is_null(json_object_get(failed, "losses_mw")));
    double percent = 0; /* 118.03 / 125 = 94.4 % */
    const char *factor = strstr(string(failed, "explanation"), "with ");
    assert_non_null(factor);
    assert_int_equal(sscanf(factor, "with %lf %% of all injections", &percent), 1);
    assert_near(percent, 94.4, 0.75);
    assert_near(number(json_array_get(steps, 2), "vm_min_pu"), two_bus_voltage(1, 0), 1e-9);
    json_decref(root);
    cli_release(&run);
    run = cli("powerflow %s --series %s", network, series);
    assert_int_equal(run.exit_code, 4);
    assert_non_null(strstr(cli_out(&run), "2 of 3 steps converged"));
    cli_release(&run);
}

/* A file of several parts: each step has its own load, so that a lost or doubled row would show. */
static void test_long_file_and_tables(void **state)
{
    (void)state;
    enum { STEPS = 60000 };
    char network[160], path[160];
    cli_write("two.m", two_bus, network);
    snprintf(path, sizeof path, "%s/long.csv", cli_folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("scenario,id,kind,p_mw,q_mvar\n", file);
    for (int i = 0; i < STEPS; i++)
        fprintf(file, "\"step %d\",L2,load,%.4f,0\n", i, -(1 + 6.0 * i / STEPS));
    fclose(file);
    struct cli_run run = cli("powerflow %s --series %s --full --csv %s/out --quiet", network, path, cli_folder);
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(cli_out(&run), "");
    cli_release(&run);
    struct fg_csv csv;
    struct fg_error err;
    snprintf(path, sizeof path, "%s/out/steps.csv", cli_folder);
    assert_int_equal(fg_csv_read(&csv, path, &err), FG_OK);
    assert_int_equal(csv.row_count, STEPS);
    int column = fg_csv_column(&csv, "vm_min_pu");
    for (size_t i = 0; i < STEPS; i++) {
        double vm, load = round((1 + 6.0 * (double)i / STEPS) * 1e4) / 1e4;
        assert_int_equal(fg_csv_number(&csv, i, (size_t)column, &vm, &err), FG_OK);
        assert_near(vm, two_bus_voltage(load, 0), 1e-8);
    }
    fg_csv_release(&csv);
    snprintf(path, sizeof path, "%s/out/buses.csv", cli_folder);
    assert_int_equal(fg_csv_read(&csv, path, &err), FG_OK);
    assert_int_equal(csv.row_count, 2 * STEPS);
    assert_string_equal(fg_csv_field(&csv, 2 * STEPS - 1, 0), "step 59999");
    fg_csv_release(&csv);
    assert_int_equal(cli_count_files("flexgrid-"), 0);
}

static void test_bad_series(void **state)
{
    (void)state;
    static const struct {
        const char *rows, *options, *message;
        int exit_code;
    } cases[] = {
        {"step,id,p_mw\na,L9,1\n", "", "series.csv:2, column id: the network has no load, static generator", 3},
        {"step,id,kind,p_mw\na,L2,load,-1\na,9,load,-1\n", "", "series.csv:3, column id: the network has no load \"9\"", 3},
        {"step,id,kind,p_mw\na,L2,static_generator,-1\n", "", "the network has no static_generator \"L2\"", 3},
        {"step,id,kind,p_mw\na,L2,loda,-1\n", "", "column kind: \"loda\" is no kind", 3},
        {"step,id,kind,p_mw\na,L2,load,-1\nb,L2,load,-1\na,2,bus,-1\n", "", "series.csv:4, column step: step \"a\" was over", 3},
        {"step,id,kind,p_mw\na,L2,load,nan\n", "", "is not a finite decimal number", 3},
        {"step,id,kind\na,L2,load\n", "", "column \"p_mw\" is missing", 3},
        {"id,kind,p_mw\n2,load,-1\n", "", "no column that names the steps", 3},
        {"step,time,id,p_mw\na,b,2,-1\n", "", "more than one column that names the steps", 3},
        {"step,id,kind,p_kw\na,L2,load,-1\n", "", "column \"p_mw\" is missing", 3},
        {"step,id,kind,p_mw,q_kvar\na,L2,load,-1,0\n", "", "column \"q_kvar\" is unknown", 3},
        {"step,id,kind,p_mw\na,L2,load\n", "", "the row has 3 fields, but the header has 4", 3},
        {"step,id,kind,p_mw\n", "", "holds 0 steps", 3},
        {"step,id,kind,p_mw\na,L2,load,-1\n", "--first 2", "holds 1 steps", 3},
        {"step,id,kind,p_mw\na,L2,load,-1\n", "--first 3 --last 2", "lies behind", 2},
        {"", "", "the file is empty", 3},
    };
    char network[160], series[160];
    cli_write("two.m", two_bus, network);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cli_write("series.csv", cases[i].rows, series);
        struct cli_run run = cli("powerflow %s --series %s %s --json", network, series, cases[i].options);
        if (strstr(cli_err(&run), cases[i].message) == NULL || run.exit_code != cases[i].exit_code)
            fail_msg("case %zu: exit code %d, \"%s\" does not say \"%s\"", i, run.exit_code, cli_err(&run),
                     cases[i].message);
        assert_string_equal(cli_out(&run), "");
        cli_release(&run);
    }
    /* An id that a bus and a load share needs its kind. */
    char command[512];
    snprintf(command, sizeof command, "sed 's/\"L2\"/\"2\"/' %s/two.json > %s/same.json", cli_folder, cli_folder);
    struct cli_run converted = cli("convert %s %s/two.json --quiet", network, cli_folder);
    cli_release(&converted);
    assert_int_equal(system(command), 0);
    cli_write("series.csv", "step,id,kind,p_mw\na,2,load,-2\nb,2,,-2\n", series);
    struct cli_run same = cli("powerflow %s/same.json --series %s --json", cli_folder, series);
    assert_int_equal(same.exit_code, 3);
    assert_non_null(strstr(cli_err(&same), "series.csv:3, column id: \"2\" is the id of elements of several kinds"));
    cli_release(&same);
    static const struct {
        const char *arguments, *message;
    } wrong[] = {{"--series profiles", "is no SimBench folder"},
                 {"--series missing.csv", "cannot open the file"},
                 {"--series missing.json", "two.m:1:8: not valid JSON"},
                 {"--full", "add --series"},
                 {"--last 3", "add --series"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct cli_run run = cli("powerflow %s %s", network, wrong[i].arguments);
        assert_true(run.exit_code == 2 || run.exit_code == 3);
        if (strstr(cli_err(&run), wrong[i].message) == NULL)
            fail_msg("%s: \"%s\"", wrong[i].arguments, cli_err(&run));
        cli_release(&run);
    }
}

static bool has_shared(const char *path)
{
    if (access(path, R_OK) == 0)
        return true;
    print_message("skipped: folder absent: %s\n", FG_SHARED_DIR);
    return false;
}

/* Voltages of every scenario against the ones that power-grid-model publishes, within the folder's tolerances. */
static void test_update_batch(void **state)
{
    (void)state;
    static const char *const folders[] = {PGM "pandapower/networks/symmetric/distribution-case",
                                          PGM "three-winding-transformer"};
    if (!has_shared(folders[0]))
        return;
    for (size_t c = 0; c < sizeof folders / sizeof folders[0]; c++) {
        char path[512];
        struct fg_error err;
        json_t *published;
        snprintf(path, sizeof path, "%s/sym_output_batch.json", folders[c]);
        assert_int_equal(fg_json_load_file(path, &published, &err), FG_OK);
        struct cli_run run = cli("powerflow %s/input.json --series %s/update_batch.json --full --json", folders[c],
                                 folders[c]);
        assert_int_equal(run.exit_code, 0);
        json_t *root = document_of(&run), *steps = json_object_get(root, "steps"),
               *scenarios = json_object_get(published, "data");
        assert_int_equal(json_array_size(steps), json_array_size(scenarios));
        int compared = 0;
        for (size_t s = 0; s < json_array_size(steps); s++) {
            json_t *nodes = json_object_get(json_array_get(scenarios, s), "node"),
                   *buses = json_object_get(json_array_get(steps, s), "buses");
            for (size_t n = 0; n < json_array_size(nodes); n++) {
                json_t *node = json_array_get(nodes, n);
                char id[32];
                snprintf(id, sizeof id, "%lld", (long long)json_integer_value(json_object_get(node, "id")));
                for (size_t b = 0; b < json_array_size(buses); b++) {
                    json_t *bus = json_array_get(buses, b);
                    if (strcmp(string(bus, "id"), id) != 0 || json_object_get(node, "u_pu") == NULL)
                        continue;
                    assert_near(number(bus, "vm_pu"), number(node, "u_pu"), 1e-4);
                    compared++;
                }
            }
        }
        assert_true(compared > 0);
        print_message("%s: %zu scenarios, %d voltages\n", folders[c], json_array_size(steps), compared);
        json_decref(root);
        json_decref(published);
        cli_release(&run);
    }
}

/* Profiles: what the loads and generators of a step inject is the profile's factor times the element's power, added up
 * from the tables here; with the losses it leaves through the external grid. */
static void test_simbench(void **state)
{
    (void)state;
    if (!has_shared(SIMBENCH))
        return;
    struct cli_run run = cli("powerflow %s --series profiles --first 49 --last 52 --full --json", SIMBENCH);
    assert_int_equal(run.exit_code, 0);
    json_t *root = document_of(&run), *steps = json_object_get(root, "steps");
    struct fg_csv profiles[2], elements[2];
    struct fg_error err;
    static const char *const names[2][2] = {{"LoadProfile", "Load"}, {"RESProfile", "RES"}};
    for (int t = 0; t < 2; t++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s.csv.gz", SIMBENCH, names[t][0]);
        assert_int_equal(fg_csv_read(&profiles[t], path, &err), FG_OK);
        snprintf(path, sizeof path, "%s/%s.csv.gz", SIMBENCH, names[t][1]);
        assert_int_equal(fg_csv_read(&elements[t], path, &err), FG_OK);
    }
    for (size_t s = 0; s < 4; s++) {
        json_t *step = json_array_get(steps, s), *buses = json_object_get(step, "buses");
        double injected = 0, all = 0, source = 0;
        for (int t = 0; t < 2; t++)
            for (size_t i = 0; i < elements[t].row_count; i++) {
                char column[128];
                double factor, power;
                snprintf(column, sizeof column, t == 0 ? "%s_pload" : "%s",
                         fg_csv_field(&elements[t], i, (size_t)fg_csv_column(&elements[t], "profile")));
                assert_int_equal(fg_csv_number(&profiles[t], 48 + s, (size_t)fg_csv_column(&profiles[t], column),
                                               &factor, &err), FG_OK);
                assert_int_equal(fg_csv_number(&elements[t], i,
                                               (size_t)fg_csv_column(&elements[t], t == 0 ? "pLoad" : "pRES"), &power,
                                               &err), FG_OK);
                injected += (t == 0 ? -1 : 1) * factor * power;
            }
        assert_string_equal(string(step, "step"), fg_csv_field(&profiles[0], 48 + s, 0));
        for (size_t b = 0; b < json_array_size(buses); b++) {
            all += number(json_array_get(buses, b), "p_mw");
            if (strstr(string(json_array_get(buses, b), "id"), "MV1.101") != NULL)
                source += number(json_array_get(buses, b), "p_mw");
        }
        assert_near(all, number(step, "losses_mw"), 1e-9);
        assert_near(all - source, injected, 1e-6);
    }
    for (int t = 0; t < 2; t++) {
        fg_csv_release(&profiles[t]);
        fg_csv_release(&elements[t]);
    }
    json_decref(root);
    cli_release(&run);
    /* Study cases: the external grid's voltage is Slack_vm, 0.965 with high load and 1.055 with low load. */
    run = cli("powerflow %s --series cases --json", SIMBENCH);
    assert_int_equal(run.exit_code, 0);
    root = document_of(&run);
    steps = json_object_get(root, "steps");
    assert_int_equal(json_array_size(steps), 6);
    assert_string_equal(string(json_array_get(steps, 0), "step"), "hL");
    assert_near(number(json_array_get(steps, 0), "vm_max_pu"), 0.965, 1e-12); /* loads alone: the source is highest */
    assert_string_equal(string(json_array_get(steps, 5), "step"), "lPV");
    assert_near(number(json_array_get(steps, 5), "vm_min_pu"), 1.055, 1e-12); /* sun: it is lowest */
    json_decref(root);
    cli_release(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_steps_by_formula, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_beyond_loadability, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_long_file_and_tables, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_bad_series, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_update_batch, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_simbench, cli_setup, cli_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The command line from outside: exit codes, messages, documents, files. Expected numbers are published ones (33-bus
 * feeder: losses 202.67 kW, lowest voltage 0.9131 p.u. at bus 18) or from hand calculation of a two-bus grid. */
#include <math.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli.h"
#include "near.h"

/* Two buses, 10 kV, base 10 MVA: source at 1 p.u., line r = 0.02, x = 0, load at the end. */
#define TWO_BUS(load_mw)                                                                                               \
    "function mpc = two\nmpc.version = '2';\nmpc.baseMVA = 10;\n"                                                      \
    "mpc.bus = [1 3 0 0 0 0 1 1 0 10 1 1 1;\n 2 1 " load_mw " 0 0 0 1 1 0 10 1 1.05 0.95];\n"                          \
    "mpc.gen = [1 0 0 100 -100 1 10 1 100 0];\n"                                                                       \
    "mpc.branch = [1 2 0.02 0.01 0 8 8 8 0 0 1 -360 360];\n"                                                           \
    "mpc.gencost = [2 0 0 2 20 0];\n"

static const char *const command_names[] = {"clear", "powerflow", "opf", "check", "convert"};

static void test_help_fits_eighty_columns(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof command_names / sizeof command_names[0]; i++) {
        struct cli_run run = cli("%s --help", command_names[i]);
        assert_int_equal(run.exit_code, 0);
        assert_non_null(strstr(cli_out(&run), "Usage: flexgrid"));
        assert_non_null(strstr(cli_out(&run), "Examples:\n  flexgrid"));
        assert_string_equal(cli_err(&run), "");
        for (const char *line = cli_out(&run); *line != '\0'; line += strcspn(line, "\n") + 1)
            assert_true(strcspn(line, "\n") <= 80);
        cli_release(&run);
    }
    struct cli_run run = cli("--help");
    assert_int_equal(run.exit_code, 0);
    for (size_t i = 0; i < sizeof command_names / sizeof command_names[0]; i++)
        assert_non_null(strstr(cli_out(&run), command_names[i]));
    cli_release(&run);
}

static void test_wrong_usage_names_the_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *message;
    } cases[] = {{"powrflow x.m", "did you mean \"powerflow\"?"},
                 {"powerflow --metod newton x.m", "did you mean --method?"},
                 {"powerflow --method nwton x.m", "did you mean \"newton\"?"},
                 {"opf --tolerance abc x.m", "--tolerance needs a number"},
                 {"opf --max-iterations 2.5 x.m", "needs a whole number"},
                 {"opf --max-iterations 0 x.m", "must lie between"},
                 {"powerflow --json=yes x.m", "--json takes no value"},
                 {"powerflow", "too few operands"},
                 {"clear a.json b.json c.json", "too many operands"},
                 {"powerflow x.m --output", "--output needs a value"},
                 {"convert a.m b.xyz", "does not tell the format"},
                 {"", "which command?"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cli_run run = cli("%s", cases[i].arguments);
        assert_int_equal(run.exit_code, 2);
        assert_non_null(strstr(cli_err(&run), cases[i].message));
        assert_ptr_equal(strstr(cli_err(&run), "flexgrid: error: "), cli_err(&run));
        assert_string_equal(cli_out(&run), "");
        cli_release(&run);
    }
}

static void test_powerflow_by_hand(void **state)
{
    (void)state;
    char path[160];
    cli_write("two.m", TWO_BUS("5"), path);
    struct cli_run run = cli("powerflow %s --json", path);
    assert_int_equal(run.exit_code, 0);
    json_t *root = json_loads(cli_out(&run), 0, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "status")), "converged");
    /* v = V2 (real, angle reference turned): with p = 0.5, q = 0: V1^2 = (v + r p / v)^2 + (x p / v)^2 = 1, so that
     * v^4 + (2 r p - 1) v^2 + p^2 (r^2 + x^2) = 0. */
    double p = 0.5, r = 0.02, x = 0.01, b = 2.0 * r * p - 1.0, c = p * p * (r * r + x * x);
    double v = sqrt((-b + sqrt(b * b - 4.0 * c)) / 2.0);
    assert_near(json_number_value(json_object_get(root, "vm_min_pu")), v, 1e-9);
    assert_string_equal(json_string_value(json_object_get(root, "vm_min_bus")), "2");
    assert_near(json_number_value(json_object_get(root, "losses_mw")), 10.0 * r * p * p / (v * v), 1e-7);
    assert_true(json_number_value(json_object_get(root, "max_mismatch_pu")) <= 1e-8);
    assert_true(json_integer_value(json_object_get(root, "iterations")) > 0);
    assert_int_equal(json_array_size(json_object_get(root, "buses")), 2);
    json_t *load_bus = json_array_get(json_object_get(root, "buses"), 1);
    assert_near(json_number_value(json_object_get(load_bus, "p_mw")), -5.0, 1e-6);
    json_t *branch = json_array_get(json_object_get(root, "branches"), 0);
    assert_near(json_number_value(json_object_get(branch, "p_to_mw")), -5.0, 1e-6);
    double s_from = hypot(p + r * p * p / (v * v), x * p * p / (v * v));
    assert_near(json_number_value(json_object_get(branch, "loading")), 10.0 * s_from / 8.0, 1e-7);
    json_decref(root);
    cli_release(&run);
}

static void test_published_feeder(void **state)
{
    (void)state;
    const char *path = FG_SHARED_DIR "/data/cases/matpower/case33bw.m";
    if (access(path, R_OK) != 0) {
        print_message("skipped: folder absent: %s\n", FG_SHARED_DIR);
        skip();
    }
    static const char *const methods[] = {"newton", "sweep"};
    for (int i = 0; i < 2; i++) {
        struct cli_run run = cli("powerflow %s -j --method %s", path, methods[i]);
        assert_int_equal(run.exit_code, 0);
        json_t *root = json_loads(cli_out(&run), 0, NULL);
        assert_near(json_number_value(json_object_get(root, "losses_mw")), 0.20267, 1e-5);
        assert_near(json_number_value(json_object_get(root, "vm_min_pu")), 0.9131, 5e-5);
        assert_string_equal(json_string_value(json_object_get(root, "vm_min_bus")), "18");
        json_decref(root);
        cli_release(&run);
    }
    struct cli_run run = cli("opf %s --json", path);
    assert_int_equal(run.exit_code, 0);
    json_t *root = json_loads(cli_out(&run), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "status")), "optimal");
    assert_near(json_number_value(json_object_get(root, "objective")), 78.35354253, 1e-4);
    assert_true(json_number_value(json_object_get(root, "max_violation")) <= 1e-6);
    double bound = json_number_value(json_object_get(root, "soc_bound"));
    assert_true(bound > 0.0 && bound <= 78.35354253 * (1.0 + 1e-6));
    static const char *const members[] = {"iterations", "seconds", "soc_gap", "soc_seconds"};
    for (int i = 0; i < 4; i++)
        assert_true(json_is_number(json_object_get(root, members[i])));
    /* Nodal price at bus 18, MATPOWER MIPS at 1e-8. */
    json_t *bus = json_array_get(json_object_get(root, "buses"), 17);
    assert_near(json_number_value(json_object_get(bus, "price_p")), 22.943929, 1e-3);
    json_decref(root);
    cli_release(&run);
}

static void test_exit_codes(void **state)
{
    (void)state;
    char two[160], heavy[160], broken[160];
    cli_write("two.m", TWO_BUS("5"), two);
    cli_write("heavy.m", TWO_BUS("5000"), heavy);
    cli_write("broken.m", "function mpc = broken\nmpc.version = '2';\nmpc.bus = [1 3 0\n", broken);

    struct cli_run run = cli("powerflow /nonexistent.m");
    assert_int_equal(run.exit_code, 3);
    assert_non_null(strstr(cli_err(&run), "/nonexistent.m: "));
    cli_release(&run);
    run = cli("check %s", broken);
    assert_int_equal(run.exit_code, 3);
    assert_non_null(strstr(cli_err(&run), "broken.m:"));
    cli_release(&run);
    run = cli("powerflow %s --json", heavy); /* no solution: more than the line can carry */
    assert_true(run.exit_code == 4 || run.exit_code == 5);
    json_t *root = json_loads(cli_out(&run), 0, NULL);
    assert_string_not_equal(json_string_value(json_object_get(root, "status")), "converged");
    assert_true(strlen(json_string_value(json_object_get(root, "explanation"))) > 20);
    json_decref(root);
    cli_release(&run);
    run = cli("powerflow %s --plain --max-iterations 1 --json", two);
    assert_int_equal(run.exit_code, 5);
    cli_release(&run);
    run = cli("opf %s --max-iterations 1", two);
    assert_int_equal(run.exit_code, 5);
    assert_non_null(strstr(cli_out(&run), "iteration_limit"));
    cli_release(&run);
    run = cli("powerflow %s --json >/dev/full", two);
    assert_int_equal(run.exit_code, 6);
    assert_non_null(strstr(cli_err(&run), "standard output"));
    cli_release(&run);
    run = cli("powerflow %s --output /nonexistent/result.json", two);
    assert_int_equal(run.exit_code, 6);
    cli_release(&run);
}

/* A two-bus grid whose line cannot carry the load within the voltage band. */
static void test_infeasible_names_the_limits(void **state)
{
    (void)state;
    char path[160];
    cli_write("low.m", TWO_BUS("40"), path); /* v about 0.91 at the end, limit 0.95; rating 8 MVA */
    struct cli_run run = cli("opf %s --json", path);
    assert_int_equal(run.exit_code, 4);
    json_t *root = json_loads(cli_out(&run), 0, NULL);
    const char *status = json_string_value(json_object_get(root, "status"));
    assert_true(strcmp(status, "infeasible_proved") == 0 || strcmp(status, "locally_infeasible") == 0);
    assert_true(json_array_size(json_object_get(root, "broken_limits")) >= 1);
    json_t *broken = json_array_get(json_object_get(root, "broken_limits"), 0);
    assert_true(fabs(json_number_value(json_object_get(broken, "excess"))) > 0.0);
    assert_non_null(json_string_value(json_object_get(broken, "element")));
    json_decref(root);
    cli_release(&run);
}

static void test_files_are_whole_or_untouched(void **state)
{
    (void)state;
    char two[160], result[160], broken[160];
    cli_write("two.m", TWO_BUS("5"), two);
    cli_write("broken.m", "mpc.bus = [", broken);
    cli_write("result.json", "old\n", result);
    struct cli_run run = cli("powerflow %s --output %s", broken, result);
    assert_int_equal(run.exit_code, 3);
    cli_release(&run);
    struct fg_text text;
    cli_read(result, &text);
    assert_string_equal(text.data, "old\n");
    fg_text_release(&text);
    run = cli("powerflow %s --output %s --csv %s/tables --quiet", two, result, cli_folder);
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(cli_out(&run), "");
    cli_release(&run);
    cli_read(result, &text);
    json_t *root = json_loads(text.data, 0, NULL);
    assert_non_null(root);
    json_decref(root);
    fg_text_release(&text);
    assert_int_equal(cli_count_files("tmp-"), 0);
    char csv[160];
    snprintf(csv, sizeof csv, "%s/tables/buses.csv", cli_folder);
    cli_read(csv, &text);
    assert_ptr_equal(strstr(text.data, "id,vm_pu,va_deg\n1,1,0\n2,0.98"), text.data);
    fg_text_release(&text);
    snprintf(csv, sizeof csv, "%s/tables/branches.csv", cli_folder);
    cli_read(csv, &text);
    assert_ptr_equal(strstr(text.data, "id,from,to,p_from_mw,"), text.data);
    fg_text_release(&text);
}

/* A file that may not grow beyond 512 bytes, as on a full disk. */
static void test_full_disk(void **state)
{
    (void)state;
    char two[160], result[160];
    cli_write("two.m", TWO_BUS("5"), two);
    cli_write("result.json", "old\n", result);
    struct cli_run run = cli("--version; ulimit -f 1; %s/flexgrid powerflow %s -q --output %s", FG_PROGRAM_DIR, two, result);
    assert_int_equal(run.exit_code, 6);
    assert_non_null(strstr(cli_err(&run), "result.json"));
    cli_release(&run);
    struct fg_text text;
    cli_read(result, &text);
    assert_string_equal(text.data, "old\n");
    fg_text_release(&text);
    assert_int_equal(cli_count_files("tmp-"), 0);
}

static void test_convert_keeps_the_power_flow(void **state)
{
    (void)state;
    char two[160];
    cli_write("two.m", TWO_BUS("5"), two);
    struct cli_run run = cli("convert -q %s %s/two.json && %s/flexgrid convert -q %s/two.json %s/again.m", two,
                             cli_folder, FG_PROGRAM_DIR, cli_folder, cli_folder);
    assert_int_equal(run.exit_code, 0);
    cli_release(&run);
    double losses[3];
    static const char *const names[] = {"two.m", "two.json", "again.m"};
    for (int i = 0; i < 3; i++) {
        run = cli("powerflow --json %s/%s", cli_folder, names[i]);
        assert_int_equal(run.exit_code, 0);
        json_t *root = json_loads(cli_out(&run), 0, NULL);
        losses[i] = json_number_value(json_object_get(root, "losses_mw"));
        json_decref(root);
        cli_release(&run);
    }
    assert_near(losses[1], losses[0], 1e-12);
    assert_near(losses[2], losses[0], 1e-9);
    run = cli("convert -q --market examples/ieee33/market.json %s/market", cli_folder);
    assert_int_equal(run.exit_code, 0);
    cli_release(&run);
    run = cli("convert -q --market %s/market %s/market.json && cmp %s/market.json examples/ieee33/market.json", cli_folder,
              cli_folder, cli_folder);
    assert_int_equal(run.exit_code, 0);
    cli_release(&run);
}

static void test_check_finds_unknown_ids(void **state)
{
    (void)state;
    struct cli_run run = cli("check examples/cigre_mv/network.json examples/cigre_mv/market.json --json");
    assert_int_equal(run.exit_code, 0);
    json_t *root = json_loads(cli_out(&run), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "status")), "ok");
    json_t *network = json_object_get(root, "network");
    assert_int_equal(json_integer_value(json_object_get(network, "buses")), 15);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "market"), "periods")), 96);
    json_decref(root);
    cli_release(&run);
    run = cli("check examples/ieee33/network.json examples/ieee69/market.json");
    assert_int_equal(run.exit_code, 3);
    assert_non_null(strstr(cli_err(&run), "ieee69/market.json"));
    assert_non_null(strstr(cli_err(&run), "the network has no"));
    cli_release(&run);
}

static void test_hostile_names_reach_no_terminal(void **state)
{
    (void)state;
    char path[160];
    cli_write("evil.json",
              "{\"flexgrid_network\": 1, \"base_mva\": 1, \"name\": \"a\\u001b[2Jb\\u009b31m\", \"buses\": [{\"id\": \"x\\u001b]0;t\\u0007\","
              " \"vn_kv\": 1}, {\"id\": \"y\\u202e\", \"vn_kv\": 1}], \"branches\": [{\"id\": \"l\\r\\n\", \"from\": "
              "\"x\\u001b]0;t\\u0007\", \"to\": \"y\\u202e\", \"r_pu\": 0.01, \"x_pu\": 0.01}], \"generators\": [{\"id\": "
              "\"g\", \"kind\": \"source\", \"bus\": \"x\\u001b]0;t\\u0007\", \"vm_set_pu\": 1}]}",
              path);
    static const char *const commands[] = {"check", "powerflow", "opf"};
    for (int i = 0; i < 3; i++) {
        struct cli_run run = cli("%s %s", commands[i], path);
        if (run.exit_code == 3)
            fail_msg("%s", cli_err(&run));
        for (int stream = 0; stream < 2; stream++) {
            const char *text = stream == 0 ? cli_out(&run) : cli_err(&run);
            assert_null(strchr(text, '\033'));
            assert_null(strchr(text, '\r'));
            assert_null(strchr(text, '\007'));
            assert_null(strstr(text, "\xc2\x9b"));
            assert_null(strstr(text, "\xe2\x80\xae"));
        }
        cli_release(&run);
    }
}

/* Output of the program on a terminal of 80 columns. */
static void run_on_terminal(const char *no_color, const char *path, struct fg_text *text)
{
    struct winsize size = {.ws_col = 80, .ws_row = 24};
    int master = -1;
    pid_t child = forkpty(&master, NULL, NULL, &size);
    if (child < 0) {
        print_message("skipped: this system gives no pseudo-terminal\n");
        skip();
    }
    if (child == 0) {
        setenv("TERM", "xterm", 1);
        if (no_color != NULL)
            setenv("NO_COLOR", no_color, 1);
        else
            unsetenv("NO_COLOR");
        execl(FG_PROGRAM_DIR "/flexgrid", "flexgrid", "powerflow", path, (char *)NULL);
        _exit(127);
    }
    fg_text_init(text);
    char buffer[4096];
    ssize_t got;
    while ((got = read(master, buffer, sizeof buffer)) > 0)
        fg_text_append(text, buffer, (size_t)got);
    close(master);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_colours_on_terminals_only(void **state)
{
    (void)state;
    char path[160];
    cli_write("two.m", TWO_BUS("5"), path);
    struct fg_text text;
    run_on_terminal(NULL, path, &text);
    assert_non_null(strstr(text.data, "\033[32m"));
    fg_text_release(&text);
    run_on_terminal("1", path, &text);
    assert_null(strchr(text.data, '\033'));
    for (const char *line = text.data; *line != '\0'; line += strcspn(line, "\n") + (line[strcspn(line, "\n")] != '\0'))
        assert_true(strcspn(line, "\r\n") <= 80);
    fg_text_release(&text);
    struct cli_run run = cli("powerflow %s", path);
    assert_null(strchr(cli_out(&run), '\033'));
    assert_string_equal(cli_err(&run), "");
    cli_release(&run);
}

/* The first interrupt stops the solver, which gives what it has; nothing half-written stays. */
static void test_interrupt(void **state)
{
    (void)state;
    const char *path = FG_SHARED_DIR "/data/cases/pglib/pglib_opf_case10000_goc.m";
    if (access(path, R_OK) != 0) {
        print_message("skipped: folder absent: %s\n", FG_SHARED_DIR);
        skip();
    }
    char output[160];
    snprintf(output, sizeof output, "%s/interrupted.json", cli_folder);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl(FG_PROGRAM_DIR "/flexgrid", "flexgrid", "opf", path, "--quiet", "--output", output, (char *)NULL);
        _exit(127);
    }
    usleep(1500000);
    kill(child, SIGINT);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 130);
    if (access(output, R_OK) == 0) { /* interrupted in the solver: a whole document that says so */
        json_t *root = json_load_file(output, 0, NULL);
        assert_non_null(root);
        assert_string_equal(json_string_value(json_object_get(root, "status")), "interrupted");
        json_decref(root);
    }
    assert_int_equal(cli_count_files("tmp-"), 0);
}

/* The committed example files are what the generator writes. */
static void test_examples_are_generated(void **state)
{
    (void)state;
    char command[1024];
    static const char *const names[] = {"cigre_mv", "ieee33", "ieee69"};
    snprintf(command, sizeof command, "%s/flexgrid-examples %s/examples >/dev/null", FG_PROGRAM_DIR, cli_folder);
    assert_int_equal(system(command), 0);
    for (int i = 0; i < 3; i++) {
        snprintf(command, sizeof command, "diff -r %s/examples/%s %s/examples/%s", cli_folder, names[i], FG_SOURCE_DIR,
                 names[i]);
        assert_int_equal(system(command), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_help_fits_eighty_columns, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_usage_names_the_nearest, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_powerflow_by_hand, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_published_feeder, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_exit_codes, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_infeasible_names_the_limits, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_files_are_whole_or_untouched, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_convert_keeps_the_power_flow, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_check_finds_unknown_ids, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_hostile_names_reach_no_terminal, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_colours_on_terminals_only, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_interrupt, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_examples_are_generated, cli_setup, cli_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* `flexgrid clear` from outside: a two-bus market by hand, exit codes, tables, and the HTML report with hostile names. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli.h"
#include "near.h"

/* Source, line of 8 MVA with r = 0.02 and x = 0.01 at 10 MVA, load of 9 MW. BUS and LINE are the ids. */
#define NETWORK(bus, line, name)                                                                                       \
    "{\"flexgrid_network\": 1, \"name\": \"" name "\", \"base_mva\": 10, \"buses\": [{\"id\": \"a\", \"vn_kv\": 10}, "  \
    "{\"id\": \"" bus "\", \"vn_kv\": 10, \"name\": \"" name "\", \"vm_min_pu\": 0.95, \"vm_max_pu\": 1.05}], "        \
    "\"branches\": [{\"id\": \"" line "\", \"from\": \"a\", \"to\": \"" bus "\", \"r_pu\": 0.02, \"x_pu\": 0.01, "      \
    "\"rate_normal_mva\": 8}], \"injections\": [{\"id\": \"load\", \"kind\": \"load\", \"bus\": \"" bus                 \
    "\", \"p_mw\": -9, \"q_mvar\": 0}], \"generators\": [{\"id\": \"g\", \"kind\": \"source\", \"bus\": \"a\", "        \
    "\"vm_set_pu\": 1}]}"

/* One hour, one offer of up-regulation at the load's bus. */
#define MARKET(bus, quantity, id, name)                                                                                \
    "{\"format\": \"flexgrid-market\", \"version\": 1, \"id\": \"m\", \"name\": \"" name "\", \"start\": "             \
    "\"2027-03-16T10:00:00Z\", \"period_minutes\": 60, \"period_count\": 1, \"import_price\": [\"40\"], "              \
    "\"participants\": [{\"id\": \"" name "\"}], \"orders\": [{\"id\": \"" id "\", \"participant\": \"" name            \
    "\", \"side\": \"sell\", \"product\": \"active\", \"regulation\": \"up\", \"bus\": \"" bus                          \
    "\", \"start\": \"2027-03-16T10:00:00Z\", \"periods\": 1, \"quantity\": [\"" quantity "\"], \"price\": \"60\"}]}"

static void test_overload_solved_by_hand(void **state)
{
    (void)state;
    char network[160], market[160];
    cli_write("network.json", NETWORK("b", "l", "n"), network);
    cli_write("market.json", MARKET("b", "3", "o", "p"), market);
    struct cli_run run = cli("clear %s %s --json", network, market);
    assert_int_equal(run.exit_code, 0);
    json_t *root = json_loads(cli_out(&run), 0, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "status")), "cleared");
    static const char *const numbers[] = {"welfare", "bound", "gap", "integer_gap", "max_violation", "seconds"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_true(json_is_number(json_object_get(root, numbers[i])));
    static const char *const arrays[] = {"accepted", "prices", "violations"};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        assert_true(json_is_array(json_object_get(root, arrays[i])));
    assert_non_null(json_object_get(root, "payments"));
    /* The rating binds at the sending end: |S_a| = 0.8 with V_a = 1, so |I| = 0.8 and the load may take what is left of
     * the power factor: with S_b = p (real), V_b = p / 0.8, and |V_a|^2 = (V_b + r I)^2 + (x I)^2 = 1. */
    double i = 0.8, v = sqrt(1.0 - 0.01 * 0.01 * i * i) - 0.02 * i, accepted_mw = 9.0 - 10.0 * v * i;
    json_t *order = json_array_get(json_object_get(root, "accepted"), 0);
    assert_string_equal(json_string_value(json_object_get(order, "order")), "o");
    const char *quantity = json_string_value(json_array_get(json_object_get(order, "quantity_mw"), 0));
    assert_non_null(quantity);
    /* Rounded to the tick of 0.001 MW; 0.01 % of the rating is tolerated. */
    assert_near(atof(quantity), accepted_mw, 0.0025);
    json_decref(root);
    cli_release(&run);
}

static void test_too_little_flexibility(void **state)
{
    (void)state;
    char network[160], market[160];
    cli_write("network.json", NETWORK("b", "l", "n"), network);
    cli_write("market.json", MARKET("b", "0.2", "o", "p"), market);
    struct cli_run run = cli("clear %s %s --json --output %s/result.json", network, market, cli_folder);
    assert_int_equal(run.exit_code, 4);
    json_t *root = json_loads(cli_out(&run), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "status")), "partly_solved");
    assert_true(json_array_size(json_object_get(root, "violations")) >= 1);
    json_decref(root);
    char path[160];
    snprintf(path, sizeof path, "%s/result.json", cli_folder);
    assert_int_equal(access(path, R_OK), 0);
    cli_release(&run);
    run = cli("clear %s %s", network, market);
    assert_int_equal(run.exit_code, 4);
    assert_non_null(strstr(cli_out(&run), "partly_solved"));
    cli_release(&run);
}

static void test_tables_and_csv(void **state)
{
    (void)state;
    char network[160], market[160];
    cli_write("network.json", NETWORK("b", "l", "n"), network);
    cli_write("market.json", MARKET("b", "3", "o", "p"), market);
    struct cli_run run = cli("clear %s %s --csv %s/tables", network, market, cli_folder);
    assert_int_equal(run.exit_code, 0);
    static const char *const titles[] = {"Market m: cleared", "Limits:", "Accepted orders", "Nodal prices", "Payments"};
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        assert_non_null(strstr(cli_out(&run), titles[i]));
    for (const char *line = cli_out(&run); *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
    cli_release(&run);
    static const char *const tables[] = {"orders", "prices", "limits", "postings", "rejected"};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char path[160];
        struct fg_text text;
        snprintf(path, sizeof path, "%s/tables/%s.csv", cli_folder, tables[i]);
        cli_read(path, &text);
        assert_true(text.length > 10);
        fg_text_release(&text);
    }
}

/* 30 times the load has no power flow: there is a schedule all the same, which tells what is not served. */
static void test_a_grid_beyond_its_load(void **state)
{
    (void)state;
    char network[160], market[160], path[160];
    struct fg_text text;
    cli_write("network.json", NETWORK("b", "l", "n"), network);
    cli_write("market.json",
              "{\"format\": \"flexgrid-market\", \"version\": 1, \"id\": \"m\", \"start\": \"2027-03-16T10:00:00Z\", "
              "\"period_minutes\": 60, \"period_count\": 1, \"import_price\": [\"40\"], \"scale_load\": [\"30\"], "
              "\"participants\": [{\"id\": \"p\"}], \"orders\": []}", market);
    struct cli_run run = cli("clear %s %s --json --report %s/report.html --csv %s", network, market, cli_folder, cli_folder);
    assert_int_equal(run.exit_code, 4);
    json_t *root = json_loads(cli_out(&run), 0, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "status")), "partly_solved");
    assert_true(json_is_null(json_object_get(root, "baseline_cost")));
    json_t *period = json_array_get(json_object_get(root, "periods"), 0);
    assert_true(json_is_false(json_object_get(json_object_get(period, "before"), "converged")));
    assert_true(json_is_null(json_object_get(json_object_get(period, "before"), "slack_mw")));
    assert_true(json_is_number(json_object_get(json_object_get(period, "after"), "slack_mw")));
    size_t shed = 0;
    for (size_t i = 0; i < json_array_size(json_object_get(root, "violations")); i++) {
        json_t *limit = json_array_get(json_object_get(root, "violations"), i);
        if (strcmp(json_string_value(json_object_get(limit, "limit")), "not_served") != 0)
            continue;
        shed++;
        /* x left out, a MW less costs 1000 / s (voltage) + 2500 + 2500 / s (rating, mean of the ends) + 40 / s (import) with
         * s = sqrt(1 - 4 r P): as much as 10,000 at s = 0.472, P = 97 MW of the 270. */
        double mw = json_number_value(json_object_get(limit, "violation"));
        assert_true(mw > 165 && mw < 185);
        assert_near(json_number_value(json_object_get(limit, "violation_cost")), 10000 * mw, 1e-3);
    }
    assert_int_equal(shed, 1);
    json_decref(root);
    cli_release(&run);
    snprintf(path, sizeof path, "%s/report.html", cli_folder);
    cli_read(path, &text);
    assert_non_null(strstr(text.data, "Not served"));
    assert_non_null(strstr(text.data, "cannot carry its load in 1 of 1 periods"));
    fg_text_release(&text);
    snprintf(path, sizeof path, "%s/limits.csv", cli_folder);
    cli_read(path, &text);
    assert_non_null(strstr(text.data, "not_served,b,0,0,,"));
    fg_text_release(&text);
    run = cli("clear %s %s", network, market);
    assert_int_equal(run.exit_code, 4);
    assert_non_null(strstr(cli_out(&run), "Not served: 1"));
    assert_null(strstr(cli_out(&run), "nan"));
    cli_release(&run);
}

#define FIFTY "fifty-letters-that-fill-a-table-quickly-and-surely"
#define LONG FIFTY FIFTY FIFTY FIFTY

/* Files that may not grow beyond 512 bytes, as on a full disk: every output of a clearing in turn. What was there stays, and
 * no half-written file is left. */
static void test_full_disk(void **state)
{
    (void)state;
    static const char *const outputs[] = {"--output %s/kept", "--report %s/kept", "--csv %s"};
    static const char *const names[] = {"kept", "kept", "orders.csv"};
    char network[160], market[160], path[160], option[200];
    cli_write("network.json", NETWORK("b", "l", "n"), network);
    cli_write("market.json", MARKET("b", "3", LONG, LONG), market);
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        struct fg_text text;
        cli_write(names[i], "old\n", path);
        snprintf(option, sizeof option, outputs[i], cli_folder);
        struct cli_run run = cli("--version; ulimit -f 1; %s/flexgrid clear %s %s -q %s", FG_PROGRAM_DIR, network, market, option);
        assert_int_equal(run.exit_code, 6);
        assert_non_null(strstr(cli_err(&run), names[i]));
        cli_read(path, &text);
        assert_string_equal(text.data, "old\n");
        fg_text_release(&text);
        assert_int_equal(cli_count_files("tmp-"), 0);
        cli_release(&run);
    }
    struct cli_run run = cli("clear %s %s --json >/dev/full", network, market);
    assert_int_equal(run.exit_code, 6);
    cli_release(&run);
}

static void test_wrong_market_is_bad_input(void **state)
{
    (void)state;
    char network[160], market[160];
    cli_write("network.json", NETWORK("b", "l", "n"), network);
    cli_write("market.json", MARKET("nowhere", "3", "o", "p"), market);
    struct cli_run run = cli("clear %s %s --output %s/result.json", network, market, cli_folder);
    assert_int_equal(run.exit_code, 3);
    assert_non_null(strstr(cli_err(&run), "market.json#/orders/0"));
    assert_non_null(strstr(cli_err(&run), "nowhere"));
    assert_int_equal(cli_count_files("result.json"), 0);
    cli_release(&run);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

/* Every element that is opened is closed, in order; attributes are quoted. */
static void assert_well_formed(const char *page)
{
    static const char *const void_elements[] = {"meta", "br", "input", "!DOCTYPE"};
    char stack[64][24];
    int depth = 0;
    for (const char *at = strchr(page, '<'); at != NULL; at = strchr(at, '<')) {
        bool is_end = at[1] == '/';
        const char *name = at + 1 + is_end;
        size_t length = strcspn(name, " \t\n/>");
        assert_true(length > 0 && length < 24);
        const char *end = name + length;
        char quote = '\0';
        while (*end != '\0' && (*end != '>' || quote != '\0')) {
            if (*end == '"' || *end == '\'')
                quote = quote == '\0' ? *end : quote == *end ? '\0' : quote;
            assert_true(*end != '<');
            end++;
        }
        assert_int_equal(*end, '>');
        bool is_void = end[-1] == '/';
        for (size_t i = 0; i < sizeof void_elements / sizeof void_elements[0]; i++)
            is_void |= strlen(void_elements[i]) == length && strncmp(name, void_elements[i], length) == 0;
        if (is_end) {
            assert_true(depth > 0);
            depth--;
            assert_int_equal(strlen(stack[depth]), length);
            assert_int_equal(strncmp(stack[depth], name, length), 0);
        } else if (!is_void) {
            assert_true(depth < 64);
            snprintf(stack[depth++], sizeof stack[0], "%.*s", (int)length, name);
        }
        at = end;
        if (!is_end && length == 6 && strncmp(name, "script", 6) == 0)
            at = strstr(end, "</script>");
        else if (!is_end && length == 5 && strncmp(name, "style", 5) == 0)
            at = strstr(end, "</style>");
        assert_non_null(at);
    }
    assert_int_equal(depth, 0);
}

/* SHA-256 of a piece of the page in base64, by the system's sha256sum. */
static void hash_of(const char *from, const char *to, char base64[48])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char path[160], command[256], hex[65] = "";
    snprintf(path, sizeof path, "%s/piece", cli_folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(from, 1, (size_t)(to - from), file);
    fclose(file);
    snprintf(command, sizeof command, "sha256sum %s", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fread(hex, 1, 64, pipe), 64);
    pclose(pipe);
    unsigned char bytes[33] = {0};
    for (int i = 0; i < 32; i++) {
        unsigned value = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
        bytes[i] = (unsigned char)value;
    }
    size_t length = 0;
    for (int i = 0; i < 33; i += 3) {
        unsigned group = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
        for (int k = 3; k >= 0; k--)
            base64[length++] = digits[group >> (6 * k) & 63];
    }
    base64[43] = '=';
    base64[44] = '\0';
}

static void assert_policy_hash(const char *page, const char *start, const char *end, const char *directive)
{
    const char *from = strstr(page, start);
    assert_non_null(from);
    from += strlen(start);
    const char *to = strstr(from, end);
    assert_non_null(to);
    char hash[48], expected[128];
    hash_of(from, to, hash);
    snprintf(expected, sizeof expected, "%s 'sha256-%s'", directive, hash);
    assert_non_null(strstr(page, expected));
}

#define EVIL "</script></style><evil a=1 onload=x>'&amp;\\\"\\u202e"

static void test_report_escapes_hostile_names(void **state)
{
    (void)state;
    char network[160], market[160], report[160];
    cli_write("network<script>alert(1).json", NETWORK("b" EVIL, "l" EVIL, "n" EVIL "\\u0007"), network);
    cli_write("market.json", MARKET("b" EVIL, "3", "o" EVIL, "p" EVIL), market);
    snprintf(report, sizeof report, "%s/report.html", cli_folder);
    struct cli_run run = cli("clear '%s' %s --quiet --report %s", network, market, report);
    if (run.exit_code != 0)
        fail_msg("%s", cli_err(&run));
    cli_release(&run);
    struct fg_text page;
    cli_read(report, &page);
    assert_int_equal(count_of(page.data, "<evil"), 0);
    assert_true(count_of(page.data, "&lt;evil a=1") >= 5); /* bus, line, order, participant, title */
    assert_int_equal(count_of(page.data, "<script"), 2);
    assert_int_equal(count_of(page.data, "</script>"), 2);
    assert_int_equal(count_of(page.data, "<style"), 1);
    assert_int_equal(count_of(page.data, "</style>"), 1);
    assert_null(strchr(page.data, '\007'));
    assert_well_formed(page.data);
    /* Nothing from elsewhere. */
    static const char *const outside[] = {"http:", "https:", "src=", "href=", "url(", "@import", "style="};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        assert_null(strstr(page.data, outside[i]));
    assert_policy_hash(page.data, "<style>", "</style>", "style-src");
    assert_policy_hash(page.data, "</script>\n<script>", "</script>", "script-src");
    assert_non_null(strstr(page.data, "default-src 'none'"));
    fg_text_release(&page);
}

static void test_report_of_an_example(void **state)
{
    (void)state;
    char report[160];
    snprintf(report, sizeof report, "%s/report.html", cli_folder);
    struct cli_run run = cli("clear examples/ieee33/network.json examples/ieee33/market.json --quiet --report %s", report);
    assert_true(run.exit_code == 0 || run.exit_code == 4);
    cli_release(&run);
    struct fg_text page;
    cli_read(report, &page);
    assert_well_formed(page.data);
    static const char *const sections[] = {"id=\"grid\"", "id=\"charts\"", "id=\"prices\"", "id=\"limits\"",
                                           "id=\"orders\"", "id=\"payments\"", "id=\"certificate\"", "id=\"import\""};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        assert_int_equal(count_of(page.data, sections[i]), 1);
    /* Two drawings of 33 buses; 32 lines each; five open ties each; and their key. */
    assert_int_equal(count_of(page.data, "data-name=\"bus "), 66);
    assert_int_equal(count_of(page.data, "data-name=\"branch "), 64);
    assert_int_equal(count_of(page.data, "<path class=\"open\""), 11);
    assert_null(strstr(page.data, "nan"));
    /* The states for the script are JSON with one entry a period. */
    const char *from = strstr(page.data, "id=\"states\">");
    assert_non_null(from);
    from += strlen("id=\"states\">");
    json_t *states = json_loadb(from, (size_t)(strstr(from, "</script>") - from), 0, NULL);
    assert_non_null(states);
    assert_int_equal(json_array_size(json_object_get(states, "labels")), 24);
    assert_int_equal(json_array_size(json_object_get(states, "before")), 24);
    json_t *first = json_array_get(json_object_get(states, "after"), 0);
    assert_int_equal(strlen(json_string_value(json_array_get(first, 0))), 33);
    assert_int_equal(strlen(json_string_value(json_array_get(first, 1))), 32);
    assert_int_equal(json_array_size(json_array_get(first, 2)), 33);
    json_decref(states);
    fg_text_release(&page);
}

/* The 9 MW of the load, 0.98 p.u. there: a rating of 10 MVA in the first hour, in place of 8, and of 6 with a band from 0.99 p.u. in the
 * second. The clearing and the report judge each hour by its own limits. */
static void test_report_has_the_limits_of_each_period(void **state)
{
    (void)state;
    char network[160], market[160], report[160];
    cli_write("network.json", NETWORK("b", "l", "n"), network);
    cli_write("market.json",
              "{\"format\": \"flexgrid-market\", \"version\": 1, \"id\": \"m\", \"start\": \"2027-03-16T10:00:00Z\", \"period_minutes\": 60, "
              "\"period_count\": 2, \"import_price\": \"40\", \"conditions\": [{\"kind\": \"rating\", \"element\": \"l\", \"rating\": \"10\", "
              "\"periods\": 1}, {\"kind\": \"rating\", \"element\": \"l\", \"rating\": \"6\", \"start\": \"2027-03-16T11:00:00Z\"}, "
              "{\"kind\": \"voltage\", \"element\": \"b\", \"vm_min\": \"0.99\", \"start\": \"2027-03-16T11:00:00Z\"}], "
              "\"orders\": [{\"id\": \"o\", \"participant\": \"p\", \"side\": \"sell\", \"regulation\": \"up\", \"bus\": \"b\", \"periods\": 2, "
              "\"quantity\": \"8\", \"price\": \"60\"}]}",
              market);
    snprintf(report, sizeof report, "%s/report.html", cli_folder);
    struct cli_run run = cli("clear %s %s --json --report %s", network, market, report);
    if (run.exit_code != 0)
        fail_msg("%s", cli_err(&run));
    json_t *root = json_loads(cli_out(&run), 0, NULL);
    json_t *quantity = json_object_get(json_array_get(json_object_get(root, "accepted"), 0), "quantity_mw");
    assert_string_equal(json_string_value(json_array_get(quantity, 0)), "0");
    assert_true(atof(json_string_value(json_array_get(quantity, 1))) > 3);
    json_decref(root);
    cli_release(&run);
    struct fg_text page;
    cli_read(report, &page);
    const char *from = strstr(page.data, "id=\"states\">");
    assert_non_null(from);
    from += strlen("id=\"states\">");
    json_t *states = json_loadb(from, (size_t)(strstr(from, "</script>") - from), 0, NULL), *before = json_object_get(states, "before");
    json_t *first = json_array_get(before, 0), *second = json_array_get(before, 1);
    assert_int_equal(json_string_value(json_array_get(first, 1))[0], '2'); /* 9.2 of 10 MVA */
    assert_int_not_equal(json_string_value(json_array_get(first, 0))[1], 'L');
    assert_int_equal(json_string_value(json_array_get(second, 1))[0], 'V');
    assert_int_equal(json_string_value(json_array_get(second, 0))[1], 'L');
    json_decref(states);
    fg_text_release(&page);
}

/* A transformer without resistance, r = 0, x = 0.1 at 10 MVA, feeds 1 MW and 1 or 3 Mvar. Behind the ratio a,
 * V^4 + V^2 (2 x Q - 1/a^2) + x^2 (P^2 + Q^2) = 0: 0.98985 and 0.96899 p.u. at a = 1; with the limit 0.985, one and two
 * steps of 0.0125 give the second period 0.98206 and 0.99545 p.u. */
#define TAP_NETWORK                                                                                                    \
    "{\"flexgrid_network\": 1, \"base_mva\": 10, \"buses\": [{\"id\": \"a\", \"vn_kv\": 110}, {\"id\": \"b\", "             \
    "\"vn_kv\": 20, \"vm_min_pu\": 0.985, \"vm_max_pu\": 1.05}], \"branches\": [{\"id\": \"T\", \"kind\": "                \
    "\"transformer\", \"from\": \"a\", \"to\": \"b\", \"r_pu\": 0, \"x_pu\": 0.1, \"tap\": {\"position\": 0, \"neutral\": 0, "        \
    "\"minimum\": -5, \"maximum\": 5, \"step_ratio\": 0.0125, \"on_from_side\": true}}], \"injections\": [{\"id\": "       \
    "\"load\", \"kind\": \"load\", \"bus\": \"b\", \"p_mw\": -1, \"q_mvar\": -1}], \"generators\": [{\"id\": \"g\", "     \
    "\"kind\": \"source\", \"bus\": \"a\", \"vm_set_pu\": 1}]}"
#define TAP_MARKET(branch)                                                                                             \
    "{\"format\": \"flexgrid-market\", \"version\": 1, \"id\": \"m\", \"start\": \"2027-03-16T10:00:00Z\", "                \
    "\"period_minutes\": 60, \"period_count\": 3, \"controllable_taps\": [\"" branch "\"], \"baselines\": [{\"bus\": "     \
    "\"b\", \"p\": [\"-1\", \"-1\", \"-1\"], \"q\": [\"-1\", \"-3\", \"-1\"]}]}"

/* 22 MW + j22 Mvar have a power flow up to P = E^2 / (x (2 + sqrt(8))) with E = 1 / ratio: 20.7 MW at the network's
 * position, 23.6 MW five steps down. The band asks for more than that, so that some load is not served. */
static void test_taps_of_a_grid_beyond_its_load(void **state)
{
    (void)state;
    char network[160], market[160];
    cli_write("network.json", TAP_NETWORK, network);
    cli_write("market.json",
              "{\"format\": \"flexgrid-market\", \"version\": 1, \"id\": \"m\", \"start\": \"2027-03-16T10:00:00Z\", "
              "\"period_minutes\": 60, \"period_count\": 1, \"controllable_taps\": [\"T\"], \"baselines\": [{\"bus\": "
              "\"b\", \"p\": [\"-22\"], \"q\": [\"-22\"]}]}", market);
    struct cli_run run = cli("clear %s %s --json", network, market);
    assert_int_equal(run.exit_code, 4);
    json_t *root = json_loads(cli_out(&run), 0, NULL);
    assert_non_null(root);
    json_t *period = json_array_get(json_object_get(root, "periods"), 0);
    assert_true(json_is_false(json_object_get(json_object_get(period, "before"), "converged")));
    assert_true(json_is_true(json_object_get(json_object_get(period, "with_taps"), "converged")));
    assert_true(json_is_null(json_object_get(root, "baseline_cost")));
    assert_true(json_number_value(json_object_get(root, "cost_with_taps")) > 50000);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(json_array_get(json_object_get(root, "taps"), 0),
                                                                       "position"), 0)), -5);
    bool is_listed = false;
    for (size_t i = 0; i < json_array_size(json_object_get(root, "before_after")); i++) {
        json_t *limit = json_array_get(json_object_get(root, "before_after"), i);
        if (strcmp(json_string_value(json_object_get(limit, "limit")), "voltage_low") != 0)
            continue;
        is_listed = true;
        assert_true(json_is_null(json_object_get(limit, "before")) && json_is_number(json_object_get(limit, "cost")));
    }
    assert_true(is_listed);
    json_decref(root);
    cli_release(&run);
    run = cli("clear %s %s", network, market);
    assert_non_null(strstr(cli_out(&run), "cost of the baseline not known (no power flow), with them "));
    cli_release(&run);
}

static void test_taps_in_all_outputs(void **state)
{
    (void)state;
    char network[160], market[160], path[160];
    struct fg_text file;
    cli_write("network.json", TAP_NETWORK, network);
    cli_write("market.json", TAP_MARKET("T"), market);
    struct cli_run run = cli("clear %s %s --json --csv %s --report %s/report.html", network, market, cli_folder, cli_folder);
    assert_int_equal(run.exit_code, 0);
    json_t *root = json_loads(cli_out(&run), 0, NULL), *taps = json_object_get(root, "taps");
    assert_int_equal(json_array_size(taps), 1);
    json_t *tap = json_array_get(taps, 0), *positions = json_object_get(tap, "position");
    assert_string_equal(json_string_value(json_object_get(tap, "branch")), "T");
    assert_int_equal(json_integer_value(json_object_get(tap, "network_position")), 0);
    assert_int_equal(json_integer_value(json_object_get(tap, "steps")), 2);
    static const int expected[3] = {0, -2, -2}; /* when it must, and not back */
    for (size_t t = 0; t < 3; t++)
        assert_int_equal(json_integer_value(json_array_get(positions, t)), expected[t]);
    assert_near(json_number_value(json_object_get(root, "baseline_cost")), 500000 * (0.985 - 0.9689866), 1);
    assert_near(json_number_value(json_object_get(root, "cost_with_taps")), 0, 1e-9);
    assert_int_equal(json_array_size(json_object_get(root, "before_after")), 1);
    json_t *period = json_array_get(json_object_get(root, "periods"), 1);
    assert_non_null(json_object_get(period, "with_taps"));
    json_decref(root);
    cli_release(&run);
    snprintf(path, sizeof path, "%s/taps.csv", cli_folder);
    cli_read(path, &file);
    assert_string_equal(file.data, "branch,period,network_position,position\nT,0,0,0\nT,1,0,-2\nT,2,0,-2\n");
    fg_text_release(&file);
    snprintf(path, sizeof path, "%s/report.html", cli_folder);
    cli_read(path, &file);
    assert_non_null(strstr(file.data, "<section id=\"taps\">"));
    assert_non_null(strstr(file.data, "<td>0, -2 from "));
    fg_text_release(&file);
    run = cli("clear %s %s", network, market);
    assert_non_null(strstr(cli_out(&run), "0, -2 from "));
    cli_release(&run);
    cli_write("market.json", TAP_MARKET("U"), market);
    run = cli("clear %s %s", network, market);
    assert_int_equal(run.exit_code, 3);
    assert_non_null(strstr(run.err.data, "market.json#/controllable_taps/0"));
    cli_release(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_overload_solved_by_hand, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_too_little_flexibility, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_tables_and_csv, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_taps_in_all_outputs, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_taps_of_a_grid_beyond_its_load, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_a_grid_beyond_its_load, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_market_is_bad_input, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_report_escapes_hostile_names, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_report_of_an_example, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_report_has_the_limits_of_each_period, cli_setup, cli_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

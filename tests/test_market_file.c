/* Market files: what each field means, both forms, what is refused and where. */
#include "market_sample.h"

#include "base/json.h"
#include "base/memory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *make_folder(void)
{
    static char folder[64];
    snprintf(folder, sizeof folder, "/tmp/fg-market-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    closedir(dir);
    rmdir(folder);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(fg_file_write(path, text, strlen(text), NULL), FG_OK);
}

static void every_field_has_its_meaning(void **state)
{
    (void)state;
    struct fg_market *market = market_parse(market_sample);
    assert_string_equal(market->currency, "DKK");
    assert_int_equal(market->tick.w, 100);
    assert_int_equal(market->price_step.uper_mwh, 50000);
    assert_int_equal(market->start_s, 1772402400); /* 2026-03-01T22:00:00Z, from `date -u` */
    assert_int_equal(market->period_s, 1800);
    assert_int_equal(market->physics, FG_MARKET_LINDISTFLOW);
    assert_int_equal(market->balance, FG_BALANCE_CLOSED);
    assert_int_equal(market->balance_reactive, FG_BALANCE_IMBALANCE);
    assert_int_equal(market->pricing, FG_PRICING_PAY_AS_BID);
    assert_true(market->match_requests);
    assert_int_equal(market->import_price[1].uper_mwh, -12500000);
    assert_int_equal(market->import_price[3].uper_mwh, 70123456);
    assert_int_equal(market->import_price_reactive[3].uper_mwh, 1500000);
    assert_int_equal(market->scale_load_u[3], 900000);
    assert_int_equal(market->scarcity_voltage.uper_mwh, INT64_C(250000000000));
    assert_int_equal(market->vm_min_u, 950000);
    assert_int_equal(market->substation_q_max.w, 4500000);
    assert_int_equal(market->bus_limits[0].vm_min_u, 970000);
    assert_int_equal(market->bus_limits[0].vm_max_u, FG_NO_LIMIT);
    assert_int_equal(market->branch_limits[0].rating.w, 2500000);
    assert_int_equal(market->condition_count, 4);
    const struct fg_condition *conditions = market->conditions;
    assert_true(conditions[0].kind == FG_CONDITION_SWITCH && conditions[0].is_closed && conditions[0].period_count == 4);
    assert_true(conditions[1].kind == FG_CONDITION_OUTAGE && conditions[1].first_period == 1 && conditions[1].period_count == 3);
    assert_string_equal(conditions[1].element, "L2");
    assert_true(conditions[2].rating.w == 2250000 && conditions[2].period_count == 1);
    assert_true(conditions[3].vm_min_u == 980000 && conditions[3].vm_max_u == FG_NO_LIMIT);
    assert_int_equal(market->zones[0].parent, 1); /* inner lies in outer */
    assert_int_equal(market->zones[1].parent, -1);
    assert_true(fg_zone_has_bus(&market->zones[1], "b3"));
    assert_int_equal(fg_market_zone_of_bus(market, "b2"), 0);
    assert_int_equal(fg_market_zone_of_bus(market, "b1"), 1);
    assert_int_equal(fg_market_zone_of_bus(market, "b9"), -1);

    const struct fg_asset *battery = &market->assets[fg_market_find_asset(market, "bat")];
    assert_int_equal(battery->baseline_p[2].w, -100000);
    assert_int_equal(battery->baseline_q[3].w, 50000);
    assert_int_equal(battery->energy_up.ws, INT64_C(2700000000)); /* 0.75 MWh = 0.75 x 3.6e9 Ws */
    assert_int_equal(battery->energy_min.ws, -INT64_C(1800000000));
    const struct fg_asset *pump = &market->assets[fg_market_find_asset(market, "hp")];
    assert_true(pump->follows_ratio && pump->q_per_p_u == 330000 && pump->p_max.w == FG_NO_LIMIT);
    assert_int_equal(pump->rebound_count, 2);
    assert_int_equal(market->assets[fg_market_find_asset(market, "pv")].power_factor_u, 950000);

    assert_int_equal(market->baselines[0].kind, FG_BASELINE_BUS);
    assert_int_equal(market->baselines[0].p[3].w, -700000);
    assert_int_equal(market->baselines[1].kind, FG_BASELINE_GENERATOR);
    assert_null(market->baselines[1].q);

    const struct fg_order *o1 = &market->orders[0], *o2 = &market->orders[1], *o3 = &market->orders[2];
    assert_int_equal(o1->period_count, 4);
    assert_int_equal(o1->quantity[1].w, 250000);
    assert_int_equal(o1->point_count, 2);
    assert_int_equal(o1->points[1].up_to.w, 500000);
    assert_int_equal(o1->points[1].price.uper_mwh, 55050000);
    assert_int_equal(o1->min_fraction_u, 400000);
    assert_string_equal(o1->location, "b2");
    assert_string_equal(o1->place, "market.json#/orders/0");
    assert_int_equal(o2->first_period, 2);
    assert_int_equal(o2->product, FG_PRODUCT_REACTIVE);
    assert_int_equal(o2->points[0].price.uper_mwh, -2000000);
    assert_true(o2->block && o2->min_fraction_u == FG_FRACTION_ONE);
    assert_true(market->assets[o2->asset].is_implicit);
    assert_int_equal(o2->offset, 4);
    assert_int_equal(o3->parent, 3); /* declared before its parent */
    assert_int_equal(market->groups[o3->group].kind, FG_GROUP_EXCLUSIVE_ONE);
    const struct fg_order *zone = &market->orders[4], *branch = &market->orders[5], *voltage = &market->orders[6];
    assert_int_equal(zone->location_kind, FG_LOCATION_ZONE);
    assert_int_equal(zone->kind, FG_REQUEST_NEED);
    assert_int_equal(branch->location_kind, FG_LOCATION_BRANCH_LIMIT);
    assert_int_equal(branch->regulation, FG_REGULATION_BOTH);
    assert_int_equal(voltage->location_kind, FG_LOCATION_VOLTAGE_LIMIT);
    assert_int_equal(voltage->quantity[0].w, 20000); /* 0.02 p.u. in millionths */
    /* Directions of the change of injection: see the table in market/order.h. */
    assert_int_equal(fg_order_injection_sign(o1), 1);
    assert_int_equal(fg_order_injection_sign(o2), -1);
    assert_int_equal(fg_order_injection_sign(zone), 0);
    assert_int_equal(fg_order_injection_sign(&market->orders[7]), 1); /* exchange down: the buyer injects more */
    fg_market_destroy(market);
}

static void defaults_are_as_documented(void **state)
{
    (void)state;
    struct fg_market *market = market_parse("{\"format\": \"flexgrid-market\", \"version\": 1, \"id\": \"m\","
                                            "\"start\": \"2026-01-01T00:00:00+01:00\", \"period_count\": 96}");
    assert_string_equal(market->currency, "EUR");
    assert_int_equal(market->period_s, 900);
    assert_int_equal(market->start_s % 86400, 23 * 3600);
    assert_int_equal(market->tick.w, 1000);
    assert_int_equal(market->price_step.uper_mwh, 10000);
    assert_int_equal(market->physics, FG_MARKET_AC);
    assert_int_equal(market->balance, FG_BALANCE_IMBALANCE);
    assert_int_equal(market->pricing, FG_PRICING_NODAL);
    assert_int_equal(market->scarcity_overload.uper_mwh, INT64_C(5000) * 1000000);
    assert_int_equal(market->import_price[95].uper_mwh, 0);
    assert_int_equal(market->scale_load_u[95], FG_FRACTION_ONE);
    assert_int_equal(market->substation_p_max.w, FG_NO_LIMIT);
    assert_int_equal(market->order_count, 0);
    fg_market_destroy(market);
}

static void json_and_csv_round_trip(void **state)
{
    (void)state;
    struct fg_market *market = market_parse(market_sample), *again;
    struct fg_text first, second, third;
    struct fg_error err;
    fg_text_init(&first);
    fg_text_init(&second);
    fg_text_init(&third);
    assert_int_equal(fg_market_write_json(market, &first, &err), FG_OK);
    again = market_parse(first.data);
    assert_int_equal(fg_market_write_json(again, &second, &err), FG_OK);
    assert_string_equal(first.data, second.data);
    fg_market_destroy(again);

    char *folder = make_folder();
    if (fg_market_write_csv_folder(market, folder, &err) != FG_OK || fg_market_read(folder, &again, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    assert_int_equal(fg_market_write_json(again, &third, &err), FG_OK);
    assert_string_equal(first.data, third.data);
    fg_market_destroy(again);
    /* Any table of the folder stands for the folder; tables without rows disappear. */
    char path[512];
    snprintf(path, sizeof path, "%s/orders.csv", folder);
    assert_int_equal(fg_market_read(path, &again, &err), FG_OK);
    fg_market_destroy(again);
    again = market_parse("{\"format\": \"flexgrid-market\", \"version\": 1, \"id\": \"m\","
                         "\"start\": \"2026-01-01T00:00:00Z\", \"period_count\": 1}");
    assert_int_equal(fg_market_write_csv_folder(again, folder, &err), FG_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    fg_market_destroy(again);
    assert_int_equal(fg_market_read(folder, &again, &err), FG_OK);
    assert_int_equal(again->order_count, 0);
    fg_market_destroy(again);

    fg_text_release(&first);
    fg_text_release(&second);
    fg_text_release(&third);
    remove_folder(folder);
    fg_market_destroy(market);
}

static void baseline_table_beside_the_document_is_read(void **state)
{
    (void)state;
    char *folder = make_folder(), path[512];
    write_file(folder, "m.json",
               "{\"format\": \"flexgrid-market\", \"version\": 1, \"id\": \"m\", \"baseline_csv\":"
               "\"b.csv\", \"start\": \"2026-01-01T00:00:00Z\", \"period_count\": 2}");
    write_file(folder, "b.csv",
               "bus;start;p;q\n1;2026-01-01T00:00:00Z;-0.5;\n2;2026-01-01T00:00:00Z;-1;0.25\n"
               "1;2026-01-01T00:15:00Z;-0.75;\n2;2026-01-01T00:15:00Z;-2;0.5\n");
    snprintf(path, sizeof path, "%s/m.json", folder);
    struct fg_market *market;
    struct fg_error err;
    if (fg_market_read(path, &market, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    assert_int_equal(market->baseline_count, 2);
    assert_int_equal(market->baselines[0].p[1].w, -750000);
    assert_null(market->baselines[0].q);
    assert_int_equal(market->baselines[1].q[1].w, 500000);
    fg_market_destroy(market);

    write_file(folder, "b.csv", "bus,start,p\n1,2026-01-01T00:15:00Z,-0.5\n");
    assert_int_equal(fg_market_read(path, &market, &err), FG_ERR_VALUE);
    assert_non_null(strstr(err.place, "b.csv:2, column start"));
    assert_non_null(strstr(err.text, "2026-01-01T00:00:00Z"));
    write_file(folder, "b.csv", "bus,start,p\n1,2026-01-01T00:00:00Z,-0.5\n");
    assert_int_equal(fg_market_read(path, &market, &err), FG_ERR_VALUE);
    assert_non_null(strstr(err.text, "has 1 of 2 periods"));
    write_file(folder, "m.json",
               "{\"format\": \"flexgrid-market\", \"version\": 1, \"id\": \"m\", \"baseline_csv\":"
               "\"../b.csv\", \"start\": \"2026-01-01T00:00:00Z\", \"period_count\": 2}");
    assert_int_equal(fg_market_read(path, &market, &err), FG_ERR_VALUE);
    assert_non_null(strstr(err.place, "#/baseline_csv"));
    remove_folder(folder);
}

/* The sample with its first occurrence of `from` replaced must be refused at `place` with `words` in the text. */
static void refuses(const char *from, const char *to, enum fg_code code, const char *place, const char *words)
{
    const char *at = strstr(market_sample, from);
    assert_non_null(at);
    struct fg_text text;
    fg_text_init(&text);
    fg_text_append(&text, market_sample, (size_t)(at - market_sample));
    fg_text_puts(&text, to);
    fg_text_puts(&text, at + strlen(from));
    struct fg_market *market = NULL;
    struct fg_error err = {0};
    enum fg_code given = fg_market_read_json_text(text.data, text.length, "m", NULL, &market, &err);
    if (given != code || strcmp(err.place, place) != 0 || strstr(err.text, words) == NULL)
        fail_msg("%s -> %s: got %s at \"%s\": %s", from, to, fg_code_slug(given), err.place, err.text);
    assert_null(market);
    fg_text_release(&text);
}

static void errors_name_place_and_remedy(void **state)
{
    (void)state;
    refuses("\"version\": 1", "\"version\": 2", FG_ERR_UNSUPPORTED, "m#/version", "version 1");
    refuses("\"operator\"", "\"oprator\"", FG_ERR_SCHEMA, "m#/oprator", "operator");
    refuses("\"physics\": \"lindistflow\"", "\"physics\": \"steam\"", FG_ERR_VALUE, "m#/physics", "ac, lindistflow");
    refuses("\"tick\": \"0.0001\"", "\"tick\": 0.0001", FG_ERR_SCHEMA, "m#/tick", "as a string");
    refuses("\"tick\": \"0.0001\"", "\"tick\": \"1e-4\"", FG_ERR_VALUE, "m#/tick", "not a decimal");
    refuses("\"period_minutes\": 30", "\"period_minutes\": 20", FG_ERR_VALUE, "m#/start", "5, 15, 30 or 60");
    refuses("2026-03-01T22:00:00Z", "2026-03-01T22:10:00Z", FG_ERR_VALUE, "m#/start", "multiple of the period");
    refuses("\"period_count\": 4", "\"period_count\": 99999999999", FG_ERR_VALUE, "m#/period_count", "35136");
    refuses("[\"50\", \"-12.5\", \"0\", \"70.123456\"]", "[\"50\"]", FG_ERR_VALUE, "m#/import_price", "one per period");
    refuses("\"70.123456\"", "\"70.1234567\"", FG_ERR_VALUE, "m#/import_price/3", "decimals");
    refuses("{\"bus\": \"b3\", \"vm_min\": \"0.97\"}", "{\"bus\": \"b3\", \"vm_min\": \"0.97\", \"x\": 1}",
            FG_ERR_SCHEMA, "m#/bus_limits/0/x", "bus");
    refuses("\"kind\": \"outage\", ", "", FG_ERR_SCHEMA, "m#/conditions/1", "kind");
    refuses("\"kind\": \"outage\"", "\"kind\": \"outage\", \"closed\": false", FG_ERR_SCHEMA, "m#/conditions/1/closed", "outage");
    refuses(", \"closed\": true", "", FG_ERR_SCHEMA, "m#/conditions/0", "closed");
    refuses("\"rating\": \"2.25\"", "\"rating\": \"0\"", FG_ERR_VALUE, "m#/conditions/2", "not positive");
    refuses("\"periods\": 3}", "\"periods\": 4}", FG_ERR_VALUE, "m#/conditions/1", "outside the market's 4");
    refuses("\"vm_min\": \"0.98\"", "\"vm_min\": \"0.98\", \"vm_max\": \"0.9\"", FG_ERR_VALUE, "m#/conditions/3", "empty");
    refuses("\"energy_min\": \"-0.5\"", "\"energy_min\": \"0.5\"", FG_ERR_VALUE, "m#/assets/0", "energy_min <= 0");
    refuses("\"p_min\": \"0\", ", "\"p_max\": \"1\", ", FG_ERR_VALUE, "m#/assets/1", "p_min >= 0 or p_max <= 0");
    refuses("\"s_max\": \"1.2\"", "\"s_max\": \"0.05\"", FG_ERR_VALUE, "m#/assets/0", "above s_max");
    refuses("\"generator\": \"G1\"", "\"generator\": \"G1\", \"bus\": \"b1\"", FG_ERR_SCHEMA, "m#/baselines/1",
            "exactly one");
    refuses("\"buses\": [\"b2\"]", "\"buses\": [\"b2\", \"b9\"]", FG_ERR_VALUE, "m", "nested or disjoint");
    refuses("\"asset\": \"bat\",", "\"asset\": \"car\",", FG_ERR_VALUE, "m#/orders/0/asset", "there is no asset car");
    refuses("\"side\": \"sell\"", "\"side\": \"give\"", FG_ERR_VALUE, "m#/orders/0/side", "sell, buy");
    refuses("\"parent\": \"o4\"", "\"parent\": \"o9\"", FG_ERR_VALUE, "m#/orders/2", "no order o9");
    refuses("\"start\": \"2026-03-01T23:00:00Z\"", "\"start\": \"2026-03-01T23:15:00Z\"", FG_ERR_VALUE,
            "m#/orders/1/start", "30 minutes from 2026-03-01T22:00:00Z");
    refuses("\"start\": \"2026-03-01T23:00:00Z\"", "\"start\": \"2026-03-01T21:00:00Z\"", FG_ERR_VALUE, "m#/orders/1",
            "outside the market's 4");
    refuses("\"periods\": 2,", "\"periods\": 3,", FG_ERR_VALUE, "m#/orders/1", "outside the market's 4");
    refuses("\"zone\": \"inner\"", "\"zone\": \"inner\", \"bus\": \"b1\"", FG_ERR_SCHEMA, "m#/orders/4", "exactly one");
    refuses("\"all_or_none\": true", "\"all_or_none\": true, \"minimum_acceptance\": \"0.5\"", FG_ERR_SCHEMA,
            "m#/orders/1/minimum_acceptance", "one of the two");
    refuses("\"id\": \"o2\"", "\"id\": \"\"", FG_ERR_VALUE, "m#/orders/1/id", "1 to 200 bytes");
    refuses("\"id\": \"o2\"", "\"id\": \"a\\u0007\"", FG_ERR_VALUE, "m#/orders/1/id", "control characters");
    refuses("\"orders\": [", "\"orders\": [7, ", FG_ERR_SCHEMA, "m#/orders/0", "an object");
    refuses("}]}\n", "}]\n", FG_ERR_SYNTAX, "m:50:0", "not valid JSON");
}

static void csv_errors_name_file_and_line(void **state)
{
    (void)state;
    struct fg_market *market = market_parse(market_sample), *again;
    struct fg_error err;
    char *folder = make_folder();
    assert_int_equal(fg_market_write_csv_folder(market, folder, &err), FG_OK);
    fg_market_destroy(market);

    write_file(folder, "orders.csv",
               "id,participant,side,regulation,bus,quantity,price\n"
               "a,agg,sell,up,b1,0.5,40\nb,agg,sell,up,b1,0.5,40 EUR\n");
    assert_int_equal(fg_market_read(folder, &again, &err), FG_ERR_VALUE);
    assert_non_null(strstr(err.place, "orders.csv:3#/price"));
    write_file(folder, "orders.csv", "id,participant,side,regulation,bus,quantity,prize\na,agg,sell,up,b1,0.5,40\n");
    assert_int_equal(fg_market_read(folder, &again, &err), FG_ERR_SCHEMA);
    assert_non_null(strstr(err.place, "orders.csv:1"));
    assert_non_null(strstr(err.text, "prize"));
    write_file(folder, "orders.csv",
               "id,participant,side,regulation,bus,quantity,price\na,agg,sell,up,b1,0.00001,40\n");
    assert_int_equal(fg_market_read(folder, &again, &err), FG_ERR_VALUE);
    assert_non_null(strstr(err.place, "orders.csv:2#"));
    assert_non_null(strstr(err.text, "[quantity_tick]"));
    write_file(folder, "orders.csv", "id,participant,side,regulation,bus,quantity,price\na,\xff,sell,up,b1,0.5,40\n");
    assert_int_not_equal(fg_market_read(folder, &again, &err), FG_OK);
    assert_non_null(strstr(err.place, "orders.csv"));
    write_file(folder, "orders.csv",
               "id,participant,side,regulation,bus,quantity,price_points\n"
               "a,agg,sell,up,b1,0.5,0.2@40 0.5\n");
    assert_int_equal(fg_market_read(folder, &again, &err), FG_ERR_SCHEMA);
    assert_non_null(strstr(err.place, "orders.csv:2#/price_points/1/price"));
    write_file(folder, "orders.csv", "id,participant,side,regulation,bus,quantity,price\n");
    write_file(folder, "periods.csv", "start,import_price\n2026-03-01T22:30:00Z,50\n");
    assert_int_equal(fg_market_read(folder, &again, &err), FG_ERR_VALUE);
    assert_non_null(strstr(err.place, "periods.csv:2"));
    write_file(folder, "market.csv", "key,value\nformat,flexgrid-market\nfromat,x\n");
    assert_int_equal(fg_market_read(folder, &again, &err), FG_ERR_SCHEMA);
    assert_non_null(strstr(err.place, "market.csv:3"));
    assert_null(again);
    remove_folder(folder);
    assert_int_equal(fg_market_read("/nonexistent/market.json", &again, &err), FG_ERR_IO);
    assert_int_equal(fg_market_read("/nonexistent/orders.csv", &again, &err), FG_ERR_IO);
}

/* Reading with the n-th allocation failing gives the memory error and leaks nothing (the sanitizer watches). */
static void lack_of_memory_is_survived(void **state)
{
    (void)state;
    int failures = 0;
    for (long n = 1; n < 4000; n += n < 60 ? 1 : 13) {
        struct fg_market *market;
        struct fg_error err;
        fg_alloc_fail_after(n);
        enum fg_code code = fg_market_read_json_text(market_sample, strlen(market_sample), "m", NULL, &market, &err);
        fg_alloc_fail_after(0);
        if (code == FG_OK) {
            fg_market_destroy(market);
            break;
        }
        assert_int_equal(code, FG_ERR_MEMORY);
        failures++;
    }
    assert_true(failures > 20);
}

/* The example of docs/market-format.md is a market. */
static void the_documented_example_is_read(void **state)
{
    (void)state;
    struct fg_text text;
    struct fg_error err;
    assert_int_equal(fg_file_read(FG_SOURCE_DIR "/docs/market-format.md", 1 << 20, &text, &err), FG_OK);
    char *begin = strstr(text.data, "```json\n");
    assert_non_null(begin);
    char *end = strstr(begin + 8, "```");
    *end = '\0';
    struct fg_market *market = market_parse(begin + 8);
    assert_int_equal(market->order_count, 3);
    assert_int_equal(market->orders[1].points[1].price.uper_mwh, 120000000);
    fg_market_destroy(market);
    fg_text_release(&text);
}

/* Cut anywhere, the document is refused, never half taken. */
static void truncated_documents_are_refused(void **state)
{
    (void)state;
    for (size_t length = 0; length + 2 < sizeof market_sample; length += 7) {
        struct fg_market *market;
        assert_int_not_equal(fg_market_read_json_text(market_sample, length, "m", NULL, &market, NULL), FG_OK);
        assert_null(market);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_its_meaning),     cmocka_unit_test(defaults_are_as_documented),
        cmocka_unit_test(json_and_csv_round_trip),         cmocka_unit_test(baseline_table_beside_the_document_is_read),
        cmocka_unit_test(errors_name_place_and_remedy),    cmocka_unit_test(csv_errors_name_file_and_line),
        cmocka_unit_test(lack_of_memory_is_survived),      cmocka_unit_test(the_documented_example_is_read),
        cmocka_unit_test(truncated_documents_are_refused),
    };
    return cmocka_run_group_tests_name("market files", tests, NULL, NULL);
}

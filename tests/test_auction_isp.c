/* Both days of the Greek Integrated Scheduling Process (data/market/gr_isp_offers of FG_SHARED_DIR, SOURCE.txt there): energy offers
 * of half-hours in naive Athens time with MW, EUR/MWh and a minimum quantity; rows that are equal are different offers; rows of no
 * quantity are refused. They are entered through the API in batches and cleared, physics none, against a demand of 40 % of each
 * period's and direction's offered quantity at 10,000 EUR/MWh. The welfare must be that of the mixed-integer optimum, which is
 * computed here by itself (solve/lp.h), period by period and direction by direction:
 *
 *     max sum_i (10000 - price_i) h x_i      sum_i x_i <= demand,   min_i y_i <= x_i <= quantity_i y_i,   y_i in {0, 1}
 *
 * for a request that is an exchange moves against what it asks for, and accepted offers equal accepted requests. */
#include "auction_fixture.h"

#include "base/timezone.h"
#include "solve/lp.h"

#include <math.h>
#include <sys/stat.h>

#define ISP_FOLDER FG_SHARED_DIR "/data/market/gr_isp_offers"
#ifdef __SANITIZE_ADDRESS__
enum { OFFERS_MAX = 20000, PERIODS = 4, BATCH = 500 }; /* the first two hours: the whole day is for the release build */
#else
enum { OFFERS_MAX = 20000, PERIODS = 48, BATCH = 500 };
#endif

struct offer {
    int period, direction; /* of the day; 0 up */
    int64_t quantity_w, price_u, minimum_w;
};
struct day {
    struct offer offers[OFFERS_MAX];
    size_t count, empty;
    int64_t start_s;
    int64_t offered_w[PERIODS][2];
};

static const char *const rows[] = {
    "UPDATE area SET period_s = 1800, price_min_u = -10000000000, price_max_u = 10000000000, size_max_w = 900000000000",
    "UPDATE prequalification SET up_w = 500000000000, down_w = 500000000000",
    "INSERT INTO portfolio (id, organisation_id, area_id, name, location_id, status, created_us, version) VALUES "
    "(13, 3, 1, 'Downwards', 2, 'approved', 0, 1)",
    "INSERT INTO prequalification (id, portfolio_id, product_id, kind, status, up_w, down_w, asked_us, version) VALUES "
    "(6, 13, 1, 'product', 'approved', 500000000000, 500000000000, 0, 1), (7, 13, 1, 'grid', 'approved', 500000000000, 500000000000, "
    "0, 1)",
    NULL};

/* ---- the file ---- */

static void read_day(const char *path, struct day *day)
{
    struct fg_text text;
    struct fg_error err = {0};
    struct fg_timezone *zone;
    fg_text_init(&text);
    assert_int_equal(fg_timezone_open("Europe/Athens", &zone, &err), FG_OK);
    char command[400];
    snprintf(command, sizeof command, "gzip -dc %s", path);
    FILE *file = popen(command, "r");
    assert_non_null(file);
    char line[200];
    assert_non_null(fgets(line, sizeof line, file));
    assert_int_equal(strncmp(line, "ID_PERIOD,DIR,QUANTITY_MW,PRICE,MINQUANTITY", 43), 0);
    memset(day, 0, sizeof *day);
    while (fgets(line, sizeof line, file) != NULL) {
        int year, month, date, hour, minute, second;
        char direction[8], quantity[20], price[20], minimum[20];
        assert_int_equal(sscanf(line, "%d-%d-%d %d:%d:%d,%7[^,],%19[^,],%19[^,],%19[^\r\n]", &year, &month, &date, &hour, &minute, &second,
                                direction, quantity, price, minimum), 10);
        struct fg_date local = {year, month, date};
        struct offer *offer = &day->offers[day->count];
        day->start_s = fg_timezone_day_start(zone, local);
        offer->period = (int)((fg_timezone_instant(zone, local, hour * 3600 + minute * 60 + second, 0) - day->start_s) / 1800);
        if (offer->period >= PERIODS)
            continue;
        day->count++;
        assert_true(day->count < OFFERS_MAX);
        offer->direction = strcmp(direction, "Up") != 0;
        assert_int_equal(fg_decimal_parse(quantity, 6, &offer->quantity_w, &err), FG_OK);
        assert_int_equal(fg_decimal_parse(price, 6, &offer->price_u, &err), FG_OK);
        assert_int_equal(fg_decimal_parse(minimum, 6, &offer->minimum_w, &err), FG_OK);
        day->offered_w[offer->period][offer->direction] += offer->quantity_w;
        day->empty += offer->quantity_w == 0;
    }
    assert_int_equal(pclose(file), 0);
    fg_timezone_close(zone);
    fg_text_release(&text);
}

static int64_t demand_w(const struct day *day, int period, int direction)
{
    return day->offered_w[period][direction] * 2 / 5 / 1000 * 1000; /* whole ticks */
}

/* ---- the optimum, in a formulation of its own ---- */

static double optimum(const struct day *day, int period, int direction)
{
    static int32_t starts[2 * OFFERS_MAX + 1], at_rows[6 * OFFERS_MAX];
    static double values[6 * OFFERS_MAX], cost[2 * OFFERS_MAX], lower[2 * OFFERS_MAX], upper[2 * OFFERS_MAX], row_lower[2 * OFFERS_MAX],
        row_upper[2 * OFFERS_MAX];
    static bool is_integer[2 * OFFERS_MAX];
    int32_t columns = 0, row_count = 1, entries = 0;
    row_lower[0] = -INFINITY;
    row_upper[0] = (double)demand_w(day, period, direction) / 1e6;
    for (size_t i = 0; i < day->count; i++) {
        const struct offer *offer = &day->offers[i];
        if (offer->period != period || offer->direction != direction || offer->quantity_w == 0)
            continue;
        double quantity = (double)offer->quantity_w / 1e6, minimum = (double)offer->minimum_w / 1e6;
        bool has_minimum = minimum > 0;
        starts[columns] = entries; /* x */
        cost[columns] = -0.5 * (10000.0 - (double)offer->price_u / 1e6);
        lower[columns] = 0;
        upper[columns] = quantity;
        is_integer[columns++] = false;
        at_rows[entries] = 0;
        values[entries++] = 1;
        if (!has_minimum)
            continue;
        at_rows[entries] = row_count;
        values[entries++] = 1;
        at_rows[entries] = row_count + 1;
        values[entries++] = 1;
        starts[columns] = entries; /* y */
        cost[columns] = 0;
        lower[columns] = 0;
        upper[columns] = 1;
        is_integer[columns++] = true;
        at_rows[entries] = row_count;
        values[entries++] = -quantity; /* x - quantity y <= 0 */
        row_lower[row_count] = -INFINITY;
        row_upper[row_count++] = 0;
        at_rows[entries] = row_count;
        values[entries++] = -minimum; /* x - minimum y >= 0 */
        row_lower[row_count] = 0;
        row_upper[row_count++] = INFINITY;
    }
    starts[columns] = entries;
    struct fg_lp_data data = {.column_count = columns, .row_count = row_count, .starts = starts, .rows = at_rows, .values = values,
                              .cost = cost, .lower = lower, .upper = upper, .row_lower = row_lower, .row_upper = row_upper,
                              .is_integer = is_integer};
    struct fg_lp_options options = fg_lp_options_default();
    struct fg_lp_result result;
    struct fg_error err = {0};
    struct fg_lp *lp;
    options.relative_gap = 1e-7;
    assert_int_equal(fg_lp_create(FG_LP_BACKEND_DEFAULT, &data, &lp, &err), FG_OK);
    assert_int_equal(fg_lp_solve(lp, &options, &result, &err), FG_OK);
    assert_int_equal(result.status, FG_LP_OPTIMAL);
    double welfare = -result.objective;
    fg_lp_destroy(lp);
    return welfare;
}

/* ---- through the API ---- */

static void put_order(struct fg_text *body, const struct day *day, const struct offer *offer, size_t key)
{
    char quantity[FG_DECIMAL_MAX], price[FG_DECIMAL_MAX], fraction[FG_DECIMAL_MAX], start[FG_INSTANT_TEXT];
    int64_t share_u = 0;
    if (offer->quantity_w > 0)
        assert_int_equal(fg_muldiv(offer->minimum_w, 1000000, offer->quantity_w, &share_u, NULL), FG_OK);
    fg_text_printf(body,
                   "{\"key\":\"%zu\",\"order\":{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"%s\",\"portfolio\":\"%s\","
                   "\"start\":\"%s\",\"quantity\":[\"%s\"],\"price\":\"%s\",\"minimum_fraction\":\"%s\"}}",
                   key, offer->direction == 0 ? "up" : "down", offer->direction == 0 ? "pf-10" : "pf-13",
                   fg_instant_format(day->start_s + offer->period * 1800, start), fg_decimal_format(offer->quantity_w, 6, 0, quantity),
                   fg_decimal_format(offer->price_u, 6, 0, price), fg_decimal_format(share_u, 6, 0, fraction));
}

/* Every offer is taken, or refused for its quantity of zero, which is the only thing that is wrong with any. */
static void enter_offers(struct hall *h, const struct day *day, const char *path)
{
    size_t taken = 0, refused = 0;
    for (size_t from = 0; from < day->count; from += BATCH) {
        size_t until = from + BATCH < day->count ? from + BATCH : day->count;
        struct fg_text body;
        fg_text_init(&body);
        fg_text_puts(&body, "{\"items\":[");
        for (size_t i = from; i < until; i++) {
            fg_text_puts(&body, i > from ? "," : "");
            put_order(&body, day, &day->offers[i], i);
        }
        fg_text_puts(&body, "]}");
        json_t *answer = hall_ask(h, "agg", "POST", path, NULL, body.data, 200), *items = json_object_get(answer, "items");
        assert_int_equal(json_array_size(items), until - from);
        for (size_t i = from; i < until; i++) {
            json_t *item = json_array_get(items, i - from), *problem = json_object_get(item, "problem");
            bool is_empty = day->offers[i].quantity_w == 0;
            if (json_integer_value(json_object_get(item, "status")) != (is_empty ? 422 : 201))
                fail_msg("offer %zu: %s", i, hall_at(problem, "detail"));
            if (is_empty)
                assert_string_equal(hall_at(problem, "key"), "order.quantity_range");
            taken += !is_empty;
            refused += is_empty;
        }
        json_decref(answer);
        fg_text_release(&body);
    }
    assert_int_equal(refused, day->empty);
    assert_int_equal(taken + refused, day->count);
}

static void enter_demand(struct hall *h, const struct day *day, const char *path)
{
    for (int direction = 0; direction < 2; direction++)
        for (int period = 0; period < PERIODS; period++) {
            char body[500], start[FG_INSTANT_TEXT], quantity[FG_DECIMAL_MAX];
            snprintf(body, sizeof body,
                     "{\"side\":\"buy\",\"kind\":\"exchange\",\"product\":\"active\",\"regulation\":\"%s\",\"location\":\"loc-1\","
                     "\"start\":\"%s\",\"quantity\":[\"%s\"],\"price\":\"10000\"}",
                     direction == 0 ? "up" : "down", fg_instant_format(day->start_s + period * 1800, start),
                     fg_decimal_format(demand_w(day, period, direction), 6, 0, quantity));
            hall_expect(h, "dso", "POST", path, body, 201);
        }
}

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void clear_day(void **state, const char *file)
{
    static struct day day;
    struct stat found;
    char path[300], orders[120], batch[140], id[32], start[FG_INSTANT_TEXT];
    snprintf(path, sizeof path, ISP_FOLDER "/%s", file);
    if (stat(path, &found) != 0) {
        print_message("%s is not there: skipped\n", path);
        skip();
    }
    read_day(path, &day);
    struct hall h;
    int64_t closure_s = day.start_s - 3600;
    hall_open_at(&h, state, (closure_s - 3600) * 1000000, rows);
    hall_auction(&h, fg_instant_format(day.start_s, start), PERIODS, closure_s,
                 "{\"products\":[\"active\"],\"physics\":\"none\",\"match_requests\":true}", id);
    snprintf(orders, sizeof orders, "/v1/areas/area-1/auctions/%s/orders", id);
    snprintf(batch, sizeof batch, "%s/batch", orders);
    double begin = fg_clock_seconds();
    enter_offers(&h, &day, batch);
    enter_demand(&h, &day, orders);
    double entry_s = fg_clock_seconds() - begin;
    double processor = processor_seconds();
    json_t *auction = hall_clear(&h, "fmo", id, closure_s), *result = json_object_get(auction, "result");
    if (strcmp(hall_at(auction, "status"), "cleared") != 0)
        fail_msg("%s: %s", hall_at(auction, "status"), hall_at(auction, "cause"));
    processor = processor_seconds() - processor;
    double best = 0, welfare = json_number_value(json_object_get(result, "welfare")),
           seconds = json_number_value(json_object_get(result, "seconds"));
    for (int period = 0; period < PERIODS; period++)
        for (int direction = 0; direction < 2; direction++)
            best += optimum(&day, period, direction);
    print_message("%s: %zu rows, %zu of no quantity; entered in %.1f s, cleared in %.2f s (with recording and trades %.2f s of processor time); welfare %.2f, optimum %.2f, apart %.2g\n", file,
                  day.count, day.empty, entry_s, seconds, processor, welfare, best, fabs(welfare - best) / best);
    assert_true(fabs(welfare - best) <= 1e-4 * best);
    json_decref(auction);
    /* What was published adds up: in each direction the demand, which pays more than any offer asks, is met. */
    assert_int_equal(hall_number(&h, "SELECT COUNT(*) FROM book_trade WHERE buyer_id <> 2"), 0);
    for (int direction = 0; direction < 2; direction++) {
        int64_t wanted = 0, traded;
        char text[100];
        for (int period = 0; period < PERIODS; period++)
            wanted += demand_w(&day, period, direction);
        snprintf(text, sizeof text, "SELECT SUM(quantity_w) FROM book_trade WHERE regulation = %d", direction);
        traded = hall_number(&h, text);
        print_message("%s: %lld of %lld W traded\n", direction == 0 ? "up" : "down", (long long)traded, (long long)wanted);
        /* Each acceptance is rounded to whole ticks: less than one of 1 kW is lost for an offer. */
        assert_true(wanted > 0 && traded <= wanted && wanted - traded < (int64_t)day.count * 1000);
    }
    assert_int_equal(hall_number(&h, "SELECT SUM(reserved_w) FROM book_position"), 0);
    hall_close(&h);
}

static void test_november(void **state)
{
    clear_day(state, "20211111_20211111_ISPEnergyOffers_01.csv.gz");
}
static void test_april(void **state)
{
    clear_day(state, "20220429_20220429_ISPEnergyOffers_01.csv.gz");
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        {"test_november (SQLite)", test_november, NULL, NULL, &fixture_sqlite},
        {"test_april (SQLite)", test_april, NULL, NULL, &fixture_sqlite},
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}

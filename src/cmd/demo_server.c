#include "cmd/demo.h"

#include "api/catalogue.h"
#include "atp/demonstration.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t system_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t market_us(void *context)
{
    struct demo *demo = context;
    return system_us() + atomic_load(&demo->shift_us);
}

int64_t demo_clock(const struct demo *demo)
{
    return (system_us() + atomic_load(&demo->shift_us)) / 1000000;
}

void demo_settle(struct demo *demo)
{
    if (!demo_failed(demo))
        fg_exchange_refresh(demo->application.exchange);
}

void demo_clock_set(struct demo *demo, int64_t seconds)
{
    int64_t ahead = seconds - demo_clock(demo);
    if (ahead > 0)
        atomic_fetch_add(&demo->shift_us, ahead * 1000000);
    demo_settle(demo);
}

/* The market operator, as `flexgridd --init` sets it up; everybody else registers. */
static enum fg_code set_up(struct demo *demo, int64_t seed, struct fg_error *err)
{
    struct fg_organisation operator = {
        .name = demo_party_name(DEMO_FMO), .country = "GR", .address = "Stadiou 1, 105 62 Athens", .vat_number = "EL099000001",
        .iban = "GR1601101250000000012300695", .roles = FG_BIT(FG_ROLE_FMO)};
    struct fg_first_user administrator = {demo_users[0].name, demo_users[0].email, DEMO_PASSWORD};
    int64_t today = fg_date_number(fg_timezone_local(demo->zone, demo->now_s).date);
    enum fg_code code = fg_demonstration_begin(demo->application.platform, today, seed, err);
    return code == FG_OK ? fg_application_found(&demo->application, &operator, &administrator, err) : code;
}

static enum fg_code serve(struct demo *demo, const char *folder, struct fg_error *err)
{
    size_t count = 0;
    while (fg_catalogue[1 + count] != NULL)
        count++;
    struct fg_server_options options = {.address = "127.0.0.1", .plain_http = true, .data_folder = folder,
                                        .operations = fg_catalogue + 1, .operation_set_count = count, .rate_per_second = 1e6,
                                        .rate_burst = 1e6, .anonymous_rate_per_second = 1e6, .anonymous_rate_burst = 1e6};
    fg_application_connect(&demo->application, &options);
    enum fg_code code = fg_server_start(&options, &demo->server, err);
    if (code == FG_OK) {
        fg_application_announce(&demo->application, demo->server);
        snprintf(demo->base, sizeof demo->base, "http://127.0.0.1:%u", fg_server_port(demo->server));
    }
    return code;
}

static void find_days(struct demo *demo, int64_t now_s)
{
    struct fg_date today = fg_timezone_local(demo->zone, now_s).date;
    demo->now_s = now_s;
    for (int d = 0; d < 5; d++)
        demo->days[d] = fg_timezone_day_start(demo->zone, fg_date_add(today, d - 2));
}

enum fg_code demo_open(struct demo *demo, const char *folder, int64_t now_s, int64_t seed, struct fg_error *err)
{
    *demo = (struct demo){0};
    fg_random_init(&demo->random, (uint64_t)seed);
    enum fg_code code = fg_timezone_open(DEMO_ZONE, &demo->zone, err);
    if (code != FG_OK)
        return code;
    find_days(demo, now_s);
    atomic_store(&demo->shift_us, (demo->days[0] + 8 * 3600) * 1000000 - system_us());
    if ((demo->curl = curl_easy_init()) == NULL)
        code = fg_fail_memory(err);
    if (code == FG_OK)
        code = fg_application_open(NULL, folder, "demonstration", market_us, demo, &demo->application, err);
    if (code == FG_OK) {
        code = set_up(demo, seed, err);
        if (code == FG_OK)
            code = fg_application_trade(&demo->application, err);
        if (code == FG_OK)
            code = serve(demo, folder, err);
        if (code != FG_OK)
            fg_application_close(&demo->application);
    }
    if (code != FG_OK) {
        curl_easy_cleanup(demo->curl);
        fg_timezone_close(demo->zone);
    }
    return code;
}

void demo_close(struct demo *demo)
{
    fg_application_announce(&demo->application, NULL);
    fg_server_stop(demo->server, 5);
    fg_application_close(&demo->application);
    curl_easy_cleanup(demo->curl);
    fg_timezone_close(demo->zone);
}

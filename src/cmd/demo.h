/* The demonstration: a market area with its participants and three days of trading, loaded through the public API.
 *
 * The loader runs the platform in its own process with a clock that it moves: the day before yesterday everybody
 * registers and trades for yesterday, yesterday for today, this morning yesterday is metered and settled, and now the book
 * of today and tomorrow fills. Everything that the market then holds was asked for over HTTP, by a participant who had the
 * right to, at a time when it was possible. One seed, one market; only its days are those around today.
 *
 *     demo.c              options, lock of the folder, what is loaded anew, the server that is left running
 *     demo_client.c       the API's client: one failure is kept and makes what follows do nothing (demo_failed tells)
 *     demo_server.c       the platform in this process, its clock
 *     demo_people.c       participants and users; the list of log-ins
 *     demo_grid.c         area, products, network, locations, assets, portfolios
 *     demo_orders.c       requests, offers and trades
 *     demo_settlement.c   baselines, set-points, meters, settlement, invoices, a dispute
 *     demo_load.c         all of it in its order
 *
 * Thread rule: one thread beside those of the server. */
#ifndef FG_CMD_DEMO_H
#define FG_CMD_DEMO_H

#include "api/application.h"
#include "base/random.h"
#include "base/timezone.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stddef.h>

#define DEMO_PASSWORD "open market today"
#define DEMO_ZONE "Europe/Athens"
enum { DEMO_PERIOD_S = 900, DEMO_KEY = 120, DEMO_ID = 40 };

/* ---- participants ---- */
enum demo_who {
    DEMO_FMO, DEMO_DSO, DEMO_TSO, DEMO_BRP_NORTH, DEMO_BRP_SOUTH, DEMO_AGGREGATOR, DEMO_RETAILER, DEMO_ESP, DEMO_RESP,
    DEMO_PROSUMER, DEMO_REGULATOR, DEMO_OBSERVER, DEMO_PARTIES,
    DEMO_CLERK = DEMO_PARTIES, /* of the market operator: the second pair of eyes */
    DEMO_KEYS
};
struct demo_user {
    enum demo_who party;
    const char *email, *name, *duties; /* words separated by blanks */
};
extern const struct demo_user demo_users[];
extern const size_t demo_user_count;
const char *demo_party_name(enum demo_who party);
const char *demo_party_role(enum demo_who party);

/* ---- the grid ---- */
enum { DEMO_ROOT, DEMO_FEEDER_1, DEMO_WEST, DEMO_EAST, DEMO_FEEDER_2, DEMO_SUBSTATION_2, DEMO_LOCATIONS };
enum { DEMO_DAY_AHEAD, DEMO_INTRADAY, DEMO_RESERVE, DEMO_PRODUCTS };
enum demo_technology { DEMO_SUN, DEMO_BATTERIES, DEMO_HEAT, DEMO_VEHICLES, DEMO_TECHNOLOGIES };
enum { DEMO_PLACES = 3, DEMO_PORTFOLIOS = DEMO_TECHNOLOGIES * DEMO_PLACES };

/* One for each technology in each part of the grid (DEMO_WEST, DEMO_EAST, DEMO_FEEDER_2). */
struct demo_portfolio {
    enum demo_who trader;
    enum demo_technology technology;
    int location;
    char id[DEMO_ID], asset[DEMO_ID]; /* asset: the first of them */
    int64_t rated_w, up_w, down_w;    /* sum of sizes; capability that was asked for and approved */
};

struct demo {
    struct fg_application application;
    struct fg_server *server;
    atomic_llong shift_us; /* the market's clock less the system's */
    struct fg_random random;
    struct fg_timezone *zone;
    int64_t days[5]; /* starts of the day before yesterday, yesterday, today, tomorrow, the day after */
    int64_t now_s;   /* the instant that the market ends at */

    CURL *curl;
    char base[64];
    char etag[64]; /* of the last answer */
    char once[40]; /* Idempotency-Key of the next request */
    char keys[DEMO_KEYS][DEMO_KEY];
    char parties[DEMO_PARTIES][DEMO_ID];
    char area[DEMO_ID], network[DEMO_ID], products[DEMO_PRODUCTS][DEMO_ID], locations[DEMO_LOCATIONS][DEMO_ID];
    char auction[DEMO_ID], forecast[DEMO_ID]; /* the latest auction; the operating point */
    struct demo_portfolio portfolios[DEMO_PORTFOLIOS];
    struct fg_error err; /* the first failure */
};
/* Net injection of a portfolio without any trade, watt; `seconds` of the local clock. */
int64_t demo_baseline(const struct demo_portfolio *portfolio, int32_t seconds);
/* Start of the period that begins at a clock time of a local day. */
static inline int64_t demo_at(const struct demo *demo, int64_t day_start, double hour)
{
    return fg_timezone_instant(demo->zone, fg_timezone_local(demo->zone, day_start).date, (int32_t)(hour * 3600), 0);
}

/* ---- demo_client.c ---- */
static inline bool demo_failed(const struct demo *demo)
{
    return demo->err.code != FG_OK;
}
void demo_fail(struct demo *demo, const char *place, const char *format, ...) FG_PRINTF(3, 4);
/* Call the API with a key (NULL: without log-in); `body` is given away and may be NULL. The answer's JSON (NULL: none, or a
 * failure, also when the status is not `expected`); the caller frees it. */
json_t *demo_call(struct demo *demo, const char *key, const char *method, json_t *body, int expected, const char *path, ...)
    FG_PRINTF(6, 7);
/* The same when only the status counts. */
void demo_do(struct demo *demo, const char *key, const char *method, json_t *body, int expected, const char *path, ...)
    FG_PRINTF(6, 7);
/* A change of the object at `path` under the version that it has now (GET, then If-Match). */
void demo_change(struct demo *demo, const char *key, const char *method, json_t *body, const char *path, ...) FG_PRINTF(5, 6);
/* A body that is not JSON. */
json_t *demo_send(struct demo *demo, const char *key, const char *media, const char *bytes, size_t length, int expected,
                  const char *path, ...) FG_PRINTF(7, 8);
/* The text member `name` of `answer` into `out`; frees `answer`. */
void demo_take(struct demo *demo, json_t *answer, const char *name, char *out, size_t size);
/* All items of a paged list, as an array; the caller frees it. */
json_t *demo_list(struct demo *demo, const char *key, const char *path, ...) FG_PRINTF(3, 4);

/* Decimal texts of micro-units, and instants, for bodies; good until the eighth next call. */
const char *demo_decimal(int64_t value_u);
const char *demo_instant(int64_t seconds);

/* ---- demo_server.c ---- */
enum fg_code demo_open(struct demo *demo, const char *folder, int64_t now_s, int64_t seed, struct fg_error *err);
void demo_close(struct demo *demo);
/* Move the market's clock on; it never goes back. Gates that fall due are opened and closed when this returns. */
void demo_clock_set(struct demo *demo, int64_t seconds);
int64_t demo_clock(const struct demo *demo);
/* Facts of the registry that orders need are in force when this returns. */
void demo_settle(struct demo *demo);

/* ---- the parts, in their order ---- */
void demo_register(struct demo *demo);
void demo_build(struct demo *demo, const char *network_file);
void demo_forecast(struct demo *demo, const char *network_file, int64_t day_start, int64_t day_end);
void demo_trade_day(struct demo *demo, int64_t day_start);                /* a day that is ahead */
void demo_auction(struct demo *demo, int64_t day_start, int64_t closure_s);
void demo_auction_wait(struct demo *demo);
void demo_declare(struct demo *demo, int64_t day_start, int64_t day_end); /* baselines and plans, before the gates close */
void demo_operate(struct demo *demo, int64_t first_start);                /* set-points, from a period on */
void demo_settle_day(struct demo *demo, int64_t day_start, int64_t day_end);
void demo_trade_now(struct demo *demo);
/* ... all of them, at their times; `say` is told of each. */
void demo_load(struct demo *demo, const char *network_file, void (*say)(const char *text));
void demo_finish(struct demo *demo); /* the loader's own keys are revoked */

#endif

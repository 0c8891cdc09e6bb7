/* The thread that talks with the balancing markets: what is to be sent is read from the rows (they are the outbox), what the
 * market says goes into the engine (forward.h). Nothing is remembered but the pauses after failures. */
#include "gateway/gateway_internal.h"

#include "atp/id.h"
#include "atp/query.h"
#include "base/log.h"
#include "base/memory.h"
#include "gateway/market_client.h"

#include <stdio.h>
#include <string.h>

enum { SEND_AT_ONCE = 50, LONGEST_S = 60, REFUSED_LONGEST_S = 3600, REFUSALS_MAX = 512, NOTED_S = 60, MARKETS_MAX = 64, URL_TEXT = 2001, KEY_TEXT = 257 };

struct market {
    int64_t area, period_s, position, connection;
    char control_area[FG_CONTROL_AREA_TEXT], url[URL_TEXT], key[KEY_TEXT];
};
struct pause {
    int64_t area;
    char control_area[FG_CONTROL_AREA_TEXT];
    int attempts, bid_attempts; /* that failed in a row: all, those about bids */
    int64_t until_us, bids_until_us, noted_us, refused_us; /* monotonic: not before; when the contact, a refusal, was written */
    int64_t refused; /* last bid whose withdrawal was refused or has a pause: the next are asked back first */
};
/* A withdrawal that the market refuses: when it is asked again. */
struct refusal {
    int64_t bid, until_us; /* monotonic */
    int attempts;
};
struct outgoing {
    int64_t bid, zone, brp, first_period, period_count, quantity_w, least_w, price_u;
    int regulation;
    char state[12];
};
struct answer_due {
    char activation[FG_MARKET_ID_TEXT], reason[201];
    bool has_reason;
    int64_t confirmed_w;
};
/* What one look works with; too large for a stack. */
struct forwarder {
    struct market markets[MARKETS_MAX];
    struct pause pauses[MARKETS_MAX];
    struct refusal refusals[REFUSALS_MAX]; /* bid 0: free */
    struct outgoing bids[SEND_AT_ONCE];
    struct answer_due answers[SEND_AT_ONCE];
    struct fg_market_results results;
    int64_t area, locked, due; /* of an area: offers without bid, bids whose time is over */
    size_t market_count, pause_count, bid_count, answer_count;
    const struct market *at; /* being read */
    struct pause *pause;     /* its */
    char failure[400];
};

/* -- rows ------------------------------------------------------------------------------------------------------------ */

static enum fg_code open_key(struct fg_platform *platform, const void *sealed, size_t size, char key[KEY_TEXT], struct fg_error *err)
{
    if (size < fg_sealed_size(1) || size > fg_sealed_size(KEY_TEXT - 1))
        return fg_fail(err, FG_ERR_CORRUPT, NULL, "the market's key is damaged");
    memset(key, 0, KEY_TEXT);
    return fg_secret_open(fg_platform_options(platform)->secret, "balancing_market.key", sealed, size, key, err);
}

/* Markets that take bids, or that still have some. */
static enum fg_code read_markets(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct forwarder *forwarder = context;
    struct fg_sql *sql;
    bool row;
    forwarder->market_count = 0;
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT m.area_id, m.control_area, m.url, m.key, m.position, a.period_s, m.connection FROM balancing_market m "
                                 "JOIN area a ON a.id = m.area_id WHERE m.enabled = 1 OR EXISTS (SELECT 1 FROM forward_bid b WHERE "
                                 "b.area_id = m.area_id AND b.control_area = m.control_area AND b.state IN ('prepared', 'sent', "
                                 "'accepted', 'returning')) OR EXISTS (SELECT 1 FROM forward_activation t WHERE t.area_id = m.area_id "
                                 "AND t.control_area = m.control_area AND t.connection = m.connection AND t.told_us IS NULL) OR EXISTS (SELECT "
                                 "1 FROM book_order o WHERE o.area_id = m.area_id AND o.status = 'forwarded') ORDER BY m.area_id, "
                                 "m.control_area LIMIT $1",
                                 "i", (int64_t)MARKETS_MAX);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct market *market = &forwarder->markets[forwarder->market_count];
        size_t size;
        const void *sealed = fg_sql_column_blob(sql, 3, &size);
        market->area = fg_sql_column_int64(sql, 0);
        snprintf(market->control_area, sizeof market->control_area, "%s", fg_sql_column_text(sql, 1));
        snprintf(market->url, sizeof market->url, "%s", fg_sql_column_text(sql, 2));
        market->position = fg_sql_column_int64(sql, 4);
        market->period_s = fg_sql_column_int64(sql, 5);
        market->connection = fg_sql_column_int64(sql, 6);
        struct fg_error unreadable;
        if (open_key(platform, sealed, size, market->key, &unreadable) == FG_OK)
            forwarder->market_count++;
        else
            fg_log(FG_LOG_ERROR, "balancing_market.key", FG_LOG_TEXT("control_area", market->control_area),
                   FG_LOG_TEXT("text", unreadable.text));
    }
    return code;
}

/* A market with bids is not connected by another address (market.c): those found with the connection are this market's until they
 * have ended. Withdrawals that are refused again and again do not keep others waiting. */
static enum fg_code read_bids(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    struct forwarder *forwarder = context;
    struct fg_sql *sql;
    bool row;
    forwarder->bid_count = 0;
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT id, location_id, brp_id, first_period, period_count, quantity_w, least_w, price_u, regulation, "
                                 "state FROM forward_bid WHERE area_id = $1 AND control_area = $2 AND state IN ('prepared', 'returning') AND EXISTS "
                                 "(SELECT 1 FROM balancing_market WHERE area_id = $1 AND control_area = $2 AND connection = $4) ORDER BY "
                                 "CASE WHEN state = 'prepared' THEN 0 WHEN id > $5 THEN 1 ELSE 2 END, id LIMIT $3",
                                 "itiii", forwarder->at->area, forwarder->at->control_area, (int64_t)SEND_AT_ONCE,
                                 forwarder->at->connection, forwarder->pause->refused);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct outgoing *bid = &forwarder->bids[forwarder->bid_count++];
        *bid = (struct outgoing){fg_sql_column_int64(sql, 0), fg_sql_column_int64(sql, 1), fg_sql_column_int64(sql, 2),
                                 fg_sql_column_int64(sql, 3), fg_sql_column_int64(sql, 4), fg_sql_column_int64(sql, 5),
                                 fg_sql_column_int64(sql, 6), fg_sql_column_int64(sql, 7), (int)fg_sql_column_int64(sql, 8), ""};
        snprintf(bid->state, sizeof bid->state, "%s", fg_sql_column_text(sql, 9));
    }
    return code;
}

static enum fg_code read_answers(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    struct forwarder *forwarder = context;
    struct fg_sql *sql;
    bool row;
    forwarder->answer_count = 0;
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT market_activation, confirmed_w, reason FROM forward_activation WHERE area_id = $1 AND "
                                 "control_area = $2 AND connection = $4 AND told_us IS NULL ORDER BY received_us, market_activation LIMIT $3",
                                 "itii", forwarder->at->area, forwarder->at->control_area, (int64_t)SEND_AT_ONCE,
                                 forwarder->at->connection);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct answer_due *answer = &forwarder->answers[forwarder->answer_count++];
        snprintf(answer->activation, sizeof answer->activation, "%s", fg_sql_column_text(sql, 0));
        answer->confirmed_w = fg_sql_column_int64(sql, 1);
        answer->has_reason = !fg_sql_column_is_null(sql, 2);
        snprintf(answer->reason, sizeof answer->reason, "%s", answer->has_reason ? fg_sql_column_text(sql, 2) : "");
    }
    return code;
}

/* When the market answered last, or since when it does not. */
static enum fg_code write_contact(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct forwarder *forwarder = context;
    int64_t now_us = fg_platform_now_us(platform);
    if (forwarder->failure[0] == '\0')
        return fg_change(store, NULL, err,
                         "UPDATE balancing_market SET contacted_us = $3, failing_since_us = NULL, failure = NULL WHERE area_id = $1 "
                         "AND control_area = $2",
                         "iti", forwarder->at->area, forwarder->at->control_area, now_us);
    return fg_change(store, NULL, err,
                     "UPDATE balancing_market SET failing_since_us = COALESCE(failing_since_us, $3), failure = $4 WHERE area_id = $1 AND "
                     "control_area = $2",
                     "itit", forwarder->at->area, forwarder->at->control_area, now_us, forwarder->failure);
}

/* -- one market ------------------------------------------------------------------------------------------------------ */

static enum fg_code send_bid(const struct fg_market_link *link, const struct fg_forward *forward, const struct market *market,
                             const struct outgoing *bid, struct fg_error *err)
{
    char reference[FG_ID_TEXT], zone[FG_ID_TEXT], brp[FG_ID_TEXT], market_bid[FG_MARKET_ID_TEXT];
    struct fg_market_bid out = {.reference = fg_id_text(FG_ID_FORWARDING, bid->bid, reference),
                                .control_area = market->control_area,
                                .zone = fg_id_text(FG_ID_LOCATION, bid->zone, zone),
                                .brp = bid->brp != 0 ? fg_id_text(FG_ID_ORGANISATION, bid->brp, brp) : NULL,
                                .regulation = (enum fg_regulation)bid->regulation,
                                .start_s = bid->first_period * market->period_s,
                                .duration_s = bid->period_count * market->period_s,
                                .quantity_w = bid->quantity_w,
                                .least_w = bid->least_w,
                                .price_u = bid->price_u};
    enum fg_code code = fg_market_bid_send(link, &out, market_bid, err);
    if (code == FG_ERR_VALUE) {
        struct fg_error why = *err;
        struct fg_market_result refusal = {.kind = FG_RESULT_REFUSED, .bid = bid->bid, .reason = why.text};
        return fg_forward_result(forward, market->control_area, &refusal, err);
    }
    return code == FG_OK ? fg_forward_answered(forward, bid->bid, market_bid, err) : code;
}

static struct refusal *refusal_of(struct forwarder *forwarder, int64_t bid)
{
    for (size_t i = 0; i < REFUSALS_MAX; i++)
        if (forwarder->refusals[i].bid == bid)
            return &forwarder->refusals[i];
    return NULL;
}

/* Asked again after 1 s, 2 s, 4 s, ..., an hour, until the bid ends. The table is larger than what is refused at a time; when it is not, who
 * waits least long makes room, and is asked a little too early. */
static void note_refusal(struct forwarder *forwarder, int64_t bid)
{
    struct refusal *refusal = refusal_of(forwarder, bid);
    if (refusal == NULL) {
        refusal = &forwarder->refusals[0];
        for (size_t i = 1; i < REFUSALS_MAX; i++)
            if (forwarder->refusals[i].until_us < refusal->until_us)
                refusal = &forwarder->refusals[i];
        *refusal = (struct refusal){.bid = bid};
    }
    refusal->attempts++;
    refusal->until_us = gateway_monotonic_us() + gateway_pause_us(refusal->attempts, REFUSED_LONGEST_S);
}

/* What the market refuses holds up no other bid. */
static enum fg_code ask_back(const struct fg_market_link *link, const struct fg_forward *forward, const struct market *market,
                             const struct outgoing *bid, bool *is_refused, struct fg_error *err)
{
    char reference[FG_ID_TEXT];
    bool is_unknown;
    struct fg_market_result end = {.kind = FG_RESULT_RETURNED, .bid = bid->bid, .reason = "withdrawn before it was sent"};
    enum fg_code code = fg_market_withdraw(link, fg_id_text(FG_ID_FORWARDING, bid->bid, reference), &is_unknown, err);
    if (code == FG_ERR_VALUE) {
        *is_refused = true;
        return FG_OK;
    }
    return code == FG_OK && is_unknown ? fg_forward_result(forward, market->control_area, &end, err) : code;
}

static enum fg_code send_bids(struct forwarder *forwarder, struct fg_platform *platform, const struct fg_market_link *link,
                              const struct fg_forward *forward, struct fg_error *err)
{
    struct pause *pause = forwarder->pause;
    enum fg_code code = fg_platform_run(platform, FG_STORE_READ, read_bids, forwarder, err);
    for (size_t i = 0; code == FG_OK && i < forwarder->bid_count; i++) {
        const struct outgoing *bid = &forwarder->bids[i];
        bool is_refused = false, is_new = strcmp(bid->state, "prepared") == 0;
        const struct refusal *before = is_new ? NULL : refusal_of(forwarder, bid->bid);
        if (before != NULL && gateway_monotonic_us() < before->until_us) {
            pause->refused = bid->bid;
            continue;
        }
        code = is_new ? send_bid(link, forward, forwarder->at, bid, err)
                      : ask_back(link, forward, forwarder->at, bid, &is_refused, err);
        int64_t now_us = gateway_monotonic_us();
        if (is_refused) {
            pause->refused = bid->bid;
            note_refusal(forwarder, bid->bid);
        }
        if (is_refused && (pause->refused_us == 0 || now_us - pause->refused_us > NOTED_S * INT64_C(1000000))) {
            fg_log(FG_LOG_WARNING, "withdrawal.refused", FG_LOG_NUMBER("bid", bid->bid), FG_LOG_TEXT("text", err->text));
            pause->refused_us = now_us;
        }
    }
    return code;
}

static enum fg_code take_results(struct forwarder *forwarder, const struct fg_market_link *link, const struct fg_forward *forward,
                                 struct fg_error *err)
{
    enum fg_code code = fg_market_read_results(link, forwarder->at->position, &forwarder->results, err);
    for (size_t i = 0; code == FG_OK && i < forwarder->results.count; i++)
        code = fg_forward_result(forward, forwarder->at->control_area, &forwarder->results.items[i], err);
    return code;
}

static enum fg_code send_answers(struct forwarder *forwarder, struct fg_platform *platform, const struct fg_market_link *link,
                                 const struct fg_forward *forward, struct fg_error *err)
{
    enum fg_code code = fg_platform_run(platform, FG_STORE_READ, read_answers, forwarder, err);
    for (size_t i = 0; code == FG_OK && i < forwarder->answer_count; i++) {
        const struct answer_due *answer = &forwarder->answers[i];
        code = fg_market_confirm(link, answer->activation, answer->confirmed_w, answer->has_reason ? answer->reason : NULL, err);
        if (code == FG_ERR_VALUE) {
            fg_log(FG_LOG_WARNING, "activation.not_taken", FG_LOG_TEXT("activation", answer->activation), FG_LOG_TEXT("text", err->text));
            code = FG_OK; /* it will not be taken later either */
        }
        if (code == FG_OK)
            code = fg_forward_told(forward, forwarder->at->control_area, answer->activation, err);
    }
    return code;
}

static struct pause *pause_of(struct forwarder *forwarder, const struct market *market)
{
    for (size_t i = 0; i < forwarder->pause_count; i++)
        if (forwarder->pauses[i].area == market->area && strcmp(forwarder->pauses[i].control_area, market->control_area) == 0)
            return &forwarder->pauses[i];
    if (forwarder->pause_count == MARKETS_MAX)
        forwarder->pause_count = 0; /* markets come and go; a forgotten pause does no harm */
    struct pause *pause = &forwarder->pauses[forwarder->pause_count++];
    *pause = (struct pause){.area = market->area};
    memcpy(pause->control_area, market->control_area, sizeof pause->control_area);
    return pause;
}

static void set_pause(enum fg_code code, int *attempts, int64_t *until_us)
{
    *attempts = code == FG_OK ? 0 : *attempts + 1;
    *until_us = code == FG_OK ? 0 : gateway_monotonic_us() + gateway_pause_us(*attempts, LONGEST_S);
}

static void talk_with(struct gateway_thread *thread, struct market *market)
{
    struct forwarder *forwarder = thread->memory;
    struct fg_gateway *gateway = thread->gateway;
    struct fg_platform *platform = gateway->options.platform;
    struct fg_forward forward = {.exchange = gateway->options.exchange, .area = market->area, .connection = market->connection};
    struct fg_market_link link = {&gateway->options.policy, market->url, market->key, &gateway->stop};
    struct pause *pause = pause_of(forwarder, market);
    struct fg_error err = {0};
    bool had_failed = pause->attempts + pause->bid_attempts > 0;
    if (gateway_monotonic_us() < pause->until_us)
        return;
    forwarder->at = market;
    forwarder->pause = pause;
    /* Calls have deadlines: bids come after them, and what fails about bids has a pause of its own. */
    enum fg_code code = take_results(forwarder, &link, &forward, &err);
    if (code == FG_OK)
        code = send_answers(forwarder, platform, &link, &forward, &err);
    set_pause(code, &pause->attempts, &pause->until_us);
    if (code == FG_OK && gateway_monotonic_us() < pause->bids_until_us)
        return;
    if (code == FG_OK) {
        code = send_bids(forwarder, platform, &link, &forward, &err);
        set_pause(code, &pause->bid_attempts, &pause->bids_until_us);
    }
    int64_t now_us = gateway_monotonic_us();
    bool is_news = code != FG_OK || had_failed || pause->noted_us == 0 || now_us - pause->noted_us > NOTED_S * INT64_C(1000000);
    snprintf(forwarder->failure, sizeof forwarder->failure, "%.390s", code == FG_OK ? "" : err.text);
    fg_http_clip(forwarder->failure);
    if (is_news && fg_platform_run(platform, FG_STORE_WRITE, write_contact, forwarder, NULL) == FG_OK)
        pause->noted_us = now_us;
    if (code != FG_OK && code != FG_ERR_INTERRUPTED)
        fg_log(FG_LOG_WARNING, "balancing_market.failed", FG_LOG_TEXT("control_area", market->control_area),
               FG_LOG_TEXT("text", err.text));
}

/* -- all of them ----------------------------------------------------------------------------------------------------- */

static enum fg_code read_due(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct forwarder *forwarder = context;
    enum fg_code code = fg_query_number(store, &forwarder->due, err,
                                        "SELECT COUNT(*) FROM forward_bid WHERE area_id = $1 AND state IN ('prepared', 'sent', "
                                        "'accepted', 'returning') AND expires_us <= $2",
                                        "ii", forwarder->area, fg_platform_now_us(platform));
    return code != FG_OK ? code
                         : fg_query_number(store, &forwarder->locked, err,
                                           "SELECT COUNT(*) FROM book_order o WHERE o.area_id = $1 AND o.status = 'forwarded' AND NOT "
                                           "EXISTS (SELECT 1 FROM forward_member m JOIN forward_bid b ON b.id = m.bid_id WHERE "
                                           "m.order_id = o.id AND b.state IN ('prepared', 'sent', 'accepted', 'returning'))",
                                           "i", forwarder->area);
}

/* Bids of the area out of what is locked, and the end of those whose time is over. False: the area is not served here. */
static bool keep_area(struct fg_gateway *gateway, struct forwarder *forwarder)
{
    struct fg_forward forward = {.exchange = gateway->options.exchange, .area = forwarder->area};
    struct fg_error err = {0};
    size_t count = 0;
    enum fg_code code = fg_forward_is_served(&forward, &err);
    if (code == FG_OK)
        code = fg_platform_run(gateway->options.platform, FG_STORE_READ, read_due, forwarder, &err);
    bool more = code == FG_OK && forwarder->locked > 0;
    while (code == FG_OK && more && !atomic_load(&gateway->stop))
        code = fg_forward_collect(&forward, &count, &more, &err);
    if (code == FG_OK && forwarder->due > 0)
        code = fg_forward_pass(&forward, &count, &err);
    if (code != FG_OK && code != FG_ERR_UNAVAILABLE && code != FG_ERR_NOT_FOUND)
        fg_log(FG_LOG_WARNING, "forwarding.failed", FG_LOG_NUMBER("area", forwarder->area), FG_LOG_TEXT("text", err.text));
    return code == FG_OK;
}

void gateway_forward(struct gateway_thread *thread)
{
    struct fg_gateway *gateway = thread->gateway;
    struct fg_error err = {0};
    if (thread->memory == NULL && (thread->memory = fg_alloc(1, sizeof(struct forwarder))) == NULL)
        return;
    struct forwarder *forwarder = thread->memory;
    enum fg_code code = fg_platform_run(gateway->options.platform, FG_STORE_READ, read_markets, forwarder, &err);
    if (code != FG_OK)
        fg_log(FG_LOG_WARNING, "balancing_markets.unreadable", FG_LOG_TEXT("text", err.text));
    bool is_served = false;
    forwarder->area = 0;
    for (size_t i = 0; code == FG_OK && i < forwarder->market_count && !atomic_load(&gateway->stop); i++) {
        struct market *market = &forwarder->markets[i];
        if (market->area != forwarder->area) {
            forwarder->area = market->area;
            is_served = keep_area(gateway, forwarder);
        }
        if (is_served)
            talk_with(thread, market);
    }
    for (size_t i = 0; i < forwarder->market_count; i++)
        fg_secret_wipe(forwarder->markets[i].key, sizeof forwarder->markets[i].key);
}

void gateway_forward_release(struct gateway_thread *thread)
{
    fg_free(thread->memory);
    thread->memory = NULL;
}

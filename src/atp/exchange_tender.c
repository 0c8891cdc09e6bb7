/* Events of tenders and contracts. As in exchange_contract.c nothing is remembered that the database does not tell: what a
 * tender or contract is now is compared with what the area's events have told of it, and the difference is told in one
 * transaction of the engine with the note that it was. So each event is there once, whatever is killed.
 *
 *     tender    published -> closed (by the clock) -> awarded; cancelled instead of the last one, or of the last two
 *     contract  awarded, active, suspended, terminated, ended: each change of its version, the newest when there were several
 *
 * A tender's events are for who may read contracts, a contract's for its buyer and its seller. */
#include "atp/exchange_internal.h"

#include "atp/id.h"
#include "atp/query.h"
#include "base/instant.h"
#include "base/json.h"

#include <string.h>

enum { AT_ONCE = 64 };
enum phase { NOT_TOLD, PUBLISHED, CLOSED, DECIDED };

#define TENDER_PHASE "CASE WHEN t.status <> 'published' THEN 3 WHEN t.closes_us <= $2 THEN 2 ELSE 1 END"
#define TENDERS_TO_TELL                                                                                                \
    "FROM tender t LEFT JOIN tender_told w ON w.tender_id = t.id WHERE t.area_id = $1 AND COALESCE(w.phase, 0) < " TENDER_PHASE
#define CONTRACTS_TO_TELL                                                                                              \
    "FROM contract c LEFT JOIN contract_told w ON w.contract_id = c.id WHERE c.area_id = $1 AND COALESCE(w.version, 0) <> c.version"

static void put_id(struct fg_json_writer *out, const char *key, enum fg_id_kind kind, int64_t number)
{
    char text[FG_ID_TEXT];
    fg_json_put_string(out, key, fg_id_text(kind, number, text));
}
static void put_power(struct fg_json_writer *out, const char *key, int64_t power_w)
{
    char text[FG_DECIMAL_MAX];
    fg_json_put_string(out, key, fg_decimal_format(power_w, 6, 0, text));
}
static void put_instant(struct fg_json_writer *out, const char *key, int64_t time_us)
{
    char text[FG_INSTANT_TEXT];
    fg_json_put_string(out, key, fg_instant_format(time_us / 1000000, text));
}

/* The objects that have something to be told: at most AT_ONCE ids. */
static enum fg_code read_ids(struct fg_engine_scope *scope, const char *text, bool has_time, int64_t ids[AT_ONCE], size_t *count,
                             struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    *count = 0;
    enum fg_code code = has_time ? fg_query(scope->store, &sql, err, text, "ii", scope->area, scope->time_us)
                                 : fg_query(scope->store, &sql, err, text, "i", scope->area);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row)
        if (*count < AT_ONCE)
            ids[(*count)++] = fg_sql_column_int64(sql, 0);
    return code;
}

/* -- tenders --------------------------------------------------------------------------------------------------------- */

struct tender_state {
    enum phase told, now;
    bool is_cancelled, was_closed; /* closed: before it was decided */
};

static enum fg_code read_tender(struct fg_engine_scope *scope, int64_t id, struct tender_state *state, struct fg_text *text,
                                struct fg_error *err)
{
    struct fg_sql *sql;
    struct fg_json_writer out;
    enum fg_code code =
        fg_query_one(scope->store, &sql, err,
                     "SELECT COALESCE((SELECT w.phase FROM tender_told w WHERE w.tender_id = t.id), 0), " TENDER_PHASE
                     ", t.status, CASE WHEN COALESCE(t.decided_us, t.closes_us) >= t.closes_us THEN 1 ELSE 0 END, t.name, t.buyer_id, "
                     "t.product_id, t.location_id, t.regulation, t.capacity_w, t.opens_us, t.closes_us, t.reason FROM tender t WHERE "
                     "t.id = $1",
                     "ii", id, scope->time_us);
    if (code != FG_OK)
        return code;
    *state = (struct tender_state){.told = (enum phase)fg_sql_column_int64(sql, 0), .now = (enum phase)fg_sql_column_int64(sql, 1),
                                   .is_cancelled = strcmp(fg_sql_column_text(sql, 2), "cancelled") == 0,
                                   .was_closed = fg_sql_column_int64(sql, 3) != 0};
    fg_json_writer_init(&out, text, false);
    fg_json_begin_object(&out, NULL);
    put_id(&out, "tender", FG_ID_TENDER, id);
    fg_json_put_string(&out, "name", fg_sql_column_text(sql, 4));
    put_id(&out, "buyer", FG_ID_ORGANISATION, fg_sql_column_int64(sql, 5));
    put_id(&out, "product", FG_ID_PRODUCT, fg_sql_column_int64(sql, 6));
    put_id(&out, "location", FG_ID_LOCATION, fg_sql_column_int64(sql, 7));
    fg_json_put_string(&out, "regulation", fg_regulation_words[fg_sql_column_int64(sql, 8)]);
    put_power(&out, "capacity", fg_sql_column_int64(sql, 9));
    put_instant(&out, "opens", fg_sql_column_int64(sql, 10));
    put_instant(&out, "closes", fg_sql_column_int64(sql, 11));
    if (!fg_sql_column_is_null(sql, 12))
        fg_json_put_string(&out, "reason", fg_sql_column_text(sql, 12));
    fg_json_end_object(&out);
    fg_sql_done(sql);
    return text->failed ? fg_fail_memory(err) : FG_OK;
}

static enum fg_code tell_tender(struct fg_engine_scope *scope, int64_t id, struct fg_error *err)
{
    struct tender_state state;
    struct fg_text text;
    fg_text_init(&text);
    enum fg_code code = read_tender(scope, id, &state, &text, err);
    for (int phase = (int)state.told + 1; code == FG_OK && phase <= (int)state.now; phase++) {
        if (phase == CLOSED && !state.was_closed)
            continue;
        const char *type = phase == PUBLISHED ? "tender.published" : phase == CLOSED ? "tender.closed"
                           : state.is_cancelled ? "tender.cancelled" : "tender.awarded";
        code = fg_engine_tell_holders(scope, type, "contracts.read", text.data, err);
    }
    fg_text_release(&text);
    return code != FG_OK ? code
                         : fg_change(scope->store, NULL, err,
                                     "INSERT INTO tender_told (tender_id, phase) VALUES ($1, $2) ON CONFLICT (tender_id) DO UPDATE SET "
                                     "phase = excluded.phase",
                                     "ii", id, (int64_t)state.now);
}

/* -- contracts ------------------------------------------------------------------------------------------------------- */

static const char *contract_type(const char *status)
{
    static const char *const types[] = {"contract.awarded", "contract.active", "contract.suspended", "contract.terminated"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i] + strlen("contract."), status) == 0)
            return types[i];
    return "contract.ended";
}

static enum fg_code tell_contract(struct fg_engine_scope *scope, int64_t id, struct fg_error *err)
{
    struct fg_sql *sql;
    struct fg_json_writer out;
    struct fg_text text;
    enum fg_code code = fg_query_one(scope->store, &sql, err,
                                     "SELECT status, tender_id, buyer_id, seller_id, portfolio_id, quantity_w, starts_us, ends_us, reason, "
                                     "version FROM contract WHERE id = $1",
                                     "i", id);
    if (code != FG_OK)
        return code;
    const char *type = contract_type(fg_sql_column_text(sql, 0));
    int64_t buyer = fg_sql_column_int64(sql, 2), seller = fg_sql_column_int64(sql, 3), version = fg_sql_column_int64(sql, 9);
    fg_text_init(&text);
    fg_json_writer_init(&out, &text, false);
    fg_json_begin_object(&out, NULL);
    put_id(&out, "contract", FG_ID_CONTRACT, id);
    put_id(&out, "tender", FG_ID_TENDER, fg_sql_column_int64(sql, 1));
    put_id(&out, "buyer", FG_ID_ORGANISATION, buyer);
    put_id(&out, "seller", FG_ID_ORGANISATION, seller);
    put_id(&out, "portfolio", FG_ID_PORTFOLIO, fg_sql_column_int64(sql, 4));
    put_power(&out, "quantity", fg_sql_column_int64(sql, 5));
    put_instant(&out, "starts", fg_sql_column_int64(sql, 6));
    put_instant(&out, "ends", fg_sql_column_int64(sql, 7));
    if (!fg_sql_column_is_null(sql, 8))
        fg_json_put_string(&out, "reason", fg_sql_column_text(sql, 8));
    fg_json_end_object(&out);
    fg_sql_done(sql);
    code = text.failed ? fg_fail_memory(err) : fg_engine_tell(scope, type, buyer, text.data, err);
    if (code == FG_OK && seller != buyer)
        code = fg_engine_tell(scope, type, seller, text.data, err);
    fg_text_release(&text);
    return code != FG_OK ? code
                         : fg_change(scope->store, NULL, err,
                                     "INSERT INTO contract_told (contract_id, version) VALUES ($1, $2) ON CONFLICT (contract_id) DO "
                                     "UPDATE SET version = excluded.version",
                                     "ii", id, version);
}

/* -- both ------------------------------------------------------------------------------------------------------------ */

static enum fg_code tell(struct fg_command *command, struct fg_engine_scope *scope, struct fg_error *err)
{
    int64_t ids[AT_ONCE];
    size_t count;
    (void)command;
    enum fg_code code = read_ids(scope, "SELECT t.id " TENDERS_TO_TELL " ORDER BY t.id", true, ids, &count, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        code = tell_tender(scope, ids[i], err);
    if (code == FG_OK)
        code = read_ids(scope, "SELECT c.id " CONTRACTS_TO_TELL " ORDER BY c.id", false, ids, &count, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        code = tell_contract(scope, ids[i], err);
    return code;
}

enum fg_code exchange_tell_contracts(struct exchange_area *area, struct fg_error *err)
{
    for (int64_t count, before = INT64_MAX;; before = count) {
        enum fg_code code = fg_query_number(area->exchange->store, &count, err,
                                            "SELECT (SELECT COUNT(*) " TENDERS_TO_TELL ") + (SELECT COUNT(*) " CONTRACTS_TO_TELL ")", "ii",
                                            area->id, exchange_now_us(area->exchange));
        if (code != FG_OK || count == 0 || count >= before) /* what is left waits for the next look */
            return code;
        struct fg_command command = {.kind = FG_COMMAND_TRANSACT, .transact = tell};
        if ((code = exchange_run(area, &command, err)) != FG_OK)
            return code;
    }
}

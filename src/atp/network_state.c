#include "atp/network_state.h"

#include "atp/market.h"
#include "atp/query.h"
#include "store/document.h"

#include <stdio.h>
#include <string.h>

static const char letters[] = "fbda"; /* by enum fg_grid_check */

static void name_document(char name[64], int64_t area)
{
    snprintf(name, 64, "area-%lld", (long long)area);
}

enum fg_code fg_network_configured(struct fg_store *store, int64_t area, char mode[FG_NETWORK_MODE_TEXT], int64_t *network,
                                   struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(store, &sql, err, "SELECT network_mode, network_id FROM area WHERE id = $1", "i", area);
    if (code != FG_OK)
        return code;
    snprintf(mode, FG_NETWORK_MODE_TEXT, "%s", fg_sql_column_text(sql, 0));
    *network = strcmp(mode, "off") == 0 ? 0 : fg_sql_column_int64(sql, 1);
    fg_sql_done(sql);
    return FG_OK;
}

enum fg_code fg_network_model_load(struct fg_store *store, int64_t network, struct fg_grid_model **model, struct fg_error *err)
{
    struct fg_text content;
    char format[FG_NETWORK_FORMAT];
    *model = NULL;
    fg_text_init(&content);
    enum fg_code code = fg_network_content(store, network, &content, format, err);
    if (code == FG_OK)
        code = fg_grid_model_read(content.data, content.length, format, model, err);
    fg_text_release(&content);
    return code;
}

void fg_network_plan_release(struct fg_network_plan *plan)
{
    fg_arena_release(&plan->arena);
    *plan = (struct fg_network_plan){0};
}

enum fg_code fg_network_plan_store(struct fg_store *store, int64_t area, const struct fg_network_plan *plan,
                                   const struct fg_grid_state *state, int64_t now_us, int64_t *version, struct fg_error *err)
{
    struct fg_document document = {.kind = "grid-point", .created_us = now_us};
    struct fg_text content, checks;
    enum fg_code code = FG_OK;
    fg_text_init(&content);
    fg_text_init(&checks);
    name_document(document.name, area);
    fg_text_puts(&checks, "");
    for (int32_t i = 0; state != NULL && i < plan->point.period_count; i++)
        fg_text_append(&checks, &letters[fg_grid_state_check(state, plan->point.first_period + i)], 1);
    if (state != NULL) {
        fg_grid_point_write(&plan->point, &content);
        code = content.failed || checks.failed ? fg_fail_memory(err)
                                               : fg_document_put(store, &document, "", content.data, content.length, err);
    }
    if (code == FG_OK)
        code = fg_query_number(store, version, err, "SELECT COALESCE(MAX(version), 0) + 1 FROM network_state WHERE area_id = $1",
                               "i", area);
    if (code == FG_OK)
        code = fg_change(store, NULL, err,
                         "INSERT INTO network_state (area_id, version, mode, network_id, document_version, first_period, checks, "
                         "sources, made_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                         "iitooitti", area, *version, plan->mode, plan->network, document.version,
                         (int64_t)plan->point.first_period, checks.data != NULL ? checks.data : "",
                         plan->sources != NULL ? plan->sources : "", now_us);
    fg_text_release(&content);
    fg_text_release(&checks);
    return code;
}

static enum fg_code load_state(struct fg_store *store, int64_t area, int64_t network, int64_t document_version,
                               struct fg_grid_state **state, struct fg_error *err)
{
    struct fg_grid_model *model = NULL;
    struct fg_document document;
    struct fg_grid_point point = {0};
    struct fg_text content;
    char name[64];
    fg_text_init(&content);
    name_document(name, area);
    enum fg_code code = network != 0 ? fg_network_model_load(store, network, &model, err) : FG_OK;
    if (code == FG_OK)
        code = fg_document_get(store, "grid-point", name, document_version, &document, NULL, &content, err);
    if (code == FG_OK)
        code = fg_grid_point_read(content.data != NULL ? content.data : "", content.length, &point, err);
    if (code == FG_OK)
        code = fg_grid_state_create(model, &point, state, err);
    fg_grid_point_release(&point);
    fg_grid_model_release(model);
    fg_text_release(&content);
    return code;
}

enum fg_code fg_network_state_load(struct fg_store *store, int64_t area, int64_t version, struct fg_grid_state **state,
                                   struct fg_error *err)
{
    struct fg_sql *sql;
    *state = NULL;
    enum fg_code code =
        fg_query_one(store, &sql, err,
                     "SELECT mode, network_id, document_version FROM network_state WHERE area_id = $1 AND version = $2", "ii",
                     area, version);
    if (code != FG_OK)
        return code == FG_ERR_NOT_FOUND
                   ? fg_fail(err, FG_ERR_CORRUPT, NULL, "network state %lld of area-%lld is not there; restore a backup",
                             (long long)version, (long long)area)
                   : code;
    bool is_off = strcmp(fg_sql_column_text(sql, 0), "off") == 0;
    int64_t network = fg_sql_column_int64(sql, 1), document = fg_sql_column_int64(sql, 2);
    fg_sql_done(sql);
    return is_off ? FG_OK : load_state(store, area, network, document, state, err);
}

enum fg_code fg_network_states_drop(struct fg_store *store, int64_t area, int64_t before_us, struct fg_error *err)
{
    struct fg_sql *sql;
    char name[64];
    int64_t version = 0, document = 0;
    name_document(name, area);
    /* One at a time: documents may be shared by states that follow each other. */
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT s.version, s.document_version FROM network_state s WHERE s.area_id = $1 AND s.made_us < "
                                 "$2 AND s.version < (SELECT version FROM area_network WHERE area_id = $1) ORDER BY s.version LIMIT 1",
                                 "ii", area, before_us);
    bool row = false;
    if (code == FG_OK)
        code = fg_sql_next(sql, &row, err);
    if (code != FG_OK || !row)
        return code;
    version = fg_sql_column_int64(sql, 0);
    document = fg_sql_column_int64(sql, 1);
    fg_sql_done(sql);
    code = fg_change(store, NULL, err, "DELETE FROM network_state WHERE area_id = $1 AND version = $2", "ii", area, version);
    int64_t users = 0;
    if (code == FG_OK)
        code = fg_query_number(store, &users, err,
                               "SELECT count(*) FROM network_state WHERE area_id = $1 AND document_version = $2", "ii", area, document);
    return code == FG_OK && users == 0 && document > 0 ? fg_document_remove(store, "grid-point", name, document, err) : code;
}

enum fg_code fg_area_buses_add(struct fg_store *store, int64_t area, int64_t network, struct fg_error *err)
{
    return fg_change(store, NULL, err,
                     "INSERT INTO area_bus (area_id, number, bus) SELECT $1, (SELECT COALESCE(MAX(number), -1) FROM area_bus WHERE "
                     "area_id = $1) + ROW_NUMBER() OVER (ORDER BY b.bus), b.bus FROM network_bus b WHERE b.network_id = $2 AND "
                     "b.bus NOT IN (SELECT k.bus FROM area_bus k WHERE k.area_id = $1)",
                     "ii", area, network);
}

#include "atp/node.h"

#include "atp/query.h"

#include <stdio.h>
#include <string.h>

struct announcement {
    const char *url, *pin;
};

static enum fg_code announce_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    const struct announcement *announcement = context;
    const char *name = fg_platform_options(platform)->node;
    enum fg_code code = fg_change(store, NULL, err, "DELETE FROM node WHERE name = $1", "t", name);
    if (code != FG_OK || announcement->url == NULL)
        return code;
    return fg_change(store, NULL, err, "INSERT INTO node (name, url, pin, announced_us) VALUES ($1, $2, $3, $4)", "ttti", name,
                     announcement->url, announcement->pin, fg_platform_now_us(platform));
}

enum fg_code fg_node_announce(struct fg_platform *platform, const char *url, const char *pin, struct fg_error *err)
{
    struct announcement announcement = {url, pin};
    if (url != NULL && strlen(url) >= FG_NODE_URL_TEXT)
        return fg_fail(err, FG_ERR_VALUE, "node_url", "has more than %d characters", FG_NODE_URL_TEXT - 1);
    return fg_platform_run(platform, FG_STORE_WRITE, announce_work, &announcement, err);
}

struct search {
    const char *name;
    struct fg_node *node;
};

static enum fg_code find_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    struct search *search = context;
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(store, &sql, err, "SELECT url, pin FROM node WHERE name = $1", "t", search->name);
    if (code != FG_OK)
        return code;
    snprintf(search->node->url, sizeof search->node->url, "%s", fg_sql_column_text(sql, 0));
    snprintf(search->node->pin, sizeof search->node->pin, "%s", fg_sql_column_text(sql, 1));
    fg_sql_done(sql);
    return FG_OK;
}

enum fg_code fg_node_find(struct fg_platform *platform, const char *name, struct fg_node *node, struct fg_error *err)
{
    struct search search = {name, node};
    *node = (struct fg_node){0};
    return fg_platform_run(platform, FG_STORE_READ, find_work, &search, err);
}

/* Operations: one description each, from which routing, validation, authorisation, the OpenAPI document, the reference
 * page and the client verbs of the command line come.
 *
 *     static const struct fg_operation operations[] = {
 *         {.id = "get-order", .method = FG_GET, .path = "/v1/orders/{order}", .api = FG_API_ATP, .tag = "Orders",
 *          .summary = "One order", .right = "orders.read", .path_params = order_path, .responses = order_responses,
 *          .handle = get_order},
 *     };
 *     const struct fg_operation_set fg_orders_operations = FG_OPERATIONS(operations);
 *
 * Lists end with an entry whose first member is NULL (parameters) or 0 (responses). The machinery adds by itself: the
 * problem responses that any operation can give (400, 401, 403, 413, 415, 422, 429, 503 as they apply), the headers
 * Idempotency-Key, If-Match and If-None-Match, and the parameters `cursor` and `limit` of a paged list.
 * `fg_operation_check` tells at start-up (and in the tests) what is wrong with a description.
 * Thread rule: constant data. */
#ifndef FG_API_OPERATION_H
#define FG_API_OPERATION_H

#include "atp/access.h"
#include "api/schema.h"
#include "base/error.h"

struct fg_call;

enum fg_method { FG_GET, FG_POST, FG_PUT, FG_PATCH, FG_DELETE, FG_METHOD_COUNT };

struct fg_param {
    const char *name;               /* in a path: the name between the braces */
    const struct fg_schema *schema; /* any but object, array, union, secret, number */
    const char *description;
    bool required;                  /* query parameters; path parameters always are */
};

struct fg_response {
    int status;
    const char *description;
    const struct fg_schema *schema; /* JSON body; NULL: none, or `media` */
    const char *media;              /* of a body that is not JSON: "text/csv", "application/pdf"; NULL: JSON */
    const char *example;            /* JSON text; NULL: none */
};

enum fg_operation_flag {
    FG_OP_INLINE = 1,       /* the handler only reads memory: run on the network thread, without queueing */
    FG_OP_PAGED = 2,        /* `cursor` and `limit`; the answer has `items` and `next` */
    FG_OP_IDEMPOTENT = 4,   /* Idempotency-Key accepted; same key and body give the same answer for 48 h */
    FG_OP_KEY_REQUIRED = 8, /* ... and required */
    FG_OP_KEY_BY_HANDLER = 16, /* ... the handler saves the answer in the transaction that makes the change */
    FG_OP_IF_MATCH = 32,    /* If-Match required (428 without); the handler compares with `fg_call_if_match` */
    FG_OP_STREAM = 64,      /* answers with server-sent events */
    FG_OP_AT_OWNER = 128,   /* only the server that owns the path's {area} can do it: others pass the request on (relay.h) */
};

/* Answer the call through the functions of call.h. A code other than FG_OK becomes a problem document (problem.h) from
 * `err`; a refusal with its own key is set by `fg_call_refuse`. Runs on a worker thread (on a network thread with
 * FG_OP_INLINE) and may hand the call on with `fg_call_defer`. */
typedef enum fg_code (*fg_operation_handler)(struct fg_call *call, struct fg_error *err);

struct fg_rows;

struct fg_operation {
    const char *id; /* verb-noun in kebab case, unique: "enter-order"; the verb of the command line */
    enum fg_method method;
    const char *path; /* "/v1/areas/{area}/orders" */
    enum fg_api_family api;
    const char *tag;         /* chapter of the reference */
    const char *summary;     /* a few words */
    const char *description; /* paragraphs separated by an empty line; NULL: none */
    const char *right;       /* of the access table; NULL: no log-in needed (API PUBLIC) */
    unsigned flags;
    const struct fg_param *path_params, *query_params;
    const struct fg_schema *request; /* JSON body; NULL: none, or `request_media` */
    const char *request_media;       /* of a body that is not JSON: "text/csv"; the handler parses it */
    const char *request_example;     /* JSON text; required with `request` */
    size_t max_body_bytes;           /* 0: 1 MiB */
    const struct fg_response *responses; /* the successful ones and problems with a meaning of their own */
    fg_operation_handler handle;
    const struct fg_rows *rows; /* what fg_rows_list lists (rows.h) */
};

struct fg_operation_set {
    const struct fg_operation *items;
    size_t count;
};
#define FG_OPERATIONS(table) {(table), FG_COUNT_OF(table)}

#define FG_BODY_DEFAULT_BYTES ((size_t)1 << 20)
#define FG_PAGE_DEFAULT 100
#define FG_PAGE_MAX 1000

/* Members of a page. */
extern const struct fg_schema fg_schema_page_cursor;
#define FG_PAGE_FIELDS(item_array)                                                                                     \
    {                                                                                                                  \
        {"items", (item_array), "Items of this page", FG_REQUIRED},                                                   \
        {"next", &fg_schema_page_cursor, "`cursor` of the next page; null on the last one", FG_REQUIRED | FG_NULLABLE}  \
    }
/* The schema of a page of items: FG_PAGE_SCHEMA(order_page, &order, "OrderPage", "Orders"); */
#define FG_PAGE_SCHEMA(name, item, title, words)                                                                       \
    static const struct fg_schema name##_items = FG_ARRAY(item, 0, FG_PAGE_MAX);                                       \
    static const struct fg_field name##_fields[] = FG_PAGE_FIELDS(&name##_items);                                      \
    static const struct fg_schema name = FG_OBJECT(title, words, name##_fields)

const char *fg_method_name(enum fg_method method);

/* Statuses of the problem documents that the machinery can answer with, ascending; returns how many. */
#define FG_PROBLEM_STATUSES_MAX 16
size_t fg_operation_problem_statuses(const struct fg_operation *operation, int statuses[FG_PROBLEM_STATUSES_MAX]);

/* All that is wrong with descriptions taken together: doubled ids and routes, path parameters that do not fit the path,
 * unknown rights, missing examples or examples that break their schema, components of one name and different content.
 * FG_ERR_ARGUMENT names the operation. */
enum fg_code fg_operation_check(const struct fg_operation_set *const *sets, size_t set_count,
                                const struct fg_access_table *access, struct fg_error *err);

#endif

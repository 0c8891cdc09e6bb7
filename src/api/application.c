#include "api/application.h"

#include "api/event_stream.h"
#include "api/metrics.h"
#include "api/relay.h"
#include "api/seal.h"
#include "atp/demonstration.h"
#include "atp/id.h"
#include "atp/idempotency.h"
#include "atp/node.h"
#include "atp/query.h"
#include "atp/rights.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* What everybody can log in to is served as such or not at all; what is not, never as such. */
static enum fg_code check_purpose(const struct fg_application *application, struct fg_error *err)
{
    struct fg_demonstration mark;
    enum fg_code code = fg_demonstration_read(application->platform, &mark, err);
    if (code != FG_OK || mark.is_marked == application->is_demonstration)
        return code == FG_OK && mark.is_marked && !mark.is_complete
                   ? fg_fail(err, FG_ERR_CONFLICT, application->data_folder, "the demonstration was not loaded to its end; load it again")
                   : code;
    return mark.is_marked
               ? fg_fail(err, FG_ERR_DENIED, application->data_folder,
                         "this database holds a demonstration, whose passwords everybody knows; use another one, or serve it with "
                         "demonstration = true")
               : fg_fail(err, FG_ERR_DENIED, application->data_folder,
                         "this database holds no demonstration; set demonstration = false");
}

static enum fg_code open_as(const char *url, const char *data_folder, const char *node, int64_t (*clock_us)(void *context),
                            void *clock_context, bool is_demonstration, struct fg_application *application, struct fg_error *err)
{
    struct fg_platform_options options = {.store_url = url != NULL ? url : data_folder, .node = node,
                                          .store = {.create = true, .migrate = true}, .clock_us = clock_us,
                                          .clock_context = clock_context};
    struct fg_seal_key key;
    char path[4096];
    *application = (struct fg_application){.data_folder = data_folder, .is_demonstration = is_demonstration};
    pthread_mutex_init(&application->mutex, NULL);
    if (mkdir(data_folder, 0700) != 0 && errno != EEXIST)
        return fg_fail(err, FG_ERR_IO, data_folder, "cannot be made: %s; create the folder above it", strerror(errno));
    snprintf(path, sizeof path, "%s/secret", data_folder);
    enum fg_code code = fg_seal_key_load(path, &key, err);
    /* Cursors and the platform's secret are different keys from one file. */
    if (code == FG_OK)
        code = fg_secret_init(err);
    if (code == FG_OK) {
        _Static_assert(sizeof key.bytes == FG_SECRET_KEY && FG_SECRET_HASH == FG_SECRET_KEY, "one length");
        fg_secret_index(key.bytes, "flexgrid platform", options.secret);
        code = fg_platform_create(&options, &application->platform, err);
    }
    fg_secret_wipe(&key, sizeof key);
    fg_secret_wipe(options.secret, sizeof options.secret);
    if (code == FG_OK)
        code = fg_authenticator_create(application->platform, &application->authenticator, err);
    if (code == FG_OK)
        code = check_purpose(application, err);
    if (code != FG_OK)
        fg_application_close(application);
    return code;
}

enum fg_code fg_application_open(const char *url, const char *data_folder, const char *node,
                                 int64_t (*clock_us)(void *context), void *clock_context, struct fg_application *application,
                                 struct fg_error *err)
{
    return open_as(url, data_folder, node, clock_us, clock_context, false, application, err);
}

enum fg_code fg_application_open_demonstration(const char *data_folder, const char *node, struct fg_application *application,
                                               struct fg_error *err)
{
    return open_as(NULL, data_folder, node, NULL, NULL, true, application, err);
}

static void wake_gateway(struct fg_application *application, bool is_end)
{
    pthread_mutex_lock(&application->mutex);
    struct fg_gateway *gateway = application->gateway;
    if (is_end)
        application->gateway = NULL;
    else
        fg_gateway_wake(gateway);
    pthread_mutex_unlock(&application->mutex);
    if (is_end)
        fg_gateway_stop(gateway);
}

void fg_application_close(struct fg_application *application)
{
    wake_gateway(application, true);
    fg_runs_stop(application->runs);
    fg_exchange_stop(application->exchange);
    fg_authenticator_destroy(application->authenticator);
    fg_platform_destroy(application->platform);
    pthread_mutex_destroy(&application->mutex);
    *application = (struct fg_application){0};
}

/* ---- the first organisation ---- */
struct founding {
    const struct fg_organisation *organisation;
    struct fg_new_user administrator;
};

static enum fg_code found(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct founding *founding = context;
    int64_t organisation, user;
    return fg_organisation_found(registry, founding->organisation, &founding->administrator, &organisation, &user, err);
}

enum fg_code fg_application_found(struct fg_application *application, const struct fg_organisation *organisation,
                                  const struct fg_first_user *administrator, struct fg_error *err)
{
    char hash[FG_PASSWORD_HASH];
    struct founding founding = {organisation, {administrator->name, administrator->email, hash}};
    enum fg_code code = fg_password_hash(administrator->password, hash, err);
    return code == FG_OK ? fg_registry_run(application->platform, NULL, FG_STORE_WRITE, found, &founding, err) : code;
}

/* ---- trading ---- */
/* Events were committed: on the engine's thread. */
static void notify(void *context, int64_t area)
{
    struct fg_application *application = context;
    char name[FG_ID_TEXT];
    pthread_mutex_lock(&application->mutex);
    if (application->server != NULL)
        fg_server_notify(application->server, fg_id_text(FG_ID_AREA, area, name));
    pthread_mutex_unlock(&application->mutex);
    wake_gateway(application, false);
}

enum fg_code fg_application_trade(struct fg_application *application, struct fg_error *err)
{
    const struct fg_platform_options *platform = fg_platform_options(application->platform);
    struct fg_exchange_options options = {.store_url = platform->store_url, .store = platform->store, .node = platform->node,
                                          .clock_us = platform->clock_us, .clock_context = platform->clock_context,
                                          .notify = notify, .context = application};
    enum fg_code code = fg_exchange_start(&options, &application->exchange, err);
    struct fg_runs_options runs = {.platform = application->platform, .exchange = application->exchange,
                                   .threads = application->run_threads};
    return code == FG_OK ? fg_runs_start(&runs, &application->runs, err) : code;
}

enum fg_code fg_application_reach_out(struct fg_application *application, const struct fg_http_policy *policy,
                                      struct fg_error *err)
{
    struct fg_gateway *gateway;
    application->outbound = *policy;
    struct fg_gateway_options options = {.platform = application->platform, .exchange = application->exchange, .policy = *policy};
    enum fg_code code = fg_gateway_start(&options, &gateway, err);
    pthread_mutex_lock(&application->mutex);
    application->gateway = code == FG_OK ? gateway : NULL;
    pthread_mutex_unlock(&application->mutex);
    return code;
}

void fg_application_announce(struct fg_application *application, struct fg_server *server)
{
    pthread_mutex_lock(&application->mutex);
    application->server = server;
    pthread_mutex_unlock(&application->mutex);
}

/* ---- callbacks ---- */
static enum fg_code authenticate(void *context, const struct fg_credentials *credentials, struct fg_principal *principal,
                                 struct fg_error *err)
{
    struct fg_application *application = context;
    return fg_authenticate(application->authenticator, credentials->secret, credentials->on_behalf_of, principal, err);
}

struct kept {
    const char *owner, *key;
    const unsigned char *hash;
    struct fg_kept_answer answer;
    struct fg_text *text; /* load */
    const char *body;     /* save */
    size_t length;
    int64_t expires_us;
};

static enum fg_code load_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct kept *kept = context;
    fg_text_release(kept->text);
    fg_text_init(kept->text);
    return fg_idempotency_load(store, kept->owner, kept->key, kept->hash, fg_platform_now_us(platform), &kept->answer,
                               kept->text, err);
}

static enum fg_code load(void *context, const char *owner, const char *key, const unsigned char hash[FG_HASH_BYTES],
                         enum fg_idempotency_state *state, struct fg_saved_answer *answer, struct fg_error *err)
{
    struct fg_application *application = context;
    struct kept kept = {.owner = owner, .key = key, .hash = hash, .text = &answer->body};
    enum fg_code code = fg_platform_run(application->platform, FG_STORE_READ, load_work, &kept, err);
    if (code != FG_OK)
        return code;
    *state = !kept.answer.is_there ? FG_KEY_NEW : kept.answer.is_other ? FG_KEY_OTHER : FG_KEY_SAME;
    answer->status = kept.answer.status;
    snprintf(answer->media, sizeof answer->media, "%s", kept.answer.media);
    return FG_OK;
}

static enum fg_code save_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct kept *kept = context;
    return fg_idempotency_save(store, kept->owner, kept->key, kept->hash, kept->answer.status, kept->answer.media, kept->body,
                               kept->length, fg_platform_now_us(platform), kept->expires_us, err);
}

static enum fg_code save(void *context, const char *owner, const char *key, const unsigned char hash[FG_HASH_BYTES],
                         int status, const char *media, const char *body, size_t length, int64_t expires,
                         struct fg_error *err)
{
    struct fg_application *application = context;
    struct kept kept = {.owner = owner, .key = key, .hash = hash, .answer = {.status = status}, .body = body,
                        .length = length, .expires_us = expires * 1000000};
    snprintf(kept.answer.media, sizeof kept.answer.media, "%s", media);
    return fg_platform_run(application->platform, FG_STORE_WRITE, save_work, &kept, err);
}

/* ---- other servers ---- */
enum { OWNER_BYTES = 16 << 20, OWNER_URL = FG_NODE_URL_TEXT + 8192, OWNER_HEADER = 4096 };

enum fg_code fg_application_reachable(struct fg_application *application, const struct fg_server *server, const char *url,
                                      struct fg_error *err)
{
    const struct fg_http_policy policy = {.private_addresses = true};
    char pin[FG_SERVER_PIN];
    struct fg_error why;
    enum fg_code code = FG_OK;
    if (url != NULL && fg_http_check_url(&policy, url, &why) != FG_OK)
        code = fg_fail(err, FG_ERR_VALUE, "node_url", "%s", why.text);
    else if (url != NULL && url[strlen(url) - 1] == '/')
        code = fg_fail(err, FG_ERR_VALUE, "node_url", "ends with a slash; leave it out");
    if (code == FG_OK)
        code = fg_server_pin(server, pin, err);
    return code == FG_OK ? fg_node_announce(application->platform, url, pin, err) : code;
}

static bool is_elsewhere(void *context, const char *area, char owner[FG_RELAY_NAME])
{
    struct fg_application *application = context;
    int64_t id;
    _Static_assert(FG_RELAY_NAME == FG_LEASE_NAME_MAX, "one length");
    return application->exchange != NULL && fg_id_parse(FG_ID_AREA, area, &id, NULL) == FG_OK &&
           fg_exchange_is_elsewhere(application->exchange, id, owner);
}

/* Never to a server that is not the one: by its certificate, or by the public key that it has announced in the database. */
static enum fg_code find_owner(struct fg_application *application, const char *owner, struct fg_node *node, struct fg_error *err)
{
    enum fg_code code = fg_node_find(application->platform, owner, node, err);
    if (code == FG_ERR_NOT_FOUND)
        return fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "%s serves the area, and has no node_url", owner);
    if (code == FG_OK && application->node_ca_file == NULL && node->pin[0] == '\0')
        return fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "%s has no certificate of its own; set node_ca_file", owner);
    return code;
}

static enum fg_code ask_owner(struct fg_application *application, const struct fg_relayed_request *request, struct fg_relayed_answer *answer,
                                  struct fg_error *err)
{
    struct fg_http_answer got = {0};
    struct fg_node node;
    char url[OWNER_URL], headers[6][OWNER_HEADER];
    const char *lines[7] = {headers[0], headers[1]};
    size_t count = 2;
    bool fits;
    enum fg_code code = find_owner(application, request->owner, &node, err);
    if (code != FG_OK)
        return code;
    fits = snprintf(url, sizeof url, "%s%s", node.url, request->target) < (int)sizeof url &&
           snprintf(headers[0], OWNER_HEADER, "Authorization: Bearer %s", request->secret) < OWNER_HEADER;
    snprintf(headers[1], OWNER_HEADER, FG_RELAY_HEADER ": %s", fg_platform_options(application->platform)->node);
    const struct {
        const char *name, *value;
    } optional[] = {{"On-Behalf-Of", request->on_behalf_of}, {"Idempotency-Key", request->key}, {"If-Match", request->if_match},
                    {"Content-Type", request->body_length > 0 ? request->media : NULL}};
    for (size_t i = 0; i < FG_COUNT_OF(optional); i++)
        if (optional[i].value != NULL) {
            fits = fits && snprintf(headers[count], OWNER_HEADER, "%s: %s", optional[i].name, optional[i].value) < OWNER_HEADER;
            lines[count] = headers[count];
            count++;
        }
    const struct fg_http_policy policy = {.private_addresses = true, .ca_file = application->node_ca_file};
    struct fg_http_request call = {.method = request->method, .url = url, .headers = lines,
                                   .body = request->body_length > 0 ? request->body : NULL, .body_length = request->body_length,
                                   .timeout_ms = request->timeout_ms, .max_bytes = OWNER_BYTES,
                                   .pin = application->node_ca_file == NULL ? node.pin : NULL, .stop = request->stop};
    code = fits ? fg_http_call(&policy, &call, &got, err) : fg_fail(err, FG_ERR_TOO_LARGE, NULL, "address or header too long to pass on");
    if (fits && code == FG_ERR_TOO_LARGE) /* the answer: what was asked is done */
        code = FG_ERR_UNAVAILABLE;
    fg_secret_wipe(headers[0], OWNER_HEADER);
    if (code == FG_OK) {
        answer->status = (int)got.status;
        answer->is_replayed = strcmp(got.replayed, "true") == 0;
        snprintf(answer->media, sizeof answer->media, "%s", got.media);
        snprintf(answer->retry_after, sizeof answer->retry_after, "%s", got.retry_after);
        fg_text_append(&answer->body, got.body.data, got.body.length);
        if (answer->body.failed)
            code = fg_fail_memory(err);
    }
    fg_text_release(&got.body);
    return code;
}

static enum fg_code send_to_owner(void *context, const struct fg_relayed_request *request, struct fg_relayed_answer *answer,
                                  struct fg_error *err)
{
    struct fg_application *application = context;
    enum fg_code code = ask_owner(application, request, answer, err);
    atomic_fetch_add(&application->relayed, 1);
    if (code != FG_OK)
        atomic_fetch_add(&application->relay_failures, 1);
    return code;
}

/* ---- readiness and metrics: what is asked is whether the database answers now ---- */
static enum fg_code look(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    (void)context;
    int64_t count;
    return fg_query_number(store, &count, err, "SELECT count(*) FROM migration", "");
}

static enum fg_code is_ready(void *context, struct fg_error *err)
{
    struct fg_application *application = context;
    if (application->exchange == NULL)
        return fg_fail(err, FG_ERR_BUSY, NULL, "trading has not started");
    return fg_platform_run(application->platform, FG_STORE_READ, look, NULL, err);
}

static void put_metrics(void *context, struct fg_text *text)
{
    struct fg_application *application = context;
    bool is_up = fg_platform_run(application->platform, FG_STORE_READ, look, NULL, NULL) == FG_OK;
    fg_metrics_put(text, "flexgrid_database_up", "gauge", "1: the database answers", is_up);
    if (application->exchange == NULL)
        return;
    struct fg_exchange_figures figures;
    fg_exchange_figures(application->exchange, &figures);
    fg_metrics_put(text, "flexgrid_areas", "gauge", "Market areas of the database", (double)figures.areas);
    fg_metrics_put(text, "flexgrid_areas_served", "gauge", "Market areas that this server serves", (double)figures.served);
    fg_metrics_put(text, "flexgrid_relayed_total", "counter", "Requests passed on to the server that owns the area",
                   (double)atomic_load(&application->relayed));
    fg_metrics_put(text, "flexgrid_relay_failures_total", "counter", "Of those, without an answer",
                   (double)atomic_load(&application->relay_failures));
    fg_metrics_put(text, "flexgrid_commands_total", "counter", "Commands that the trading engines have applied", (double)figures.commands);
    fg_metrics_put(text, "flexgrid_batches_total", "counter", "Transactions that they were applied in", (double)figures.batches);
    fg_metrics_put(text, "flexgrid_reloads_total", "counter", "Times that an engine read its state anew after a failed commit", (double)figures.reloads);
    fg_metrics_put(text, "flexgrid_commands_waiting", "gauge", "Commands waiting for an engine", (double)figures.queued);
}

void fg_application_connect(struct fg_application *application, struct fg_server_options *options)
{
    options->context = application;
    options->is_demonstration = application->is_demonstration;
    options->access = fg_platform_access;
    options->authenticator = (struct fg_authenticator){application, authenticate};
    options->idempotency = (struct fg_idempotency_store){application, load, save};
    options->events = fg_event_stream_source(application);
    options->relay = (struct fg_relay){application, is_elsewhere, send_to_owner};
    options->ready = is_ready;
    options->metrics = put_metrics;
}

/* From the complete request to the answer: validation, idempotency, the handler, and the end of the call. */
#include "api/relay.h"
#include "base/log.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#define KEPT_SECONDS ((int64_t)48 * 3600)

/* ---- calls that run ---- */
static void list_add(struct fg_call *call)
{
    struct fg_server *server = call->server;
    pthread_mutex_lock(&server->calls_lock);
    call->previous_running = NULL;
    call->next_running = server->running;
    if (server->running != NULL)
        server->running->previous_running = call;
    server->running = call;
    server->running_count++;
    call->is_listed = true;
    pthread_mutex_unlock(&server->calls_lock);
}

static void list_remove(struct fg_call *call) /* with calls_lock */
{
    struct fg_server *server = call->server;
    if (!call->is_listed)
        return;
    if (call->previous_running != NULL)
        call->previous_running->next_running = call->next_running;
    else
        server->running = call->next_running;
    if (call->next_running != NULL)
        call->next_running->previous_running = call->previous_running;
    server->running_count--;
    call->is_listed = false;
    pthread_cond_broadcast(&server->calls_changed);
}

static bool same_owner(const struct fg_principal *a, const struct fg_principal *b)
{
    return strcmp(a->organisation, b->organisation) == 0 && strcmp(a->user, b->user) == 0 &&
           strcmp(a->on_behalf_of, b->on_behalf_of) == 0;
}

/* False when another call with the same key is being answered. */
static bool claim_key(struct fg_call *call)
{
    struct fg_server *server = call->server;
    bool is_free = true;
    pthread_mutex_lock(&server->calls_lock);
    for (const struct fg_call *other = server->running; other != NULL && is_free; other = other->next_running)
        is_free = !(other != call && other->is_kept_key && strcmp(other->key, call->key) == 0 &&
                    same_owner(&other->principal, &call->principal));
    call->is_kept_key = is_free;
    pthread_mutex_unlock(&server->calls_lock);
    return is_free;
}

/* ---- idempotency ---- */
void fg_key_owner(const struct fg_principal *who, char owner[4 * FG_PRINCIPAL_ID])
{
    snprintf(owner, 4 * FG_PRINCIPAL_ID, "%s/%s/%s", who->organisation, who->user, who->on_behalf_of);
}

static enum fg_code hash_request(struct fg_call *call, struct fg_error *err)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, FG_HASH_BYTES);
    crypto_generichash_update(&state, (const unsigned char *)call->operation->id, strlen(call->operation->id) + 1);
    crypto_generichash_update(&state, (const unsigned char *)call->target, strlen(call->target) + 1);
    if (call->json != NULL) {
        struct fg_json_cursor root = fg_json_root(call->json, NULL);
        unsigned char body[FG_HASH_BYTES];
        enum fg_code code = fg_item_hash(&root, body, err);
        if (code != FG_OK)
            return code;
        crypto_generichash_update(&state, body, sizeof body);
    } else {
        crypto_generichash_update(&state, (const unsigned char *)call->body.data, call->body.length);
    }
    crypto_generichash_final(&state, call->hash, FG_HASH_BYTES);
    return FG_OK;
}

static void replay(struct fg_call *call, const struct fg_saved_answer *answer)
{
    if (answer->media[0] == '\0')
        fg_call_empty(call, answer->status);
    else
        fg_call_bytes(call, answer->status, answer->media, answer->body.data, answer->body.length);
    fg_answer_add_header(call, "Idempotent-Replayed", "true");
}

/* True: run the handler. */
static bool begin_key(struct fg_call *call)
{
    if (call->key == NULL)
        return true;
    const struct fg_idempotency_store *store = &call->server->options.idempotency;
    struct fg_error why;
    enum fg_code code = hash_request(call, &why);
    if (code == FG_OK && !claim_key(call)) {
        fg_answer_problem(call, FG_PROBLEM_KEY_BUSY, "the first request with this key has not been answered yet");
        return false;
    }
    char owner[4 * FG_PRINCIPAL_ID];
    fg_key_owner(&call->principal, owner);
    enum fg_idempotency_state state = FG_KEY_NEW;
    struct fg_saved_answer answer = {0};
    if (code == FG_OK)
        code = store->load(store->context, owner, call->key, call->hash, &state, &answer, &why);
    if (code != FG_OK)
        fg_answer_code(call, code, &why);
    else if (state == FG_KEY_SAME)
        replay(call, &answer);
    else if (state == FG_KEY_OTHER)
        fg_answer_problem(call, FG_PROBLEM_KEY_REUSED, "within 48 hours a key stands for one request");
    fg_text_release(&answer.body);
    if (code != FG_OK || state != FG_KEY_NEW)
        call->key = NULL; /* nothing to save */
    return code == FG_OK && state == FG_KEY_NEW;
}

static void save_key(struct fg_call *call)
{
    if (call->key == NULL || !call->is_kept_key || call->operation->flags & FG_OP_KEY_BY_HANDLER ||
        call->status >= 500 || call->status == 0 || call->out.failed)
        return;
    const struct fg_idempotency_store *store = &call->server->options.idempotency;
    char owner[4 * FG_PRINCIPAL_ID];
    fg_key_owner(&call->principal, owner);
    struct fg_error why;
    enum fg_code code = store->save(store->context, owner, call->key, call->hash, call->status,
                                    call->media != NULL ? call->media : "", call->out.data, call->out.length,
                                    (int64_t)time(NULL) + KEPT_SECONDS, &why);
    if (code != FG_OK)
        fg_answer_code(call, code, &why);
}

/* ---- the handler and the end ---- */
static void end(struct fg_call *call, enum fg_code code, const struct fg_error *err)
{
    if (code != FG_OK && call->problem == NULL)
        fg_answer_code(call, code, err);
    else if (code == FG_OK && call->status == 0) {
        struct fg_error none = {.code = FG_ERR_NUMERIC, .text = "the handler gave no answer"};
        fg_answer_code(call, FG_ERR_NUMERIC, &none);
    }
    if (call->problem != NULL) /* as it will be sent, so that it can be saved */
        call->media = FG_MEDIA_PROBLEM;
}

void fg_call_finish(struct fg_call *call, enum fg_code code, const struct fg_error *err)
{
    struct fg_server *server = call->server;
    end(call, code, err);
    fg_answer_write_problem(call);
    save_key(call);
    fg_answer_build(call);
    pthread_mutex_lock(&server->calls_lock);
    bool is_abandoned = call->is_abandoned;
    list_remove(call);
    if (!is_abandoned)
        call->phase = FG_CALL_READY;
    pthread_mutex_unlock(&server->calls_lock);
    if (!is_abandoned)
        MHD_resume_connection(call->connection);
    fg_call_release(call);
}

static enum fg_code run_handler(struct fg_call *call, struct fg_error *err)
{
    if (!fg_request_complete(call) || fg_relay_takes(call) || !begin_key(call))
        return FG_OK;
    return call->operation->handle(call, err);
}

static void run_job(struct fg_job *job)
{
    struct fg_call *call = (struct fg_call *)(void *)job;
    struct fg_error err = {0};
    atomic_fetch_add(&call->holders, 1); /* whoever it is deferred to may end it before the handler returns */
    enum fg_code code = run_handler(call, &err);
    if (!call->is_deferred || code != FG_OK)
        fg_call_finish(call, code, &err);
    fg_call_release(call);
}

void fg_dispatch_inline(struct fg_call *call)
{
    struct fg_error err = {0};
    enum fg_code code = run_handler(call, &err);
    end(call, code, &err);
    fg_answer_write_problem(call);
    fg_answer_build(call);
    call->phase = FG_CALL_READY;
}

void fg_dispatch_start(struct fg_call *call)
{
    call->phase = FG_CALL_RUNNING;
    atomic_fetch_add(&call->holders, 1);
    list_add(call);
    call->job.run = run_job;
    fg_workers_push(call->server->workers, &call->job);
}

void fg_dispatch_abandon(struct fg_server *server)
{
    pthread_mutex_lock(&server->calls_lock);
    while (server->running != NULL) {
        struct fg_call *call = server->running;
        call->is_abandoned = true;
        call->phase = FG_CALL_READY;
        list_remove(call);
        MHD_resume_connection(call->connection);
    }
    pthread_mutex_unlock(&server->calls_lock);
}

void fg_call_release(struct fg_call *call)
{
    if (atomic_fetch_sub(&call->holders, 1) != 1)
        return;
    if (call->response != NULL)
        MHD_destroy_response(call->response);
    if (call->subscriber != NULL)
        fg_subscriber_destroy(call->subscriber);
    sodium_memzero(call->body.data, call->body.length); /* bodies hold passwords */
    if (call->secret != NULL)
        sodium_memzero(call->secret, strlen(call->secret));
    fg_text_release(&call->body);
    fg_text_release(&call->out);
    json_decref(call->json);
    fg_problem_list_release(&call->problems);
    fg_arena_release(&call->arena);
    struct fg_server *server = call->server;
    fg_free(call);
    fg_server_release(server);
}

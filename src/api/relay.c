/* Each owner has a few of the threads and a queue of its own: however many wait for one that stands still, the others' requests find
 * a thread. A thread that becomes free goes back to all owners, to whoever has waited longest. */
#include "api/relay.h"

#include "base/instant.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { RELAYS = 32, RELAYS_PER_OWNER = 8, OWNERS = 64 };
#define WAIT_S 10.0 /* from the complete request to its answer */
#define LEAST_S 1.0 /* what has not so much left of it is not sent: it would be done without being waited for */
#define SLOW_S 2.0  /* an owner that fails after so long stands still; one that refuses at once may be back as soon */
#define SHUN_S 3.0  /* and is asked nothing for so long */

struct owner {
    char name[FG_RELAY_NAME];
    int busy;       /* its requests with the threads, or on their way there */
    size_t waiting; /* in its queue */
    struct fg_job *first, **last;
    double shunned_until;
};

struct fg_relays {
    pthread_mutex_t lock;
    struct fg_workers *workers;
    size_t queue_limit; /* of one owner */
    struct owner owners[OWNERS];
    size_t owner_count;
};

static struct fg_call *call_of(struct fg_job *job)
{
    return (struct fg_call *)(void *)job;
}

/* With the lock. NULL: all places are taken by owners with requests. */
static struct owner *find_owner(struct fg_relays *relays, const char *name)
{
    struct owner *idle = NULL;
    for (size_t i = 0; i < relays->owner_count; i++) {
        struct owner *owner = &relays->owners[i];
        if (strcmp(owner->name, name) == 0)
            return owner;
        if (owner->busy == 0)
            idle = owner;
    }
    if (relays->owner_count < OWNERS)
        idle = &relays->owners[relays->owner_count++];
    if (idle != NULL) {
        *idle = (struct owner){.last = &idle->first};
        snprintf(idle->name, sizeof idle->name, "%s", name);
    }
    return idle;
}

static bool is_shunned(struct fg_relays *relays, const char *name)
{
    pthread_mutex_lock(&relays->lock);
    const struct owner *owner = find_owner(relays, name);
    bool is_so = owner != NULL && fg_clock_seconds() < owner->shunned_until;
    pthread_mutex_unlock(&relays->lock);
    return is_so;
}

/* A request has ended: the next one of the owner gets its place. */
static void pass_place(struct fg_relays *relays, const char *name)
{
    pthread_mutex_lock(&relays->lock);
    struct owner *owner = find_owner(relays, name); /* there, as it is busy */
    struct fg_job *next = owner->first;
    if (next != NULL) {
        owner->first = next->next;
        if (owner->first == NULL)
            owner->last = &owner->first;
        owner->waiting--;
        fg_workers_push(relays->workers, next);
    } else {
        owner->busy--;
    }
    pthread_mutex_unlock(&relays->lock);
}

static void note_outcome(struct fg_relays *relays, const char *name, enum fg_code code, double seconds)
{
    pthread_mutex_lock(&relays->lock);
    struct owner *owner = find_owner(relays, name);
    if (code == FG_OK)
        owner->shunned_until = 0;
    else if (code == FG_ERR_UNAVAILABLE && seconds >= SLOW_S)
        owner->shunned_until = fg_clock_seconds() + SHUN_S;
    pthread_mutex_unlock(&relays->lock);
}

/* "application/json; charset=utf-8" is application/json. */
static bool is_media(const char *given, const char *media)
{
    size_t length = strlen(media);
    return strncasecmp(given, media, length) == 0 && (given[length] == '\0' || given[length] == ';' || given[length] == ' ');
}

/* What stands between the servers may answer with pages and redirections of its own: they are not the owner's word. */
static bool is_owners_answer(const struct fg_operation *operation, const struct fg_relayed_answer *answer)
{
    if (answer->status >= 400)
        return answer->body.length > 0 && is_media(answer->media, FG_MEDIA_PROBLEM);
    if (answer->status < 200 || answer->status >= 300)
        return false;
    bool is_known = answer->body.length == 0 || is_media(answer->media, FG_MEDIA_JSON);
    for (const struct fg_response *response = operation->responses; !is_known && response->status != 0; response++)
        is_known = response->media != NULL && is_media(answer->media, response->media);
    return is_known;
}

static void put_answer(struct fg_call *call, const struct fg_relayed_answer *answer)
{
    if (answer->body.length > 0)
        fg_call_bytes(call, answer->status, answer->media, answer->body.data, answer->body.length);
    else
        fg_call_empty(call, answer->status);
    if (answer->is_replayed)
        fg_answer_add_header(call, "Idempotent-Replayed", "true");
    if (answer->retry_after[0] != '\0')
        fg_answer_add_header(call, "Retry-After", answer->retry_after);
}

/* Shall it still be sent? It may have waited, and the area may have a new owner, perhaps this server. */
static enum fg_code look_again(struct fg_call *call, double *left, struct fg_error *err)
{
    struct fg_server *server = call->server;
    const struct fg_relay *relay = &server->options.relay;
    char owner[FG_RELAY_NAME];
    *left = call->relay_until - fg_clock_seconds();
    if (atomic_load(&server->relays_stop))
        return fg_fail(err, FG_ERR_INTERRUPTED, NULL, "the server stops");
    if (*left < LEAST_S)
        return fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "%s is slow: the request waited too long and was not sent", call->owner);
    if (!relay->is_elsewhere(relay->context, fg_call_text(call, "area"), owner) || strcmp(owner, call->owner) != 0)
        return fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "the area is no longer with %s", call->owner);
    if (is_shunned(server->relays, call->owner))
        return fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "%s stands still", call->owner);
    return FG_OK;
}

static enum fg_code pass_on(struct fg_call *call, double left, struct fg_error *err)
{
    struct fg_server *server = call->server;
    const struct fg_relay *relay = &server->options.relay;
    const struct fg_operation *operation = call->operation;
    struct fg_relayed_answer answer = {0};
    struct fg_relayed_request request = {.owner = call->owner,
                                         .method = call->method,
                                         .target = call->target,
                                         .secret = call->secret,
                                         .on_behalf_of = call->on_behalf_of,
                                         .key = call->key,
                                         .if_match = call->if_match,
                                         .media = operation->request_media != NULL ? operation->request_media : FG_MEDIA_JSON,
                                         .body = call->body.data,
                                         .body_length = call->body.length,
                                         .timeout_ms = (int)(left * 1000),
                                         .stop = &server->relays_stop};
    fg_text_init(&answer.body);
    double begin = fg_clock_seconds();
    enum fg_code code = relay->send(relay->context, &request, &answer, err);
    note_outcome(server->relays, call->owner, code, fg_clock_seconds() - begin);
    /* Of what went wrong there the caller need not know more than that it has to come again. */
    if (code == FG_OK && answer.status >= 500 && answer.status != 503)
        code = fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "%s answers %d", call->owner, answer.status);
    else if (code == FG_OK && !is_owners_answer(operation, &answer))
        code = fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "%s answers %d with \"%s\", which is no answer to %s", call->owner, answer.status,
                       answer.media, operation->id);
    if (code == FG_OK)
        put_answer(call, &answer);
    else if (code != FG_ERR_MEMORY && code != FG_ERR_TOO_LARGE && code != FG_ERR_VALUE) /* the latter two: it was not sent */
        code = FG_ERR_UNAVAILABLE;
    fg_text_release(&answer.body);
    return code;
}

static void run(struct fg_job *job)
{
    struct fg_call *call = call_of(job);
    struct fg_relays *relays = call->server->relays;
    struct fg_error err = {0};
    char owner[FG_RELAY_NAME];
    double left;
    memcpy(owner, call->owner, sizeof owner);
    enum fg_code code = look_again(call, &left, &err);
    if (code == FG_OK)
        code = pass_on(call, left, &err);
    pass_place(relays, owner);
    fg_call_finish(call, code, &err);
    fg_call_release(call);
}

/* FG_OK: it is with the threads or in the owner's queue. */
static enum fg_code enqueue(struct fg_relays *relays, struct fg_call *call, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    pthread_mutex_lock(&relays->lock);
    struct owner *owner = find_owner(relays, call->owner);
    if (owner != NULL && fg_clock_seconds() < owner->shunned_until) {
        call->retry_seconds = SHUN_S;
        code = fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "%s stands still", call->owner);
    } else if (owner == NULL || owner->waiting >= relays->queue_limit || !fg_workers_reserve(relays->workers)) {
        code = fg_fail(err, FG_ERR_BUSY, NULL, "too many requests wait for %s", call->owner);
    } else {
        json_decref(call->json); /* the body is passed on as it came: many that wait take little */
        call->json = NULL;
        fg_call_defer(call);
        atomic_fetch_add(&call->holders, 1);
        call->relay_until = fg_clock_seconds() + WAIT_S;
        call->job = (struct fg_job){.run = run};
        if (owner->busy < RELAYS_PER_OWNER) {
            owner->busy++;
            fg_workers_push(relays->workers, &call->job);
        } else {
            owner->waiting++;
            *owner->last = &call->job;
            owner->last = &call->job.next;
        }
    }
    pthread_mutex_unlock(&relays->lock);
    return code;
}

bool fg_relay_takes(struct fg_call *call)
{
    const struct fg_relay *relay = &call->server->options.relay;
    struct fg_error err;
    if (!(call->operation->flags & FG_OP_AT_OWNER) || relay->send == NULL || call->is_relayed || call->secret == NULL)
        return false;
    if (!relay->is_elsewhere(relay->context, fg_call_text(call, "area"), call->owner))
        return false;
    enum fg_code code = enqueue(call->server->relays, call, &err);
    if (code != FG_OK)
        fg_answer_code(call, code, &err);
    return true;
}

enum fg_code fg_relays_start(struct fg_server *server, struct fg_error *err)
{
    if (server->options.relay.send == NULL)
        return FG_OK;
    struct fg_relays *relays = fg_alloc(1, sizeof *relays);
    if (relays == NULL)
        return fg_fail_memory(err);
    enum fg_code code = fg_workers_create(RELAYS, server->options.queue_limit, &relays->workers, err);
    if (code != FG_OK) {
        fg_free(relays);
        return code;
    }
    pthread_mutex_init(&relays->lock, NULL);
    relays->queue_limit = (server->options.queue_limit + 3) / 4;
    server->relays = relays;
    return FG_OK;
}

void fg_relays_stop(struct fg_server *server)
{
    struct fg_relays *relays = server->relays;
    atomic_store(&server->relays_stop, true);
    if (relays == NULL)
        return;
    fg_workers_destroy(relays->workers); /* ends all that wait: none is sent any more */
    server->relays = NULL;
    pthread_mutex_destroy(&relays->lock);
    fg_free(relays);
}

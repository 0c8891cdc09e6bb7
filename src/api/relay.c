#include "api/relay.h"

#include <string.h>

enum { RELAYS = 16 };

static void put_answer(struct fg_call *call, const struct fg_relayed_answer *answer)
{
    if (answer->body.length > 0 && answer->media[0] != '\0')
        fg_call_bytes(call, answer->status, answer->media, answer->body.data, answer->body.length);
    else
        fg_call_empty(call, answer->status);
    if (answer->is_replayed)
        fg_answer_add_header(call, "Idempotent-Replayed", "true");
    if (answer->retry_after[0] != '\0')
        fg_answer_add_header(call, "Retry-After", answer->retry_after);
}

static void run(struct fg_job *job)
{
    struct fg_call *call = (struct fg_call *)(void *)job;
    struct fg_server *server = call->server;
    const struct fg_relay *relay = &server->options.relay;
    struct fg_relayed_answer answer = {0};
    struct fg_error err = {0};
    struct fg_relayed_request request = {.owner = call->owner,
                                         .method = call->method,
                                         .target = call->target,
                                         .secret = call->secret,
                                         .on_behalf_of = call->on_behalf_of,
                                         .key = call->key,
                                         .if_match = call->if_match,
                                         .media = call->operation->request_media != NULL ? call->operation->request_media : FG_MEDIA_JSON,
                                         .body = call->body.data,
                                         .body_length = call->body.length,
                                         .stop = &server->relays_stop};
    fg_text_init(&answer.body);
    enum fg_code code = relay->send(relay->context, &request, &answer, &err);
    /* Of what went wrong there the caller need not know more than that it has to come again. */
    if (code == FG_OK && answer.status >= 500 && answer.status != 503)
        code = fg_fail(&err, FG_ERR_UNAVAILABLE, NULL, "%s answers %d", call->owner, answer.status);
    if (code == FG_OK)
        put_answer(call, &answer);
    else if (code != FG_ERR_MEMORY)
        code = FG_ERR_UNAVAILABLE;
    fg_text_release(&answer.body);
    fg_call_finish(call, code, &err);
    fg_call_release(call);
}

bool fg_relay_takes(struct fg_call *call)
{
    const struct fg_relay *relay = &call->server->options.relay;
    if (!(call->operation->flags & FG_OP_AT_OWNER) || relay->send == NULL || call->is_relayed || call->secret == NULL)
        return false;
    if (!relay->is_elsewhere(relay->context, fg_call_text(call, "area"), call->owner))
        return false;
    if (!fg_workers_reserve(call->server->relays)) {
        struct fg_error busy;
        fg_answer_code(call, fg_fail(&busy, FG_ERR_BUSY, NULL, "too many requests wait for other servers"), &busy);
        return true;
    }
    fg_call_defer(call);
    atomic_fetch_add(&call->holders, 1);
    call->job.run = run;
    fg_workers_push(call->server->relays, &call->job);
    return true;
}

enum fg_code fg_relays_start(struct fg_server *server, struct fg_error *err)
{
    if (server->options.relay.send == NULL)
        return FG_OK;
    return fg_workers_create(RELAYS, server->options.queue_limit, &server->relays, err);
}

void fg_relays_stop(struct fg_server *server)
{
    atomic_store(&server->relays_stop, true);
    fg_workers_destroy(server->relays);
    server->relays = NULL;
}

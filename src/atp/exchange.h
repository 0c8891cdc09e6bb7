/* The exchange: the trading engines of this node, one for each market area that it could lease.
 *
 * A keeper thread looks every FG_EXCHANGE_TICK_MS at the list of areas: it takes the lease of each one that nobody holds
 * (so a dead server's areas are served elsewhere at most lease_s + 2 ticks later), starts its engine, and for the areas
 * it serves
 *   - opens and closes delivery periods by the rules of the area's products (gate.h); closures are handed to the engine
 *     ahead of time with the instant they are due, so that nothing stamped later gets in
 *   - sends what has changed of the approved capabilities (facts.h), and new locations
 *   - where trading is network-aware, makes a new network state when the network, an operating point or a condition has
 *     changed (network_state.h), and brings the traffic light up to date
 *   - holds capability for contracts, enters their orders and withdraws them (exchange_contract.c)
 *   - reprices or withdraws unmatched requests as their buyers have planned (exchange_request.c)
 *   - ends trading sessions that are silent for longer than their time-out, cancelling their orders
 *   - deletes events older than the retention.
 * Before an area is opened to callers its gates, capabilities and locations are brought up to date.
 *
 * Thread rule: start and stop from one thread, everything else from any. */
#ifndef FG_ATP_EXCHANGE_H
#define FG_ATP_EXCHANGE_H

#include "atp/engine.h"
#include "atp/facts.h"

#define FG_EXCHANGE_TICK_MS 500
#define FG_EVENT_RETENTION_US (INT64_C(7) * 86400 * 1000000)

struct fg_exchange_options {
    const char *store_url;
    struct fg_store_options store;
    const char *node;                   /* unique among the servers of a database, the same after a restart */
    int64_t lease_s;                    /* 0: 8 */
    size_t batch_max, queue_max;        /* of the engines; 0: their own */
    int64_t (*clock_us)(void *context); /* NULL: the system's; tests give a virtual one */
    void *clock_context;
    void (*notify)(void *context, int64_t area); /* events were committed; may be NULL; any thread */
    void *context;
};

struct fg_exchange;

/* Starts the keeper and waits until it has looked at every area once. */
enum fg_code fg_exchange_start(const struct fg_exchange_options *options, struct fg_exchange **exchange,
                               struct fg_error *err);
void fg_exchange_stop(struct fg_exchange *exchange); /* NULL is allowed; gives the leases back */

/* The registry has changed: look now. Returns when the facts are loaded and what follows from them was sent. */
void fg_exchange_refresh(struct fg_exchange *exchange);
/* The same without waiting for it. */
void fg_exchange_hint(struct fg_exchange *exchange);

/* Hand commands over to the area's engine, in order and without others between them. FG_ERR_NOT_FOUND: no such area;
 * FG_ERR_UNAVAILABLE: another node serves it (named) or nobody does; FG_ERR_BUSY: the queue is full. On failure no
 * command was taken. */
enum fg_code fg_exchange_submit(struct fg_exchange *exchange, int64_t area, struct fg_command *const *commands,
                                size_t count, struct fg_error *err);

/* The same with one command, and wait for its outcome: the code is the command's, a refusal stands in it. Sets `done` and `context`.
 * Not on the engine's own thread. */
enum fg_code fg_exchange_run(struct fg_exchange *exchange, int64_t area, struct fg_command *command, struct fg_error *err);

/* This node serves the area now. */
bool fg_exchange_serves(struct fg_exchange *exchange, int64_t area);

/* Another node does, as far as this one knows (at most a tick ago): true and its name. */
bool fg_exchange_is_elsewhere(struct fg_exchange *exchange, int64_t area, char node[FG_LEASE_NAME_MAX]);

/* What the registry says of an area; the caller releases it. FG_ERR_NOT_FOUND. */
enum fg_code fg_exchange_facts(struct fg_exchange *exchange, int64_t area, struct fg_facts **facts, struct fg_error *err);

/* ---- Trading sessions: whoever opens one has to show signs of life, else the orders entered in it are cancelled ---- */
#define FG_SESSION_TIMEOUT_MIN_S 5
#define FG_SESSION_TIMEOUT_MAX_S 3600
enum fg_code fg_exchange_session_open(struct fg_exchange *exchange, int64_t area, const struct fg_actor *actor,
                                      int64_t timeout_s, int64_t *session, struct fg_error *err);
/* FG_ERR_NOT_FOUND: no open session of this organisation. `end` closes it and cancels its orders. */
enum fg_code fg_exchange_session_beat(struct fg_exchange *exchange, int64_t area, int64_t organisation, int64_t session,
                                      bool end, struct fg_error *err);

struct fg_exchange_figures {
    size_t areas, served; /* known, and served by this node */
    uint64_t commands, batches, reloads;
    size_t queued;
};
void fg_exchange_figures(struct fg_exchange *exchange, struct fg_exchange_figures *figures);

#endif

/* Runs: long work that is asked for, waits in a table, and is done by the worker threads of a server.
 *
 *     queued -> running -> done | failed | cancelled          (docs/runs.md)
 *
 * A worker takes a run for a lease by the database's clock, which the keeper extends while the server lives. A run whose lease has
 * run out is taken again, by any server; each taking has a number (`claim`), and whoever writes without the present number
 * changes nothing. How a run ends is a command of its area's engine: state and event are one transaction, so both happen exactly
 * once. A run belongs to a market area and is taken by the server that serves this area.
 *
 * The inputs are stored before the run is taken: the network (a row is one version) and the market document (kind "market", name
 * "run-N"); so is the result (kind "run-result"). The same threads keep the schedule of auctions (auction.h).
 *
 * Thread rule: start and stop from one thread; fg_run_* on the registry's. */
#ifndef FG_ATP_RUN_H
#define FG_ATP_RUN_H

#include "atp/exchange.h"
#include "atp/registry.h"

#define FG_RUN_LEASE_S 8
#define FG_RUN_CLAIMS_MAX 5 /* a run that took so many servers with it is failed */
#define FG_RUN_DOCUMENT_INPUT "market"
#define FG_RUN_DOCUMENT_RESULT "run-result"

extern const char *const fg_run_kind_words[];  /* "powerflow", "opf", "clear", "auction" */
extern const char *const fg_run_state_words[]; /* "queued", "running", "done", "failed", "cancelled" */

/* ---- asking ---- */
struct fg_run_request {
    const char *kind;    /* powerflow, opf, clear */
    int64_t network;     /* one that the asker may see; its area is the run's */
    const char *input;   /* JSON: what else was asked for */
    const char *market;  /* clear: the market document; NULL */
    size_t market_length;
};
enum fg_code fg_run_create(struct fg_registry *registry, const struct fg_run_request *request, int64_t *id,
                           struct fg_error *err);
/* Of one's own runs; the operator also those of auctions in its areas. FG_ERR_CONFLICT: it has ended. */
enum fg_code fg_run_cancel(struct fg_registry *registry, int64_t id, struct fg_error *err);
/* The result document into `content` (initialised). FG_ERR_CONFLICT: there is none (yet). */
enum fg_code fg_run_result(struct fg_registry *registry, int64_t id, struct fg_text *content, struct fg_error *err);

/* ---- working ---- */
struct fg_runs_options {
    struct fg_platform *platform;
    struct fg_exchange *exchange;
    int threads;        /* 0: 1 */
};
struct fg_runs;
enum fg_code fg_runs_start(const struct fg_runs_options *options, struct fg_runs **runs, struct fg_error *err);
/* Work that is under way is stopped and given back. NULL is allowed. */
void fg_runs_stop(struct fg_runs *runs);

#endif

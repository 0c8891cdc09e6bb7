/* What the parts of the runs share. Internal to atp. */
#ifndef FG_ATP_RUN_INTERNAL_H
#define FG_ATP_RUN_INTERNAL_H

#include "atp/run.h"
#include "base/memory.h"
#include "toolkit/dfmct/service.h"

#include <pthread.h>
#include <stdatomic.h>

enum { RUN_PHASE = 64, RUN_LOG_MAX = 200 };

/* A run that a worker of this server has taken. */
struct run_job {
    struct fg_runs *runs;
    int64_t id, area, network, auction, organisation, claim;
    int kind; /* index in fg_run_kind_words */
    bool is_recorded;
    char input[4096];

    atomic_int stop;     /* seen by the solver: cancelled, lost, or the server stops */
    atomic_bool is_lost; /* taken by somebody else */
    atomic_bool is_unwanted;

    pthread_mutex_t mutex; /* of all below */
    bool is_active;
    int percent, told_percent;
    char phase[RUN_PHASE], told_phase[RUN_PHASE];
    int log_lines;
};

struct fg_runs {
    struct fg_runs_options options;
    struct run_job *jobs; /* one for each worker */
    pthread_t keeper;
    pthread_t *workers;
    int worker_count, started;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool is_stopping;
    int64_t *handed; /* keeper's: auctions whose closure was handed over */
    size_t handed_count, handed_capacity;
    int64_t told_us; /* keeper's: when the log was last told of rules that make no auction */
};

void run_progress(void *job, const char *phase, int percent);
/* A line of the run's log, in a transaction of the caller. */
enum fg_code run_log(struct fg_store *store, int64_t run, int64_t now_us, const char *text, struct fg_error *err);
/* Inside a write transaction: FG_ERR_FENCED when the run has been taken by somebody else. */
enum fg_code run_fence(struct fg_store *store, const struct run_job *job, struct fg_error *err);
/* End the run by a command of the engine: "done", "failed", "cancelled". */
enum fg_code run_end(struct fg_runs *runs, int64_t area, int64_t run, int64_t claim, const char *state, const char *cause,
                     struct fg_error *err);
/* The same inside another command (an auction's result). FG_REFUSAL_STATE: not this claim's any more. */
enum fg_refusal run_end_inside(struct engine_area *area, int64_t run, int64_t claim, const char *state, const char *cause,
                               struct fg_error *err, enum fg_code *code);
/* The network's bytes; `network->bytes` points into `content`. */

/* -- auction_run.c -- */
enum fg_code auction_clear(struct run_job *job, struct fg_error *err);
/* -- auction_engine.c -- */
/* The clearing has come to nothing: auction and run are failed. */
enum fg_code auction_abandon(struct fg_runs *runs, int64_t area, int64_t auction, int64_t run, int64_t claim, const char *cause,
                             struct fg_error *err);
/* The recorded result becomes trades. */
enum fg_code auction_conclude(struct fg_runs *runs, int64_t area, int64_t auction, int64_t run, int64_t claim, struct fg_error *err);
/* -- auction_schedule.c: closures and recurring auctions of the areas that this server serves -- */
void auction_keep(struct fg_runs *runs);

#endif

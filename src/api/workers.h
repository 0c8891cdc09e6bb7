/* Workers: threads that run jobs from one bounded queue, first come first served. A place is reserved before the job is
 * pushed, so that pushing cannot fail. Thread rule: reserve and push from any thread; create and destroy from one. */
#ifndef FG_API_WORKERS_H
#define FG_API_WORKERS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct fg_job {
    void (*run)(struct fg_job *job);
    struct fg_job *next;
};
struct fg_workers;
enum fg_code fg_workers_create(int threads, size_t limit, struct fg_workers **workers, struct fg_error *err);
/* False when `limit` jobs are waiting. */
bool fg_workers_reserve(struct fg_workers *workers);
void fg_workers_push(struct fg_workers *workers, struct fg_job *job);
size_t fg_workers_waiting(struct fg_workers *workers);
/* Runs what is queued, then joins the threads. */
void fg_workers_destroy(struct fg_workers *workers);

#endif

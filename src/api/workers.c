#include "api/workers.h"

#include "base/memory.h"

#include <pthread.h>
#include <string.h>

struct fg_workers {
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct fg_job *first, **last;
    size_t places, limit; /* reserved or waiting */
    bool is_closing;
    int count;
    pthread_t threads[];
};

static void *work(void *argument)
{
    struct fg_workers *workers = argument;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (workers->first == NULL && !workers->is_closing)
            pthread_cond_wait(&workers->some, &workers->lock);
        struct fg_job *job = workers->first;
        if (job == NULL)
            break;
        workers->first = job->next;
        if (workers->first == NULL)
            workers->last = &workers->first;
        workers->places--;
        pthread_mutex_unlock(&workers->lock);
        job->run(job);
        pthread_mutex_lock(&workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

enum fg_code fg_workers_create(int threads, size_t limit, struct fg_workers **out, struct fg_error *err)
{
    struct fg_workers *workers = fg_alloc(1, sizeof *workers + (size_t)threads * sizeof(pthread_t));
    if (workers == NULL)
        return fg_fail_memory(err);
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->some, NULL);
    workers->last = &workers->first;
    workers->limit = limit;
    for (; workers->count < threads; workers->count++) {
        int error = pthread_create(&workers->threads[workers->count], NULL, work, workers);
        if (error != 0) {
            fg_workers_destroy(workers);
            return fg_fail(err, FG_ERR_BUSY, NULL, "cannot start a thread: %s; raise the limit of threads", strerror(error));
        }
    }
    *out = workers;
    return FG_OK;
}

bool fg_workers_reserve(struct fg_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    bool ok = workers->places < workers->limit;
    if (ok)
        workers->places++;
    pthread_mutex_unlock(&workers->lock);
    return ok;
}

void fg_workers_push(struct fg_workers *workers, struct fg_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&workers->lock);
    *workers->last = job;
    workers->last = &job->next;
    pthread_cond_signal(&workers->some);
    pthread_mutex_unlock(&workers->lock);
}

size_t fg_workers_waiting(struct fg_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    size_t places = workers->places;
    pthread_mutex_unlock(&workers->lock);
    return places;
}

void fg_workers_destroy(struct fg_workers *workers)
{
    if (workers == NULL)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->is_closing = true;
    pthread_cond_broadcast(&workers->some);
    pthread_mutex_unlock(&workers->lock);
    for (int i = 0; i < workers->count; i++)
        pthread_join(workers->threads[i], NULL);
    pthread_mutex_destroy(&workers->lock);
    pthread_cond_destroy(&workers->some);
    fg_free(workers);
}

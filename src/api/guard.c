#include "api/guard.h"

#include "base/instant.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct fg_socket {
    struct fg_socket *next, *previous;
    int descriptor;
    atomic_llong deadline_ms; /* of fg_clock_seconds; 0: none */
};
struct fg_guard {
    pthread_mutex_t lock;
    pthread_cond_t closing;
    pthread_t thread;
    bool is_closing;
    struct fg_socket *first;
    size_t count, late;
};

static long long deadline_in(double seconds)
{
    return seconds > 0 ? (long long)((fg_clock_seconds() + seconds) * 1000) : 0;
}

static void *watch(void *argument)
{
    struct fg_guard *guard = argument;
    pthread_mutex_lock(&guard->lock);
    while (!guard->is_closing) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 500000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&guard->closing, &guard->lock, &until);
        long long now = deadline_in(1e-9);
        for (struct fg_socket *socket = guard->first; socket != NULL; socket = socket->next) {
            long long deadline = atomic_load(&socket->deadline_ms);
            if (deadline != 0 && deadline <= now) {
                atomic_store(&socket->deadline_ms, 0);
                guard->late++;
                shutdown(socket->descriptor, SHUT_RDWR);
            }
        }
    }
    pthread_mutex_unlock(&guard->lock);
    return NULL;
}

enum fg_code fg_guard_create(struct fg_guard **out, struct fg_error *err)
{
    struct fg_guard *guard = fg_alloc(1, sizeof *guard);
    if (guard == NULL)
        return fg_fail_memory(err);
    pthread_mutex_init(&guard->lock, NULL);
    pthread_cond_init(&guard->closing, NULL);
    int error = pthread_create(&guard->thread, NULL, watch, guard);
    if (error != 0) {
        fg_free(guard);
        return fg_fail(err, FG_ERR_BUSY, NULL, "cannot start a thread: %s; raise the limit of threads", strerror(error));
    }
    *out = guard;
    return FG_OK;
}

void fg_guard_destroy(struct fg_guard *guard)
{
    if (guard == NULL)
        return;
    pthread_mutex_lock(&guard->lock);
    guard->is_closing = true;
    pthread_cond_signal(&guard->closing);
    pthread_mutex_unlock(&guard->lock);
    pthread_join(guard->thread, NULL);
    pthread_mutex_destroy(&guard->lock);
    pthread_cond_destroy(&guard->closing);
    fg_free(guard);
}

struct fg_socket *fg_guard_open(struct fg_guard *guard, int descriptor, double seconds)
{
    struct fg_socket *socket = fg_alloc(1, sizeof *socket);
    if (socket == NULL)
        return NULL;
    socket->descriptor = descriptor;
    atomic_store(&socket->deadline_ms, deadline_in(seconds));
    pthread_mutex_lock(&guard->lock);
    socket->next = guard->first;
    if (guard->first != NULL)
        guard->first->previous = socket;
    guard->first = socket;
    guard->count++;
    pthread_mutex_unlock(&guard->lock);
    return socket;
}

void fg_guard_close(struct fg_guard *guard, struct fg_socket *socket)
{
    if (socket == NULL)
        return;
    pthread_mutex_lock(&guard->lock);
    if (socket->previous != NULL)
        socket->previous->next = socket->next;
    else
        guard->first = socket->next;
    if (socket->next != NULL)
        socket->next->previous = socket->previous;
    guard->count--;
    pthread_mutex_unlock(&guard->lock);
    fg_free(socket);
}

void fg_guard_allow(struct fg_socket *socket, double seconds)
{
    if (socket != NULL)
        atomic_store(&socket->deadline_ms, deadline_in(seconds));
}

void fg_guard_drop(struct fg_guard *guard, struct fg_socket *socket)
{
    if (socket == NULL)
        return;
    pthread_mutex_lock(&guard->lock);
    shutdown(socket->descriptor, SHUT_RDWR);
    pthread_mutex_unlock(&guard->lock);
}

size_t fg_guard_count(struct fg_guard *guard)
{
    pthread_mutex_lock(&guard->lock);
    size_t count = guard->count;
    pthread_mutex_unlock(&guard->lock);
    return count;
}

size_t fg_guard_late(struct fg_guard *guard)
{
    pthread_mutex_lock(&guard->lock);
    size_t late = guard->late;
    pthread_mutex_unlock(&guard->lock);
    return late;
}

/* What the threads of the gateway share. Internal to gateway. */
#ifndef FG_GATEWAY_GATEWAY_INTERNAL_H
#define FG_GATEWAY_GATEWAY_INTERNAL_H

#include "gateway/gateway.h"
#include "store/lease.h"

#include <pthread.h>

enum { GATEWAY_SENDERS = 4 }; /* of webhooks */
enum { GATEWAY_FORWARDER, GATEWAY_SENDER, GATEWAY_AGENTS = GATEWAY_SENDER + GATEWAY_SENDERS, GATEWAY_THREADS };

struct gateway_thread {
    struct fg_gateway *gateway;
    pthread_t thread;
    bool has_started;
    uint64_t woken; /* wakes that were seen */
    int share;      /* of several threads that do the same */
    void (*look)(struct gateway_thread *thread);
    void *memory; /* the thread's own */
};

struct fg_gateway {
    struct fg_gateway_options options;
    struct gateway_thread threads[GATEWAY_THREADS];
    pthread_mutex_t mutex; /* of the wakes */
    pthread_cond_t wake;
    uint64_t wakes;
    atomic_bool stop;
};

/* Pause before attempt `attempts` + 1, in microseconds: doubling from 1 s to `longest_s`, and up to a quarter more. */
int64_t gateway_pause_us(int attempts, int64_t longest_s);
int64_t gateway_monotonic_us(void);
/* Work that one node of the database does: a connection of the thread's own, and the lease that its transactions are fenced by. */
struct gateway_lease {
    struct fg_store *store; /* NULL: not opened yet */
    struct fg_lease lease;  /* epoch 0: not held */
    int64_t renewed_us, retry_us; /* monotonic; retry: not before */
};
/* Hold `name` for `seconds` from now or from lately; after a failure it is not tried again before `retry_s`. */
enum fg_code gateway_lease_hold(struct gateway_lease *held, const struct fg_gateway *gateway, const char *name, int64_t seconds,
                                int64_t retry_s, struct fg_error *err);
/* The work ended with `code`: what that means for lease and connection, and a line in the log where it is a failure. */
void gateway_lease_judge(struct gateway_lease *held, enum fg_code code, const char *event, const struct fg_error *err);
void gateway_lease_end(struct gateway_lease *held); /* gives it back */

/* Does a failure concern all the work of the thread, and not only the item at hand? */
static inline bool gateway_is_over(enum fg_code code)
{
    return code == FG_ERR_BUSY || code == FG_ERR_FENCED || code == FG_ERR_UNAVAILABLE || code == FG_ERR_OUTCOME ||
           code == FG_ERR_INTERRUPTED || code == FG_ERR_MEMORY || code == FG_ERR_FULL;
}

/* -- forwarder.c -- */
void gateway_forward(struct gateway_thread *thread);
void gateway_forward_release(struct gateway_thread *thread);
/* -- webhook_sender.c -- */
void gateway_send(struct gateway_thread *thread);
void gateway_send_release(struct gateway_thread *thread);
/* -- agent_runner.c -- */
void gateway_run_agents(struct gateway_thread *thread);
void gateway_run_agents_release(struct gateway_thread *thread);

#endif

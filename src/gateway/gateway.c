#include "gateway/gateway_internal.h"

#include "atp/secret.h"
#include "base/memory.h"

#include <string.h>
#include <time.h>

int64_t gateway_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t gateway_pause_us(int attempts, int64_t longest_s)
{
    uint32_t dice;
    int64_t pause_s = attempts < 20 ? INT64_C(1) << (attempts > 0 ? attempts - 1 : 0) : longest_s;
    if (pause_s > longest_s)
        pause_s = longest_s;
    fg_secret_random(&dice, sizeof dice);
    return pause_s * 1000000 + pause_s * 250000 * (int64_t)(dice % 1000) / 1000;
}

/* A busy area wakes often: a pause between two looks keeps them cheap. */
enum { PAUSE_MS = 100 };

static void wait_for_wake(struct gateway_thread *thread)
{
    struct fg_gateway *gateway = thread->gateway;
    struct timespec until;
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += FG_GATEWAY_TICK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&gateway->mutex);
    while (!atomic_load(&gateway->stop) && thread->woken == gateway->wakes &&
           pthread_cond_timedwait(&gateway->wake, &gateway->mutex, &until) == 0)
        ;
    thread->woken = gateway->wakes;
    pthread_mutex_unlock(&gateway->mutex);
}

static void *run(void *argument)
{
    struct gateway_thread *thread = argument;
    while (!atomic_load(&thread->gateway->stop)) {
        thread->look(thread);
        wait_for_wake(thread);
    }
    return NULL;
}

enum fg_code fg_gateway_start(const struct fg_gateway_options *options, struct fg_gateway **out, struct fg_error *err)
{
    pthread_condattr_t attributes;
    struct fg_gateway *gateway = *out = fg_alloc(1, sizeof *gateway);
    if (gateway == NULL)
        return fg_fail_memory(err);
    fg_http_init();
    gateway->options = *options;
    pthread_mutex_init(&gateway->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&gateway->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    for (int i = 0; i < GATEWAY_THREADS; i++) {
        struct gateway_thread *thread = &gateway->threads[i];
        thread->gateway = gateway;
        thread->look = i == GATEWAY_FORWARDER ? gateway_forward : i == GATEWAY_AGENTS ? gateway_run_agents : gateway_send;
        thread->share = thread->look == gateway_send ? i - GATEWAY_SENDER : 0;
        thread->has_started = pthread_create(&thread->thread, NULL, run, thread) == 0;
        if (!thread->has_started) {
            fg_gateway_stop(gateway);
            *out = NULL;
            return fg_fail_memory(err);
        }
    }
    return FG_OK;
}

void fg_gateway_stop(struct fg_gateway *gateway)
{
    if (gateway == NULL)
        return;
    pthread_mutex_lock(&gateway->mutex);
    atomic_store(&gateway->stop, true);
    pthread_cond_broadcast(&gateway->wake);
    pthread_mutex_unlock(&gateway->mutex);
    for (int i = 0; i < GATEWAY_THREADS; i++)
        if (gateway->threads[i].has_started)
            pthread_join(gateway->threads[i].thread, NULL);
    gateway_forward_release(&gateway->threads[GATEWAY_FORWARDER]);
    for (int i = 0; i < GATEWAY_SENDERS; i++)
        gateway_send_release(&gateway->threads[GATEWAY_SENDER + i]);
    gateway_run_agents_release(&gateway->threads[GATEWAY_AGENTS]);
    pthread_cond_destroy(&gateway->wake);
    pthread_mutex_destroy(&gateway->mutex);
    fg_free(gateway);
}

void fg_gateway_wake(struct fg_gateway *gateway)
{
    if (gateway == NULL)
        return;
    pthread_mutex_lock(&gateway->mutex);
    gateway->wakes++;
    pthread_cond_broadcast(&gateway->wake);
    pthread_mutex_unlock(&gateway->mutex);
}

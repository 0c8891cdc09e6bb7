#include "api/limiter.h"

#include "base/memory.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

enum { SETS = 16384, WAYS = 4, LOCKS = 64 };

struct bucket {
    uint64_t key; /* 0: free */
    double tokens, at;
    struct fg_rate rate;
};
struct fg_limiter {
    unsigned char hash_key[crypto_shorthash_KEYBYTES];
    pthread_mutex_t locks[LOCKS];
    struct bucket buckets[SETS][WAYS];
};

enum fg_code fg_limiter_create(struct fg_limiter **limiter, struct fg_error *err)
{
    *limiter = fg_alloc(1, sizeof **limiter);
    if (*limiter == NULL)
        return fg_fail_memory(err);
    randombytes_buf((*limiter)->hash_key, sizeof (*limiter)->hash_key);
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&(*limiter)->locks[i], NULL);
    return FG_OK;
}

void fg_limiter_destroy(struct fg_limiter *limiter)
{
    if (limiter == NULL)
        return;
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&limiter->locks[i]);
    fg_free(limiter);
}

static double tokens_at(const struct bucket *bucket, double now)
{
    double tokens = bucket->tokens + (now - bucket->at) * bucket->rate.per_second;
    return tokens < bucket->rate.burst ? tokens : bucket->rate.burst;
}

static struct bucket *bucket_of(struct bucket set[WAYS], uint64_t key, struct fg_rate rate, double now)
{
    struct bucket *victim = &set[0];
    double fullest = -1;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        double fill = set[i].key == 0 ? 2 : tokens_at(&set[i], now) / set[i].rate.burst;
        if (fill > fullest) {
            fullest = fill;
            victim = &set[i];
        }
    }
    *victim = (struct bucket){.key = key, .tokens = rate.burst, .at = now, .rate = rate};
    return victim;
}

bool fg_limiter_take(struct fg_limiter *limiter, const char *key, struct fg_rate rate, double cost, double now,
                     struct fg_rate_state *state)
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key, strlen(key), limiter->hash_key);
    size_t set = hash % SETS;
    hash |= 1; /* never "free" */
    pthread_mutex_t *lock = &limiter->locks[set % LOCKS];
    pthread_mutex_lock(lock);
    struct bucket *bucket = bucket_of(limiter->buckets[set], hash, rate, now);
    bucket->rate = rate;
    bucket->tokens = tokens_at(bucket, now);
    bucket->at = now;
    bool ok = bucket->tokens >= cost;
    if (ok)
        bucket->tokens -= cost;
    state->remaining = bucket->tokens;
    state->wait_seconds = ok ? 0 : (cost - bucket->tokens) / rate.per_second;
    pthread_mutex_unlock(lock);
    return ok;
}

#include "atp/platform.h"
#include "base/memory.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

enum { ATTEMPTS = 8, PAUSE_MS = 5, IDLE_MAX = 32 };

struct fg_platform {
    struct fg_platform_options options;
    pthread_mutex_t mutex; /* of the idle connections */
    struct fg_store *idle[IDLE_MAX];
    size_t idle_count;
};

static int64_t system_clock_us(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

enum fg_code fg_platform_create(const struct fg_platform_options *options, struct fg_platform **out, struct fg_error *err)
{
    *out = NULL;
    enum fg_code code = fg_secret_init(err);
    if (code != FG_OK)
        return code;
    struct fg_platform *platform = fg_alloc(1, sizeof *platform);
    if (platform == NULL)
        return fg_fail_memory(err);
    platform->options = *options;
    if (options->clock_us == NULL)
        platform->options.clock_us = system_clock_us;
    pthread_mutex_init(&platform->mutex, NULL);
    /* The first connection migrates if it may; the others find the tables there. */
    code = fg_store_open(options->store_url, &options->store, &platform->idle[0], err);
    if (code != FG_OK) {
        fg_platform_destroy(platform);
        return code;
    }
    platform->idle_count = 1;
    platform->options.store.migrate = platform->options.store.create = false;
    *out = platform;
    return FG_OK;
}

void fg_platform_destroy(struct fg_platform *platform)
{
    if (platform == NULL)
        return;
    for (size_t i = 0; i < platform->idle_count; i++)
        fg_store_close(platform->idle[i]);
    pthread_mutex_destroy(&platform->mutex);
    fg_secret_wipe(&platform->options.secret, sizeof platform->options.secret);
    fg_free(platform);
}

int64_t fg_platform_now_us(const struct fg_platform *platform)
{
    return platform->options.clock_us(platform->options.clock_context);
}

const struct fg_platform_options *fg_platform_options(const struct fg_platform *platform)
{
    return &platform->options;
}

static enum fg_code borrow(struct fg_platform *platform, struct fg_store **store, struct fg_error *err)
{
    *store = NULL;
    pthread_mutex_lock(&platform->mutex);
    if (platform->idle_count > 0)
        *store = platform->idle[--platform->idle_count];
    pthread_mutex_unlock(&platform->mutex);
    return *store != NULL ? FG_OK
                          : fg_store_open(platform->options.store_url, &platform->options.store, store, err);
}

static void give_back(struct fg_platform *platform, struct fg_store *store, bool is_sound)
{
    pthread_mutex_lock(&platform->mutex);
    if (is_sound && platform->idle_count < IDLE_MAX) {
        platform->idle[platform->idle_count++] = store;
        store = NULL;
    }
    pthread_mutex_unlock(&platform->mutex);
    fg_store_close(store);
}

enum fg_code fg_platform_run(struct fg_platform *platform, enum fg_store_mode mode, fg_platform_work *work, void *context,
                             struct fg_error *err)
{
    enum fg_code code = FG_ERR_BUSY;
    for (int attempt = 0; code == FG_ERR_BUSY && attempt < ATTEMPTS; attempt++) {
        struct fg_store *store;
        if (attempt > 0) {
            struct timespec pause = {0, (long)PAUSE_MS * 1000000L << (attempt - 1)};
            if (pause.tv_nsec >= 1000000000L)
                pause = (struct timespec){1, 0};
            nanosleep(&pause, NULL);
        }
        if ((code = borrow(platform, &store, err)) != FG_OK)
            return code;
        code = fg_store_begin(store, mode, err);
        if (code == FG_OK)
            code = work(platform, store, context, err);
        if (code == FG_OK && mode == FG_STORE_WRITE)
            code = fg_store_commit(store, err);
        else
            fg_store_rollback(store);
        give_back(platform, store, code != FG_ERR_UNAVAILABLE && code != FG_ERR_OUTCOME);
    }
    if (code == FG_ERR_OUTCOME)
        return fg_fail(err, FG_ERR_UNAVAILABLE, NULL,
                       "the database did not say whether the change was stored; look before you repeat it");
    return code;
}

enum fg_code fg_platform_audit(struct fg_platform *platform, struct fg_store *store, const struct fg_actor *actor,
                               const char *action, const char *object, const char *detail, struct fg_error *err)
{
    struct fg_audit_entry entry = {.time_us = fg_platform_now_us(platform), .actor = *actor, .action = action,
                                   .object = object, .detail = detail};
    return fg_audit_write(store, FG_AUDIT_REGISTRY, &entry, err);
}

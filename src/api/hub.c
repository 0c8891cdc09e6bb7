#include "api/hub.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"

#include <ctype.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { RING = 4096, READ_MOST = 512 };
#define HEARTBEAT_SECONDS 15.0
#define SLOW_SECONDS 15.0
#define POLL_SECONDS 1.0 /* events that other nodes committed, restored areas */

struct ring_event {
    char *frame; /* "event: ...\ndata: ...\n\n" */
    size_t frame_length;
    char *scope; /* inside the same block; NULL: everybody */
};

/* Areas are added, never removed, so the list is walked without a lock. The ring holds [first, next). */
struct area {
    struct area *next_area;
    char name[65];
    pthread_rwlock_t lock; /* ring, first, next, epoch */
    struct ring_event ring[RING];
    uint64_t first;
    atomic_uint_fast64_t next, epoch;
    atomic_bool is_dirty;
};

struct position {
    struct area *area;
    uint64_t epoch, sequence; /* of the last event that was passed */
};

struct fg_subscriber {
    struct fg_hub *hub;
    struct fg_subscriber *next, *previous;
    struct MHD_Connection *connection;
    struct fg_socket *socket;
    struct fg_principal principal;

    pthread_mutex_t lock; /* everything below */
    struct position positions[FG_STREAM_AREAS_MAX];
    size_t area_count, turn;
    struct fg_text pending; /* formatted, from `sent` on not yet given to libmicrohttpd */
    size_t sent;
    double last_read, last_sent;
    bool is_suspended, is_ready_sent, is_heartbeat_due, is_closing, is_last_sent;
};

struct fg_hub {
    struct fg_event_source source;
    const struct fg_seal_key *seal_key;
    struct fg_guard *guard;
    _Atomic(struct area *) areas;
    pthread_mutex_t lock; /* list of subscribers */
    struct fg_subscriber *subscribers;
    size_t subscriber_count;
    pthread_mutex_t notify_lock;
    pthread_cond_t notified;
    bool is_notified, is_ending;
    atomic_bool is_closing;
    pthread_t thread;
    atomic_uint_fast64_t events_sent, resets_sent, dropped_slow;
};

/* ---- cursors: "epoch.sequence.area;..." sealed ---- */
#define CURSOR_TEXT ((size_t)FG_STREAM_AREAS_MAX * 110)

static void cursor_write(const struct fg_hub *hub, const struct position *positions, size_t count, char *out, size_t size)
{
    char text[CURSOR_TEXT] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIx64 ".%" PRIx64 ".%s", i > 0 ? ";" : "",
                                 positions[i].epoch, positions[i].sequence, positions[i].area->name);
    fg_seal(hub->seal_key, "events", text, out, size);
}

/* The cursor's position in an area; false when the area is not in it. */
static bool cursor_find(const char *text, const char *area, uint64_t *epoch, uint64_t *sequence)
{
    while (*text != '\0') {
        size_t part = strcspn(text, ";");
        int read = 0;
        size_t length = strlen(area);
        if (sscanf(text, "%" SCNx64 ".%" SCNx64 ".%n", epoch, sequence, &read) == 2 && (size_t)read <= part &&
            part - (size_t)read == length && strncmp(text + read, area, length) == 0)
            return true;
        text += part;
        text += *text == ';';
    }
    return false;
}

/* ---- areas ---- */
static struct area *area_find(struct fg_hub *hub, const char *name)
{
    struct area *area = atomic_load(&hub->areas);
    while (area != NULL && strcmp(area->name, name) != 0)
        area = area->next_area;
    return area;
}

static enum fg_code area_get(struct fg_hub *hub, const char *name, struct area **out, struct fg_error *err)
{
    uint64_t oldest, newest, epoch;
    enum fg_code code = hub->source.range(hub->source.context, name, &oldest, &newest, &epoch, err);
    if (code != FG_OK)
        return code;
    pthread_mutex_lock(&hub->lock);
    struct area *area = area_find(hub, name);
    if (area == NULL && (area = fg_alloc(1, sizeof *area)) != NULL) {
        snprintf(area->name, sizeof area->name, "%s", name);
        pthread_rwlock_init(&area->lock, NULL);
        area->first = newest + 1;
        atomic_store(&area->next, newest + 1);
        atomic_store(&area->epoch, epoch);
        area->next_area = atomic_load(&hub->areas);
        atomic_store(&hub->areas, area);
    }
    pthread_mutex_unlock(&hub->lock);
    *out = area;
    return area != NULL ? FG_OK : fg_fail_memory(err);
}

static void ring_clear(struct area *area, uint64_t next)
{
    for (uint64_t s = area->first; s < atomic_load(&area->next); s++) {
        fg_free(area->ring[s % RING].frame);
        area->ring[s % RING] = (struct ring_event){0};
    }
    area->first = next;
    atomic_store(&area->next, next);
}

/* One event into the ring; a failure or a gap ends the reading, it is tried again at the next round. */
static bool ring_take(void *context, const struct fg_event *event)
{
    struct area *area = context;
    uint64_t next = atomic_load(&area->next);
    if (event->sequence != next)
        return false;
    size_t type_length = strlen(event->type), scope_length = event->scope != NULL ? strlen(event->scope) : 0;
    size_t size = type_length + event->data_length + scope_length + 40;
    char *frame = fg_alloc(size, 1);
    if (frame == NULL)
        return false;
    struct ring_event entry = {.frame = frame};
    entry.frame_length = (size_t)snprintf(frame, size, "event: %s\ndata: %.*s\n\n", event->type, (int)event->data_length,
                                          event->data);
    if (event->scope != NULL) {
        entry.scope = frame + entry.frame_length + 1;
        memcpy(entry.scope, event->scope, scope_length + 1);
    }
    pthread_rwlock_wrlock(&area->lock);
    if (next - area->first == RING) {
        fg_free(area->ring[area->first % RING].frame);
        area->first++;
    }
    area->ring[next % RING] = entry;
    atomic_store(&area->next, next + 1);
    pthread_rwlock_unlock(&area->lock);
    return true;
}

/* Bring the ring up to what is committed. */
static void area_read(struct fg_hub *hub, struct area *area)
{
    struct fg_error err;
    uint64_t oldest, newest, epoch;
    enum fg_code code = hub->source.range(hub->source.context, area->name, &oldest, &newest, &epoch, &err);
    if (code == FG_OK && (epoch != atomic_load(&area->epoch) || newest + 1 < atomic_load(&area->next) ||
                          oldest > atomic_load(&area->next))) {
        pthread_rwlock_wrlock(&area->lock);
        ring_clear(area, newest + 1);
        atomic_store(&area->epoch, epoch);
        pthread_rwlock_unlock(&area->lock);
    }
    while (code == FG_OK && atomic_load(&area->next) <= newest) {
        uint64_t before = atomic_load(&area->next);
        code = hub->source.read(hub->source.context, area->name, before - 1, READ_MOST, ring_take, area, &err);
        if (atomic_load(&area->next) == before)
            break;
    }
    if (code != FG_OK)
        fg_log(FG_LOG_WARNING, "events.unreadable", FG_LOG_TEXT("area", area->name), FG_LOG_TEXT("text", err.text));
}

/* ---- formatting for one subscriber (its lock is held) ---- */
static void put_id(struct fg_subscriber *subscriber)
{
    char id[FG_SEAL_SIZE(CURSOR_TEXT)];
    cursor_write(subscriber->hub, subscriber->positions, subscriber->area_count, id, sizeof id);
    fg_text_puts(&subscriber->pending, "id: ");
    fg_text_puts(&subscriber->pending, id);
    fg_text_puts(&subscriber->pending, "\n");
}

static bool may_read(const struct fg_subscriber *subscriber, const struct area *area, const char *scope)
{
    const struct fg_event_source *source = &subscriber->hub->source;
    return source->may_read == NULL || source->may_read(source->context, &subscriber->principal, area->name, scope);
}

static void put_event(struct fg_subscriber *subscriber, struct position *at, uint64_t sequence, const char *frame,
                      size_t length, const char *scope)
{
    at->sequence = sequence;
    if (!may_read(subscriber, at->area, scope))
        return;
    put_id(subscriber);
    fg_text_append(&subscriber->pending, frame, length);
    atomic_fetch_add_explicit(&subscriber->hub->events_sent, 1, memory_order_relaxed);
}

static void put_reset(struct fg_subscriber *subscriber, struct position *at, uint64_t epoch, uint64_t newest,
                      const char *reason)
{
    at->epoch = epoch;
    at->sequence = newest;
    put_id(subscriber);
    fg_text_printf(&subscriber->pending, "event: reset\ndata: {\"area\":\"%s\",\"reason\":\"%s\",\"sequence\":\"%" PRIu64 "\"}\n\n",
                   at->area->name, reason, newest);
    atomic_fetch_add_explicit(&subscriber->hub->resets_sent, 1, memory_order_relaxed);
}

struct catch_up {
    struct fg_subscriber *subscriber;
    struct position *at;
    size_t room;
    bool is_gap;
};

static bool catch_up_take(void *context, const struct fg_event *event)
{
    struct catch_up *catch_up = context;
    struct fg_text frame;
    if (event->sequence != catch_up->at->sequence + 1) {
        catch_up->is_gap = true;
        return false;
    }
    fg_text_init(&frame);
    fg_text_printf(&frame, "event: %s\ndata: %.*s\n\n", event->type, (int)event->data_length, event->data);
    if (frame.failed)
        catch_up->subscriber->pending.failed = true;
    else
        put_event(catch_up->subscriber, catch_up->at, event->sequence, frame.data, frame.length, event->scope);
    fg_text_release(&frame);
    return !catch_up->subscriber->pending.failed && catch_up->subscriber->pending.length < catch_up->room;
}

enum filling { FILL_MORE, FILL_WAIT, FILL_FAILED };

/* Events older than the ring, from the source. */
static enum filling fill_from_source(struct fg_subscriber *subscriber, struct position *at, size_t room)
{
    const struct fg_event_source *source = &subscriber->hub->source;
    struct catch_up catch_up = {.subscriber = subscriber, .at = at, .room = room};
    struct fg_error err;
    uint64_t oldest, newest, epoch, before = at->sequence;
    if (source->range(source->context, at->area->name, &oldest, &newest, &epoch, &err) != FG_OK)
        return FILL_FAILED;
    if (epoch != at->epoch || newest <= at->sequence) {
        atomic_store(&at->area->is_dirty, true); /* restored just now: the hub's thread has to see it first */
        return FILL_WAIT;
    }
    if (oldest <= at->sequence + 1 &&
        source->read(source->context, at->area->name, at->sequence, READ_MOST, catch_up_take, &catch_up, &err) != FG_OK)
        return FILL_FAILED;
    if (oldest > at->sequence + 1 || catch_up.is_gap)
        put_reset(subscriber, at, epoch, newest, "retention");
    return at->sequence != before ? FILL_MORE : FILL_FAILED;
}

static bool fill_from_area(struct fg_subscriber *subscriber, struct position *at, size_t room)
{
    struct area *area = at->area;
    enum filling filling = FILL_MORE;
    while (filling == FILL_MORE && subscriber->pending.length < room && !subscriber->pending.failed) {
        pthread_rwlock_rdlock(&area->lock);
        uint64_t next = atomic_load(&area->next), epoch = atomic_load(&area->epoch);
        bool is_in_ring = at->epoch == epoch && at->sequence + 1 >= area->first && at->sequence + 1 < next;
        if (is_in_ring) {
            const struct ring_event *event = &area->ring[(at->sequence + 1) % RING];
            put_event(subscriber, at, at->sequence + 1, event->frame, event->frame_length, event->scope);
        } else if (at->epoch != epoch) {
            put_reset(subscriber, at, epoch, next - 1, "restored");
            is_in_ring = true;
        }
        pthread_rwlock_unlock(&area->lock);
        if (is_in_ring)
            continue;
        if (at->sequence + 1 >= next)
            break;
        filling = fill_from_source(subscriber, at, room);
    }
    return filling != FILL_FAILED;
}

static void fill(struct fg_subscriber *subscriber, size_t room)
{
    subscriber->pending.length = subscriber->sent = 0;
    if (!subscriber->is_ready_sent) {
        put_id(subscriber);
        fg_text_puts(&subscriber->pending, "event: ready\ndata: {}\n\n");
        subscriber->is_ready_sent = true;
    }
    /* The areas take turns, so that a busy one does not hold back the others. */
    for (size_t i = 0; i < subscriber->area_count; i++) {
        struct position *at = &subscriber->positions[(subscriber->turn + i) % subscriber->area_count];
        if (!fill_from_area(subscriber, at, room))
            subscriber->is_closing = true;
    }
    subscriber->turn++;
    if (subscriber->is_heartbeat_due) {
        for (size_t i = 0; i < subscriber->area_count; i++)
            if (!may_read(subscriber, subscriber->positions[i].area, NULL))
                subscriber->is_closing = true;
        if (subscriber->pending.length == 0) {
            put_id(subscriber); /* without data no event, but the browser keeps the id */
            fg_text_puts(&subscriber->pending, ": heartbeat\n\n");
        }
        subscriber->is_heartbeat_due = false;
    }
    if (subscriber->is_closing)
        fg_text_puts(&subscriber->pending, "retry: 1000\n\n");
}

ssize_t fg_subscriber_read(void *context, uint64_t offset, char *buffer, size_t size)
{
    (void)offset;
    struct fg_subscriber *subscriber = context;
    pthread_mutex_lock(&subscriber->lock);
    double now = fg_clock_seconds();
    subscriber->last_read = now;
    if (subscriber->sent == subscriber->pending.length && !subscriber->is_last_sent)
        fill(subscriber, size);
    ssize_t result = 0;
    size_t left = subscriber->pending.length - subscriber->sent;
    if (subscriber->pending.failed) {
        result = MHD_CONTENT_READER_END_WITH_ERROR; /* out of memory: the client comes back with its cursor */
    } else if (left > 0) {
        size_t part = left < size ? left : size;
        memcpy(buffer, subscriber->pending.data + subscriber->sent, part);
        subscriber->sent += part;
        subscriber->last_sent = now;
        result = (ssize_t)part;
        if (subscriber->is_closing)
            subscriber->is_last_sent = true; /* nothing more is formatted */
    } else if (subscriber->is_closing) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        subscriber->is_suspended = true;
        MHD_suspend_connection(subscriber->connection);
    }
    pthread_mutex_unlock(&subscriber->lock);
    return result;
}

/* ---- the hub's thread ---- */
static bool is_behind(const struct fg_subscriber *subscriber)
{
    for (size_t i = 0; i < subscriber->area_count; i++) {
        const struct position *at = &subscriber->positions[i];
        if (at->epoch != atomic_load(&at->area->epoch) || at->sequence + 1 < atomic_load(&at->area->next))
            return true;
    }
    return false;
}

static void wake_all(struct fg_hub *hub, double now)
{
    pthread_mutex_lock(&hub->lock);
    for (struct fg_subscriber *s = hub->subscribers; s != NULL; s = s->next) {
        if (s->connection == NULL)
            continue;
        pthread_mutex_lock(&s->lock);
        if (atomic_load(&hub->is_closing))
            s->is_closing = true;
        if (s->is_suspended && now - s->last_sent >= HEARTBEAT_SECONDS)
            s->is_heartbeat_due = true;
        if (s->is_suspended && (s->is_heartbeat_due || s->is_closing || is_behind(s))) {
            s->is_suspended = false;
            s->last_read = now;
            MHD_resume_connection(s->connection);
        } else if (!s->is_suspended && now - s->last_read > SLOW_SECONDS) {
            /* The socket is full and the client does not read. What it has got ends with an id to go on from. */
            s->last_read = now;
            fg_guard_drop(hub->guard, s->socket);
            atomic_fetch_add(&hub->dropped_slow, 1);
        }
        pthread_mutex_unlock(&s->lock);
    }
    pthread_mutex_unlock(&hub->lock);
}

static void wait_for_news(struct fg_hub *hub, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(seconds * 1e9);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&hub->notify_lock);
    while (!hub->is_notified && !hub->is_ending &&
           pthread_cond_timedwait(&hub->notified, &hub->notify_lock, &until) == 0)
        ;
    hub->is_notified = false;
    pthread_mutex_unlock(&hub->notify_lock);
}

static void *run(void *context)
{
    struct fg_hub *hub = context;
    double last_poll = fg_clock_seconds();
    for (bool is_ending = false; !is_ending;) {
        wait_for_news(hub, 0.5);
        double begun = fg_clock_seconds();
        bool is_poll = begun - last_poll >= POLL_SECONDS;
        if (is_poll)
            last_poll = begun;
        for (struct area *area = atomic_load(&hub->areas); area != NULL; area = area->next_area)
            if (atomic_exchange(&area->is_dirty, false) || is_poll)
                area_read(hub, area);
        wake_all(hub, fg_clock_seconds());
        pthread_mutex_lock(&hub->notify_lock);
        is_ending = hub->is_ending;
        pthread_mutex_unlock(&hub->notify_lock);
        /* What is committed within a tick goes out together: one wake-up and one TLS record for many events. */
        double left = FG_HUB_TICK_SECONDS - (fg_clock_seconds() - begun);
        if (left > 0 && !is_ending)
            nanosleep(&(struct timespec){.tv_nsec = (long)(left * 1e9)}, NULL);
    }
    return NULL;
}

static void wake_hub(struct fg_hub *hub)
{
    pthread_mutex_lock(&hub->notify_lock);
    hub->is_notified = true;
    pthread_cond_signal(&hub->notified);
    pthread_mutex_unlock(&hub->notify_lock);
}

void fg_hub_notify(struct fg_hub *hub, const char *name)
{
    struct area *area = area_find(hub, name);
    if (area != NULL && !atomic_exchange(&area->is_dirty, true))
        wake_hub(hub);
}

enum fg_code fg_hub_create(const struct fg_event_source *source, const struct fg_seal_key *seal_key, struct fg_guard *guard,
                           struct fg_hub **out, struct fg_error *err)
{
    struct fg_hub *hub = fg_alloc(1, sizeof *hub);
    if (hub == NULL)
        return fg_fail_memory(err);
    hub->source = *source;
    hub->seal_key = seal_key;
    hub->guard = guard;
    pthread_mutex_init(&hub->lock, NULL);
    pthread_mutex_init(&hub->notify_lock, NULL);
    pthread_cond_init(&hub->notified, NULL);
    int error = pthread_create(&hub->thread, NULL, run, hub);
    if (error != 0) {
        fg_free(hub);
        return fg_fail(err, FG_ERR_BUSY, NULL, "cannot start a thread: %s; raise the limit of threads", strerror(error));
    }
    *out = hub;
    return FG_OK;
}

void fg_hub_close(struct fg_hub *hub)
{
    atomic_store(&hub->is_closing, true);
    wake_hub(hub);
}

void fg_hub_destroy(struct fg_hub *hub)
{
    if (hub == NULL)
        return;
    pthread_mutex_lock(&hub->notify_lock);
    hub->is_ending = true;
    pthread_cond_signal(&hub->notified);
    pthread_mutex_unlock(&hub->notify_lock);
    pthread_join(hub->thread, NULL);
    struct area *area = atomic_load(&hub->areas);
    while (area != NULL) {
        struct area *next = area->next_area;
        ring_clear(area, atomic_load(&area->next));
        pthread_rwlock_destroy(&area->lock);
        fg_free(area);
        area = next;
    }
    pthread_mutex_destroy(&hub->lock);
    pthread_mutex_destroy(&hub->notify_lock);
    pthread_cond_destroy(&hub->notified);
    fg_free(hub);
}

/* ---- subscribing ---- */
static enum fg_code add_area(struct fg_subscriber *subscriber, const char *name, size_t length, const char *cursor,
                             struct fg_error *err)
{
    struct fg_hub *hub = subscriber->hub;
    char id[65];
    if (length == 0 || length >= sizeof id || subscriber->area_count == FG_STREAM_AREAS_MAX)
        return fg_fail(err, FG_ERR_VALUE, NULL, "`areas` must be 1 to %d identifiers separated by commas", FG_STREAM_AREAS_MAX);
    memcpy(id, name, length);
    id[length] = '\0';
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)id[i]) && strchr("._:-", id[i]) == NULL)
            return fg_fail(err, FG_ERR_VALUE, NULL, "`areas` must be identifiers separated by commas");
    struct position *at = &subscriber->positions[subscriber->area_count];
    for (size_t i = 0; i < subscriber->area_count; i++)
        if (strcmp(subscriber->positions[i].area->name, id) == 0)
            return fg_fail(err, FG_ERR_VALUE, NULL, "`areas` names \"%s\" twice", id);
    enum fg_code code = area_get(hub, id, &at->area, err);
    if (code != FG_OK)
        return code;
    if (!may_read(subscriber, at->area, NULL))
        return fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no area \"%s\"", id);
    uint64_t oldest, newest, epoch;
    code = hub->source.range(hub->source.context, id, &oldest, &newest, &epoch, err);
    if (code != FG_OK)
        return code;
    if (cursor == NULL || !cursor_find(cursor, id, &at->epoch, &at->sequence)) {
        at->epoch = epoch;
        at->sequence = newest;
    }
    subscriber->area_count++;
    /* Beyond what is there: the cursor is from before a restore. An epoch that no area has makes the reset. */
    if (at->epoch == epoch && at->sequence > newest)
        at->epoch = epoch - 1;
    return FG_OK;
}

enum fg_code fg_hub_subscribe(struct fg_hub *hub, const struct fg_principal *principal, const char *areas,
                              const char *cursor, struct fg_subscriber **out, struct fg_error *err)
{
    char text[CURSOR_TEXT];
    if (atomic_load(&hub->is_closing))
        return fg_fail(err, FG_ERR_BUSY, NULL, "the server is stopping");
    if (cursor != NULL && !fg_unseal(hub->seal_key, "events", cursor, text, sizeof text))
        return fg_fail(err, FG_ERR_VALUE, NULL, "the event cursor is not one of this server; take a new snapshot and its cursor");
    struct fg_subscriber *subscriber = fg_alloc(1, sizeof *subscriber);
    if (subscriber == NULL)
        return fg_fail_memory(err);
    subscriber->hub = hub;
    subscriber->principal = *principal;
    subscriber->last_read = subscriber->last_sent = fg_clock_seconds();
    pthread_mutex_init(&subscriber->lock, NULL);
    enum fg_code code = FG_OK;
    for (const char *at = areas; code == FG_OK; at++) {
        size_t length = strcspn(at, ",");
        code = add_area(subscriber, at, length, cursor != NULL ? text : NULL, err);
        at += length;
        if (*at == '\0')
            break;
    }
    pthread_mutex_lock(&hub->lock);
    subscriber->next = hub->subscribers;
    if (hub->subscribers != NULL)
        hub->subscribers->previous = subscriber;
    hub->subscribers = subscriber;
    hub->subscriber_count++;
    pthread_mutex_unlock(&hub->lock);
    if (code != FG_OK)
        fg_subscriber_destroy(subscriber);
    else
        *out = subscriber;
    return code;
}

void fg_subscriber_attach(struct fg_subscriber *subscriber, struct MHD_Connection *connection, struct fg_socket *socket)
{
    pthread_mutex_lock(&subscriber->hub->lock);
    subscriber->connection = connection;
    subscriber->socket = socket;
    subscriber->last_read = fg_clock_seconds();
    pthread_mutex_unlock(&subscriber->hub->lock);
}

void fg_subscriber_destroy(void *context)
{
    struct fg_subscriber *subscriber = context;
    struct fg_hub *hub = subscriber->hub;
    pthread_mutex_lock(&hub->lock);
    if (subscriber->previous != NULL)
        subscriber->previous->next = subscriber->next;
    else
        hub->subscribers = subscriber->next;
    if (subscriber->next != NULL)
        subscriber->next->previous = subscriber->previous;
    hub->subscriber_count--;
    pthread_mutex_unlock(&hub->lock);
    pthread_mutex_destroy(&subscriber->lock);
    fg_text_release(&subscriber->pending);
    fg_free(subscriber);
}

struct fg_hub_counts fg_hub_count(struct fg_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    struct fg_hub_counts counts = {.subscribers = hub->subscriber_count};
    pthread_mutex_unlock(&hub->lock);
    counts.events_sent = atomic_load(&hub->events_sent);
    counts.resets_sent = atomic_load(&hub->resets_sent);
    counts.dropped_slow = atomic_load(&hub->dropped_slow);
    return counts;
}

enum fg_code fg_hub_cursor(struct fg_hub *hub, const char *area, uint64_t sequence, char *out, size_t size,
                           struct fg_error *err)
{
    struct position at = {.sequence = sequence};
    enum fg_code code = area_get(hub, area, &at.area, err);
    if (code != FG_OK)
        return code;
    at.epoch = atomic_load(&at.area->epoch);
    cursor_write(hub, &at, 1, out, size);
    return FG_OK;
}

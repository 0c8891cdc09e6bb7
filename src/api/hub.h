/* The hub of event streams: thousands of subscribers, each following some areas with its own rights.
 *
 * Events are read once from the source into a ring per area; a subscriber writes from the ring at its own pace, from the
 * source when it is further behind. Each event's id is a sealed cursor over all areas of the stream, so that a client
 * that comes back with Last-Event-ID misses nothing and sees nothing twice. New events are sent at most
 * FG_HUB_TICK_SECONDS after the notification, together.
 *
 * A stream sends: `id`, `event`, `data` of events; `event: ready` at the start; `event: reset` with the area and the reason ("retention",
 * "restored") when events after the cursor are no longer there, and the client needs a new snapshot; a heartbeat with
 * the cursor every 15 s; `retry` before the server stops. A client that does not read for 15 s is disconnected.
 * Thread rule: any thread; create and destroy from one. */
#ifndef FG_API_HUB_H
#define FG_API_HUB_H

#include "atp/access.h"
#include "api/guard.h"
#include "api/seal.h"
#include "api/server.h"

#include <sys/types.h>

#define FG_HUB_TICK_SECONDS 0.05
#define FG_STREAM_AREAS_MAX 32

struct fg_hub;
struct fg_subscriber;

enum fg_code fg_hub_create(const struct fg_event_source *source, const struct fg_seal_key *seal_key, struct fg_guard *guard,
                           struct fg_hub **hub, struct fg_error *err);
void fg_hub_notify(struct fg_hub *hub, const char *area);

/* `areas` is separated by commas; `cursor` NULL: from now on. FG_ERR_VALUE: bad cursor or list; FG_ERR_NOT_FOUND: no such
 * area, or it may not be read. */
enum fg_code fg_hub_subscribe(struct fg_hub *hub, const struct fg_principal *principal, const char *areas,
                              const char *cursor, struct fg_subscriber **subscriber, struct fg_error *err);
/* Before the response is queued: the connection that is suspended and resumed. */
struct MHD_Connection;
void fg_subscriber_attach(struct fg_subscriber *subscriber, struct MHD_Connection *connection, struct fg_socket *socket);
/* Content reader of libmicrohttpd, and its end. */
ssize_t fg_subscriber_read(void *subscriber, uint64_t offset, char *buffer, size_t size);
void fg_subscriber_destroy(void *subscriber);

struct fg_hub_counts {
    size_t subscribers;
    uint64_t events_sent, resets_sent, dropped_slow;
};
struct fg_hub_counts fg_hub_count(struct fg_hub *hub);

/* End all streams with a hint to come back; returns at once. */
void fg_hub_close(struct fg_hub *hub);
void fg_hub_destroy(struct fg_hub *hub); /* after the last subscriber has gone */

/* A cursor for the state after event `sequence` of an area, for snapshots. `size` at least FG_CURSOR_SIZE. */
#define FG_CURSOR_SIZE 256
enum fg_code fg_hub_cursor(struct fg_hub *hub, const char *area, uint64_t sequence, char *out, size_t size,
                           struct fg_error *err);

#endif

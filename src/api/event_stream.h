/* Event streams of the market areas, read from the committed events of the database. Thread rule: any thread. */
#ifndef FG_API_EVENT_STREAM_H
#define FG_API_EVENT_STREAM_H

#include "api/application.h"
#include "api/server.h"

/* Areas are named "area-1"; the epoch is the database's incarnation, so that cursors from before a restore are noticed. */
struct fg_event_source fg_event_stream_source(struct fg_application *application);

#endif

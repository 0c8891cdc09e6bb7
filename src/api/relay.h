/* Requests for an area that another server owns (FG_OP_AT_OWNER) are passed on to it with the caller's credentials and key; its answer
 * is the answer. The owner is asked once: a request that was passed on is not passed on again, and what is not known to have been
 * carried out is answered with 503, to be repeated with the same Idempotency-Key. Threads of their own wait for the owner, so that
 * one that hangs holds up nothing else. */
#ifndef FG_API_RELAY_H
#define FG_API_RELAY_H

#include "api/internal.h"

#define FG_RELAY_HEADER "Flexgrid-Relayed" /* the name of the server that passes it on */

enum fg_code fg_relays_start(struct fg_server *server, struct fg_error *err); /* nothing to do without options.relay */
void fg_relays_stop(struct fg_server *server); /* ends calls under way */

/* True: the request belongs to another server; it is on its way there, or has its answer. On the worker's thread, once the request is
 * known to be valid. */
bool fg_relay_takes(struct fg_call *call);

#endif

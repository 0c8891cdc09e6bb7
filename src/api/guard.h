/* Guard: every open connection with the deadline of what it does now (sending headers, sending a body, taking the
 * answer). A thread shuts down the sockets that are late; libmicrohttpd alone only sees silence, so a client that drips
 * bytes would never end. Thread rule: any thread. */
#ifndef FG_API_GUARD_H
#define FG_API_GUARD_H

#include "base/error.h"

#include <stddef.h>

struct fg_guard;
struct fg_socket;

enum fg_code fg_guard_create(struct fg_guard **guard, struct fg_error *err);
void fg_guard_destroy(struct fg_guard *guard); /* after the last connection is closed */

/* NULL when out of memory; the other functions accept NULL. */
struct fg_socket *fg_guard_open(struct fg_guard *guard, int descriptor, double seconds);
void fg_guard_close(struct fg_guard *guard, struct fg_socket *socket); /* before the descriptor is closed */
/* From now on the socket has `seconds`; 0: no limit. */
void fg_guard_allow(struct fg_socket *socket, double seconds);
/* Shut the socket down now. */
void fg_guard_drop(struct fg_guard *guard, struct fg_socket *socket);

size_t fg_guard_count(struct fg_guard *guard);
size_t fg_guard_late(struct fg_guard *guard); /* shut down for being late, since the start */

#endif

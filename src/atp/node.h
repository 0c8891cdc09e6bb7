/* The servers of one database: where each is reached by the others, and how it is recognised. A server says so when it starts and when
 * it has another certificate; who owns an area is said by the lease (store/lease.h). Thread rule: platform.h. */
#ifndef FG_ATP_NODE_H
#define FG_ATP_NODE_H

#include "atp/platform.h"

#define FG_NODE_URL_TEXT 512
#define FG_NODE_PIN_TEXT 64 /* "sha256//" and 44 characters */

struct fg_node {
    char url[FG_NODE_URL_TEXT]; /* "https://host:port" */
    char pin[FG_NODE_PIN_TEXT]; /* of the public key; "": none */
};
/* This server is reached at `url`; NULL: not by others. FG_ERR_VALUE: too long. */
enum fg_code fg_node_announce(struct fg_platform *platform, const char *url, const char *pin, struct fg_error *err);
/* FG_ERR_NOT_FOUND: it has not said so. */
enum fg_code fg_node_find(struct fg_platform *platform, const char *name, struct fg_node *node, struct fg_error *err);

#endif

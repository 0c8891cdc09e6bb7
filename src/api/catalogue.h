/* The catalogue: all sets of operations of the platform, for the server and for the command line's client. A new set is
 * added to the list in catalogue.c; the server's own set (operations_server.h) is first. */
#ifndef FG_API_CATALOGUE_H
#define FG_API_CATALOGUE_H

#include "api/operation.h"

extern const struct fg_operation_set *const fg_catalogue[]; /* NULL-terminated */

/* NULL when there is no such operation. */
const struct fg_operation *fg_catalogue_find(const char *id);

#endif

/* Operations of the server itself, and the rights that they need. Every server has them. */
#ifndef FG_API_OPERATIONS_SERVER_H
#define FG_API_OPERATIONS_SERVER_H

#include "api/operation.h"

extern const struct fg_operation_set fg_server_operations;
extern const struct fg_access_table fg_server_access;

#endif

/* A network from the bytes of a file of any format that is understood (grid/network_read.h reads files).
 * Thread rule: none shared. */
#ifndef FG_TOOLKIT_DFMCT_NETWORK_BYTES_H
#define FG_TOOLKIT_DFMCT_NETWORK_BYTES_H

#include "base/error.h"

#include <stddef.h>

struct fg_network;

/* `format` is one of fg_network_formats; NULL or another word: told by the content. `folder` takes a file while it is read;
 * errors do not name it. The network is the caller's (fg_network_destroy). */
enum fg_code fg_network_of_bytes(const char *bytes, size_t length, const char *format, const char *folder,
                                 struct fg_network **network, struct fg_error *err);

#endif

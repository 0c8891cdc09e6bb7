/* The project's own network format: JSON, version 1, every field of the model (docs/network-format.md).
 *
 * Strict: unknown members, duplicate keys, wrong types and dangling references are errors at file#/pointer. A member
 * that is left out has the model's default; the writer leaves defaults out. What is written reads back equal to the
 * last bit. Thread rule: none shared. */
#ifndef FG_GRID_NETWORK_JSON_H
#define FG_GRID_NETWORK_JSON_H

#include "base/text.h"
#include "grid/network.h"

#define FG_NETWORK_JSON_VERSION 1

/* On success *network is the caller's (fg_network_destroy) and validated; on failure it is NULL. Plain or gzip. */
enum fg_code fg_network_json_read(const char *path, struct fg_network **network, struct fg_error *err);
/* The same from memory; `place` names the text in errors. */
enum fg_code fg_network_json_parse(const char *bytes, size_t length, const char *place, struct fg_network **network,
                                   struct fg_error *err);

/* Write the whole file or nothing. */
enum fg_code fg_network_json_write(const struct fg_network *network, const char *path, struct fg_error *err);
enum fg_code fg_network_json_format(const struct fg_network *network, struct fg_text *text, struct fg_error *err);

#endif

/* Reading a network of any format that is understood: MATPOWER, the own JSON, pandapower, power-grid-model, SimBench.
 */
#ifndef FG_GRID_NETWORK_READ_H
#define FG_GRID_NETWORK_READ_H

#include "grid/network.h"

/* Read the network at `path`. `format` is one of fg_network_formats, or NULL to tell it from what is there: a folder
 * with Node.csv is SimBench; JSON is told by its members; "mpc." marks a MATPOWER case; gzip is unpacked.
 * On success *network is the caller's (fg_network_destroy), validated, with its import report in the notes; on failure
 * it is NULL and err names the place. Thread rule: none shared. */
enum fg_code fg_network_read(const char *path, const char *format, struct fg_network **network, struct fg_error *err);

/* The same from memory, for every format that is one document; `place` names it in errors. A word that is no format: told by the
 * content. Packed bytes are unpacked. Places of the import report begin behind the name (":12", "#/bus/3"). */
enum fg_code fg_network_read_bytes(const char *bytes, size_t length, const char *format, const char *place,
                                   struct fg_network **network, struct fg_error *err);

/* "flexgrid", "matpower", ...; NULL-terminated. */
extern const char *const fg_network_formats[];

/* fg_network_validate for readers: errors about an element get the place "file#element id". */
enum fg_code fg_network_validate_file(struct fg_network *network, const char *place, struct fg_error *err);

#endif

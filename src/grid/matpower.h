/* MATPOWER case files (.m, case format version 2): reader and writer.
 *
 * Source of the format and its meaning: R. D. Zimmerman and C. E. Murillo-Sanchez, "MATPOWER User's Manual",
 * appendix B (Data File Format), and the functions bustypes, makeYbus, makeAang and runpf of MATPOWER for what the
 * manual leaves open. docs/networks.md says what becomes of each column. Thread rule: none shared. */
#ifndef FG_GRID_MATPOWER_H
#define FG_GRID_MATPOWER_H

#include "base/text.h"
#include "grid/network.h"

/* Files above this size are refused. */
#define FG_MATPOWER_MAX_BYTES ((size_t)64 << 20)

/* Read a case file (plain or gzip). On success *network is the caller's (fg_network_destroy), validated, with its
 * import report in the notes; on failure it is NULL and err names file:line. Code in the file is executed (matlab.h).
 */
enum fg_code fg_matpower_read(const char *path, struct fg_network **network, struct fg_error *err);

/* The same from memory; `place` names the text in errors and notes. */
enum fg_code fg_matpower_parse(const char *bytes, size_t length, const char *place, struct fg_network **network,
                               struct fg_error *err);

/* Write a case file. Numbers are written so that they read back exactly. What the format cannot hold is converted to
 * its equivalent or left out, and then named by a note added to the network's report (which is why it is not const);
 * what has no equivalent (current- and impedance-dependent loads) is an error. */
enum fg_code fg_matpower_write(struct fg_network *network, const char *path, struct fg_error *err);
enum fg_code fg_matpower_format(struct fg_network *network, struct fg_text *text, struct fg_error *err);

#endif

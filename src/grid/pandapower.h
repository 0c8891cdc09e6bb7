/* Reader of pandapower networks in JSON (pandapower.to_json), format versions 2.0 to 3.x.
 *
 * The electrical model is pandapower's own with its default options: line pi with f_hz, transformers as T-model turned
 * into pi, phase shifts counted, iron losses of three-winding transformers at their loss_side, bus-bus switches with
 * z_ohm as impedances of R/X = 2. (L. Thurner et al., "pandapower - An Open-Source Python Tool for Convenient Modeling,
 * Analysis, and Optimization of Electric Power Systems", IEEE Trans. Power Syst. 33(6), 2018.)
 *
 * Ids: a bus has its table index ("17"), every other element its table's name and index ("line_3", "gen_0"); the star
 * point of trafo3w 2 is the bus "trafo3w_2_star" with the branches "trafo3w_2_hv", "_mv", "_lv". What the model does
 * not hold is a note in the network's report or, where it would change a power flow, refused by name
 * (FG_ERR_UNSUPPORTED). See docs/networks.md. Places are "file#/_object/line/_object/data/3/5": row 3, column 5 of the
 * table `line`. */
#ifndef FG_GRID_PANDAPOWER_H
#define FG_GRID_PANDAPOWER_H

#include "base/error.h"

#include <stddef.h>

struct fg_network;

/* On success *network is the caller's (fg_network_destroy), validated; on failure it is NULL.
 * Thread rule: reentrant. Cost: linear in the file, n log n in the elements. */
enum fg_code fg_pandapower_read(const char *path, struct fg_network **network, struct fg_error *err);
enum fg_code fg_pandapower_parse(const char *bytes, size_t length, const char *place, struct fg_network **network,
                                 struct fg_error *err);

#endif

/* Reader of power-grid-model datasets in JSON (type "input", version 1.0), and of update batches on top of them.
 *
 * The electrical model is that of power-grid-model's symmetric calculation: sources behind their short-circuit
 * impedance, lines as pi with loss factor, transformers by uk, pk, i0, p0 with clock and tap, three-winding
 * transformers as star, asymmetric loads as the sum of their phases, links as ideal connections. (Power Grid Model
 * documentation, "Components", power-grid-model.readthedocs.io.) The system frequency, no part of the file, is 50 Hz.
 *
 * Ids are the numbers of the file. The ideal voltage of source 7 sits at the inner bus "7_inner" behind branch "7";
 * three-winding transformer 4 has the star bus "4_star" and the branches "4_1", "4_2", "4_3" from its nodes to the
 * star. A voltage regulator makes its load or generator a generator of the network, a tap regulator a regulating tap
 * changer. See docs/networks.md. Places are "file#/data/line/3/r1" or, for rows as lists, "file#/data/line/3/6". */
#ifndef FG_GRID_PGM_H
#define FG_GRID_PGM_H

#include "base/error.h"

#include <stddef.h>

struct fg_network;

/* On success *network is the caller's (fg_network_destroy), validated; on failure it is NULL.
 * Thread rule: reentrant. Cost: linear in the file, n log n in the components. */
enum fg_code fg_pgm_read(const char *path, struct fg_network **network, struct fg_error *err);
enum fg_code fg_pgm_parse(const char *bytes, size_t length, const char *place, struct fg_network **network,
                          struct fg_error *err);

/* Input and update batch together: one network per scenario, each the input with that scenario's values in place. */
struct fg_pgm_batch;
enum fg_code fg_pgm_batch_open(const char *input_path, const char *update_path, struct fg_pgm_batch **batch,
                               struct fg_error *err);
void fg_pgm_batch_close(struct fg_pgm_batch *batch);
size_t fg_pgm_batch_count(const struct fg_pgm_batch *batch);
enum fg_code fg_pgm_batch_network(const struct fg_pgm_batch *batch, size_t scenario, struct fg_network **network,
                                  struct fg_error *err);

#endif

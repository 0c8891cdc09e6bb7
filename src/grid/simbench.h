/* Reader of SimBench data sets: a folder of CSV files (Node.csv, Line.csv, ...; plain or .csv.gz) with a year of
 * profiles.
 *
 * (S. Meinecke et al., "SimBench - A Benchmark Dataset of Electric Power Systems to Compare Innovative Solutions Based
 * on Power Flow Analysis", Energies 13(12), 2020; format: simbench.de, "Documentation".) Powers are MW and Mvar, r and
 * x ohm/km, b uS/km, currents A. Transformers are T-models as in pandapower, which computes SimBench's own results.
 *
 * Ids are the format's own. See docs/networks.md for what becomes of each table. Places are "folder/Line.csv:7, column
 * type". Memory: the network and the series that elements refer to; a year of 15 minutes has 35,136 steps. */
#ifndef FG_GRID_SIMBENCH_H
#define FG_GRID_SIMBENCH_H

#include "grid/network.h"

/* Whether a folder holds Node.csv or Node.csv.gz. */
bool fg_simbench_is_folder(const char *folder);

/* The network alone. On success *network is the caller's (fg_network_destroy), validated; on failure it is NULL.
 * Thread rule: reentrant. */
enum fg_code fg_simbench_read(const char *folder, struct fg_network **network, struct fg_error *err);

/* Network, profiles and study cases. Thread rule: read-only after opening, to be shared freely. */
struct fg_simbench;
enum fg_code fg_simbench_open(const char *folder, struct fg_simbench **set, struct fg_error *err);
void fg_simbench_close(struct fg_simbench *set);

/* The same from memory; `name` is "Node.csv" and so on. The bytes are not kept. */
struct fg_simbench_file {
    const char *name, *bytes;
    size_t length;
};
enum fg_code fg_simbench_parse(const struct fg_simbench_file *files, size_t count, struct fg_simbench **set,
                               struct fg_error *err);

const struct fg_network *fg_simbench_network(const struct fg_simbench *set); /* belongs to the set */

/* Time steps of the profiles (0 without profiles) and their labels as in the file, e.g. "01.01.2016 00:15". */
size_t fg_simbench_step_count(const struct fg_simbench *set);
const char *fg_simbench_time(const struct fg_simbench *set, size_t step);

/* Powers of all elements, arrays with the network's counts, each may be NULL: loads follow their p and q profiles, all
 * else its p profile; an element without profile keeps its value. Injection is positive, as in the network. They fit
 * struct fg_powerflow_input. */
struct fg_simbench_powers {
    double *injection_p_mw, *injection_q_mvar; /* per injection */
    double *generator_p_mw;                    /* per generator */
    double *storage_p_mw;                      /* per storage */
};
void fg_simbench_at_step(const struct fg_simbench *set, size_t step, const struct fg_simbench_powers *powers);

/* Study cases ("hL": high load, "lPV": low load and much sun, ...): factors on loads, wind, sun and other generation,
 * and the voltage of the external grid (NAN when the file gives none). */
size_t fg_simbench_case_count(const struct fg_simbench *set);
const char *fg_simbench_case_name(const struct fg_simbench *set, size_t study_case);
void fg_simbench_at_case(const struct fg_simbench *set, size_t study_case, const struct fg_simbench_powers *powers,
                         double *slack_vm_pu);

#endif

/* Scenarios of a power flow from a CSV file: what changes at each time step or in each scenario.
 *
 * One row is one element in one step:
 *
 *   step,id,kind,p_mw,q_mvar          `step` may also be called `time` or `scenario`; its text names the step
 *   2030-01-01 00:00,7,load,-0.25,-0.05
 *
 * `id` is an injection (load or static generator), generator, storage or bus of the network; `kind` (load,
 * static_generator, generator, storage, bus) may be left out where only one kind of element has that id. Powers at a
 * bus come on top of its elements. Injection is positive, consumption negative. One of the two powers may be left out,
 * as a column or as an empty field; what a step does not give has the network's own value, so steps do not depend on
 * each other. Rows of a step stand together; the file may be compressed and of any length, it is read in parts.
 *
 * Thread rule: a reader belongs to one thread; its network must stay unchanged. */
#ifndef FG_GRID_SCENARIO_H
#define FG_GRID_SCENARIO_H

#include "grid/network.h"

struct fg_scenario_reader;
enum fg_code fg_scenario_open(const struct fg_network *network, const char *path, struct fg_scenario_reader **reader,
                              struct fg_error *err);
void fg_scenario_close(struct fg_scenario_reader *reader);

/* Arrays with the network's counts, as in struct fg_powerflow_input. */
struct fg_scenario_powers {
    double *injection_p_mw, *injection_q_mvar;
    double *generator_p_mw, *generator_q_mvar;
    double *storage_p_mw, *storage_q_mvar;
    double *bus_p_mw, *bus_q_mvar;
};
/* The network's own values; 0 at buses. */
void fg_scenario_set_own(const struct fg_network *network, const struct fg_scenario_powers *powers);

/* The next step into `powers`, all of them. *label lives as long as the reader; NULL after the last step. */
enum fg_code fg_scenario_next(struct fg_scenario_reader *reader, const struct fg_scenario_powers *powers,
                              const char **label, struct fg_error *err);

#endif

/* What grid_state.c makes and match_grid*.c use. Internal to dfmct. */
#ifndef FG_TOOLKIT_DFMCT_GRID_STATE_INTERNAL_H
#define FG_TOOLKIT_DFMCT_GRID_STATE_INTERNAL_H

#include "base/memory.h"
#include "grid/distribution.h"
#include "grid/powerflow.h"
#include "toolkit/dfmct/grid_state.h"

/* The network under one set of conditions. */
struct grid_variant {
    struct fg_network *network;
    struct fg_distribution *distribution;
    struct fg_powerflow *powerflow;             /* ac only, else NULL */
    bool is_swept;                              /* ac: trees with one source each, which paths describe; else by factors */
    struct fg_powerflow_result *trial;          /* ac */
    size_t state_size;
    unsigned char *active;                      /* per condition of the point */
};

struct grid_period {
    enum fg_grid_check check;
    int32_t variant;
    double *p_mw, *q_mvar; /* per network bus: injection beside the network's own, NULL: none */
    double *flow_mw;       /* dc: per branch, in the base */
    double *state;         /* ac: solved state, of the base at first */
};

struct fg_grid_state {
    struct fg_grid_model *model;
    int32_t first_period, period_count;
    struct grid_period *periods;
    struct grid_variant *variants;
    int32_t variant_count;
    int32_t *bus_of_number, number_count; /* the network's bus; -1: not in it */
    size_t ignored_count;
    int32_t unsolved_count;
};

static inline struct grid_period *grid_period_at(const struct fg_grid_state *state, int32_t period)
{
    int64_t index = (int64_t)period - state->first_period;
    return index < 0 || index >= state->period_count ? NULL : &state->periods[index];
}

/* Conditions, for whoever puts them into a network of its own. */
bool grid_condition_has(const struct fg_network *network, enum fg_grid_condition_kind kind, const char *element);
void grid_condition_apply(struct fg_network *network, const struct fg_grid_condition *condition);

#endif

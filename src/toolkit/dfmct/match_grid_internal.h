/* What match_grid.c, match_grid_dc.c and match_grid_ac.c share. Internal to dfmct. */
#ifndef FG_TOOLKIT_DFMCT_MATCH_GRID_INTERNAL_H
#define FG_TOOLKIT_DFMCT_MATCH_GRID_INTERNAL_H

#include "toolkit/dfmct/grid_state_internal.h"
#include "toolkit/dfmct/match_grid.h"

/* What one trade moves: injections at up to two buses, per watt (or var) of the trade. */
struct grid_move {
    int32_t number, bus; /* the area's and the network's */
    double sign;
};
struct grid_moves {
    struct grid_move at[2];
    int32_t count;
    bool is_reactive;
};

/* Accepted conditional requests between two buses, in one direction, taken together: calls in part are between the
 * extremes. Calls of several trades between the same buses push the same limits the same way, so the worst is all. */
struct grid_pair {
    int32_t sell, buy; /* area's numbers; buy -1: none */
    enum fg_regulation regulation;
    bool is_reactive;
    int64_t quantity_w;
};

/* Voltages per bus, powers per branch; of a slot or of a power flow's results. */
struct grid_view {
    const double *vm, *va, *pf, *qf, *pt, *qt;
};

/* What was traded in one period. */
struct grid_slot {
    int32_t period, number_count;
    int64_t *p_w, *q_var; /* by number: unconditional */
    struct grid_pair *pairs;
    size_t pair_count, pair_capacity;
    bool is_derived; /* the members below follow from the ones above and the present state */
    bool has_failed; /* ac: the period with its trades has no power flow */
    double *low_mw, *high_mw;                     /* dc: per branch, what trades add at least and at most */
    double *reserve_branch;             /* ac: GRID_RESERVES per branch, MW and Mvar, see match_grid_ac.c */
    double *reserve_up, *reserve_down;  /* ac: per bus, p.u. */
    double *values;                     /* ac: the present state as a view: 2 per bus, 4 per branch */
};

enum { GRID_RESERVES = 8 };

/* The linear response of the grid to one watt of a trade; ac. */
struct grid_response {
    double *dv;                  /* per bus, p.u. per MW */
    double *pf, *qf, *pt, *qt;   /* per branch, MW or Mvar per MW */
    int32_t *touched;            /* branches with a response */
    int32_t touched_count;
};

struct fg_match_grid {
    int64_t tick_w;
    struct fg_grid_state *state;
    struct grid_slot **slots; /* by period */
    size_t slot_count, slot_capacity;
    struct fg_match_grid_figures figures;
    bool is_out_of_memory;

    /* Work space for the present state. */
    double *factor;      /* per branch; zero between uses */
    int32_t *touched;    /* per branch */
    double *drop;        /* per branch: voltage along it per MW; zero between uses */
    double *dv_place;    /* per place */
    double *va;          /* per bus: response of angles in meshes */
    double *bus_p, *bus_q;
    double *accepted;    /* a solved state of the answer that was given last */
    struct grid_response response;
    size_t bus_count, branch_count, place_count, state_size;

    /* ac: what the variant's results hold. */
    struct grid_slot *loaded; /* the slot whose injections the power flow has; NULL: none */
    struct grid_slot *answered; /* the answer given last, with its state in `accepted`; NULL: none */
    struct fg_book_flow answered_flow;
    int64_t answered_w;
    bool is_trial_accepted; /* `trial` holds the answer's results */
};

struct grid_moves grid_moves_of(const struct fg_match_grid *match, const struct fg_book_flow *flow);

/* Largest quantity in W, at most `wanted`, that the period takes; not rounded. */
double grid_dc_most(struct fg_match_grid *match, struct grid_slot *slot, const struct grid_period *period,
                    const struct grid_moves *moves, double wanted_w);
/* Make low and high anew. False: out of memory. */
bool grid_dc_derive(struct fg_match_grid *match, struct grid_slot *slot, const struct grid_period *period);
void grid_dc_move(struct fg_match_grid *match, struct grid_slot *slot, const struct grid_period *period,
                  const struct grid_moves *moves, bool conditional, double quantity_w);
bool grid_dc_is_broken(struct fg_match_grid *match, const struct grid_slot *slot, const struct grid_period *period, int32_t bus);

/* See to the slot's present state. False: the period with its trades has no power flow, or out of memory. */
bool grid_ac_load(struct fg_match_grid *match, struct grid_slot *slot, struct grid_period *period);
/* The estimate by sensitivities alone; the period is loaded. */
double grid_ac_screen(struct fg_match_grid *match, struct grid_slot *slot, struct grid_period *period,
                      const struct grid_moves *moves, double wanted_w);
/* The confirmed answer in whole ticks; its state is kept for the commit. */
int64_t grid_ac_take(struct fg_match_grid *match, struct grid_slot *slot, struct grid_period *period,
                     const struct fg_book_flow *flow, const struct grid_moves *moves, int64_t wanted_w);
/* The results of the trial are the slot's from now on. */
void grid_ac_adopt(struct fg_match_grid *match, struct grid_slot *slot, const struct grid_period *period);
bool grid_ac_is_broken(struct fg_match_grid *match, struct grid_slot *slot, const struct grid_period *period, int32_t bus);

#endif

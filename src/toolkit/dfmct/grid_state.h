/* The state of a market area's grid as continuous trading sees it: for each delivery period the base flows or the base
 * power flow and what limits them, made outside of the book's thread and handed to it (match_grid.h).
 *
 * It is made from a network and a grid point: what every bus injects in each period, which conditions hold when (switch
 * states, outages, temporary limits), and how each period is checked. Periods under the same conditions share a variant:
 * a copy of the network with its topology, factors and power flow. What a bus injects is
 *
 *   value given for the bus, else the sum of the network's own loads, static generators, stores and dispatched generators
 *   (the reference's balance and the reactive power of generators that hold a voltage excepted).
 *
 * A grid point is written to and read from text (JSON), so that a state can be made again: the same point and network give
 * the same state to the last bit on the same program.
 *
 * Thread rule: a model may be shared, it is only read; a state belongs to one thread at a time. */
#ifndef FG_TOOLKIT_DFMCT_GRID_STATE_H
#define FG_TOOLKIT_DFMCT_GRID_STATE_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A network as it was uploaded. */
struct fg_grid_model;
enum fg_code fg_grid_model_read(const char *bytes, size_t length, const char *format, struct fg_grid_model **model,
                                struct fg_error *err);
struct fg_grid_model *fg_grid_model_hold(struct fg_grid_model *model);
void fg_grid_model_release(struct fg_grid_model *model); /* NULL is allowed */

/* How trades of a period are checked. */
enum fg_grid_check {
    FG_GRID_FREE,    /* not at all */
    FG_GRID_BLOCKED, /* nothing trades */
    FG_GRID_DC,      /* line ratings in the direct-current model */
    FG_GRID_AC       /* ratings and voltage bands in a power flow */
};

/* What differs from the network in some periods. */
enum fg_grid_condition_kind {
    FG_GRID_SWITCH,  /* element: a switch, else a branch, open or closed */
    FG_GRID_OUTAGE,  /* element: a branch or bus out of service */
    FG_GRID_RATING,  /* element: a branch; limit[0]: MVA in VA */
    FG_GRID_VOLTAGE, /* element: a bus; limit[0] and limit[1]: lowest and highest voltage, millionths of p.u. */
    FG_GRID_CONDITION_KINDS
};
extern const char *const fg_grid_condition_words[]; /* "switch", "outage", "rating", "voltage" */
struct fg_grid_condition {
    enum fg_grid_condition_kind kind;
    const char *element;
    bool is_closed;                   /* switches */
    int64_t limit[2];
    int32_t first_period, end_period; /* first_period <= period < end_period */
};
/* True when the model has the element. */
bool fg_grid_model_has(const struct fg_grid_model *model, enum fg_grid_condition_kind kind, const char *element);

/* What the network itself injects at the named bus, rounded to W and var. False: it has no such bus. */
bool fg_grid_model_own(const struct fg_grid_model *model, const char *bus, int64_t *p_w, int64_t *q_var);

#define FG_GRID_OWN INT64_MIN /* the network's own value */
struct fg_grid_point {
    int32_t first_period, period_count;
    enum fg_grid_check *check;  /* per period */
    int32_t bus_count;
    const char **buses;         /* names of the area's buses by number; some may not be in the network */
    int64_t *p_w, *q_var;       /* period x bus: net injection, or FG_GRID_OWN */
    struct fg_grid_condition *conditions;
    size_t condition_count;
    void *memory;               /* of a point that was read: fg_grid_point_release */
};
void fg_grid_point_write(const struct fg_grid_point *point, struct fg_text *text);
enum fg_code fg_grid_point_read(const char *bytes, size_t length, struct fg_grid_point *point, struct fg_error *err);
void fg_grid_point_release(struct fg_grid_point *point); /* of a point that was read */

struct fg_grid_state;
/* Conditions whose element the model does not have are passed over and counted. A period whose power flow has no solution
 * is blocked (fg_grid_state_check). `model` NULL: no period may be checked. FG_ERR_ARGUMENT: no periods, or no network. Cost: factorisations per variant, a power flow per
 * period in mode ac. */
enum fg_code fg_grid_state_create(struct fg_grid_model *model, const struct fg_grid_point *point,
                                  struct fg_grid_state **state, struct fg_error *err);
void fg_grid_state_destroy(struct fg_grid_state *state); /* NULL is allowed */

enum fg_grid_check fg_grid_state_check(const struct fg_grid_state *state, int32_t period);
size_t fg_grid_state_ignored(const struct fg_grid_state *state);    /* conditions passed over */
int32_t fg_grid_state_unsolved(const struct fg_grid_state *state);  /* periods blocked for want of a solution */

#endif

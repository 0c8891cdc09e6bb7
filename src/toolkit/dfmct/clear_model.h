/* The clearing problem in a form that the grid composition and the integer program share: variables, rows, circles and
 * effects on nodal injections. Internal to the clearing.
 *
 * Variables 0 ... column_count - 1 are the orders' columns: a piece of a price curve in one period (unit MW or Mvar),
 * or the fraction of an order that has one in all its periods. Then come the assets' P and Q, directions of zones,
 * binaries, power not served and, per period and island, the slack's P and Q.
 *
 * A node's injection is its baseline + sum over effects of coefficient x (variable - base). */
#ifndef FG_DFMCT_CLEAR_MODEL_H
#define FG_DFMCT_CLEAR_MODEL_H

#include "base/names.h"
#include "toolkit/dfmct/clear.h"

struct clear_variable {
    double lower, upper; /* before integer decisions */
    double cost;         /* currency per unit, hours included */
    double base;         /* value when nothing is accepted */
    double unit;         /* typical size */
    bool is_binary;      /* has no part in the continuous composition unless in_composition */
    bool in_composition;
};

/* Which problem a row belongs to: RELAXED rows are the projections of INTEGER rows without their binaries. */
enum clear_scope { CLEAR_BOTH, CLEAR_RELAXED, CLEAR_INTEGER };
enum clear_row_kind { CLEAR_ROW_RULE, CLEAR_ROW_BALANCE, CLEAR_ROW_MATCH, CLEAR_ROW_NEED, CLEAR_ROW_SUBSTATION };
struct clear_row {
    double lower, upper, price; /* price INFINITY: hard */
    size_t first_term;
    int32_t term_count;
    enum clear_scope scope;
    enum clear_row_kind kind;
    int32_t period;  /* of balance, match, need and substation rows */
    int32_t subject; /* match: product x 2 + regulation; balance, substation: product; need: index into needs */
    int32_t need_sign; /* need rows: +1 limits accepted up by net change, -1 accepted down */
};
struct clear_term { int32_t variable; double coefficient; };

struct clear_circle { int32_t p, q; double radius; };

struct clear_effect { int32_t period, node, variable; double p, q; }; /* MW, Mvar per unit */

struct clear_column {
    int32_t order, first, count; /* periods order->first_period + first ... */
    bool is_fraction;            /* unit is the order's fraction: amount per unit is quantity(k); else 1 */
    double price;                /* limit price of this piece, per MWh */
    double width;                /* upper bound */
};

/* A binary decision and what it means for the columns once it is taken. */
enum clear_choice_kind { CLEAR_ACCEPT, CLEAR_DIRECTION, CLEAR_ZONE_DIRECTION };
struct clear_choice {
    enum clear_choice_kind kind;
    int32_t variable;        /* the binary; an all-or-none fraction is its own */
    int32_t first_column, column_count; /* accept: the order's columns concerned (contiguous) */
    double min_fraction;     /* accept */
    int32_t row;             /* accept, several columns: RELAXED row over their sum, -1 otherwise */
    double total;            /* accept: sum of widths */
    size_t first_member;     /* direction: columns in `members`, up first */
    int32_t up_count, down_count;
};

struct clear_need { int32_t zone, node, product; }; /* zone -1: at the node */

/* Consumption of a bus in one period that may stay unserved (clear_shed.c). */
struct clear_load {
    int32_t period, bus, node, variable;
    double most_mw, q_per_p; /* reactive consumption per active */
};

/* Fixed elements of one period for the power flow, as struct fg_powerflow_input wants them. */
struct clear_elements {
    double *injection_p, *injection_q, *generator_p, *generator_q, *storage_p, *storage_q, *bus_p, *bus_q;
};

/* Price that a covering request sets for a limit in one period (per MVA or p.u. and hour). */
struct clear_cover {
    int32_t period, element; /* node or edge */
    int side;                /* -1 lower voltage, +1 upper voltage, 0 rating */
    double quantity, price;
};

/* A controllable tap and its range (low <= high). */
struct clear_tap { int32_t branch, low, high, initial; };

/* The network with its taps in one combination of positions: everything but branches is the network's. */
struct clear_setting {
    struct fg_network network;
    struct fg_topology *topology; /* numbered as the model's */
};

/* The network as it is in some periods (clear_variant.c). */
struct clear_variant {
    unsigned char *active;        /* per condition of the market */
    struct fg_network *network;   /* NULL, as the topology: the model's; a market without conditions has one such variant */
    struct fg_topology *topology;
    bool *is_out;                 /* per edge of the model: not there in these periods */
};

struct clear_model {
    const struct fg_network *network; /* with conditions: what its variants have together */
    struct fg_network *united;        /* ... which is the model's own; else NULL */
    struct clear_variant *variants; size_t variant_count;
    int32_t *variant_at;              /* period */
    bool lacks_edges;                 /* a variant does */
    const struct fg_market *market;
    struct fg_topology *topology; /* taps as in the network; nodes, edges and islands are those of all periods */
    int32_t periods;

    struct clear_tap *taps; size_t tap_count;
    int32_t *tap_position;          /* period x tap; the network's until the operator has chosen */
    struct fg_topology **topology_at; /* per period: with its tap positions (clear_model_apply_taps) */
    struct clear_setting **settings; size_t setting_count, setting_capacity;
    double hours;

    /* Baseline, period x node. */
    struct fg_opf_injection *baseline;
    double *vm_min, *vm_max;   /* variant x node: read them with clear_vm_min, clear_vm_max */
    double *vm_reference;      /* island */
    double *vm_held;           /* node: magnitude held by a generator; NAN */
    double *rate_mva;          /* variant x edge: clear_rate; INFINITY where the edge is out */
    bool *rate_is_current;     /* edge */
    struct clear_cover *covers; size_t cover_count, cover_capacity;

    struct clear_variable *variables; size_t variable_count, variable_capacity;
    struct clear_row *rows;           size_t row_count, row_capacity;
    struct clear_term *terms;         size_t term_count, term_capacity;
    struct clear_circle *circles;     size_t circle_count, circle_capacity;
    struct clear_effect *effects;     size_t effect_count, effect_capacity; /* sorted by period after the build */
    size_t *effect_start;             /* period + 1 */
    struct clear_column *columns;     size_t column_count, column_capacity;
    struct clear_choice *choices;     size_t choice_count, choice_capacity;
    int32_t *members;                 size_t member_count, member_capacity;
    struct clear_need *needs;         size_t need_count, need_capacity;
    struct clear_load *loads;         size_t load_count, load_capacity; /* that may stay unserved, by period */
    size_t *load_start;               /* period + 1 */

    int32_t *column_start; /* per flat order period: first column and number of columns */
    int32_t *order_fraction; /* per order: its fraction's column, -1 */
    int32_t *order_node;   /* per order: node of its bus, -1: none */
    int32_t *slack_p, *slack_q; /* period x island: variables */
    int32_t *asset_p, *asset_q; /* period x asset: variable, -1: its orders inject themselves */
    int32_t *need_of_order;     /* per order: index into needs, -1 */
    int32_t *baseline_element;    /* per baseline row: the element it gives */
    int32_t *bus_injection_start, *bus_injections; /* injections of each bus */
    struct clear_elements elements;    /* scratch of clear_shed_loads, as are: */
    double *gross;                     /* bus, bus, node */
    struct clear_load *load_scratch;   /* bus: its answer, which the next call overwrites */
    struct fg_names bus_names, branch_names;
    struct fg_arena arena;
    bool failed; /* out of memory while growing */
};

/* `sheds`: per period, whether power not served is in the model. */
enum fg_code clear_model_create(const struct fg_network *network, const struct fg_market *market, const bool *sheds,
                                struct clear_model **model, struct fg_error *err);
void clear_model_destroy(struct clear_model *model);

/* Growing parts; -1 and model->failed when out of memory. */
int32_t clear_model_add_variable(struct clear_model *model, double lower, double upper, double cost, double unit);
/* Integer program: tangents for the circles that the schedule x leaves, beside the polygons drawn around them; how many. */
int32_t clear_model_refine_circles(struct clear_model *model, const double *x);
int32_t clear_model_add_row(struct clear_model *model, double lower, double upper, enum clear_scope scope);
void clear_model_add_term(struct clear_model *model, int32_t variable, double coefficient); /* to the last row */
void clear_model_add_effect(struct clear_model *model, int32_t period, int32_t node, int32_t variable, double p,
                            double q);
enum fg_code clear_model_sort_effects(struct clear_model *model, struct fg_error *err);

/* Controllable taps (clear_setting.c): resolve the market's ids, FG_ERR_VALUE at the place of one that cannot move; then
 * the topology of every period at its positions, periods of equal positions sharing one. Topologies of earlier calls
 * live as long as the model. */
enum fg_code clear_model_add_taps(struct clear_model *model, struct fg_error *err);
enum fg_code clear_model_apply_taps(struct clear_model *model, struct fg_error *err);

/* Parts of the build (clear_orders.c, clear_assets.c, clear_rules.c). */
enum fg_code clear_model_add_orders(struct clear_model *model, struct fg_error *err);
enum fg_code clear_model_add_assets(struct clear_model *model, struct fg_error *err);
enum fg_code clear_model_add_rules(struct clear_model *model, struct fg_error *err);
enum fg_code clear_model_add_needs(struct clear_model *model, struct fg_error *err);
enum fg_code clear_model_add_not_served(struct clear_model *model, const bool *sheds, struct fg_error *err); /* clear_shed.c */
enum fg_code clear_model_add_slack(struct clear_model *model, struct fg_error *err);

/* Ramps, energy limits or rebound: what an asset does in one period depends on others. */
bool clear_asset_couples_time(const struct fg_asset *asset);

/* Columns of order o in its k-th period, as a range; amount per unit of a column in a period. */
void clear_model_order_columns(const struct clear_model *model, int32_t order, int32_t k, int32_t *first, int32_t *count);
double clear_model_amount(const struct clear_model *model, int32_t column, int32_t k);
/* Accepted MW of order o in its k-th period at a point. */
double clear_model_accepted(const struct clear_model *model, const double *x, int32_t order, int32_t k);
/* Call `add` for each column of the order with its share of the order's fraction (order has one fraction). */
void clear_model_add_fraction_terms(struct clear_model *model, int32_t order, double factor);

/* Bounds of variables and of accept rows under decisions: `decided` per choice -1 open, 0, 1. */
void clear_model_bounds(const struct clear_model *model, const signed char *decided, double *lower, double *upper);

/* Injections of one period at a point, per node, deviations from the baseline (MW, Mvar). */
void clear_model_deviation(const struct clear_model *model, const double *x, int32_t period, double *p_mw,
                           double *q_mvar);

enum fg_code clear_elements_create(const struct fg_network *network, struct fg_arena *arena,
                                   struct clear_elements *elements, struct fg_error *err);
void clear_elements_fill(const struct clear_model *model, int32_t period, struct clear_elements *elements);
enum fg_code clear_model_add_baseline(struct clear_model *model, struct fg_error *err);

/* -- clear_variant.c -- */
enum fg_code clear_model_add_variants(struct clear_model *model, struct fg_error *err);   /* first of all; sets the network */
enum fg_code clear_model_check_variants(struct clear_model *model, struct fg_error *err); /* after the topology */
void clear_model_variant_limits(struct clear_model *model, size_t variant);               /* after those of network and market */
void clear_model_release_variants(struct clear_model *model);

/* Limits of a period. */
static inline double clear_rate(const struct clear_model *model, int32_t period, int32_t edge)
{
    return model->rate_mva[(size_t)model->variant_at[period] * (size_t)model->topology->edge_count + (size_t)edge];
}
static inline double clear_vm_min(const struct clear_model *model, int32_t period, int32_t node)
{
    return model->vm_min[(size_t)model->variant_at[period] * (size_t)model->topology->node_count + (size_t)node];
}
static inline double clear_vm_max(const struct clear_model *model, int32_t period, int32_t node)
{
    return model->vm_max[(size_t)model->variant_at[period] * (size_t)model->topology->node_count + (size_t)node];
}

#endif

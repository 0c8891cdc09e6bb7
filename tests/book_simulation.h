/* A seeded simulator of the continuous book and the auditor that judges it.
 *
 * The auditor knows the commands, the answers and the events, keeps its own model, and shares no code with the book: it
 * predicts every refusal, checks every event, and after each command looks at every pair of orders. */
#ifndef FG_TESTS_BOOK_SIMULATION_H
#define FG_TESTS_BOOK_SIMULATION_H

#include "base/random.h"
#include "market/book.h"

enum {
    SIM_PERIODS = 8, /* longest order */
    SIM_POINTS = 3,
    SIM_GROUP = 3,
    SIM_LOCATIONS = 9,
    SIM_BUSES = 7,
    SIM_PARTICIPANTS = 6,
    SIM_PORTFOLIOS = 5,
    SIM_HORIZON = 4000 /* periods that can ever be named */
};
#define SIM_TICK INT64_C(1000)
#define SIM_STEP INT64_C(10000)

enum sim_kind {
    SIM_SUBMIT,
    SIM_AMEND,
    SIM_CANCEL,
    SIM_MASS,
    SIM_EXPIRE,
    SIM_OPEN,
    SIM_CLOSE,
    SIM_HALT,
    SIM_RESUME,
    SIM_NETWORK,
    SIM_RELOCATE,
    SIM_CAPABILITY,
    SIM_REDUCE_TRADE,
    SIM_FORWARD,
    SIM_FORWARD_END,
    SIM_FORGET,
    SIM_LIMIT,
    SIM_SETTLED,
    SIM_CONTRACTED,
    SIM_WITHDRAW,
    SIM_KINDS
};
extern const char *const sim_kind_words[SIM_KINDS];

struct sim_order {
    struct fg_book_order order; /* quantity and points are set to the arrays below before use */
    struct fg_power quantity[SIM_PERIODS];
    struct fg_price_point points[SIM_POINTS];
};
struct sim_locations {
    int32_t count, parent[SIM_LOCATIONS], link_count, links[4][2];
};
/* A radial grid: bus 0 is the root; line i joins bus i to its parent. Limits per line in W. */
struct sim_grid {
    bool is_on;
    int32_t parent[SIM_BUSES];
    int64_t limit[SIM_BUSES];
};
struct sim_command {
    enum sim_kind kind;
    int64_t time_us;
    enum fg_refusal planted; /* a flaw of form that must be refused by this key; NONE: well formed */
    struct sim_order orders[SIM_GROUP];
    size_t count;
    bool has_group;
    struct fg_book_group group;
    uint64_t id; /* order or trade */
    bool has_quantity, has_points;
    struct fg_book_amendment amendment; /* arrays are those of orders[0] */
    struct fg_book_filter filter;
    enum fg_product product;
    enum fg_regulation regulation;
    int32_t first, periods;
    enum fg_book_scope scope;
    int32_t index;
    struct sim_locations locations;
    struct sim_grid grid;
    int64_t capability, reserved, contracted, keep;
    struct fg_book_limit limit;
    enum fg_book_cause cause;
    enum fg_book_forward_end end;
    struct fg_power called[SIM_PERIODS];
};

struct sim_event {
    struct fg_book_event event;
    struct fg_book_trade trade; /* copy */
};

struct auditor;
struct auditor *auditor_create(const struct sim_locations *locations, const struct sim_grid *grid);
void auditor_destroy(struct auditor *auditor);
/* NULL: as it should be; else what is wrong. `is_thorough` compares all reads as well. */
const char *auditor_check(struct auditor *auditor, const struct sim_command *command, enum fg_refusal refusal,
                          const struct sim_event *events, size_t event_count, const struct fg_book *book,
                          bool is_thorough);
/* For the generator: what is in the model. Ids 0 when there is none. */
size_t auditor_order_count(const struct auditor *auditor);
const struct fg_book_order *auditor_order(const struct auditor *auditor, size_t index, const int64_t **filled,
                                          bool *forwarded, bool *tied);
size_t auditor_trade_count(const struct auditor *auditor);
uint64_t auditor_trade(const struct auditor *auditor, size_t index, int64_t *quantity);
bool auditor_is_open(const struct auditor *auditor, enum fg_product product, int32_t period);
int64_t auditor_free_capability(const struct auditor *auditor, int32_t portfolio, enum fg_product product,
                                enum fg_regulation regulation, int32_t period);

size_t auditor_limit_count(const struct auditor *auditor);
const struct fg_book_limit *auditor_limit(const struct auditor *auditor, size_t index);

/* Run one seed; 0 when clean. Prints the failure to stderr; `is_verbose` prints every command. */
struct sim_statistics {
    long commands, refused, trades, composite_trades, held, memory_failures;
    long by_kind[SIM_KINDS];
};
int simulate(uint64_t seed, long commands, bool is_verbose, struct sim_statistics *statistics);

#endif

/* What the parts of the exchange share. Internal to atp. */
#ifndef FG_ATP_EXCHANGE_INTERNAL_H
#define FG_ATP_EXCHANGE_INTERNAL_H

#include "atp/contract.h"
#include "atp/exchange.h"
#include "atp/network_state.h"
#include "base/memory.h"

#include <pthread.h>

struct exchange_session {
    int64_t id, organisation, timeout_us;
    int64_t heard_us;  /* monotonic */
    int64_t closed_us; /* monotonic; 0: open. Its orders are cancelled once more after a while: one may have been under way */
    bool is_silent;    /* still to be closed in the database */
};

/* What a contract is still to be entered with, in each unit whose gate is open. */
struct exchange_pending {
    const struct fg_contract_terms *contract;
    int32_t first, count;
    int64_t *quantity_w;
};

/* An area as this node sees it. The list only grows. */
struct exchange_area {
    struct exchange_area *next;
    struct fg_exchange *exchange;
    int64_t id;

    /* Under the exchange's lock. */
    bool is_open; /* callers may use the engine */
    char holder[FG_LEASE_NAME_MAX];
    struct fg_facts *facts; /* NULL: not loaded yet */
    bool is_lost;
    struct exchange_session *sessions;
    size_t session_count, session_capacity;

    /* The keeper's. */
    struct fg_engine *engine; /* NULL: not served here; callers read it while `is_open` */
    struct fg_timezone *zone;
    int64_t facts_us, cleaned_us; /* of the last load, of the last deletion */
    int64_t contracts_us;         /* facts_us when the contracts were loaded */
    int64_t told_us;              /* facts_us when tenders and contracts were looked at for events */
    int64_t settled_us;           /* of the last look at what is settled */
    bool is_fresh;                /* gates and capabilities have to be compared in full */
    uint64_t digest;              /* of the facts whose capabilities were sent */
    size_t location_count, link_count;
    struct fg_grid_model *model;  /* of `model_network`; NULL: none */
    int64_t model_network;
    int64_t network_looked_us;    /* the facts for which the network was looked at last */
    uint64_t network_digest;      /* of what the engine has */
    bool is_network_sent;         /* since the engine was started */
    bool is_network_on;           /* as it was sent */
    int32_t network_first, network_count; /* its periods */
    char *network_sources;        /* per period, see network_state.sources; NULL: none */
    int64_t lights_us, lights_checked_us; /* the facts for which the lights were made, and thought of, last */
    uint64_t lights_sequence;     /* the area's last event then */
    int32_t lights_period;        /* the period that ran then */
    bool are_lights_known;        /* `lights` are the rows */
    struct fg_light *lights;      /* what is not green, by subject, id, period */
    size_t light_count;
    struct fg_contract_terms *contracts; /* in force */
    size_t contract_count, pending_count;
    struct exchange_pending *pending; /* NULL: nothing of contracts has changed */
    uint64_t contract_digest;         /* of what `contracts_done` is about */
    bool contracts_done;
    struct fg_gate_window windows[FG_BOOK_PRODUCTS]; /* as last brought about */
    int32_t scheduled[FG_BOOK_PRODUCTS];             /* the period whose closure was handed over; INT32_MIN: none */
};

struct fg_exchange {
    struct fg_exchange_options options;
    struct fg_store *store; /* the keeper's */
    pthread_t thread;
    pthread_rwlock_t lock; /* engines of the areas: held for reading while one is used */
    struct exchange_area *areas;
    int64_t cleaned_us; /* the keeper's: of the last deletion of kept answers */

    pthread_mutex_t mutex; /* of all below, and of the sessions */
    pthread_cond_t wake, done;
    uint64_t asked, answered; /* refreshes */
    bool is_stopping;
};

/* Without a location there is nothing to trade at and no book: the area waits for a system operator. With `lock` held. */
static inline bool exchange_is_bare(const struct exchange_area *area)
{
    return area->facts != NULL && area->facts->location_count == 0;
}
enum fg_code exchange_bare(const struct exchange_area *area, struct fg_error *err); /* FG_ERR_CONFLICT with the remedy */

int64_t exchange_now_us(const struct fg_exchange *exchange);
int64_t exchange_monotonic_us(void);
/* Send commands, in order and without others between them, and wait for them (keeper only). Refusals are in the commands. */
enum fg_code exchange_run_all(struct exchange_area *area, struct fg_command *const *commands, size_t count,
                              struct fg_error *err);
enum fg_code exchange_run(struct exchange_area *area, struct fg_command *command, struct fg_error *err);

/* -- exchange_rules.c: what the registry's facts and the clock ask of an area; each is repeated at the next tick when it
 * fails -- */
enum fg_code exchange_apply_locations(struct exchange_area *area, struct fg_error *err);
enum fg_code exchange_apply_gates(struct exchange_area *area, struct fg_error *err);
enum fg_code exchange_apply_capabilities(struct exchange_area *area, struct fg_error *err);
enum fg_code exchange_apply_settled(struct exchange_area *area, struct fg_error *err);
enum fg_code exchange_apply_steps(struct exchange_area *area, struct fg_error *err); /* exchange_request.c */
/* Open periods of a kind by its products' rules; false: it is not traded. */
bool exchange_window(const struct exchange_area *area, enum fg_product kind, int64_t now_us, struct fg_gate_window *window);

/* -- exchange_network.c: the network state, before gates open the periods that it covers -- */
enum fg_code exchange_apply_network(struct exchange_area *area, struct fg_error *err);
void exchange_forget_network(struct exchange_area *area); /* the engine has stopped */

/* -- exchange_lights.c: the traffic light; after the area was opened -- */
enum fg_code exchange_apply_lights(struct exchange_area *area, struct fg_error *err);
void exchange_forget_lights(struct exchange_area *area);

/* -- exchange_contract.c: `prepare` before the capabilities are compared, `enter` after -- */
enum fg_code exchange_load_contracts(struct exchange_area *area, struct fg_error *err);
enum fg_code exchange_prepare_contracts(struct exchange_area *area, struct fg_error *err);
enum fg_code exchange_enter_contracts(struct exchange_area *area, struct fg_error *err);
void exchange_drop_pending(struct exchange_area *area);
int64_t exchange_first_power(struct fg_sql *sql, int column); /* of an order's quantities or fills, as the engine stores them */
int64_t exchange_pending_sum(const struct exchange_area *area, int64_t portfolio, enum fg_product kind,
                             enum fg_regulation regulation, int32_t period);

/* -- exchange_tender.c: events of tenders and contracts -- */
enum fg_code exchange_tell_contracts(struct exchange_area *area, struct fg_error *err);

/* -- exchange_session.c -- */
enum fg_code exchange_load_sessions(struct exchange_area *area, struct fg_error *err);
enum fg_code exchange_end_sessions(struct exchange_area *area, struct fg_error *err);

#endif

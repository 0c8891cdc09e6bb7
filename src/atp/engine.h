/* The trading engine of one market area: a single writer that applies commands in sequence.
 *
 *     callers --> queue --> writer thread:  take a batch; begin a leased transaction; apply each command to the book;
 *                                           write state, events, audit entries and idempotency records; commit;
 *                                           answer every caller; tell subscribers
 *
 * Invariants (tests cite them):
 *   1. An answer is given only after the commit of its batch: what was acknowledged is never lost.
 *   2. A batch is one transaction under the area's lease; when its epoch has passed to another node it does not commit.
 *   3. When a commit fails or its outcome is unknown, the writer drops its memory and reloads before it answers: commands
 *      of a batch that turns out to be committed are answered as committed, others get FG_ERR_UNAVAILABLE.
 *   4. Time is stamped by the writer, becomes part of the command and never decreases, also across a take-over.
 *   5. Events have a gap-free sequence per area. Reads run between batches, on committed state only.
 *   6. A refused command changes nothing and does not undo its neighbours. Running out of memory in the middle of a
 *      batch rolls the batch back.
 *   7. Recovery loads rows; it recomputes no decision.
 *   8. A command with a due time is applied before every command that is stamped at or after that time.
 *   9. The network state in force is the one that area_network names; recovery makes it again from its document, and
 *      puts the trades that were committed on top.
 *
 * Thread rule: submit from any thread; `render` and `done` run on the writer's thread and must be short. Literature:
 * Thompson et al., "LMAX Disruptor" (2011), for the single writer; Gray and Reuter, "Transaction Processing" (1993),
 * chapter 9, for group commit. */
#ifndef FG_ATP_ENGINE_H
#define FG_ATP_ENGINE_H

#include "atp/audit.h"
#include "base/text.h"
#include "market/book.h"
#include "store/lease.h"
#include "toolkit/dfmct/match_grid.h"

enum fg_command_kind {
    FG_COMMAND_SUBMIT,        /* orders; a group when there are several */
    FG_COMMAND_AMEND,
    FG_COMMAND_CANCEL,
    FG_COMMAND_MASS_CANCEL,
    FG_COMMAND_OPEN,          /* gates */
    FG_COMMAND_CLOSE,
    FG_COMMAND_HALT,
    FG_COMMAND_RESUME,
    FG_COMMAND_CAPABILITY,
    FG_COMMAND_REDUCE_TRADE,
    FG_COMMAND_LIMIT,         /* `limit`, under a confirmed approval that the command uses up */
    FG_COMMAND_SETTLED,       /* deliveries before `first_period` are settled */
    FG_COMMAND_CONTRACTED,    /* capability held for contracts: `reserved` */
    FG_COMMAND_WITHDRAW,      /* `order`, for `cause` */
    FG_COMMAND_LOCATIONS,     /* the registry has published more locations or links: read them again */
    FG_COMMAND_MESSAGE,       /* of the market's operator to everybody: an event with `text` */
    FG_COMMAND_TRANSACT,      /* rows of another part of the platform, and what they do to orders, in `transact` */
    FG_COMMAND_NETWORK,       /* another network state; resting orders are tried again */
    FG_COMMAND_LIGHTS,        /* what has changed of the traffic light: rows and an event */
    FG_COMMAND_EXPIRE,        /* let time pass; the writer sends these to itself */
    FG_COMMAND_SERVICE,       /* of another part of atp: `service` applies it with `service_data` */
    FG_COMMAND_READ           /* look at committed state in `read`; nothing is written */
};
const char *fg_command_word(enum fg_command_kind kind); /* "order.enter", ...: the audit log's action */

enum { FG_COMMAND_OWNER = 264, FG_COMMAND_KEY = 256 };

/* What the rows of another part of the platform (forwarding, contracts) need of the writer: they are read and written in
 * the transaction of the batch, together with what happens to the orders. Valid during the call of `transact`. */
struct fg_engine_scope {
    struct fg_store *store; /* rows of orders, trades and positions are behind: ask the book */
    struct fg_book *book;   /* to read; it is changed by the functions below only */
    int64_t area, time_us;
    const int64_t *locations; /* number of each location, by the book's index */
    void *engine;             /* the writer's own */
};
/* The command of the book; `called` as there. A refusal is an event and changes nothing. */
enum fg_refusal fg_engine_forward(struct fg_engine_scope *scope, uint64_t order, struct fg_error *err);
enum fg_refusal fg_engine_forward_end(struct fg_engine_scope *scope, uint64_t order, enum fg_book_forward_end end,
                                      const struct fg_power *called, struct fg_error *err);
/* An event; `organisation` 0: for everybody who may read the area. `type` is constant, `data` a JSON object. */
enum fg_code fg_engine_tell(struct fg_engine_scope *scope, const char *type, int64_t organisation, const char *data,
                            struct fg_error *err);
/* An event for who has this right (rights.h). */
enum fg_code fg_engine_tell_holders(struct fg_engine_scope *scope, const char *type, const char *right, const char *data,
                                    struct fg_error *err);
/* Another entry of the area's audit chain, by the command's actor. `detail` is JSON or NULL. */
enum fg_code fg_engine_audit(struct fg_engine_scope *scope, const char *action, const char *object, const char *detail,
                             struct fg_error *err);
/* The traffic light of a location or bus in a period; docs/network-aware.md has the rule. */
enum fg_light_colour { FG_LIGHT_GREEN, FG_LIGHT_YELLOW, FG_LIGHT_RED };
extern const char *const fg_light_words[]; /* "green", ... */
enum fg_light_subject { FG_LIGHT_LOCATION, FG_LIGHT_BUS };
struct fg_light {
    enum fg_light_subject subject;
    int64_t subject_id; /* of a bus its number in the area */
    int32_t period;
    enum fg_light_colour colour; /* green: the row is dropped */
    const char *reason;   /* constant */
    int64_t up_w, down_w; /* headroom; -1: not limited by the network */
    bool is_stored;       /* the row is written */
    bool is_told;         /* an event: to everybody, or about `asset` to `owner` */
    int64_t asset, owner; /* 0: none */
};

struct fg_command;
struct engine_area;
/* A command whose rules are another part's (auctions, runs), in the same sequence and the same transaction. `apply` runs on the
 * writer's thread with the area's memory (engine_internal.h). It refuses before it has changed anything; `*code` not FG_OK
 * rolls the whole batch back. */
struct fg_command_service {
    const char *word; /* the audit log's action */
    enum fg_refusal (*apply)(struct engine_area *area, struct fg_command *command, enum fg_code *code);
};

/* What the buyer of a request wants to happen while it stays unmatched: at `due_us` it is repriced, or (no price) withdrawn as
 * solved outside the market. */
struct fg_request_step {
    int64_t due_us;
    bool has_price;
    struct fg_price price;
    const char *reason, *measure; /* of a withdrawal; measure may be NULL */
};
struct fg_request_plan {
    const struct fg_request_step *steps;
    size_t count;
};

/* Locations and organisations are named by the registry's numbers; in `orders` participant, organisation and portfolio
 * are those numbers too, and `location` is the location's number (the engine puts the book's index in its place). Ids of
 * orders and groups are given by the engine; a parent inside the submission is named by minus its place, from 1. */
struct fg_command {
    enum fg_command_kind kind;
    struct fg_actor actor;
    int64_t due_us; /* not before this time, and before every command that is stamped later: gate closures; 0: now */

    /* Idempotency: owner "" for none. The answer is saved in the batch's transaction until `key_expires_us`. */
    char owner[FG_COMMAND_OWNER], key[FG_COMMAND_KEY];
    unsigned char key_hash[FG_SECRET_HASH];
    int64_t key_expires_us;

    struct fg_book_order *orders; /* SUBMIT; arrays must stay until `done` */
    const char *const *references; /* SUBMIT: the participant's own words, one per order; NULL or NULL entries: none */
    const struct fg_request_plan *plans; /* SUBMIT: one per order; NULL: none. Written with an order that rests */
    size_t order_count;            /* SUBMIT; AMEND: number of quantities given, 0: as many as the order has periods */
    enum fg_group_kind group_kind; /* SUBMIT with several orders */
    struct fg_book_amendment amendment;
    uint64_t order;                /* CANCEL, WITHDRAW */
    int64_t participant;           /* AMEND, CANCEL: must be the order's; 0: whoever's (operator) */
    struct fg_book_filter filter;  /* MASS_CANCEL; location by number, 0: any */
    enum fg_product product;       /* OPEN, CLOSE, CAPABILITY */
    int32_t first_period, period_count;
    enum fg_book_scope scope;      /* HALT, RESUME */
    int64_t subject;               /* location or organisation */
    int32_t portfolio;             /* CAPABILITY */
    enum fg_regulation regulation;
    struct fg_power capability, reserved;
    const int64_t *forwarding;     /* CLOSE: locations, ascending, whose marked offers are locked for the balancing */
    size_t forwarding_count;       /* market when the gate closes, instead of being lost */
    uint64_t trade;                /* REDUCE_TRADE */
    struct fg_power keep;
    struct fg_book_limit limit;    /* LIMIT; participant by number */
    int64_t approval;              /* LIMIT: "limits.set" for this area with `text` as its detail */
    enum fg_book_cause cause;      /* WITHDRAW */
    const char *outcome_reason, *outcome_measure; /* WITHDRAW as solved outside the market; measure may be NULL */
    int64_t step;                  /* AMEND, WITHDRAW: place of the order's planned step that this is; 0: none. A price is only
                                    * ever raised by it */
    const char *text;              /* MESSAGE, NETWORK: a JSON object; REDUCE_TRADE, HALT, WITHDRAW: reason for the audit log, or NULL */
    int64_t network_version;       /* NETWORK: row of network_state that the state was made from, committed before */
    struct fg_grid_state *network_state; /* NETWORK: NULL: off; taken over (then NULL) when the command is applied */
    const struct fg_light *lights; /* LIGHTS */
    size_t light_count;
    int64_t lights_before;         /* LIGHTS: rows of periods before this one are dropped */
    void (*read)(struct fg_command *command, const struct fg_book *book); /* READ */
    /* TRANSACT: decides, and changes nothing when it refuses (it keeps the refusal in its own context and returns FG_OK).
     * A code other than FG_OK takes the whole batch back, so it is for failures of storage and memory only. May be called
     * again for the same command, after the batch before it was taken back. */
    enum fg_code (*transact)(struct fg_command *command, struct fg_engine_scope *scope, struct fg_error *err);
    void *question;                /* READ: the reader's */
    struct fg_match_grid *network; /* READ: set by the engine; NULL: trading is not network-aware */
    const struct fg_command_service *service; /* SERVICE */
    void *service_data;        /* SERVICE, TRANSACT: theirs */
    char object[32];           /* SERVICE: what it is about, for the audit log ("auc-4"); set by the caller or by apply */

    /* The outcome. */
    enum fg_code code;          /* not FG_OK: not applied (or not known to be); `err` says why */
    enum fg_refusal refusal;    /* code FG_OK: NONE, or why the book refused; `err` has the text */
    struct fg_error err;
    uint64_t first_order;       /* SUBMIT: ids are consecutive */
    uint64_t group;
    size_t cancelled;           /* MASS_CANCEL */
    int64_t time_us;            /* stamped */
    uint64_t event_first, event_last; /* the area's events of this command; last < first: none */
    bool replayed;              /* a request with this key was applied before: `status` and `answer` are its answer ... */
    bool other_request;         /* ... unless its body was another one */
    int status;                 /* of `answer`; set by render */
    struct fg_text answer;      /* made by render; released by whoever owns the command */

    /* Make the answer from the outcome; called after the command was applied and before its batch commits (for READ:
     * never), so that it can be saved with it. May be NULL. */
    void (*render)(struct fg_command *command, const struct fg_book *book);
    /* The outcome is final and durable. From here the command is the caller's again. */
    void (*done)(struct fg_command *command);
    void *context;
    struct fg_command *next; /* the queue's */
};

struct fg_engine_options {
    const char *store_url;
    struct fg_store_options store;
    int64_t area;
    const char *node;          /* name of this server, for the lease */
    int64_t lease_s;           /* 0: 8 */
    size_t batch_max;          /* commands per transaction; 0: 256 */
    size_t queue_max;          /* waiting commands before FG_ERR_BUSY; 0: 65536 */
    int64_t (*clock_us)(void *context); /* NULL: the system's; tests give a virtual one */
    void *clock_context;
    void (*notify)(void *context, int64_t area); /* events were committed; may be NULL */
    void (*lost)(void *context, int64_t area, const struct fg_error *err); /* stopped serving: lease lost; may be NULL */
    void *context;
};

struct fg_engine;

/* Take the lease, load the book, start the writer. FG_ERR_BUSY: another node has the lease; FG_ERR_NOT_FOUND: no such
 * area; FG_ERR_CORRUPT: the rows contradict each other. */
enum fg_code fg_engine_start(const struct fg_engine_options *options, struct fg_engine **engine, struct fg_error *err);

/* Finish what is queued, give the lease back. NULL is allowed. */
void fg_engine_stop(struct fg_engine *engine);

/* Hand a command over. FG_ERR_BUSY: the queue is full; FG_ERR_UNAVAILABLE: the engine has stopped. In these cases
 * `done` is not called. */
enum fg_code fg_engine_submit(struct fg_engine *engine, struct fg_command *command, struct fg_error *err);
/* All of them in order, with no other command between them, or none. */
enum fg_code fg_engine_submit_all(struct fg_engine *engine, struct fg_command *const *commands, size_t count,
                                  struct fg_error *err);

struct fg_engine_figures {
    uint64_t commands, batches, reloads;
    size_t queued;
    int64_t last_commit_us; /* duration of the last commit */
};
void fg_engine_figures(struct fg_engine *engine, struct fg_engine_figures *figures);

#endif

/* The market clearing toolkit for callers that know no grid: documents in, result documents and integers out. What the
 * platform's runs use; the documents are those of the command line (`flexgrid powerflow | opf | clear --json`).
 *
 * Networks come as the bytes of a file. A clearing without a network is possible with physics `none`: then every bus that the
 * market names is a place of its own and nothing limits what flows between them.
 * Thread rule: one thread per call; `stop` may be set from another. */
#ifndef FG_TOOLKIT_DFMCT_SERVICE_H
#define FG_TOOLKIT_DFMCT_SERVICE_H

#include "base/text.h"
#include "base/units.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct fg_service_network {
    const char *bytes; /* NULL: none */
    size_t length;
    const char *format; /* one of fg_network_formats; NULL or another word: told by the content */
};

struct fg_service_options {
    double time_limit_s;      /* 0: the toolkit's own */
    const char *physics;      /* opf: "ac", "soc", "lindistflow", "dc", "none"; NULL: ac */
    bool keeps_q_limits;      /* powerflow: generators within their reactive limits */
    const atomic_int *stop;   /* nonzero: FG_ERR_INTERRUPTED; may be NULL */
    /* `percent` 0 ... 100 never falls. May be NULL. */
    void (*progress)(void *user, const char *phase, int percent);
    void *progress_user;
};

/* What a computation says of itself. */
struct fg_service_result {
    bool is_solved;           /* converged, optimal, cleared or partly solved */
    char status[32];          /* "converged", "optimal", "cleared", ... */
    char explanation[512];    /* of what is not as wished; may be "" */
    struct fg_text document;  /* the result */
    struct fg_text certificate; /* JSON object: what is proven about it */
};
void fg_service_result_init(struct fg_service_result *result);
void fg_service_result_release(struct fg_service_result *result);

/* Errors are bad documents, lack of memory or an interrupt; a computation that fails is a result. */
enum fg_code fg_service_powerflow(const struct fg_service_network *network, const struct fg_service_options *options,
                                  struct fg_service_result *result, struct fg_error *err);
enum fg_code fg_service_opf(const struct fg_service_network *network, const struct fg_service_options *options,
                            struct fg_service_result *result, struct fg_error *err);

/* ---- clearing ---- */
/* An order of the market, in the order of the document. */
struct fg_service_order {
    int32_t first_period, period_count;
    const struct fg_power *accepted;   /* per period */
    const struct fg_price *unit_price; /* per period: paid to offers, by requests, per MWh */
    struct fg_money limit, settled, make_whole;
    double gain;        /* > 0: rejected although the prices would have paid it this much */
    const char *reason; /* why a paradoxically rejected order was rejected; NULL: it was not */
};
/* Price of a bus in a period; product 0 active, 1 reactive. */
struct fg_service_price {
    int32_t period, product;
    const char *place;
    struct fg_price total;
    int64_t part_u[5]; /* energy, loss, congestion, voltage, zone; they add up to the total */
};
struct fg_service_violation {
    int32_t period;
    const char *kind, *element;
    double bound, before, after, violation_before, violation_after, shadow_price; /* NAN: not known */
};
struct fg_service_clearing {
    int64_t start_s;
    int32_t period_s, period_count;
    struct fg_service_order *orders;
    size_t order_count;
    struct fg_service_price *prices;
    size_t price_count;
    struct fg_service_violation *violations;
    size_t violation_count;
    double seconds;
    void *owned;
};
/* `market` is a market file's JSON (docs/market-format.md). `clearing` may be NULL; it is empty when the clearing failed. */
enum fg_code fg_service_clear(const struct fg_service_network *network, const char *market, size_t length,
                              const struct fg_service_options *options, struct fg_service_result *result,
                              struct fg_service_clearing *clearing, struct fg_error *err);
void fg_service_clearing_release(struct fg_service_clearing *clearing);

/* Is the text a market that could be cleared (its own rules; whether the network has its buses is not asked)? */
enum fg_code fg_service_check_market(const char *market, size_t length, struct fg_error *err);
/* What dispatched generators and stores of the network inject at the bus, in W and var: a market's baseline of a bus stands for its
 * loads and static generators alone. Calls `take` for each bus that has some. */
enum fg_code fg_service_dispatched(const struct fg_service_network *network,
                                   void (*take)(void *user, const char *bus, int64_t p_w, int64_t q_var), void *user,
                                   struct fg_error *err);
enum fg_code fg_service_has_branch(const struct fg_service_network *network, const char *branch, bool *has, struct fg_error *err);

#endif

/* Availability contracts: tenders, sealed offers, awards, and the life of a contract. The rules are in market/contract.h;
 * docs/contracts.md tells the way with an example.
 *
 *     tender     published --> awarded | cancelled        offers are taken from `opens` until before `closes`
 *     offer      offered --> withdrawn | awarded | rejected
 *     contract   awarded --> active --> ended             by the clock, first and last local day
 *                awarded, active --> suspended --> awarded, active      by the buyer, with a reason
 *                any of these --> terminated                            by the buyer, with a reason
 *
 * An offer is sealed: until the tender closes only its supplier sees it. Who offers has to be qualified by the facts that
 * orders are held against (facts.h) in every unit of the windows, with what other contracts of the portfolio take counted in;
 * that is looked at when the offer is made and again when it is awarded.
 *
 * What a contract means for the market (capability held, orders entered and withdrawn) is exchange_contract.c; what is paid
 * for it, settlement_availability.c. Refusals and thread rule: registry.h; all functions run inside the registry's
 * transaction. */
#ifndef FG_ATP_CONTRACT_H
#define FG_ATP_CONTRACT_H

#include "atp/facts.h"
#include "atp/registry.h"
#include "market/contract.h"

#define FG_TENDER_TEXT 201

struct fg_tender {
    int64_t id, area, buyer, product, location;
    char name[FG_TENDER_TEXT];
    enum fg_product kind; /* of the product; set when it is read */
    enum fg_regulation regulation;
    struct fg_contract_window window;
    struct fg_power capacity;
    struct fg_price availability_max, activation_max;
    int64_t expected_s, duration_min_s, notice_s;
    int64_t opens_us, closes_us;
    enum fg_contract_ties ties;
    bool is_published; /* neither awarded nor cancelled */
};
struct fg_tender_offer {
    int64_t id, tender, organisation, portfolio;
    struct fg_power quantity, minimum;
    struct fg_price availability, activation;
};

/* By the system operator of the location; `tender->id` is set. The product is energy; delivery begins after closing. */
enum fg_code fg_tender_publish(struct fg_registry *registry, struct fg_tender *tender, struct fg_error *err);
/* By the buyer, until it is awarded. Offers are rejected. */
enum fg_code fg_tender_cancel(struct fg_registry *registry, int64_t tender, const char *reason, struct fg_error *err);
/* FG_ERR_NOT_FOUND. Needs no registry. */
enum fg_code fg_tender_read(struct fg_store *store, int64_t id, struct fg_tender *tender, struct fg_error *err);

/* Offer, or replace the portfolio's offer (which then counts as entered now). FG_ERR_CONFLICT: not open, not qualified. */
enum fg_code fg_tender_offer(struct fg_registry *registry, const struct fg_facts *facts, struct fg_tender_offer *offer,
                             struct fg_error *err);
enum fg_code fg_tender_offer_withdraw(struct fg_registry *registry, int64_t offer, struct fg_error *err);

/* Award after closing, by the buyer: by merit order (`choice` NULL), or the quantities that it chooses, with a reason. Offers
 * that are not qualified any more are rejected with the reason, under `choice` they are refused. */
struct fg_tender_choice {
    int64_t offer;
    struct fg_power quantity;
};
enum fg_code fg_tender_award(struct fg_registry *registry, const struct fg_facts *facts, int64_t tender,
                             const struct fg_tender_choice *choice, size_t count, const char *reason, struct fg_error *err);

enum fg_contract_change { FG_CONTRACT_SUSPEND, FG_CONTRACT_RESUME, FG_CONTRACT_TERMINATE };
extern const char *const fg_contract_change_words[];
/* By the buyer. FG_ERR_CONFLICT: its state does not allow it. */
enum fg_code fg_contract_change(struct fg_registry *registry, int64_t contract, enum fg_contract_change change,
                                const char *reason, struct fg_error *err);

/* ---- For the exchange and for settlement ---- */
struct fg_contract_terms {
    int64_t id, tender, buyer, seller, portfolio, product;
    enum fg_product kind;
    enum fg_regulation regulation;
    struct fg_power quantity;
    struct fg_price availability, activation;
    struct fg_contract_window window;
    int64_t duration_min_s, notice_s, awarded_us, starts_us, ends_us;
    int64_t terminated_us; /* 0: not terminated */
    int64_t round, version;
};
/* Contracts of an area that have units between `from_us` and `until_us`, by id; `portfolio`: 0 for all; `in_force`: only those
 * that are awarded or active. The caller frees the list with fg_free. */
enum fg_code fg_contract_list(struct fg_store *store, int64_t area, int64_t portfolio, int64_t from_us, int64_t until_us,
                              bool in_force, struct fg_contract_terms **list, size_t *count, struct fg_error *err);

/* Takes from `approved`, of `count` periods, what contracts in force have of the portfolio there. */
enum fg_code fg_contract_keep(const struct fg_facts *facts, int64_t portfolio, enum fg_product kind, enum fg_regulation regulation,
                              int32_t first_period, int32_t count, struct fg_power *approved, struct fg_error *err);

#endif

/* Portfolios: what is traded together, by whom; approval, prequalification, and what is missing before it may trade.
 *
 * Admission:
 *   1. Who only owns assets (a prosumer, a lone industrial unit) has no portfolio: an aggregator trades them, with a mandate.
 *   2. A retailer trades by itself only with balance responsibility; else through an aggregator, too.
 *   3. A market operator trades as balance responsible party (organisation.h).
 *   4. A portfolio of an independent aggregator (one that is no BRP) holds assets of one BRP at a time.
 *   5. Assets of others are held with their owner's mandate (duty operator or trader). An asset is in one portfolio at a time.
 * Prequalification: the FMO for the product, the system operator for its grid; the lower capability counts.
 * Thread rule: registry.h. */
#ifndef FG_ATP_PORTFOLIO_H
#define FG_ATP_PORTFOLIO_H

#include "atp/organisation.h"
#include "base/json.h"

enum fg_code fg_portfolio_create(struct fg_registry *registry, int64_t area, const char *name, int64_t location, int64_t *id,
                                 struct fg_error *err);
/* From an instant (>= now) until another (0: open). The asset lies at or below the portfolio's location. */
enum fg_code fg_portfolio_add(struct fg_registry *registry, int64_t id, int64_t asset, int64_t from_us, int64_t until_us,
                              struct fg_error *err);
/* The asset leaves at this instant (>= now). */
enum fg_code fg_portfolio_remove(struct fg_registry *registry, int64_t id, int64_t asset, int64_t until_us,
                                 struct fg_error *err);
/* By the operator of its market area. */
enum fg_code fg_portfolio_decide(struct fg_registry *registry, int64_t id, enum fg_decision decision, const char *reason,
                                 struct fg_error *err);

/* Ask for both prequalifications with the capability wanted; asking again after a refusal, or for another capability, makes
 * them pending again. */
enum fg_code fg_prequalification_ask(struct fg_registry *registry, int64_t portfolio, int64_t product, int64_t up_w,
                                     int64_t down_w, struct fg_error *err);
/* By the area's operator (product) or the location's (grid). When accepting, the capability may be lower than asked for
 * (-1: as asked); the validity is optional (0). */
struct fg_prequalification_decision {
    enum fg_decision decision;
    int64_t up_w, down_w, from_us, until_us;
    const char *reason;
};
enum fg_code fg_prequalification_decide(struct fg_registry *registry, int64_t id,
                                        const struct fg_prequalification_decision *decision, struct fg_error *err);

/* "Ready for market": every condition with what to do when it is not met. {"ready": ..., "checks": [{"key", "met", "text"}]}
 * For an organisation (itself, FMO, regulator), or a portfolio with one product. */
enum fg_code fg_readiness_organisation(struct fg_registry *registry, int64_t id, struct fg_json_writer *out,
                                       struct fg_error *err);
enum fg_code fg_readiness_portfolio(struct fg_registry *registry, int64_t id, int64_t product, struct fg_json_writer *out,
                                    struct fg_error *err);

#endif

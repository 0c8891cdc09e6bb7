/* Assets: what can be flexible, at which bus, whose, and in whose balance.
 *
 * The system operator approves an asset at its bus; a change of what it approved (power, bus, location) needs a new
 * approval. The balance responsible party named by the owner takes effect when it confirms. Thread rule: registry.h. */
#ifndef FG_ATP_ASSET_H
#define FG_ATP_ASSET_H

#include "atp/organisation.h"

struct fg_asset_attribute {
    const char *name, *kind; /* "text", "number", "boolean", "instant" */
    const char *text;
    double number;
    int64_t integer; /* boolean, instant in microseconds */
};
struct fg_asset {
    const char *name, *technology, *bus, *metering_point; /* bus, metering_point: NULL: none */
    int64_t area, location;
    int64_t p_min_w, p_max_w, s_max_va, energy_ws; /* energy 0: no store */
    const struct fg_asset_attribute *attributes;
    size_t attribute_count;
};
enum fg_code fg_asset_create(struct fg_registry *registry, const struct fg_asset *asset, int64_t *id, struct fg_error *err);
/* The whole asset; its area and name stay. */
enum fg_code fg_asset_change(struct fg_registry *registry, int64_t id, int64_t version, const struct fg_asset *asset,
                             struct fg_error *err);
/* By the operator of its location. */
enum fg_code fg_asset_decide(struct fg_registry *registry, int64_t id, enum fg_decision decision, const char *reason,
                             struct fg_error *err);
/* By the owner; replaces a proposal that was not confirmed. `until_us` 0: open. */
enum fg_code fg_asset_propose_brp(struct fg_registry *registry, int64_t id, int64_t brp, int64_t from_us, int64_t until_us,
                                  struct fg_error *err);
/* By that BRP: ends the assignment before it. */
enum fg_code fg_asset_confirm_brp(struct fg_registry *registry, int64_t id, struct fg_error *err);

#endif

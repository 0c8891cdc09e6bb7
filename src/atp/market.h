/* Market areas, products, networks and grid locations. Areas and products are the market operator's, networks and locations
 * the system operator's whose grid it is. Versions: a change names the version that it was made from. Thread rule: registry.h. */
#ifndef FG_ATP_MARKET_H
#define FG_ATP_MARKET_H

#include "atp/registry.h"
#include "base/text.h"

struct fg_area {
    const char *name, *currency, *time_zone;
    const char *network_mode, *stale_rule; /* "off", "dc", "ac"; "block", "fallback" */
    int64_t period_s, tick_w, price_step_u, price_min_u, price_max_u, size_max_w;
    int64_t network; /* 0: none */
};
enum fg_code fg_area_create(struct fg_registry *registry, const struct fg_area *area, int64_t *id, struct fg_error *err);
/* Name, prices, size, network mode, stale rule and network; currency, time zone, period, tick and step are for ever. Of the
 * operator's own area. FG_ERR_VALUE: network-aware without a network of the area. */
enum fg_code fg_area_change(struct fg_registry *registry, int64_t id, int64_t version, const struct fg_area *area,
                            struct fg_error *err);

struct fg_product_terms {
    const char *name, *kind, *baseline_rule; /* JSON */
    int64_t opening_days, opening_clock_s, closure_lead_s, tolerance_share_u, tolerance_w, penalty_factor_u, penalty_u;
};
enum fg_code fg_product_create(struct fg_registry *registry, int64_t area, const struct fg_product_terms *terms, int64_t *id,
                               struct fg_error *err);
/* Everything but name and kind. */
enum fg_code fg_product_change(struct fg_registry *registry, int64_t id, int64_t version, const struct fg_product_terms *terms,
                               struct fg_error *err);

struct fg_network_upload {
    const char *name, *format, *notes; /* notes: JSON array */
    const char *bytes;
    size_t size_bytes;
    const char *const *buses; /* bus_count names */
    size_t bus_count, branch_count;
};
/* The document of a stored network and its format: one of grid/network_read.h, or words that tell a reader to look. The caller
 * has initialised `content` and releases it. FG_ERR_NOT_FOUND. */
#define FG_NETWORK_FORMAT 32
enum fg_code fg_network_content(struct fg_store *store, int64_t network, struct fg_text *content, char format[FG_NETWORK_FORMAT],
                                struct fg_error *err);

/* A version of the network under its name; the document is kept as it was uploaded. FG_ERR_CONFLICT: the same content as
 * the latest version. */
enum fg_code fg_network_store(struct fg_registry *registry, int64_t area, const struct fg_network_upload *upload, int64_t *id,
                              struct fg_error *err);
/* The document; to who may see the network. `content` is initialised. */
enum fg_code fg_network_load(struct fg_registry *registry, int64_t id, struct fg_text *content, struct fg_error *err);

struct fg_location {
    const char *name, *control_area, *polygon; /* polygon: GeoJSON geometry; NULL: none */
    int64_t parent, priority;                  /* 0: none */
    const char *const *buses;                  /* NULL: as they are */
    size_t bus_count;
    const char *status; /* NULL: as it is; "closed" */
};
/* In the acting system operator's grid. A parent lies in the same area; a bus in some network of the area that the operator
 * has uploaded, and in one location of a level only. */
enum fg_code fg_location_create(struct fg_registry *registry, int64_t area, const struct fg_location *location, int64_t *id,
                                struct fg_error *err);
/* NULL and 0 members stay. A location with approved assets is not closed. */
enum fg_code fg_location_change(struct fg_registry *registry, int64_t id, int64_t version, const struct fg_location *location,
                                struct fg_error *err);
/* Two locations trade with each other, both ways: set by an operator of both, or by the market operator. */
enum fg_code fg_location_link(struct fg_registry *registry, int64_t a, int64_t b, bool linked, struct fg_error *err);

#endif

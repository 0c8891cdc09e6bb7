/* Perimeters: what a trade changes for balance responsible parties.
 *
 * The assets of the seller's portfolio stand in the perimeters of their balance responsible parties; an activation moves
 * energy there that these did not plan. The energy passes to who has sold or bought it:
 *
 *     from   the party of each asset at the start of the unit; several share by their assets' range p_max - p_min
 *     to     need: the seller's own party; exchange: the buyer's own party
 *     energy + traded (delivered) for up, - for down
 *
 * An organisation's own party is that of balance.h at the start of the unit. Where a party is
 * not known, or both are the same, nothing moves. Source: Directive (EU) 2019/944, article 17(3)(d) and (4); USEF, "Flexibility
 * Value Chain" (2018), central settlement model. Thread rule: that of the connection. */
#ifndef FG_ATP_PERIMETER_H
#define FG_ATP_PERIMETER_H

#include "atp/registry.h"
#include "market/order.h"

struct fg_perimeter_trade {
    int64_t area, id, seller, buyer, portfolio, period, period_s;
    enum fg_request_kind kind;
};
struct fg_perimeter_move {
    int64_t from, to; /* organisations */
    struct fg_energy energy;
};
#define FG_PERIMETER_MOVES_MAX 64
/* Split `energy` (signed) of a trade; `moves` has room for FG_PERIMETER_MOVES_MAX. FG_ERR_TOO_LARGE beyond it. */
enum fg_code fg_perimeter_split(struct fg_store *store, const struct fg_perimeter_trade *trade, struct fg_energy energy,
                                struct fg_perimeter_move *moves, size_t *count, struct fg_error *err);

/* What trades concluded so far change in the perimeter of the party that asks (who sees all: everybody's), in the order of
 * trades after `after`, at most `limit` trades looked at; `last` is the trade to go on after, 0 at the end. It reads committed
 * trades: a party sees the change as soon as the trade is acknowledged. */
struct fg_perimeter_change {
    struct fg_perimeter_trade trade;
    struct fg_perimeter_move move; /* energy as traded */
};
enum fg_code fg_perimeter_changes(struct fg_registry *registry, int64_t area, int64_t after, int64_t limit, int64_t *last,
                                  void (*take)(void *context, const struct fg_perimeter_change *change), void *context,
                                  struct fg_error *err);

#endif

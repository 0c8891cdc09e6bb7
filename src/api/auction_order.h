/* Orders of auctions as JSON: reading them from requests with the checks that need registry and grid, and answers of auction
 * commands. Thread rule: pure functions on the call's arena; one read transaction a request. */
#ifndef FG_API_AUCTION_ORDER_H
#define FG_API_AUCTION_ORDER_H

#include "api/trading_order.h"
#include "atp/auction.h"

enum { AUCTION_BATCH_MAX = TRADING_ITEMS_MAX };

extern const struct fg_schema auction_order_entry, auction_receipt;
extern const struct fg_param auction_path[], auction_order_path[];
#define AUCTION_ORDER_EXAMPLE                                                                                          \
    "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",\"start\":\"2025-03-30T09:00:00Z\"," \
    "\"quantity\":[\"1.5\",\"1.5\"],\"price\":\"85.5\",\"minimum_fraction\":\"0.5\"}"
#define AUCTION_RECEIPT_EXAMPLE                                                                                        \
    "{\"orders\":[\"ord-15\"],\"group\":null,\"cancelled\":0,\"time\":\"2025-03-29T12:00:00Z\"}"

/* Room for an entry of `count` orders; the item's command enters it. NULL: out of memory. */
struct fg_auction_entry *auction_make_entry(struct fg_call *call, struct trading_item *item, int64_t auction, size_t count);
/* The order `object` as the entry's order `at`; refuses the item when the registry has something against it. */
enum fg_code auction_read_order(struct trading_item *item, const struct trading_party *party, struct fg_auction_entry *entry,
                                size_t at, const struct fg_json_cursor *object, struct fg_error *err);
/* What the auction and the grid have against the entries of these items (those that are answered already are passed over), and
 * the buses of their orders. FG_ERR_NOT_FOUND: no such auction in the area. */
enum fg_code auction_judge(struct fg_call *call, const struct trading_party *party, int64_t auction, struct trading_item *items,
                           size_t count, struct fg_error *err);

/* The command of an item is a service of auctions whose answer is a receipt. */
void auction_command(struct trading_item *item, const struct fg_command_service *service, void *data);

#endif

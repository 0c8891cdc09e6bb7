/* The market operator's limits outside the book (market/book.h has what they mean): as JSON, and what the database says of
 * settled deliveries. Thread rule: that of the connection. */
#ifndef FG_ATP_LIMITS_H
#define FG_ATP_LIMITS_H

#include "base/json.h"
#include "market/book.h"
#include "store/store.h"

/* Members of an object, in this order: organisation, product, regulation, price_min, price_max, band, reference, size_max,
 * orders_max, exposure_max. What is absent is not limited (a participant, product or direction: all of them). Equal limits
 * give equal text: what the second pair of eyes confirms. */
void fg_limit_put(struct fg_json_writer *out, const struct fg_book_limit *limit);

/* Deliveries before `period` are settled: every trade before it that is in force belongs to a released run. `from`: what was
 * known; never less than that. Cost: the trades from `from` to the first one that is not settled. */
enum fg_code fg_settled_before(struct fg_store *store, int64_t area, int32_t from, int32_t *period, struct fg_error *err);

#endif

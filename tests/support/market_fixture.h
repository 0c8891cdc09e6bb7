/* The small market of market_rows.h in a database of the store's fixture. */
#ifndef FG_TESTS_MARKET_FIXTURE_H
#define FG_TESTS_MARKET_FIXTURE_H

#include "support/market_rows.h"
#include "support/store_fixture.h"

#define MARKET_AREA 1

static inline void market_make(struct fg_store *store)
{
    for (size_t i = 0; i < sizeof market_rows / sizeof *market_rows; i++)
        fixture_execute(store, market_rows[i]);
}

#endif

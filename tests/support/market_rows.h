/* A small market in the database for tests of trading: organisations 1 market operator, 2 grid operator (buys), 3 aggregator,
 * 4 retailer, 5 suspended aggregator; area 1 in Athens time; locations 1 feeder, 2 branch below it, 3 elsewhere, 4 closed;
 * product 1 active energy (opens the day before at 10:00, closes an hour ahead); portfolio 10 of 3 (approved, 5 MW up,
 * 3 MW down) and 11 of 4 (approved, 2 MW), 12 of 3 (pending), all at location 2. */
#ifndef FG_TESTS_MARKET_ROWS_H
#define FG_TESTS_MARKET_ROWS_H

static const char *const market_rows[] = {
    "INSERT INTO organisation (id, name, roles, status, country, address, created_us, version) VALUES "
    "(1, 'Market', 1, 'active', 'GR', '', 0, 1), (2, 'Grid', 2, 'active', 'GR', '', 0, 1), "
    "(3, 'Flex', 32, 'active', 'GR', '', 0, 1), (4, 'Retail', 64, 'active', 'GR', '', 0, 1), "
    "(5, 'Gone', 32, 'suspended', 'GR', '', 0, 1)",
    "INSERT INTO area (id, name, operator_id, currency, time_zone, period_s, tick_w, price_step_u, price_min_u, "
    "price_max_u, size_max_w, network_mode, stale_rule, created_us, version) VALUES (1, 'Area', 1, 'EUR', "
    "'Europe/Athens', 900, 1000, 10000, -1000000000, 5000000000, 100000000000, 'off', 'block', 0, 1)",
    "INSERT INTO location (id, area_id, name, parent_id, operator_id, status, created_us, version) VALUES "
    "(1, 1, 'Feeder', NULL, 2, 'published', 0, 1), (2, 1, 'Branch', 1, 2, 'published', 0, 1), "
    "(3, 1, 'Elsewhere', NULL, 2, 'published', 0, 1), (4, 1, 'Closed', NULL, 2, 'closed', 0, 1)",
    "INSERT INTO product (id, area_id, name, kind, opening_days, opening_clock_s, closure_lead_s, tolerance_share_u, "
    "tolerance_w, penalty_factor_u, penalty_u, baseline_rule, version) VALUES "
    "(1, 1, 'Energy', 'active', 1, 36000, 3600, 0, 0, 0, 0, '{}', 1)",
    "INSERT INTO portfolio (id, organisation_id, area_id, name, location_id, status, created_us, version) VALUES "
    "(10, 3, 1, 'Flex homes', 2, 'approved', 0, 1), (11, 4, 1, 'Retail homes', 2, 'approved', 0, 1), "
    "(12, 3, 1, 'New homes', 2, 'pending', 0, 1)",
    "INSERT INTO prequalification (id, portfolio_id, product_id, kind, status, up_w, down_w, asked_us, version) VALUES "
    "(1, 10, 1, 'product', 'approved', 5000000, 4000000, 0, 1), (2, 10, 1, 'grid', 'approved', 6000000, 3000000, 0, 1), "
    "(3, 11, 1, 'product', 'approved', 2000000, 2000000, 0, 1), (4, 11, 1, 'grid', 'approved', 2000000, 2000000, 0, 1), "
    "(5, 12, 1, 'product', 'approved', 2000000, 2000000, 0, 1)",
};

#endif

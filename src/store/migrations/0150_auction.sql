-- Runs (docs/runs.md) and auctions (docs/auctions.md). Powers are W, prices and money micro-units, instants microseconds since
-- 1970, periods numbers of the market time unit since 1970; arrays of quantities and price points are blobs of little-endian
-- 64-bit integers.

-- Long work. Its inputs are in `input` (what was asked for) and in documents: kind "market", name "run-N" where it clears;
-- its result is the document of kind "run-result" and the same name.
CREATE TABLE run (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    kind TEXT NOT NULL CHECK (kind IN ('powerflow', 'opf', 'clear', 'auction')),
    organisation_id INTEGER NOT NULL REFERENCES organisation (id), -- whose run it is
    user_id INTEGER NOT NULL,                                      -- 0: the platform
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    progress INTEGER NOT NULL CHECK (progress >= 0 AND progress <= 100),
    phase TEXT NOT NULL,
    input TEXT NOT NULL,        -- JSON
    network_id INTEGER REFERENCES network (id), -- a row is one version of a network
    auction_id INTEGER,
    claim INTEGER NOT NULL,     -- how often it was taken: fences off a worker that was thought dead
    holder TEXT,                -- node that works on it
    lease_us INTEGER NOT NULL,  -- until when, by the database's clock
    is_recorded INTEGER NOT NULL CHECK (is_recorded IN (0, 1)), -- an auction's integers are stored: they are loaded, not computed
    is_unwanted INTEGER NOT NULL CHECK (is_unwanted IN (0, 1)), -- cancellation is asked for
    certificate TEXT,           -- JSON: what the solver proves
    result_version INTEGER,
    cause TEXT,                 -- why it failed
    created_us INTEGER NOT NULL,
    started_us INTEGER,
    ended_us INTEGER
) STRICT;
CREATE INDEX run_waiting ON run (state, id);
CREATE INDEX run_organisation ON run (organisation_id, id);
CREATE TABLE run_log (
    run_id INTEGER NOT NULL REFERENCES run (id),
    line INTEGER NOT NULL,
    time_us INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run_id, line)
) STRICT, WITHOUT ROWID;

-- A recurring auction: for every local day of delivery, opened and closed by the clock of the area's zone.
CREATE TABLE auction_rule (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'ended')),
    opening_days INTEGER NOT NULL CHECK (opening_days >= 0 AND opening_days <= 60),
    opening_clock_s INTEGER NOT NULL CHECK (opening_clock_s >= 0 AND opening_clock_s < 86400),
    closure_days INTEGER NOT NULL CHECK (closure_days >= 0 AND closure_days <= opening_days),
    closure_clock_s INTEGER NOT NULL CHECK (closure_clock_s >= 0 AND closure_clock_s < 86400),
    first_day INTEGER NOT NULL, -- of delivery
    last_day INTEGER,           -- null: until it is ended
    terms TEXT NOT NULL,        -- JSON, as of auction
    made_by INTEGER NOT NULL,
    made_us INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX auction_rule_area ON auction_rule (area_id, id);

-- Written by the area's engine alone once it exists, so that orders, closure and result have one sequence.
CREATE TABLE auction (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    rule_id INTEGER REFERENCES auction_rule (id), -- null: on demand
    day INTEGER,                                  -- of delivery, of a rule's auctions
    name TEXT NOT NULL,
    first_period INTEGER NOT NULL,
    period_count INTEGER NOT NULL CHECK (period_count >= 1),
    opening_us INTEGER NOT NULL,
    closure_us INTEGER NOT NULL,
    terms TEXT NOT NULL, -- JSON in the words of the market file: products, physics, balance, pricing, prices of scarcity
    status TEXT NOT NULL CHECK (status IN ('open', 'closed', 'cleared', 'partly_solved', 'failed', 'cancelled')),
    cause TEXT,          -- of partly_solved, failed, cancelled
    network_id INTEGER REFERENCES network (id), -- null: physics none
    order_count INTEGER NOT NULL,               -- live orders
    run_id INTEGER,
    summary TEXT,        -- JSON: what was published of the result
    made_by INTEGER NOT NULL,
    made_us INTEGER NOT NULL,
    closed_us INTEGER,
    ended_us INTEGER,
    CHECK (opening_us < closure_us),
    CHECK ((rule_id IS NULL) = (day IS NULL))
) STRICT;
CREATE UNIQUE INDEX auction_rule_day ON auction (rule_id, day);
CREATE INDEX auction_live ON auction (area_id, status, closure_us);

CREATE TABLE auction_order (
    id INTEGER NOT NULL PRIMARY KEY,
    auction_id INTEGER NOT NULL REFERENCES auction (id),
    status TEXT NOT NULL CHECK (status IN ('entered', 'cancelled')),
    cause TEXT, -- owner, parent, organisation, portfolio, capability, auction
    organisation_id INTEGER NOT NULL,
    portfolio_id INTEGER,
    location_id INTEGER NOT NULL,
    bus TEXT,            -- where it injects; null: physics none, or a need of the whole location
    covers INTEGER NOT NULL, -- enum fg_location_kind: 2 a branch's limit, 3 a bus voltage's; then `bus` is the element
    side INTEGER NOT NULL,
    product INTEGER NOT NULL,
    regulation INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    block INTEGER NOT NULL,
    min_fraction_u INTEGER NOT NULL,
    first_period INTEGER NOT NULL,
    period_count INTEGER NOT NULL,
    quantity BLOB NOT NULL,
    points BLOB NOT NULL, -- pairs up_to, price
    parent_id INTEGER,
    group_id INTEGER,
    group_kind INTEGER,
    reference TEXT,
    entered_by INTEGER NOT NULL,
    on_behalf_of INTEGER NOT NULL,
    entered_us INTEGER NOT NULL,
    changed_us INTEGER NOT NULL
) STRICT;
CREATE INDEX auction_order_auction ON auction_order (auction_id, organisation_id, id);
CREATE INDEX auction_order_group ON auction_order (group_id);
CREATE INDEX auction_order_parent ON auction_order (parent_id);

-- Physical limits that all orders of a portfolio at a bus share: JSON with the market file's words for an asset.
CREATE TABLE auction_limit (
    auction_id INTEGER NOT NULL REFERENCES auction (id),
    portfolio_id INTEGER NOT NULL,
    bus TEXT NOT NULL, -- '': physics none
    terms TEXT NOT NULL,
    set_by INTEGER NOT NULL,
    set_us INTEGER NOT NULL,
    PRIMARY KEY (auction_id, portfolio_id, bus)
) STRICT, WITHOUT ROWID;

-- What a clearing decided, in integers; written before the result is concluded and public only then.
CREATE TABLE auction_outcome (
    order_id INTEGER NOT NULL PRIMARY KEY REFERENCES auction_order (id),
    auction_id INTEGER NOT NULL REFERENCES auction (id),
    accepted BLOB NOT NULL,   -- per period
    unit_price BLOB NOT NULL, -- per period: paid per MWh
    limit_u INTEGER NOT NULL,
    settled_u INTEGER NOT NULL, -- > 0: the participant receives
    make_whole_u INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('accepted', 'partly_accepted', 'rejected')),
    reason TEXT,
    gain_u INTEGER -- of a paradoxically rejected order: what it misses
) STRICT;
CREATE INDEX auction_outcome_auction ON auction_outcome (auction_id, order_id);
CREATE TABLE auction_trade (
    auction_id INTEGER NOT NULL REFERENCES auction (id),
    line INTEGER NOT NULL,
    sell_order_id INTEGER NOT NULL,
    buy_order_id INTEGER, -- null: the market's operator takes it
    period INTEGER NOT NULL,
    quantity_w INTEGER NOT NULL,
    price_u INTEGER NOT NULL,
    PRIMARY KEY (auction_id, line)
) STRICT, WITHOUT ROWID;
-- Money besides the trades, for the settlement of the period's day; accounts of market/ledger.h.
CREATE TABLE auction_posting (
    auction_id INTEGER NOT NULL REFERENCES auction (id),
    line INTEGER NOT NULL,
    period INTEGER NOT NULL,
    from_account INTEGER NOT NULL,
    from_id INTEGER NOT NULL,
    to_account INTEGER NOT NULL,
    to_id INTEGER NOT NULL,
    amount_u INTEGER NOT NULL,
    PRIMARY KEY (auction_id, line)
) STRICT, WITHOUT ROWID;
CREATE TABLE auction_price (
    auction_id INTEGER NOT NULL REFERENCES auction (id),
    line INTEGER NOT NULL,
    period INTEGER NOT NULL,
    place TEXT NOT NULL, -- bus; physics none: location
    product INTEGER NOT NULL,
    price_u INTEGER NOT NULL,
    energy_u INTEGER NOT NULL,
    loss_u INTEGER NOT NULL,
    congestion_u INTEGER NOT NULL,
    voltage_u INTEGER NOT NULL,
    zone_u INTEGER NOT NULL,
    PRIMARY KEY (auction_id, line)
) STRICT, WITHOUT ROWID;
-- Limits of the grid that were violated before or are after, or bind.
CREATE TABLE auction_violation (
    auction_id INTEGER NOT NULL REFERENCES auction (id),
    line INTEGER NOT NULL,
    period INTEGER NOT NULL,
    kind TEXT NOT NULL,
    element TEXT NOT NULL,
    bound REAL,
    before REAL,
    after REAL,
    violation_before REAL,
    violation_after REAL,
    shadow_price REAL,
    PRIMARY KEY (auction_id, line)
) STRICT, WITHOUT ROWID;

ALTER TABLE book_trade ADD COLUMN auction_id INTEGER; -- null: concluded in the continuous book

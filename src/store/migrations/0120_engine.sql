-- The trading engine's state: one writer per market area (atp/engine.h). What a book needs to go on after a restart is
-- here as rows, so that recovery loads decisions and never recomputes them. Columns follow market/book.h; arrays of
-- quantities and price points are blobs of little-endian 64-bit integers.

CREATE TABLE area_state (
    area_id INTEGER NOT NULL PRIMARY KEY REFERENCES area (id),
    time_us INTEGER NOT NULL,
    next_priority INTEGER NOT NULL,
    next_trade INTEGER NOT NULL,
    book_sequence INTEGER NOT NULL,  -- of the book's events
    event_sequence INTEGER NOT NULL, -- of the area's events, gap-free
    epoch INTEGER NOT NULL           -- lease epoch of the last batch
) STRICT;

CREATE TABLE book_gate (
    area_id INTEGER NOT NULL REFERENCES area (id),
    product INTEGER NOT NULL,
    period INTEGER NOT NULL,
    PRIMARY KEY (area_id, product, period)
) STRICT, WITHOUT ROWID;

CREATE TABLE book_halt (
    area_id INTEGER NOT NULL REFERENCES area (id),
    scope INTEGER NOT NULL,
    subject_id INTEGER NOT NULL, -- location, organisation; 0: the area
    PRIMARY KEY (area_id, scope, subject_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE book_group (
    area_id INTEGER NOT NULL REFERENCES area (id),
    id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    used_u INTEGER NOT NULL,
    PRIMARY KEY (area_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE book_position (
    area_id INTEGER NOT NULL REFERENCES area (id),
    portfolio_id INTEGER NOT NULL,
    product INTEGER NOT NULL,
    regulation INTEGER NOT NULL,
    period INTEGER NOT NULL,
    capability_w INTEGER NOT NULL,
    reserved_w INTEGER NOT NULL,
    open_w INTEGER NOT NULL,
    traded_w INTEGER NOT NULL,
    forwarded_w INTEGER NOT NULL,
    PRIMARY KEY (area_id, portfolio_id, product, regulation, period)
) STRICT, WITHOUT ROWID;

-- Every order that was accepted, also after it left the book.
CREATE TABLE book_order (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    status TEXT NOT NULL CHECK (status IN ('open', 'forwarded', 'filled', 'cancelled')),
    cause INTEGER NOT NULL, -- why it was cancelled; enum fg_book_cause
    priority INTEGER NOT NULL,
    held_back INTEGER NOT NULL,
    tied INTEGER NOT NULL,            -- entered linked or in a group
    organisation_id INTEGER NOT NULL, -- participant
    owner_id INTEGER NOT NULL,        -- beneficial organisation
    portfolio_id INTEGER,
    location_id INTEGER NOT NULL,
    bus INTEGER NOT NULL,
    side INTEGER NOT NULL,
    product INTEGER NOT NULL,
    regulation INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    conditional INTEGER NOT NULL,
    block INTEGER NOT NULL,
    forward_to_tso INTEGER NOT NULL,
    min_fraction_u INTEGER NOT NULL,
    validity INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    first_period INTEGER NOT NULL,
    period_count INTEGER NOT NULL,
    quantity BLOB NOT NULL,
    filled BLOB NOT NULL,
    points BLOB NOT NULL, -- pairs up_to, price
    technologies INTEGER NOT NULL,
    activation_s INTEGER NOT NULL,
    duration_min_s INTEGER NOT NULL,
    duration_max_s INTEGER NOT NULL,
    ramp_w_per_min INTEGER NOT NULL,
    session_id INTEGER NOT NULL,
    contract_id INTEGER NOT NULL,
    parent_id INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    reference TEXT, -- the participant's own
    entered_by INTEGER NOT NULL,
    on_behalf_of INTEGER NOT NULL,
    entered_us INTEGER NOT NULL,
    changed_us INTEGER NOT NULL
) STRICT;
CREATE INDEX book_order_live ON book_order (area_id, status, priority);
CREATE INDEX book_order_organisation ON book_order (organisation_id, id);

CREATE TABLE book_trade (
    area_id INTEGER NOT NULL REFERENCES area (id),
    id INTEGER NOT NULL,
    sell_order_id INTEGER NOT NULL,
    buy_order_id INTEGER NOT NULL,
    initiator INTEGER NOT NULL,
    seller_id INTEGER NOT NULL,
    buyer_id INTEGER NOT NULL,
    portfolio_id INTEGER NOT NULL,
    buyer_portfolio_id INTEGER NOT NULL,
    sell_contract_id INTEGER NOT NULL,
    buy_contract_id INTEGER NOT NULL,
    product INTEGER NOT NULL,
    regulation INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    conditional INTEGER NOT NULL,
    period INTEGER NOT NULL,
    sell_bus INTEGER NOT NULL,
    buy_bus INTEGER NOT NULL,
    sell_location_id INTEGER NOT NULL,
    buy_location_id INTEGER NOT NULL,
    quantity_w INTEGER NOT NULL,
    concluded_w INTEGER NOT NULL,
    price_u INTEGER NOT NULL,
    time_us INTEGER NOT NULL,
    PRIMARY KEY (area_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX book_trade_seller ON book_trade (seller_id, area_id, id);
CREATE INDEX book_trade_buyer ON book_trade (buyer_id, area_id, id);
CREATE INDEX book_trade_period ON book_trade (area_id, period);

-- What subscribers see, in order and without gaps; kept for a week.
CREATE TABLE event (
    area_id INTEGER NOT NULL REFERENCES area (id),
    sequence INTEGER NOT NULL,
    time_us INTEGER NOT NULL,
    type TEXT NOT NULL,
    scope TEXT, -- "org-7": that organisation and who may look at it; null: everybody who may read the area
    data TEXT NOT NULL,
    PRIMARY KEY (area_id, sequence)
) STRICT, WITHOUT ROWID;

-- Answers kept under the caller's key for 48 hours.
CREATE TABLE idempotency (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    media TEXT NOT NULL,
    body BLOB NOT NULL,
    expires_us INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_expires ON idempotency (expires_us);

-- Availability contracts (LongFlex): tenders, offers, contracts, what they are settled for (docs/contracts.md).
CREATE TABLE tender (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    buyer_id INTEGER NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL,
    product_id INTEGER NOT NULL REFERENCES product (id),
    location_id INTEGER NOT NULL REFERENCES location (id),
    regulation INTEGER NOT NULL CHECK (regulation IN (0, 1)),
    from_day INTEGER NOT NULL,  -- local days, both included
    until_day INTEGER NOT NULL,
    weekdays INTEGER NOT NULL,  -- bit 0 Monday
    capacity_w INTEGER NOT NULL CHECK (capacity_w > 0),
    availability_max_u INTEGER NOT NULL, -- per MW and hour
    activation_max_u INTEGER NOT NULL,   -- per MWh
    expected_s INTEGER NOT NULL CHECK (expected_s >= 0), -- of activation
    duration_min_s INTEGER NOT NULL CHECK (duration_min_s >= 0),
    notice_s INTEGER NOT NULL CHECK (notice_s >= 0),
    opens_us INTEGER NOT NULL,
    closes_us INTEGER NOT NULL,
    ties INTEGER NOT NULL, -- enum fg_contract_ties
    status TEXT NOT NULL CHECK (status IN ('published', 'awarded', 'cancelled')),
    rule TEXT CHECK (rule IN ('merit', 'choice')), -- of the award
    reason TEXT,
    created_by INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    decided_by INTEGER,
    decided_us INTEGER,
    version INTEGER NOT NULL,
    CHECK (opens_us < closes_us)
) STRICT;
CREATE INDEX tender_area ON tender (area_id, id);
CREATE TABLE tender_clock (
    tender_id INTEGER NOT NULL REFERENCES tender (id),
    from_s INTEGER NOT NULL,
    until_s INTEGER NOT NULL,
    PRIMARY KEY (tender_id, from_s)
) STRICT, WITHOUT ROWID;

-- Sealed until the tender closes; a portfolio has one, a new one replaces it.
CREATE TABLE tender_offer (
    id INTEGER NOT NULL PRIMARY KEY,
    tender_id INTEGER NOT NULL REFERENCES tender (id),
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    portfolio_id INTEGER NOT NULL REFERENCES portfolio (id),
    quantity_w INTEGER NOT NULL CHECK (quantity_w > 0),
    minimum_w INTEGER NOT NULL CHECK (minimum_w > 0 AND minimum_w <= quantity_w),
    availability_u INTEGER NOT NULL,
    activation_u INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('offered', 'withdrawn', 'awarded', 'rejected')),
    awarded_w INTEGER,
    reason TEXT,
    entered_by INTEGER NOT NULL,
    entered_us INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX tender_offer_portfolio ON tender_offer (tender_id, portfolio_id);

CREATE TABLE contract (
    id INTEGER NOT NULL PRIMARY KEY,
    tender_id INTEGER NOT NULL REFERENCES tender (id),
    offer_id INTEGER NOT NULL REFERENCES tender_offer (id),
    area_id INTEGER NOT NULL REFERENCES area (id),
    buyer_id INTEGER NOT NULL REFERENCES organisation (id),
    seller_id INTEGER NOT NULL REFERENCES organisation (id),
    portfolio_id INTEGER NOT NULL REFERENCES portfolio (id),
    product_id INTEGER NOT NULL REFERENCES product (id),
    regulation INTEGER NOT NULL,
    quantity_w INTEGER NOT NULL CHECK (quantity_w > 0),
    availability_u INTEGER NOT NULL,
    activation_u INTEGER NOT NULL,
    starts_us INTEGER NOT NULL, -- of the first local day, and end of the last one
    ends_us INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('awarded', 'active', 'suspended', 'ended', 'terminated')),
    reason TEXT,
    round INTEGER NOT NULL, -- 1, and one more with each resumption: orders are entered once a round
    awarded_by INTEGER NOT NULL,
    awarded_us INTEGER NOT NULL,
    terminated_us INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX contract_offer ON contract (offer_id);
CREATE INDEX contract_area ON contract (area_id, status);
CREATE INDEX contract_portfolio ON contract (portfolio_id);
CREATE TABLE contract_suspension (
    contract_id INTEGER NOT NULL REFERENCES contract (id),
    from_us INTEGER NOT NULL,
    until_us INTEGER,
    reason TEXT NOT NULL,
    suspended_by INTEGER NOT NULL,
    PRIMARY KEY (contract_id, from_us)
) STRICT, WITHOUT ROWID;
CREATE INDEX book_order_contract ON book_order (contract_id, first_period);
-- An order is entered once for a unit of a contract in a round (the reference), whatever is killed.
CREATE UNIQUE INDEX book_order_contract_key ON book_order (contract_id, first_period, reference) WHERE contract_id > 0;

-- What a run says about the periods of contracts.
CREATE TABLE settlement_availability (
    run_id INTEGER NOT NULL REFERENCES settlement_run (id),
    contract_id INTEGER NOT NULL REFERENCES contract (id),
    period INTEGER NOT NULL,
    buyer_id INTEGER NOT NULL,
    seller_id INTEGER NOT NULL,
    price_u INTEGER NOT NULL,
    contracted_w INTEGER NOT NULL,
    offered_w INTEGER NOT NULL,
    traded_ws INTEGER NOT NULL,
    available_ws INTEGER NOT NULL,
    missing_ws INTEGER NOT NULL,
    tolerated_ws INTEGER NOT NULL,
    paid_u INTEGER NOT NULL,
    penalty_u INTEGER NOT NULL,
    is_pending INTEGER NOT NULL CHECK (is_pending IN (0, 1)),
    PRIMARY KEY (run_id, contract_id, period)
) STRICT, WITHOUT ROWID;
ALTER TABLE settlement_posting ADD COLUMN contract_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE booking ADD COLUMN contract_id INTEGER NOT NULL DEFAULT 0;

-- Delivery and settlement: meters, baselines, plans, set-points, runs, the ledger and documents (docs/settlement.md).
-- Energies are Ws, powers W, money micro-units, shares millionths; a day is the number of the local day since 1970-01-01,
-- a period the number of the market time unit since 1970. Amounts of documents are in the currency's smallest unit.

-- How an area settles, from a day on; the rule of the day of delivery counts, also in a rerun.
CREATE TABLE settlement_rule (
    area_id INTEGER NOT NULL REFERENCES area (id),
    from_day INTEGER NOT NULL,
    fee_buyer_u INTEGER NOT NULL CHECK (fee_buyer_u >= 0),   -- share of what is paid for delivery
    fee_seller_u INTEGER NOT NULL CHECK (fee_seller_u >= 0),
    fee_monthly_u INTEGER NOT NULL CHECK (fee_monthly_u >= 0), -- money per organisation with an approved portfolio
    compensation_u INTEGER NOT NULL CHECK (compensation_u >= 0 AND compensation_u <= 1000000), -- share of penalties to buyers
    transfer_price_u INTEGER NOT NULL,                       -- per MWh moved between balance responsible parties
    tax_rate_u INTEGER NOT NULL CHECK (tax_rate_u >= 0 AND tax_rate_u <= 1000000),
    domestic_reverse INTEGER NOT NULL CHECK (domestic_reverse IN (0, 1)),
    decimals INTEGER NOT NULL CHECK (decimals >= 0 AND decimals <= 6), -- of the currency's smallest unit
    payment_days INTEGER NOT NULL CHECK (payment_days >= 0),
    set_by INTEGER NOT NULL,
    set_us INTEGER NOT NULL,
    PRIMARY KEY (area_id, from_day)
) STRICT, WITHOUT ROWID;

CREATE TABLE holiday (
    area_id INTEGER NOT NULL REFERENCES area (id),
    day INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (area_id, day)
) STRICT, WITHOUT ROWID;

-- Who answers for the balance of an organisation that is no balance responsible party itself.
CREATE TABLE balance_responsible (
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    area_id INTEGER NOT NULL REFERENCES area (id),
    brp_id INTEGER NOT NULL REFERENCES organisation (id),
    PRIMARY KEY (organisation_id, area_id)
) STRICT, WITHOUT ROWID;

-- A meter of an asset or of a whole portfolio; its readings are the series "meter/ID". Several sources may measure the same:
-- the lowest rank with a good value counts.
CREATE TABLE meter (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    asset_id INTEGER REFERENCES asset (id),
    portfolio_id INTEGER REFERENCES portfolio (id),
    product INTEGER NOT NULL CHECK (product IN (0, 1)), -- active, reactive energy
    reporter_id INTEGER NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL,
    rank INTEGER NOT NULL CHECK (rank >= 1 AND rank <= 100),
    created_us INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CHECK ((asset_id IS NULL) <> (portfolio_id IS NULL))
) STRICT;
CREATE UNIQUE INDEX meter_name ON meter (reporter_id, name);
CREATE UNIQUE INDEX meter_asset ON meter (asset_id, product, rank);
CREATE UNIQUE INDEX meter_portfolio ON meter (portfolio_id, product, rank);
-- When readings of a day changed last: tells which runs are out of date.
CREATE TABLE meter_change (
    meter_id INTEGER NOT NULL REFERENCES meter (id),
    day INTEGER NOT NULL,
    changed_us INTEGER NOT NULL,
    PRIMARY KEY (meter_id, day)
) STRICT, WITHOUT ROWID;

-- Comparable assets for the control-group baseline of a portfolio.
CREATE TABLE control_asset (
    portfolio_id INTEGER NOT NULL REFERENCES portfolio (id),
    asset_id INTEGER NOT NULL REFERENCES asset (id),
    PRIMARY KEY (portfolio_id, asset_id)
) STRICT, WITHOUT ROWID;

-- The supplier's disaggregated plan, and the grid operator's word on it. A new version replaces the earlier one.
CREATE TABLE delivery_plan (
    id INTEGER NOT NULL PRIMARY KEY,
    portfolio_id INTEGER NOT NULL REFERENCES portfolio (id),
    first_period INTEGER NOT NULL,
    period_count INTEGER NOT NULL CHECK (period_count >= 1 AND period_count <= 400),
    status TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'refused', 'replaced')),
    reason TEXT,
    sent_by INTEGER NOT NULL,
    sent_us INTEGER NOT NULL,
    decided_by INTEGER,
    decided_us INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX delivery_plan_portfolio ON delivery_plan (portfolio_id, id);
CREATE TABLE delivery_plan_line (
    plan_id INTEGER NOT NULL REFERENCES delivery_plan (id),
    asset_id INTEGER NOT NULL REFERENCES asset (id),
    period INTEGER NOT NULL,
    power_w INTEGER NOT NULL, -- change of net injection
    PRIMARY KEY (plan_id, asset_id, period)
) STRICT, WITHOUT ROWID;

CREATE TABLE set_point (
    id INTEGER NOT NULL PRIMARY KEY,
    portfolio_id INTEGER NOT NULL REFERENCES portfolio (id),
    operator_id INTEGER NOT NULL REFERENCES organisation (id),
    first_period INTEGER NOT NULL,
    period_count INTEGER NOT NULL CHECK (period_count >= 1 AND period_count <= 400),
    power_w INTEGER NOT NULL, -- change of net injection
    sent_by INTEGER NOT NULL,
    sent_us INTEGER NOT NULL,
    answer TEXT CHECK (answer IN ('accepted', 'refused')),
    reason TEXT,
    answered_by INTEGER,
    answered_us INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX set_point_portfolio ON set_point (portfolio_id, id);

-- The buyer's word on the delivery of a trade.
CREATE TABLE delivery_receipt (
    area_id INTEGER NOT NULL,
    trade_id INTEGER NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('delivered', 'partly', 'missing')),
    note TEXT NOT NULL,
    given_by INTEGER NOT NULL,
    given_us INTEGER NOT NULL,
    PRIMARY KEY (area_id, trade_id)
) STRICT, WITHOUT ROWID;

-- A run settles one day of one area from what was known at `known_us`.
CREATE TABLE settlement_run (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    day INTEGER NOT NULL,
    number INTEGER NOT NULL, -- 1, 2, ... of the day
    known_us INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('computed', 'released')),
    pending_count INTEGER NOT NULL, -- portfolio periods without data
    trade_count INTEGER NOT NULL,
    computed_by INTEGER NOT NULL,
    computed_us INTEGER NOT NULL,
    released_by INTEGER,
    released_us INTEGER,
    booked_after INTEGER, -- the released run that this one's booking starts from
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX settlement_run_day ON settlement_run (area_id, day, number);
-- What it was computed from.
CREATE TABLE settlement_input (
    run_id INTEGER NOT NULL REFERENCES settlement_run (id),
    kind TEXT NOT NULL,   -- 'area', 'product', 'rule', 'holidays', 'trades', 'portfolio', 'meter', 'baseline'
    object INTEGER NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (run_id, kind, object)
) STRICT, WITHOUT ROWID;
CREATE TABLE settlement_portfolio (
    run_id INTEGER NOT NULL REFERENCES settlement_run (id),
    portfolio_id INTEGER NOT NULL,
    product INTEGER NOT NULL,
    period INTEGER NOT NULL,
    meter_ws INTEGER,    -- null: not known
    baseline_ws INTEGER, -- null: not known
    owed_ws INTEGER NOT NULL,
    excess_ws INTEGER NOT NULL,
    reason TEXT,         -- why it is pending
    PRIMARY KEY (run_id, portfolio_id, product, period)
) STRICT, WITHOUT ROWID;
CREATE TABLE settlement_trade (
    run_id INTEGER NOT NULL REFERENCES settlement_run (id),
    trade_id INTEGER NOT NULL,
    seller_id INTEGER NOT NULL,
    buyer_id INTEGER NOT NULL,
    portfolio_id INTEGER NOT NULL,
    product INTEGER NOT NULL,
    regulation INTEGER NOT NULL,
    period INTEGER NOT NULL,
    price_u INTEGER NOT NULL,
    traded_ws INTEGER NOT NULL,
    delivered_ws INTEGER NOT NULL,
    tolerated_ws INTEGER NOT NULL,
    paid_u INTEGER NOT NULL,
    penalty_u INTEGER NOT NULL,
    is_pending INTEGER NOT NULL CHECK (is_pending IN (0, 1)),
    PRIMARY KEY (run_id, trade_id)
) STRICT, WITHOUT ROWID;
-- Energy that moves from one balance responsible party to another.
CREATE TABLE settlement_transfer (
    run_id INTEGER NOT NULL REFERENCES settlement_run (id),
    from_brp_id INTEGER NOT NULL,
    to_brp_id INTEGER NOT NULL,
    trade_id INTEGER NOT NULL,
    period INTEGER NOT NULL,
    energy_ws INTEGER NOT NULL,
    PRIMARY KEY (run_id, trade_id, from_brp_id, to_brp_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE settlement_posting (
    run_id INTEGER NOT NULL REFERENCES settlement_run (id),
    line INTEGER NOT NULL,
    from_account INTEGER NOT NULL,
    from_id INTEGER NOT NULL,
    to_account INTEGER NOT NULL,
    to_id INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    trade_id INTEGER NOT NULL,
    period INTEGER NOT NULL,
    amount_u INTEGER NOT NULL,
    PRIMARY KEY (run_id, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE dispute (
    id INTEGER NOT NULL PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES settlement_run (id),
    trade_id INTEGER NOT NULL,
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    claim TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'upheld', 'rejected', 'withdrawn')),
    answer TEXT,
    raised_by INTEGER NOT NULL,
    raised_us INTEGER NOT NULL,
    decided_by INTEGER,
    decided_us INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX dispute_run ON dispute (run_id);

-- Documents never change once issued: `content` is the document, the other columns are its index.
CREATE TABLE bill (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    month INTEGER NOT NULL, -- of delivery: year x 12 + month - 1
    direction TEXT NOT NULL CHECK (direction IN ('invoice', 'self_billing')),
    kind TEXT NOT NULL CHECK (kind IN ('invoice', 'self_billing', 'supplement', 'credit_note')),
    series TEXT NOT NULL,
    year INTEGER NOT NULL,
    number INTEGER NOT NULL,
    net INTEGER NOT NULL,
    tax INTEGER NOT NULL,
    gross INTEGER NOT NULL,
    decimals INTEGER NOT NULL,
    issued_us INTEGER NOT NULL,
    due_day INTEGER NOT NULL,
    content TEXT NOT NULL, -- JSON
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX bill_number ON bill (series, year, number);
CREATE INDEX bill_subject ON bill (area_id, organisation_id, month, direction);

CREATE TABLE payment (
    id INTEGER NOT NULL PRIMARY KEY,
    bill_id INTEGER NOT NULL REFERENCES bill (id),
    amount INTEGER NOT NULL CHECK (amount <> 0), -- in the direction of the document's gross
    paid_day INTEGER NOT NULL,
    reference TEXT NOT NULL,
    recorded_by INTEGER NOT NULL,
    recorded_us INTEGER NOT NULL
) STRICT;
CREATE INDEX payment_bill ON payment (bill_id);

-- The journal: what is booked. Rows are only ever added; `bill_id` is set once, when the row is billed.
CREATE TABLE booking (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    day INTEGER NOT NULL,   -- of delivery; of documents and payments: of issue, of payment
    run_id INTEGER REFERENCES settlement_run (id),
    bill_id INTEGER REFERENCES bill (id),
    from_account INTEGER NOT NULL,
    from_id INTEGER NOT NULL,
    to_account INTEGER NOT NULL,
    to_id INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    trade_id INTEGER NOT NULL,
    period INTEGER NOT NULL,
    amount_u INTEGER NOT NULL,
    booked_us INTEGER NOT NULL
) STRICT;
CREATE INDEX booking_day ON booking (area_id, day);
CREATE INDEX booking_run ON booking (run_id);
CREATE INDEX booking_bill ON booking (bill_id);

-- Requests that stay unmatched: what their buyer wants to happen at times before the gate closes (docs/trading.md).
CREATE TABLE request_step (
    order_id INTEGER NOT NULL, -- book_order; rows are written with it
    place INTEGER NOT NULL,    -- 1, 2, ...
    area_id INTEGER NOT NULL REFERENCES area (id),
    first_period INTEGER NOT NULL, -- of the order
    due_us INTEGER NOT NULL,
    price_u INTEGER,           -- the new price; null: withdrawn as solved outside the market
    status TEXT NOT NULL CHECK (status IN ('pending', 'done', 'skipped')),
    done_us INTEGER,
    reason TEXT,               -- of a withdrawal
    measure TEXT,
    PRIMARY KEY (order_id, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_step_due ON request_step (area_id, status, due_us);
CREATE INDEX request_step_period ON request_step (area_id, first_period);

-- Requests that their buyer has solved outside the market.
CREATE TABLE request_outcome (
    order_id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    first_period INTEGER NOT NULL,
    reason TEXT NOT NULL,
    measure TEXT,
    by_plan INTEGER NOT NULL CHECK (by_plan IN (0, 1)),
    time_us INTEGER NOT NULL
) STRICT;
CREATE INDEX request_outcome_period ON request_outcome (area_id, first_period);

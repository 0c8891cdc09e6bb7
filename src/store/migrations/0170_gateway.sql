-- Edges to other systems: balancing markets and what is forwarded to them (docs/gateway.md), webhooks (docs/webhooks.md),
-- agents that fetch data of external markets. Powers are W, prices micro-units per MWh, instants microseconds since 1970,
-- periods the number of the market time unit since 1970. Secrets are sealed under the installation's.

-- The balancing market of a control area, as its TSO has connected it.
CREATE TABLE balancing_market (
    area_id INTEGER NOT NULL REFERENCES area (id),
    control_area TEXT NOT NULL,
    organisation_id INTEGER NOT NULL REFERENCES organisation (id), -- the TSO
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    key BLOB NOT NULL,              -- sealed API key
    bid_min_w INTEGER NOT NULL CHECK (bid_min_w > 0),
    lead_s INTEGER NOT NULL CHECK (lead_s >= 0),   -- activations come at the latest so long before delivery begins
    grace_s INTEGER NOT NULL CHECK (grace_s >= 0), -- ... and may arrive so much later
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    position INTEGER NOT NULL,      -- of the last result of the market that was taken
    contacted_us INTEGER,           -- last answer
    failing_since_us INTEGER,
    failure TEXT,
    changed_by INTEGER NOT NULL,
    changed_us INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (area_id, control_area)
) STRICT, WITHOUT ROWID;

-- A bid: one direction, quantity and price in some periods; gateway/bid_state.h has its states.
CREATE TABLE forward_bid (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    control_area TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('prepared', 'sent', 'accepted', 'returning', 'activated', 'returned', 'refused', 'expired')),
    regulation INTEGER NOT NULL,
    location_id INTEGER NOT NULL REFERENCES location (id), -- zone
    brp_id INTEGER NOT NULL,                               -- balance responsible party; 0: not known
    first_period INTEGER NOT NULL,
    period_count INTEGER NOT NULL CHECK (period_count > 0),
    quantity_w INTEGER NOT NULL CHECK (quantity_w > 0),    -- in each period
    least_w INTEGER NOT NULL CHECK (least_w >= 0),         -- least that may be called
    price_u INTEGER NOT NULL,
    called_w INTEGER NOT NULL,
    deadline_us INTEGER NOT NULL,                          -- last instant of an activation
    expires_us INTEGER NOT NULL,
    market_bid TEXT,                                       -- the market's number of it
    reason TEXT,
    created_us INTEGER NOT NULL,
    changed_us INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CHECK (called_w >= 0 AND called_w <= quantity_w)
) STRICT;
CREATE INDEX forward_bid_state ON forward_bid (area_id, control_area, state);
-- What a bid consists of: a price step of an order.
CREATE TABLE forward_member (
    bid_id INTEGER NOT NULL REFERENCES forward_bid (id),
    place INTEGER NOT NULL, -- in the order of calling
    order_id INTEGER NOT NULL,
    portfolio_id INTEGER NOT NULL,
    organisation_id INTEGER NOT NULL,
    quantity_w INTEGER NOT NULL CHECK (quantity_w > 0),
    price_u INTEGER NOT NULL,
    called_w INTEGER NOT NULL CHECK (called_w >= 0 AND called_w <= quantity_w),
    PRIMARY KEY (bid_id, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX forward_member_order ON forward_member (order_id);

-- What the market has called; each once, by the market's number. Not told yet: the answer is still to be sent.
CREATE TABLE forward_activation (
    area_id INTEGER NOT NULL,
    control_area TEXT NOT NULL,
    market_activation TEXT NOT NULL,
    bid_id INTEGER NOT NULL,
    wanted_w INTEGER NOT NULL,
    confirmed_w INTEGER NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('confirmed', 'reduced', 'refused')),
    reason TEXT,
    activated_us INTEGER NOT NULL, -- by the market's clock
    received_us INTEGER NOT NULL,
    told_us INTEGER,
    PRIMARY KEY (area_id, control_area, market_activation)
) STRICT, WITHOUT ROWID;
CREATE INDEX forward_activation_bid ON forward_activation (bid_id);
CREATE TABLE forward_call (
    area_id INTEGER NOT NULL,
    control_area TEXT NOT NULL,
    market_activation TEXT NOT NULL,
    place INTEGER NOT NULL, -- of the member
    called_w INTEGER NOT NULL CHECK (called_w > 0),
    set_point_id INTEGER NOT NULL,
    PRIMARY KEY (area_id, control_area, market_activation, place)
) STRICT, WITHOUT ROWID;

-- Events of an area sent to an address.
CREATE TABLE webhook (
    id INTEGER NOT NULL PRIMARY KEY,
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    area_id INTEGER NOT NULL REFERENCES area (id),
    url TEXT NOT NULL,
    kinds TEXT NOT NULL,           -- event types separated by blanks; "": all
    secret BLOB NOT NULL,          -- sealed
    secret_before BLOB,            -- still signed with, until it ends
    before_until_us INTEGER,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    reason TEXT,                   -- why it is disabled
    incarnation TEXT NOT NULL,     -- of the database when the position was set
    position INTEGER NOT NULL,     -- last event of the area that is done with
    attempts INTEGER NOT NULL,     -- of the event after it
    next_us INTEGER NOT NULL,      -- not before
    failing_since_us INTEGER,
    created_by INTEGER NOT NULL REFERENCES app_user (id),
    created_us INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_organisation ON webhook (organisation_id, id);
CREATE TABLE webhook_delivery (
    webhook_id INTEGER NOT NULL REFERENCES webhook (id),
    id INTEGER NOT NULL,           -- counts attempts of the webhook
    sequence INTEGER NOT NULL,     -- event; 0: a ping
    attempt INTEGER NOT NULL,
    type TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('delivered', 'refused', 'failed')),
    status INTEGER NOT NULL,       -- HTTP; 0: no answer
    text TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    PRIMARY KEY (webhook_id, id)
) STRICT, WITHOUT ROWID;

-- What is fetched from where into which series ("agent/ID").
CREATE TABLE market_agent (
    id INTEGER NOT NULL PRIMARY KEY,
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('json', 'csv')),
    rows TEXT NOT NULL,            -- JSON pointer of the array; CSV: ""
    time_member TEXT NOT NULL,     -- JSON pointer in an item, or CSV column
    value_member TEXT NOT NULL,
    unit TEXT NOT NULL,
    places INTEGER NOT NULL CHECK (places >= 0 AND places <= 9), -- values are stored as integers of the last place
    step_s INTEGER NOT NULL CHECK (step_s > 0),
    every_s INTEGER NOT NULL CHECK (every_s > 0),
    stale_s INTEGER NOT NULL CHECK (stale_s > 0),
    quality INTEGER NOT NULL,      -- bits given to each sample
    source TEXT NOT NULL,
    licence TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    series_id INTEGER NOT NULL REFERENCES series (id),
    tag TEXT,                      -- ETag of the last answer
    next_us INTEGER NOT NULL,
    fetched_us INTEGER,            -- last good answer
    last_s INTEGER,                -- latest sample
    attempts INTEGER NOT NULL,
    failing_since_us INTEGER,
    failure TEXT,
    created_by INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX market_agent_name ON market_agent (organisation_id, name);

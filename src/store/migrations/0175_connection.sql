-- Which connection of a control area's balancing market a call came over: counted up whenever the market is connected by another
-- address, so that numbers of calls that another market gives again are not taken for those of the one before.
ALTER TABLE balancing_market ADD COLUMN connection INTEGER NOT NULL DEFAULT 1;

CREATE TABLE kept_activation (
    area_id INTEGER NOT NULL,
    control_area TEXT NOT NULL,
    connection INTEGER NOT NULL,
    market_activation TEXT NOT NULL,
    bid_id INTEGER NOT NULL,
    wanted_w INTEGER NOT NULL,
    confirmed_w INTEGER NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('confirmed', 'reduced', 'refused')),
    reason TEXT,
    activated_us INTEGER NOT NULL, -- by the market's clock
    received_us INTEGER NOT NULL,
    told_us INTEGER,
    PRIMARY KEY (area_id, control_area, connection, market_activation)
) STRICT, WITHOUT ROWID;
INSERT INTO kept_activation (area_id, control_area, connection, market_activation, bid_id, wanted_w, confirmed_w, verdict, reason, activated_us,
    received_us, told_us) SELECT area_id, control_area, 1, market_activation, bid_id, wanted_w, confirmed_w, verdict, reason, activated_us,
    received_us, told_us FROM forward_activation;
DROP TABLE forward_activation;
ALTER TABLE kept_activation RENAME TO forward_activation;
CREATE INDEX forward_activation_bid ON forward_activation (bid_id);

CREATE TABLE kept_call (
    area_id INTEGER NOT NULL,
    control_area TEXT NOT NULL,
    connection INTEGER NOT NULL,
    market_activation TEXT NOT NULL,
    place INTEGER NOT NULL, -- of the member
    called_w INTEGER NOT NULL CHECK (called_w > 0),
    set_point_id INTEGER NOT NULL,
    PRIMARY KEY (area_id, control_area, connection, market_activation, place)
) STRICT, WITHOUT ROWID;
INSERT INTO kept_call (area_id, control_area, connection, market_activation, place, called_w, set_point_id) SELECT area_id, control_area, 1,
    market_activation, place, called_w, set_point_id FROM forward_call;
DROP TABLE forward_call;
ALTER TABLE kept_call RENAME TO forward_call;

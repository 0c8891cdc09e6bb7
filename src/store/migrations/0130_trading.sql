-- Trading over the API: sessions whose silence cancels their orders (atp/exchange.h).
CREATE TABLE trading_session (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    timeout_s INTEGER NOT NULL CHECK (timeout_s > 0),
    opened_us INTEGER NOT NULL,
    opened_by INTEGER NOT NULL,
    closed_us INTEGER
) STRICT;
CREATE INDEX trading_session_open ON trading_session (area_id, closed_us);

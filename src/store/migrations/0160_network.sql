-- Network-aware trading: operating points, what holds in the grid for a time, the network state that the engine trades on,
-- and the traffic light (docs/network-aware.md). Powers are W and var, voltages millionths of p.u., a period is the number
-- of the market time unit since 1970; arrays of powers are blobs of little-endian 64-bit integers, the smallest one: none.

-- Buses of an area by number: what orders, trades and operating points name. A number is for ever, whatever version of the
-- network is in use.
CREATE TABLE area_bus (
    area_id INTEGER NOT NULL REFERENCES area (id),
    number INTEGER NOT NULL,
    bus TEXT NOT NULL,
    PRIMARY KEY (area_id, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX area_bus_name ON area_bus (area_id, bus);
INSERT INTO area_bus (area_id, number, bus)
SELECT b.area_id, ROW_NUMBER() OVER (PARTITION BY b.area_id ORDER BY b.bus) - 1, b.bus
FROM (SELECT DISTINCT n.area_id AS area_id, nb.bus AS bus FROM network_bus nb JOIN network n ON n.id = nb.network_id) b;

-- What an area with stale rule 'fallback' falls back to; without a row to the network's own loads.
CREATE TABLE network_rule (
    area_id INTEGER NOT NULL PRIMARY KEY REFERENCES area (id),
    fallback TEXT NOT NULL CHECK (fallback IN ('last', 'nominal', 'off')),
    set_by INTEGER NOT NULL,
    set_us INTEGER NOT NULL
) STRICT;

-- A source of operating points; its values come in versions.
CREATE TABLE operating_point (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('schedule', 'forecast', 'prognosis')),
    covers TEXT NOT NULL CHECK (covers IN ('all', 'rest')), -- values of buses: with, without what assets say themselves
    is_required INTEGER NOT NULL CHECK (is_required IN (0, 1)),
    deadline_s INTEGER NOT NULL CHECK (deadline_s >= 0),    -- before a period begins
    stale_s INTEGER CHECK (stale_s > 0),                    -- age from which a version is stale; null: never
    when_stale TEXT NOT NULL CHECK (when_stale IN ('last', 'own')),
    created_us INTEGER NOT NULL,
    value_version INTEGER NOT NULL,                         -- the latest version of its values; 0: none yet
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX operating_point_name ON operating_point (area_id, organisation_id, name);
CREATE TABLE operating_version (
    point_id INTEGER NOT NULL REFERENCES operating_point (id),
    version INTEGER NOT NULL,
    first_period INTEGER NOT NULL,
    period_count INTEGER NOT NULL CHECK (period_count > 0),
    entered_by INTEGER NOT NULL,
    entered_us INTEGER NOT NULL,
    PRIMARY KEY (point_id, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE operating_row (
    point_id INTEGER NOT NULL REFERENCES operating_point (id),
    version INTEGER NOT NULL,
    subject INTEGER NOT NULL CHECK (subject IN (0, 1, 2)), -- bus, asset, portfolio
    subject_id INTEGER NOT NULL,                           -- number of the bus in the area; else the object's
    p BLOB NOT NULL,
    q BLOB NOT NULL,
    PRIMARY KEY (point_id, version, subject, subject_id)
) STRICT, WITHOUT ROWID;

-- Switch states, outages and temporary limits.
CREATE TABLE grid_condition (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    kind TEXT NOT NULL CHECK (kind IN ('switch', 'outage', 'rating', 'voltage')),
    element TEXT NOT NULL,
    is_closed INTEGER NOT NULL CHECK (is_closed IN (0, 1)),
    limit_low INTEGER NOT NULL,
    limit_high INTEGER NOT NULL,
    from_us INTEGER NOT NULL,
    until_us INTEGER, -- null: until it is ended
    reason TEXT NOT NULL,
    entered_by INTEGER NOT NULL,
    entered_us INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CHECK (until_us IS NULL OR until_us > from_us)
) STRICT;
CREATE INDEX grid_condition_area ON grid_condition (area_id, until_us);

-- Every state that was made for an area's engine; the document holds all that it was made from.
CREATE TABLE network_state (
    area_id INTEGER NOT NULL REFERENCES area (id),
    version INTEGER NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('off', 'dc', 'ac')),
    network_id INTEGER,
    document_version INTEGER,
    first_period INTEGER NOT NULL,
    checks TEXT NOT NULL,  -- per period: f free, b blocked, d dc, a ac
    sources TEXT NOT NULL, -- per period: n none required, f fresh, w awaited, s stale, m missing, o another one is stale
    made_us INTEGER NOT NULL,
    PRIMARY KEY (area_id, version)
) STRICT, WITHOUT ROWID;
-- The one that the engine trades on; written by the engine.
CREATE TABLE area_network (
    area_id INTEGER NOT NULL PRIMARY KEY REFERENCES area (id),
    version INTEGER NOT NULL,
    applied_us INTEGER NOT NULL
) STRICT;

-- Written by the engine: what is not green.
CREATE TABLE traffic_light (
    area_id INTEGER NOT NULL REFERENCES area (id),
    subject INTEGER NOT NULL CHECK (subject IN (0, 1)), -- location, bus (its number in the area)
    subject_id INTEGER NOT NULL,
    period INTEGER NOT NULL,
    colour TEXT NOT NULL CHECK (colour IN ('green', 'yellow', 'red')),
    reason TEXT NOT NULL,
    up_w INTEGER NOT NULL,   -- headroom; -1: not limited by the network
    down_w INTEGER NOT NULL,
    since_us INTEGER NOT NULL,
    PRIMARY KEY (area_id, subject, subject_id, period)
) STRICT, WITHOUT ROWID;

-- The registry: who takes part, with which rights, and with which grids, locations, assets and portfolios (atp/README.md).
-- Powers are W and var, energies Ws, prices micro-units per MWh, instants microseconds since 1970; sets are bit masks
-- of the enumerations in atp/access.h.

CREATE TABLE organisation (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    roles INTEGER NOT NULL CHECK (roles > 0),
    status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'suspended', 'refused')),
    owner_id INTEGER REFERENCES organisation (id), -- beneficial owner; null: itself
    country TEXT NOT NULL,                         -- ISO 3166-1, two letters
    vat_number TEXT,
    eic TEXT,                                      -- ENTSO-E identification code
    address TEXT NOT NULL,
    iban TEXT,
    created_us INTEGER NOT NULL,
    decided_us INTEGER,
    decided_by INTEGER,
    reason TEXT,                                   -- of a refusal or suspension
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX organisation_name ON organisation (name);

-- A natural person: the key under which her data are sealed. Erasing destroys key and data; the number stays.
CREATE TABLE person (
    id INTEGER NOT NULL PRIMARY KEY,
    key BLOB, -- sealed under the installation's secret
    created_us INTEGER NOT NULL,
    erased_us INTEGER
) STRICT;
CREATE TABLE person_data (
    person_id INTEGER NOT NULL REFERENCES person (id),
    purpose TEXT NOT NULL, -- 'name', 'email', 'phone'
    sealed BLOB NOT NULL,
    PRIMARY KEY (person_id, purpose)
) STRICT, WITHOUT ROWID;

CREATE TABLE app_user (
    id INTEGER NOT NULL PRIMARY KEY,
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    person_id INTEGER NOT NULL REFERENCES person (id),
    email_index BLOB,      -- keyed hash of the address, for log-in; null once erased
    password_hash TEXT,    -- null: cannot log in
    duties INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    created_us INTEGER NOT NULL,
    failed_logins INTEGER NOT NULL,
    locked_until_us INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX app_user_email ON app_user (email_index);
CREATE INDEX app_user_organisation ON app_user (organisation_id);

CREATE TABLE invitation (
    id INTEGER NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL,
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    duties INTEGER NOT NULL,
    invited_by INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    used_us INTEGER
) STRICT;
CREATE UNIQUE INDEX invitation_hash ON invitation (hash);

CREATE TABLE login_session (
    id INTEGER NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL,
    user_id INTEGER NOT NULL REFERENCES app_user (id),
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    ended_us INTEGER
) STRICT;
CREATE UNIQUE INDEX login_session_hash ON login_session (hash);
CREATE INDEX login_session_of_user ON login_session (user_id);

CREATE TABLE api_key (
    id INTEGER NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL,
    user_id INTEGER NOT NULL REFERENCES app_user (id),
    name TEXT NOT NULL,
    apis INTEGER NOT NULL,
    duties INTEGER NOT NULL, -- at most the user's
    created_us INTEGER NOT NULL,
    expires_us INTEGER,
    revoked_us INTEGER
) STRICT;
CREATE UNIQUE INDEX api_key_hash ON api_key (hash);
CREATE INDEX api_key_user ON api_key (user_id);

-- The agent may act for the principal with these duties.
CREATE TABLE mandate (
    principal_id INTEGER NOT NULL REFERENCES organisation (id),
    agent_id INTEGER NOT NULL REFERENCES organisation (id),
    duties INTEGER NOT NULL,
    granted_us INTEGER NOT NULL,
    granted_by INTEGER NOT NULL,
    revoked_us INTEGER,
    PRIMARY KEY (principal_id, agent_id, granted_us)
) STRICT, WITHOUT ROWID;

CREATE TABLE consent (
    person_id INTEGER NOT NULL REFERENCES person (id),
    purpose TEXT NOT NULL, -- 'metering', 'forecasting', 'open_data', 'contact'
    given_us INTEGER NOT NULL,
    withdrawn_us INTEGER,
    PRIMARY KEY (person_id, purpose, given_us)
) STRICT, WITHOUT ROWID;

-- Four eyes: what one user has asked for and another one has to confirm.
CREATE TABLE approval (
    id INTEGER NOT NULL PRIMARY KEY,
    action TEXT NOT NULL CHECK (action IN ('limits.set', 'trade.cancel', 'settlement.release')),
    object TEXT NOT NULL,
    detail TEXT NOT NULL, -- the asker's words
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    asked_by INTEGER NOT NULL,
    asked_us INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'confirmed', 'refused', 'withdrawn', 'used')),
    decided_by INTEGER,
    decided_us INTEGER,
    CHECK (decided_by IS NULL OR decided_by <> asked_by OR status = 'withdrawn')
) STRICT;
CREATE INDEX approval_organisation ON approval (organisation_id, id);

-- A market area: one book, one currency, one time zone, one writer.
CREATE TABLE area (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    operator_id INTEGER NOT NULL REFERENCES organisation (id), -- the FMO
    currency TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    period_s INTEGER NOT NULL CHECK (period_s IN (300, 900, 1800, 3600)),
    tick_w INTEGER NOT NULL CHECK (tick_w > 0),
    price_step_u INTEGER NOT NULL CHECK (price_step_u > 0),
    price_min_u INTEGER NOT NULL,
    price_max_u INTEGER NOT NULL,
    size_max_w INTEGER NOT NULL CHECK (size_max_w > 0),
    network_mode TEXT NOT NULL CHECK (network_mode IN ('off', 'dc', 'ac')),
    stale_rule TEXT NOT NULL CHECK (stale_rule IN ('block', 'fallback')), -- without a fresh operating point
    network_id INTEGER,
    created_us INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CHECK (price_min_u < price_max_u)
) STRICT;
CREATE UNIQUE INDEX area_name ON area (name);

-- What is traded in an area and when its gates open and close: opening and closure by the local clock on the day before
-- delivery (or `lead` seconds before each period when the clock time is null).
CREATE TABLE product (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('active', 'reactive', 'capacity_active', 'capacity_reactive')),
    opening_days INTEGER NOT NULL CHECK (opening_days >= 0),   -- days before the day of delivery
    opening_clock_s INTEGER NOT NULL CHECK (opening_clock_s >= 0 AND opening_clock_s < 86400),
    closure_lead_s INTEGER NOT NULL CHECK (closure_lead_s >= 0), -- before the period begins
    tolerance_share_u INTEGER NOT NULL, -- of the traded quantity, millionths
    tolerance_w INTEGER NOT NULL,
    penalty_factor_u INTEGER NOT NULL,  -- of the trade's price, millionths
    penalty_u INTEGER NOT NULL,         -- per MWh short, micro-units
    baseline_rule TEXT NOT NULL,        -- JSON; market/baseline.h
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX product_name ON product (area_id, name);

CREATE TABLE network (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    organisation_id INTEGER NOT NULL REFERENCES organisation (id), -- whose grid it is
    name TEXT NOT NULL,
    format TEXT NOT NULL,   -- one of fg_network_formats
    document TEXT NOT NULL, -- name of the store's document of kind "network", as it was uploaded
    version INTEGER NOT NULL, -- of that document
    sha256 TEXT NOT NULL,
    notes TEXT NOT NULL,    -- JSON: what the reader ignored, defaulted, converted
    bus_count INTEGER NOT NULL,
    branch_count INTEGER NOT NULL,
    uploaded_by INTEGER NOT NULL,
    uploaded_us INTEGER NOT NULL
) STRICT;
CREATE TABLE network_bus (
    network_id INTEGER NOT NULL REFERENCES network (id),
    bus TEXT NOT NULL,
    PRIMARY KEY (network_id, bus)
) STRICT, WITHOUT ROWID;

-- Grid locations: a forest per area. A location's index in the book is its place in the order of ids, parents first.
CREATE TABLE location (
    id INTEGER NOT NULL PRIMARY KEY,
    area_id INTEGER NOT NULL REFERENCES area (id),
    name TEXT NOT NULL,
    parent_id INTEGER REFERENCES location (id),
    operator_id INTEGER NOT NULL REFERENCES organisation (id), -- the DSO or TSO
    priority_id INTEGER REFERENCES organisation (id),          -- the system operator that has priority
    control_area TEXT,                                         -- of the TSO
    polygon TEXT,                                              -- GeoJSON geometry
    status TEXT NOT NULL CHECK (status IN ('published', 'closed')),
    created_us INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CHECK (parent_id IS NULL OR parent_id < id)
) STRICT;
CREATE UNIQUE INDEX location_name ON location (area_id, name);
CREATE TABLE location_bus (
    location_id INTEGER NOT NULL REFERENCES location (id),
    bus TEXT NOT NULL,
    PRIMARY KEY (location_id, bus)
) STRICT, WITHOUT ROWID;
CREATE TABLE location_link (
    from_id INTEGER NOT NULL REFERENCES location (id),
    to_id INTEGER NOT NULL REFERENCES location (id),
    PRIMARY KEY (from_id, to_id),
    CHECK (from_id < to_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE asset (
    id INTEGER NOT NULL PRIMARY KEY,
    organisation_id INTEGER NOT NULL REFERENCES organisation (id), -- owner
    area_id INTEGER NOT NULL REFERENCES area (id),
    name TEXT NOT NULL,
    technology TEXT NOT NULL,
    location_id INTEGER NOT NULL REFERENCES location (id),
    bus TEXT,
    metering_point TEXT,
    p_min_w INTEGER NOT NULL,
    p_max_w INTEGER NOT NULL,
    s_max_va INTEGER NOT NULL CHECK (s_max_va > 0),
    energy_ws INTEGER,                                              -- of a store
    grid_status TEXT NOT NULL CHECK (grid_status IN ('pending', 'approved', 'refused', 'suspended')), -- the DSO's word
    grid_reason TEXT,
    grid_decided_by INTEGER,
    grid_decided_us INTEGER,
    created_us INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CHECK (p_min_w <= p_max_w)
) STRICT;
CREATE UNIQUE INDEX asset_name ON asset (organisation_id, name);
CREATE INDEX asset_location ON asset (location_id);

-- Extension attributes with their type, so that they can be compared and searched.
CREATE TABLE asset_attribute (
    asset_id INTEGER NOT NULL REFERENCES asset (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('text', 'number', 'boolean', 'instant')),
    text_value TEXT,
    number_value REAL,
    integer_value INTEGER, -- boolean, instant
    PRIMARY KEY (asset_id, name)
) STRICT, WITHOUT ROWID;

-- Which balance responsible party answers for an asset, from when until when.
CREATE TABLE brp_assignment (
    asset_id INTEGER NOT NULL REFERENCES asset (id),
    valid_from_us INTEGER NOT NULL,
    valid_until_us INTEGER,
    brp_id INTEGER NOT NULL REFERENCES organisation (id),
    assigned_by INTEGER NOT NULL,
    PRIMARY KEY (asset_id, valid_from_us),
    CHECK (valid_until_us IS NULL OR valid_until_us > valid_from_us)
) STRICT, WITHOUT ROWID;

-- What an asset's owner has asked of a balance responsible party; its confirmation makes an assignment of it.
CREATE TABLE brp_proposal (
    asset_id INTEGER NOT NULL PRIMARY KEY REFERENCES asset (id),
    brp_id INTEGER NOT NULL REFERENCES organisation (id),
    valid_from_us INTEGER NOT NULL,
    valid_until_us INTEGER,
    proposed_by INTEGER NOT NULL,
    CHECK (valid_until_us IS NULL OR valid_until_us > valid_from_us)
) STRICT;

CREATE TABLE portfolio (
    id INTEGER NOT NULL PRIMARY KEY,
    organisation_id INTEGER NOT NULL REFERENCES organisation (id), -- who trades it
    area_id INTEGER NOT NULL REFERENCES area (id),
    name TEXT NOT NULL,
    location_id INTEGER NOT NULL REFERENCES location (id),
    status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'refused', 'suspended')), -- the FMO's word
    reason TEXT,
    decided_by INTEGER,
    decided_us INTEGER,
    created_us INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX portfolio_name ON portfolio (organisation_id, name);
CREATE TABLE portfolio_asset (
    asset_id INTEGER NOT NULL REFERENCES asset (id),
    valid_from_us INTEGER NOT NULL,
    valid_until_us INTEGER,
    portfolio_id INTEGER NOT NULL REFERENCES portfolio (id),
    PRIMARY KEY (asset_id, valid_from_us),
    CHECK (valid_until_us IS NULL OR valid_until_us > valid_from_us)
) STRICT, WITHOUT ROWID;
CREATE INDEX portfolio_asset_portfolio ON portfolio_asset (portfolio_id);

-- Prequalification of a portfolio: of the product by the FMO, of the grid by the DSO. Both are needed; the lower
-- capability counts.
CREATE TABLE prequalification (
    id INTEGER NOT NULL PRIMARY KEY,
    portfolio_id INTEGER NOT NULL REFERENCES portfolio (id),
    product_id INTEGER NOT NULL REFERENCES product (id),
    kind TEXT NOT NULL CHECK (kind IN ('product', 'grid')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'refused', 'suspended')),
    up_w INTEGER NOT NULL CHECK (up_w >= 0),     -- capability asked for; when approved, the capability approved
    down_w INTEGER NOT NULL CHECK (down_w >= 0),
    valid_from_us INTEGER,
    valid_until_us INTEGER,
    reason TEXT,
    asked_us INTEGER NOT NULL,
    decided_by INTEGER,
    decided_us INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX prequalification_portfolio ON prequalification (portfolio_id, product_id, kind);

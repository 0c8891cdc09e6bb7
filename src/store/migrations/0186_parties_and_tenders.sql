-- Who answers for the balance of an organisation that is no balance responsible party itself: now from when until when, on the
-- organisation's proposal and the party's confirmation. What was there holds from the beginning.
CREATE TABLE own_brp (
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    area_id INTEGER NOT NULL REFERENCES area (id),
    valid_from_us INTEGER NOT NULL DEFAULT 0,
    valid_until_us INTEGER,
    brp_id INTEGER NOT NULL REFERENCES organisation (id),
    assigned_by INTEGER NOT NULL DEFAULT 0, -- user of the party; 0: not known
    PRIMARY KEY (organisation_id, area_id, valid_from_us),
    CHECK (valid_until_us IS NULL OR valid_until_us > valid_from_us)
) STRICT, WITHOUT ROWID;
INSERT INTO own_brp (organisation_id, area_id, brp_id) SELECT organisation_id, area_id, brp_id FROM balance_responsible;
DROP TABLE balance_responsible;
ALTER TABLE own_brp RENAME TO balance_responsible;
CREATE INDEX balance_responsible_brp ON balance_responsible (brp_id);

-- What an organisation has asked of a balance responsible party.
CREATE TABLE balance_proposal (
    organisation_id INTEGER NOT NULL REFERENCES organisation (id),
    area_id INTEGER NOT NULL REFERENCES area (id),
    brp_id INTEGER NOT NULL REFERENCES organisation (id),
    valid_from_us INTEGER NOT NULL,
    valid_until_us INTEGER,
    proposed_by INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, area_id),
    CHECK (valid_until_us IS NULL OR valid_until_us > valid_from_us)
) STRICT, WITHOUT ROWID;

-- What the area's events have told of tenders and contracts (docs/contracts.md). What was there before counts as told, and
-- so does what had closed when the platform was last up: the latest time that the audit log, an event or a lease names.
CREATE TABLE tender_told (
    tender_id INTEGER NOT NULL PRIMARY KEY REFERENCES tender (id),
    phase INTEGER NOT NULL CHECK (phase >= 1 AND phase <= 3) -- published, closed, decided
) STRICT;
INSERT INTO tender_told (tender_id, phase) SELECT t.id, CASE WHEN t.status <> 'published' THEN 3 WHEN t.closes_us <= COALESCE((SELECT
    MAX(u.time_us) FROM (SELECT time_us FROM audit UNION ALL SELECT time_us FROM event UNION ALL SELECT expires_us FROM lease) u), 0) THEN 2
    ELSE 1 END FROM tender t;
CREATE TABLE contract_told (
    contract_id INTEGER NOT NULL PRIMARY KEY REFERENCES contract (id),
    version INTEGER NOT NULL -- of the contract
) STRICT;
INSERT INTO contract_told (contract_id, version) SELECT id, version FROM contract;

-- The audit log, one hash chain per writer; see atp/audit.h. Users and organisations by number only.
CREATE TABLE audit (
    chain TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    time_us INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    organisation_id INTEGER NOT NULL,
    on_behalf_of INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    action TEXT NOT NULL,
    object TEXT,
    detail TEXT,
    hash BLOB NOT NULL,
    PRIMARY KEY (chain, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_object ON audit (object, time_us);

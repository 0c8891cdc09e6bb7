-- The store's own tables. How these files are written: src/store/migrate.h.

-- Applied migrations.
CREATE TABLE migration (
    number INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    applied_us INTEGER NOT NULL
) STRICT;

-- Facts about this database: its incarnation.
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Last number given by each counter.
CREATE TABLE counter (
    name TEXT NOT NULL PRIMARY KEY,
    last INTEGER NOT NULL CHECK (last >= 0)
) STRICT, WITHOUT ROWID;

-- Who writes which part of the data; see lease.h.
CREATE TABLE lease (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    epoch INTEGER NOT NULL CHECK (epoch > 0),
    expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Time series; see series.h. kind: 0 int64, 1 double.
CREATE TABLE series (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind INTEGER NOT NULL CHECK (kind IN (0, 1)),
    unit TEXT NOT NULL,
    step_s INTEGER NOT NULL CHECK (step_s > 0),
    interval_s INTEGER NOT NULL CHECK (interval_s >= step_s),
    keep_history INTEGER NOT NULL CHECK (keep_history IN (0, 1))
) STRICT;

-- Samples of 2880 intervals, and how they came to be.
CREATE TABLE series_chunk (
    series_id INTEGER NOT NULL REFERENCES series (id),
    number INTEGER NOT NULL,
    payload BLOB NOT NULL,
    history BLOB,
    PRIMARY KEY (series_id, number)
) STRICT;
-- @postgresql ALTER TABLE series_chunk ALTER payload SET STORAGE EXTERNAL, ALTER history SET STORAGE EXTERNAL;

-- Networks, results of power flows, optimal power flows and algorithms; see document.h.
CREATE TABLE document (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    created_us INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    metadata TEXT NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (kind, name, version)
) STRICT;
-- @postgresql ALTER TABLE document ALTER payload SET STORAGE EXTERNAL;

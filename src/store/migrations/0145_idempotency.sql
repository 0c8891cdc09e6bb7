-- Answers kept under a key are looked up by many keys at once. With the key in front no plan reads all answers of an owner,
-- whatever the database believes of a table that was empty a moment ago.
CREATE TABLE kept_answer (
    key TEXT NOT NULL,
    owner TEXT NOT NULL,
    hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    media TEXT NOT NULL,
    body BLOB NOT NULL,
    expires_us INTEGER NOT NULL,
    PRIMARY KEY (key, owner)
) STRICT, WITHOUT ROWID;
INSERT INTO kept_answer (key, owner, hash, status, media, body, expires_us)
    SELECT key, owner, hash, status, media, body, expires_us FROM idempotency;
DROP TABLE idempotency;
ALTER TABLE kept_answer RENAME TO idempotency;
CREATE INDEX idempotency_expires ON idempotency (expires_us);

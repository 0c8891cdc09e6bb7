-- Servers of this database that others may pass requests on to: a lease names its holder, this says where the holder is reached and
-- by which public key it is recognised.
CREATE TABLE node (
    name TEXT NOT NULL PRIMARY KEY,
    url TEXT NOT NULL,             -- https
    pin TEXT NOT NULL,             -- "sha256//" and the hash of the certificate's public key; "": it has none of its own
    announced_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- At most one row: the data are a demonstration's, whose passwords everybody knows; see atp/demonstration.h.
CREATE TABLE demonstration (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    day INTEGER NOT NULL, -- days since 1970, in the time zone of its market
    seed INTEGER NOT NULL,
    made_us INTEGER NOT NULL,
    is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1))
) STRICT;

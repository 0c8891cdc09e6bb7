-- The market operator's limits (market/book.h), and what the engine holds for contracts.
CREATE TABLE book_limit (
    area_id INTEGER NOT NULL REFERENCES area (id),
    participant_id INTEGER NOT NULL, -- organisation; 0: each
    product INTEGER NOT NULL,        -- enum fg_product; -1: all
    regulation INTEGER NOT NULL,     -- enum fg_regulation; -1: both
    price_min_u INTEGER,             -- null: no such limit, in this and the columns that follow
    price_max_u INTEGER,
    band_u INTEGER,
    reference_u INTEGER,             -- the last price, once something has traded
    size_max_w INTEGER,
    orders_max INTEGER,
    exposure_max_u INTEGER,
    set_us INTEGER NOT NULL,
    set_by INTEGER NOT NULL,
    PRIMARY KEY (area_id, participant_id, product, regulation)
) STRICT, WITHOUT ROWID;

ALTER TABLE book_position ADD COLUMN contracted_w INTEGER NOT NULL DEFAULT 0;
ALTER TABLE area_state ADD COLUMN settled_before INTEGER NOT NULL DEFAULT 0; -- trades for earlier periods are no exposure

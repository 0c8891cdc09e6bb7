-- What the balancing market called counts in what a portfolio owes: the calls of a unit, and what was delivered of them; up positive.
ALTER TABLE settlement_portfolio ADD COLUMN called_ws INTEGER NOT NULL DEFAULT 0;
ALTER TABLE settlement_portfolio ADD COLUMN called_delivered_ws INTEGER NOT NULL DEFAULT 0;

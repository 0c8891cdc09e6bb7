-- The few bids of which something was called, by the time of delivery: read by each settlement run.
CREATE INDEX forward_bid_called ON forward_bid (area_id, first_period) WHERE called_w > 0;

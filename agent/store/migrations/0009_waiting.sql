-- readable_from: 1
-- A start counts what waits of each transaction: after a long outage from this index, not from 100,000 facts.
CREATE INDEX journal_waiting ON journal (transaction_id) WHERE state = 'queued';

-- readable_from: 1
-- Samples of open transactions that the end of each tells once more; older firmware leaves them alone.
CREATE TABLE transaction_samples (
    transaction_id TEXT NOT NULL,
    context TEXT NOT NULL,
    number INTEGER NOT NULL,
    sample TEXT NOT NULL,
    PRIMARY KEY (transaction_id, context, number)
) WITHOUT ROWID;

-- readable_from: 1
CREATE TABLE schema_floor (readable_from INTEGER NOT NULL);

CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE journal (
    row_id INTEGER PRIMARY KEY,
    transaction_id TEXT,
    fact TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    message_ids TEXT NOT NULL DEFAULT '',
    settled_at INTEGER,
    reason TEXT
);
CREATE INDEX journal_queued ON journal (row_id) WHERE state = 'queued';
CREATE INDEX journal_dead ON journal (row_id) WHERE state = 'dead';

CREATE TABLE open_transactions (evse_id INTEGER PRIMARY KEY, state TEXT NOT NULL);

CREATE TABLE transactions (
    transaction_id TEXT PRIMARY KEY,
    ended INTEGER NOT NULL DEFAULT 0,
    start_acknowledged INTEGER NOT NULL DEFAULT 0,
    csms_transaction_id INTEGER,
    owner TEXT
) WITHOUT ROWID;

CREATE TABLE registers (evse_id INTEGER PRIMARY KEY, register_wh TEXT NOT NULL, at TEXT NOT NULL);

CREATE TABLE availability (evse_id INTEGER PRIMARY KEY, operative INTEGER NOT NULL);

CREATE TABLE variables (
    component TEXT NOT NULL,
    component_instance TEXT NOT NULL,
    evse_id INTEGER NOT NULL,
    connector_id INTEGER NOT NULL,
    variable TEXT NOT NULL,
    instance TEXT NOT NULL,
    attribute TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (component, component_instance, evse_id, connector_id, variable, instance, attribute)
) WITHOUT ROWID;

CREATE TABLE authorization_cache (
    token TEXT PRIMARY KEY,
    token_type TEXT NOT NULL,
    status TEXT NOT NULL,
    group_token TEXT,
    group_type TEXT,
    expires_at TEXT,
    used_at TEXT NOT NULL
) WITHOUT ROWID;

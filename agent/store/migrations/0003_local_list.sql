-- readable_from: 1
CREATE TABLE local_list (
    token TEXT PRIMARY KEY,
    token_type TEXT NOT NULL,
    status TEXT NOT NULL,
    group_token TEXT,
    group_type TEXT,
    expires_at TEXT
) WITHOUT ROWID;

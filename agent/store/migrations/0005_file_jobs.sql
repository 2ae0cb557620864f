-- readable_from: 1
CREATE TABLE file_jobs (name TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;

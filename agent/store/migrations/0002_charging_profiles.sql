-- readable_from: 1
CREATE TABLE charging_profiles (profile_id INTEGER PRIMARY KEY, profile TEXT NOT NULL);

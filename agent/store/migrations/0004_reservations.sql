-- readable_from: 1
CREATE TABLE reservations (reservation_id INTEGER PRIMARY KEY, reservation TEXT NOT NULL);

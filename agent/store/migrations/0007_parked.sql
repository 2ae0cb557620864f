-- readable_from: 1
-- Facts that wait for the back-end to which their transaction belongs. To older firmware they are dead letters.
CREATE VIEW parked AS
SELECT row_id, transaction_id, fact, substr(reason, 12) AS owner, settled_at AS parked_at
FROM journal WHERE state = 'dead' AND reason LIKE 'belongs to %';

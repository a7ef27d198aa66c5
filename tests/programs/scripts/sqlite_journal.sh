# A database of 100,000 rows, with a rollback journal: made, indexed, changed, rolled back, checked.
sqlite3 big.db <<X
PRAGMA journal_mode = delete;
CREATE TABLE numbers(id INTEGER PRIMARY KEY, square INTEGER, name TEXT);
BEGIN;
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 100000)
    INSERT INTO numbers SELECT x, x * x, 'name ' || (x % 1000) FROM c;
COMMIT;
CREATE INDEX by_name ON numbers(name);
SELECT count(*), sum(square) FROM numbers;
SELECT name, count(*) FROM numbers WHERE name IN ('name 7', 'name 999') GROUP BY name;
BEGIN; DELETE FROM numbers WHERE id % 2; SELECT count(*) FROM numbers; ROLLBACK;
UPDATE numbers SET name = 'changed' WHERE id BETWEEN 500 AND 600;
SELECT count(*) FROM numbers WHERE name = 'changed';
PRAGMA integrity_check;
X
echo "status $?"; ls big.db*
sqlite3 big.db 'SELECT id FROM numbers ORDER BY square DESC LIMIT 2; SELECT nothing;'; echo "status $?"
sqlite3 big.db '.dump' | sha256sum
rm big.db

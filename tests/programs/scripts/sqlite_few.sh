# A small database with a rollback journal, and one with a write-ahead log; two at the same time.
for mode in delete wal; do
    sqlite3 $mode.db <<X
PRAGMA journal_mode = $mode;
CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT);
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 2000) INSERT INTO t SELECT x, 'n' || x FROM c;
BEGIN; DELETE FROM t WHERE id > 10; ROLLBACK;
SELECT count(*), max(name), total(id) FROM t;
PRAGMA integrity_check;
X
done
(echo 'BEGIN EXCLUSIVE; SELECT 1;'; sleep 0.5; echo 'COMMIT;') | sqlite3 delete.db &
sleep 0.2; sqlite3 delete.db 'INSERT INTO t VALUES(9999, 1)'; echo "status $?"; wait
sqlite3 delete.db 'INSERT INTO t VALUES(9999, 1); SELECT count(*) FROM t'

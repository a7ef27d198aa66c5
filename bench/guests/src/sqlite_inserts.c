/* sqlite_inserts N: N rows into a table in memory, in one transaction, by a prepared statement.
 * It needs SQLite's static library, so it is built when it is measured. Status 0: all are there. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static sqlite3 *database;

static void execute(const char *statement)
{
	if (sqlite3_exec(database, statement, 0, 0, 0) != SQLITE_OK)
		exit(2);
}

static sqlite3_stmt *prepared(const char *text)
{
	sqlite3_stmt *statement;
	if (sqlite3_prepare_v2(database, text, -1, &statement, 0) != SQLITE_OK)
		exit(2);
	return statement;
}

int main(int argc, char **argv)
{
	long number = argc > 1 ? atol(argv[1]) : 0;
	unsigned long long draw = 1;
	char text[32];
	if (sqlite3_open(":memory:", &database) != SQLITE_OK)
		return 2;
	execute("create table t (a integer primary key, b text, c integer)");
	execute("begin");
	sqlite3_stmt *insert = prepared("insert into t values (?, ?, ?)");
	for (long i = 0; i < number; i++) {
		draw = draw * 6364136223846793005u + 1442695040888963407u;
		int length = snprintf(text, sizeof text, "%llx", draw);
		sqlite3_bind_int64(insert, 1, i);
		sqlite3_bind_text(insert, 2, text, length, SQLITE_STATIC);
		sqlite3_bind_int64(insert, 3, draw >> 54);
		if (sqlite3_step(insert) != SQLITE_DONE || sqlite3_reset(insert) != SQLITE_OK)
			return 3;
	}
	execute("commit");
	sqlite3_stmt *count = prepared("select count(*) from t");
	return sqlite3_step(count) != SQLITE_ROW || sqlite3_column_int64(count, 0) != number;
}

/*-------------------------------------------------------------------------
 *
 * row_copy.h
 *	  All rows of one table over one connection, inside its transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ROW_COPY_H
#define NEX_ROW_COPY_H

#include "connection.h"
#include "member_reader.h"

#define ROWS_AS_SESSION_HINT                                                                       \
	"If you trust everybody whose code the table runs, --rows-as=session runs it with your "       \
	"rights."
#define NEW_DATABASE_HINT                                                                          \
	ROWS_AS_SESSION_HINT                                                                           \
	"  Otherwise restore into a new database (--to=NEWDB) of a server that holds nothing else, "   \
	"and copy the rows from there."

typedef enum RowCopyStatus
{
	ROW_COPY_GOOD,
	ROW_COPY_CONFLICT, /* a row is there already; not reported, what the server said is in `said` */
	ROW_COPY_FAILED    /* reported */
} RowCopyStatus;

typedef struct RowCopy
{
	Connection *connection;
	MemberReader *reader;
	const char *shown;     /* name of the table, for messages */
	bool expect_conflict;  /* report a conflict to the caller instead of the user */
	char *said;            /* the server's words about a conflict; caller frees */
	const char *owner;     /* who adds the rows, for messages; NULL: the session */
	bool keep_definitions; /* code of the owner may not change any (definitions.h) */
} RowCopy;

/*
 * Send the members of a table (position in the manifest) in their order as
 * the rows of a COPY … FROM stdin.  Compares the number of rows taken.
 */
extern RowCopyStatus row_copy_run(RowCopy *copy, int32_t table, const char *command);

/* "COPY <target> (a, b) FROM stdin;", with the columns of the table's own statement; caller frees.
 */
extern char *row_copy_command(const ManifestTable *table, const char *target);

/* The columns of a table's COPY statement: "(a, b)", or " " if there are none; not to be freed. */
extern const char *row_copy_columns(const ManifestTable *table, size_t *length);

/* The names of these columns as an array of text; caller frees. */
extern char *row_copy_column_array(const ManifestTable *table);

/* What helps against an error of this SQLSTATE (or NULL) while rows are added; NULL, or caller
 * frees. */
extern char *row_copy_hint(const RowCopy *copy, const char *state);

/* A failed result: a conflict, or an error, which is reported. */
extern RowCopyStatus row_copy_judge(RowCopy *copy, const PGresult *result);

/* Did the table take the rows that were sent?  Reported if not. */
extern bool row_copy_check(const RowCopy *copy, uint64_t taken, uint64_t rows);

#endif /* NEX_ROW_COPY_H */

/*-------------------------------------------------------------------------
 *
 * table_copy.h
 *	  One connection's COPY into one table after the other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TABLE_COPY_H
#define NEX_TABLE_COPY_H

#include "column_writers.h"
#include "restore_settings.h"
#include "settings.h"

/* Belongs to one thread, as its connection does. */
typedef struct TableCopy
{
	Connection *connection;
	const Manifest *manifest;
	CopyFormat format;
	int32_t table; /* whose COPY is open, by position in the manifest; -1: none */
	bool binary;   /* how it is open */
	uint64_t rows; /* sent to it */
	BinaryRows converter;
	EnumTypes enums;
	Buffer out; /* binary rows to be sent */

	/* Set by whoever goes on behind a failure: what went wrong is kept here, not reported. */
	bool quiet;
	char *said;
	char state[6]; /* SQLSTATE, or empty */
} TableCopy;

extern void table_copy_init(TableCopy *copy, Connection *connection, const Manifest *manifest,
							CopyFormat format);

/*
 * Begin the COPY of a table, by position in the manifest; none may be open.
 * This and the next two return false when the work must stop; what went wrong is reported.
 */
extern bool table_copy_begin(TableCopy *copy, int32_t table);

/* Send rows of a member, `count` of them, in COPY's text format. */
extern bool table_copy_send(TableCopy *copy, const char *rows, size_t length, uint64_t count);

/* End the COPY; the server must have taken each row. */
extern bool table_copy_end(TableCopy *copy);

/* After a failure: end the COPY, if one is open; false if the connection is of no more use. */
extern bool table_copy_give_up(TableCopy *copy);
extern void table_copy_free(TableCopy *copy);

#endif /* NEX_TABLE_COPY_H */

/*-------------------------------------------------------------------------
 *
 * known_database.h
 *	  Read one statement of the member "database".
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_KNOWN_DATABASE_H
#define NEX_KNOWN_DATABASE_H

#include "known_statement.h"
#include "sql_reader.h"

/* Up to the end of the statement. */
extern void known_database_read(SqlReader *reader, KnownStatement *statement, const char *database);

#endif /* NEX_KNOWN_DATABASE_H */

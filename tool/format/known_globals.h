/*-------------------------------------------------------------------------
 *
 * known_globals.h
 *	  Read one statement of the member "globals".
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_KNOWN_GLOBALS_H
#define NEX_KNOWN_GLOBALS_H

#include "known_statement.h"
#include "sql_reader.h"

/* Up to the end of the statement. */
extern void known_globals_read(SqlReader *reader, KnownStatement *statement, bool *escapes);

#endif /* NEX_KNOWN_GLOBALS_H */

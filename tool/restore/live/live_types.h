/*-------------------------------------------------------------------------
 *
 * live_types.h
 *	  Values in definitions of a backup that the live database's types read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIVE_TYPES_H
#define NEX_LIVE_TYPES_H

#include "archive_toc.h"
#include "restore_plan.h"

/*
 * See that no literal, partition bound or initial condition of the part is
 * read by the code of a type that others can change.  False (reported) if one
 * would be.  `superusers` has their names, and that of the session's role.
 */
extern bool live_types_check(const RestorePlan *plan, Connection *connection,
							 const PGresult *superusers, bool locks);

/*
 * Does the entry read a value of a type that comes with the part?  Then, when
 * that is there, see what it computes.  False (reported) if it calls a function
 * that runs what it is given (given_code.h).
 */
extern bool live_types_are_late(const RestorePlan *plan, const TocEntry *entry);
extern bool live_types_check_late(const RestorePlan *plan, Connection *connection,
								  const TocEntry *entry);

/* Keep the name of a type, if there is one.  False (reported) on failure. */
extern bool live_types_hold(Connection *connection, const char *schema, const char *name);

/* Is it an entry of an enum? */
extern bool live_types_is_enum(const TocEntry *type);

/*
 * Are columns that a table (an oid) is partitioned by of types that others can
 * change?  Bounds of its partitions are values of these; with `cast`, they are
 * numbers, which are cast, so that an enum counts, too.  False (reported) on
 * failure.
 */
extern bool live_types_key_of_others(Connection *connection, const char *table, bool cast,
									 bool *others);

#endif /* NEX_LIVE_TYPES_H */

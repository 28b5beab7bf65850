/*-------------------------------------------------------------------------
 *
 * live_types.h
 *	  Values in definitions of a backup that the live database's types read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIVE_TYPES_H
#define NEX_LIVE_TYPES_H

#include "partial.h"

/*
 * See that no literal, partition bound or initial condition of the part is
 * read by the code of a type that others can change.  False (reported) if one
 * would be.  `superusers` has their names, and that of the session's role.
 */
extern bool live_types_check(const RestorePlan *plan, Connection *connection,
							 const PGresult *superusers, bool locks);

/* Keep the name of a type, if there is one.  False (reported) on failure. */
extern bool live_types_hold(Connection *connection, const char *schema, const char *name);

/* Is it an entry of an enum? */
extern bool live_types_is_enum(const TocEntry *type);

/*
 * Can somebody else than trusted roles and `roles`, an array, make a cast for
 * a type that is there?  With `whole`, domains count, and not only what they
 * are over.  False (reported) on failure.
 */
extern bool live_types_can_get_casts(Connection *connection, const char *schema, const char *name,
									 bool whole, const char *roles, bool *others);

/*
 * For the columns (arrays) of two tables (oids): *others, can somebody else
 * than trusted roles make a cast for a type; *owners, can nobody else do so
 * than the owner, either?  False (reported) on failure.
 */
extern bool live_types_of_key(Connection *connection, char *const *tables, char *const *columns,
							  const char *owner, bool *others, bool *owners);

/* The same for all foreign keys that a partition of the table gets. */
extern bool live_types_of_keys(Connection *connection, const char *table, const char *owner,
							   bool *others, bool *owners);

/*
 * Are columns that a table (an oid) is partitioned by of types that others can
 * change?  Bounds of its partitions are values of these; with `cast`, they are
 * numbers, which are cast, so that an enum counts, too.  False (reported) on
 * failure.
 */
extern bool live_types_key_of_others(Connection *connection, const char *table, bool cast,
									 bool *others);

/*
 * live_rests.c: false (reported) if something that is restored calls a function
 * behind which there is something of a third role.
 */
extern bool live_rests_check(const RestorePlan *plan, const PGresult *superusers);

/* live_rests.c: does the entry rest on the other one, by whatever way? */
extern bool live_code_rests_on(const ArchiveToc *toc, const TocEntry *entry, const TocEntry *used);

/* live_code.c: report that the entry cannot be restored; always false. */
extern bool live_code_refuse(const TocEntry *entry, const char *detail);

#endif /* NEX_LIVE_TYPES_H */

/*-------------------------------------------------------------------------
 *
 * type_casts.h
 *	  Types of the live database for which others can make casts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TYPE_CASTS_H
#define NEX_TYPE_CASTS_H

#include "cast_code.h"
#include "connection.h"

/*
 * Can somebody else than trusted roles and `roles`, an array, make a cast for
 * a type that is there, or change one?  With `whole`, domains count, and not only what they
 * are over.  False (reported) on failure.
 */
extern bool type_can_get_casts(Connection *connection, const char *schema, const char *name,
							   bool whole, const char *roles, bool *others);

/*
 * For the columns (arrays) of two tables (oids): *others, can somebody else
 * than trusted roles make a cast for a type, or change one; *owners, can nobody else do so
 * than the owner, either?  False (reported) on failure.
 */
extern bool type_casts_of_key(Connection *connection, char *const *tables, char *const *columns,
							  const char *owner, bool *others, bool *owners);

/* The same for all foreign keys that a partition of the table gets. */
extern bool type_casts_of_keys(Connection *connection, const char *table, const char *owner,
							   bool *others, bool *owners);

#endif /* NEX_TYPE_CASTS_H */

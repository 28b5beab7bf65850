/*-------------------------------------------------------------------------
 *
 * type_casts.h
 *	  Types of the live database for which others can make casts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TYPE_CASTS_H
#define NEX_TYPE_CASTS_H

#include "connection.h"

/* All that the types of the query `start` are made of. */
#define PARTS_OF(start)                                                                            \
	"parts (oid) AS ((" start ") UNION SELECT u.oid FROM parts p"                                  \
	" JOIN pg_catalog.pg_type t ON t.oid = p.oid, LATERAL (SELECT t.typelem WHERE t.typelem <> 0"  \
	"  UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0"                                    \
	"  UNION ALL SELECT rngsubtype FROM pg_catalog.pg_range WHERE rngtypid = t.oid"                \
	"  UNION ALL SELECT rngtypid FROM pg_catalog.pg_range WHERE rngmultitypid = t.oid"             \
	"  UNION ALL SELECT atttypid FROM pg_catalog.pg_attribute WHERE attrelid = t.typrelid"         \
	"   AND t.typrelid <> 0 AND attnum > 0 AND NOT attisdropped) u (oid))"

/*
 * Can somebody else than trusted roles and `roles`, an array, make a cast for
 * a type that is there?  With `whole`, domains count, and not only what they
 * are over.  False (reported) on failure.
 */
extern bool type_can_get_casts(Connection *connection, const char *schema, const char *name,
							   bool whole, const char *roles, bool *others);

/*
 * For the columns (arrays) of two tables (oids): *others, can somebody else
 * than trusted roles make a cast for a type; *owners, can nobody else do so
 * than the owner, either?  False (reported) on failure.
 */
extern bool type_casts_of_key(Connection *connection, char *const *tables, char *const *columns,
							  const char *owner, bool *others, bool *owners);

/* The same for all foreign keys that a partition of the table gets. */
extern bool type_casts_of_keys(Connection *connection, const char *table, const char *owner,
							   bool *others, bool *owners);

#endif /* NEX_TYPE_CASTS_H */

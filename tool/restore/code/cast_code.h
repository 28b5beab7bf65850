/*-------------------------------------------------------------------------
 *
 * cast_code.h
 *	  SQL: the casts that the server looks up by the types of values.
 *
 * A foreign key whose columns have different types casts its values when they
 * are compared, and to_jsonb() casts a value to json if there is such a cast.
 * The function that does it is looked up by the two types, so no row of pg_depend
 * says that a key or an expression calls it.  Whose the types are is one question:
 * their owners can make a cast at any moment.  Whose the functions of the casts
 * are that are there is another one, as a superuser may have made a cast with the
 * function of somebody else, or have given a function away.
 *
 * Other casts of a type, one of whose types is of a role that is not trusted, do
 * not count: anybody can make one, and it needs a value of that role's type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CAST_CODE_H
#define NEX_CAST_CODE_H

#include "session_rights.h"

/* In "WITH RECURSIVE": parts has the types of a query, and what they are made of. */
#define PARTS_OF(start)                                                                            \
	"parts (oid) AS ((" start ") UNION SELECT u.oid FROM parts p"                                  \
	" JOIN pg_catalog.pg_type t ON t.oid = p.oid, LATERAL (SELECT t.typelem WHERE t.typelem <> 0"  \
	"  UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0"                                    \
	"  UNION ALL SELECT rngsubtype FROM pg_catalog.pg_range WHERE rngtypid = t.oid"                \
	"  UNION ALL SELECT rngtypid FROM pg_catalog.pg_range WHERE rngmultitypid = t.oid"             \
	"  UNION ALL SELECT atttypid FROM pg_catalog.pg_attribute WHERE attrelid = t.typrelid"         \
	"   AND t.typrelid <> 0 AND attnum > 0 AND NOT attisdropped) u (oid))"

/* Behind that: owners of the types. */
#define PARTS_OWNERS                                                                               \
	"SELECT 'type ' || t.oid::pg_catalog.regtype::pg_catalog.text AS what, t.typowner AS o"        \
	" FROM parts p JOIN pg_catalog.pg_type t ON t.oid = p.oid"

/*
 * For the types `one` and `two` of the columns of keys: parts has those that differ,
 * and key_casts the functions of casts between them, or what they are as good as,
 * which can be the type of the operators of a key.  From a type to itself there is
 * no cast, and a domain is as good as what it is over.
 */
#define KEY_CASTS_OF(pairs)                                                                        \
	KEY_PARTS_OF(pairs)                                                                            \
	"," NEAR_TYPES ", key_casts AS ("                                                              \
	"SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid AS class,"                   \
	"  k.castfunc AS object FROM pg_catalog.pg_cast k WHERE k.castfunc >= 12000"                   \
	"  AND k.castsource IN (SELECT oid FROM near) AND k.casttarget IN (SELECT oid FROM near))"

#define KEY_PARTS_OF(pairs)                                                                        \
	"pairs AS (" pairs "),"                                                                        \
	" chain AS (SELECT t.oid AS start, t.oid, t.typbasetype FROM pg_catalog.pg_type t"             \
	"   WHERE t.oid IN (SELECT one FROM pairs UNION SELECT two FROM pairs)"                        \
	"  UNION ALL SELECT c.start, t.oid, t.typbasetype"                                             \
	"  FROM chain c JOIN pg_catalog.pg_type t ON t.oid = c.typbasetype),"                          \
	" bases AS (SELECT start, oid FROM chain WHERE typbasetype = 0),"                              \
	" different AS (SELECT x.oid AS one, y.oid AS two FROM pairs"                                  \
	"  JOIN bases x ON x.start = pairs.one JOIN bases y ON y.start = pairs.two"                    \
	"  WHERE x.oid <> y.oid), " PARTS_OF(                                                          \
		"SELECT one FROM different UNION SELECT two FROM different")

#define NEAR_TYPES                                                                                 \
	" near AS (SELECT oid FROM parts UNION SELECT k.casttarget FROM parts"                         \
	"  JOIN pg_catalog.pg_cast k ON k.castsource = parts.oid AND k.castmethod = 'b')"

/* The columns of the foreign keys f for which a condition holds. */
#define KEY_PAIRS(condition)                                                                       \
	"SELECT a.atttypid AS one, b.atttypid AS two FROM pg_catalog.pg_constraint f,"                 \
	"  LATERAL ROWS FROM (pg_catalog.unnest(f.conkey), pg_catalog.unnest(f.confkey))"              \
	"   u (one, two), pg_catalog.pg_attribute a, pg_catalog.pg_attribute b"                        \
	"  WHERE f.contype = 'f' AND a.attrelid = f.conrelid AND a.attnum = u.one"                     \
	"  AND b.attrelid = f.confrelid AND b.attnum = u.two AND " condition

#endif /* NEX_CAST_CODE_H */

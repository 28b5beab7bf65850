/*-------------------------------------------------------------------------
 *
 * known_statement.h
 *	  A statement of known form in a member that is SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_KNOWN_STATEMENT_H
#define NEX_KNOWN_STATEMENT_H

#include <stdbool.h>

typedef enum KnownKind
{
	SQL_UNKNOWN, /* `sql` is its text as it stands */

	/* globals */
	SQL_SESSION,           /* SET of the encoding and the like */
	SQL_CREATE_ROLE,       /* of the role `name` */
	SQL_ROLE_ATTRIBUTES,   /* ALTER ROLE ... WITH: attributes and password of `name` */
	SQL_ROLE_SETTING,      /* ALTER ROLE ... SET, of `name`; NULL: of all roles */
	SQL_MEMBERSHIP,        /* GRANT role TO role */
	SQL_ROLE_OTHER,        /* comments, labels, privileges on parameters */
	SQL_CREATE_TABLESPACE, /* `name` at `location` */
	SQL_TABLESPACE_OTHER,  /* options, privileges, comments of a tablespace */
	SQL_GRANTOR,           /* SET SESSION AUTHORIZATION, for the grants that follow */
	SQL_GRANTOR_RESET,     /* RESET SESSION AUTHORIZATION */

	/* database */
	SQL_DATABASE,

	/* sequences: `schema`, `name`, `value`, `called` */
	SQL_SEQUENCE
} KnownKind;

/* The sections of the globals, in the order in which pg_dumpall writes them; ours is the last. */
typedef enum KnownSection
{
	SECTION_NONE,
	SECTION_HEAD,
	SECTION_ROLES,
	SECTION_SETTINGS,
	SECTION_MEMBERSHIPS,
	SECTION_PARAMETERS,
	SECTION_TABLESPACES,
	SECTION_SETTINGS_OF_ALL
} KnownSection;

typedef struct KnownStatement
{
	KnownKind kind;
	char *sql; /* with its semicolon */
	char *name;
	char *location;
	char *schema;
	char *value;
	bool called;
	KnownSection section; /* of the globals */
	bool settings_begun;  /* it follows the comment before the settings of roles */
	int line;             /* where it begins, from 1 */
	char *near;           /* SQL_UNKNOWN: what did not fit */
	char *guarded;        /* SQL_ROLE_OTHER: the role that a DO block creates where it is missing */
} KnownStatement;

#endif /* NEX_KNOWN_STATEMENT_H */

/*-------------------------------------------------------------------------
 *
 * globals_statements.h
 *	  The statements of a backup of the globals, and what each is about.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GLOBALS_STATEMENTS_H
#define NEX_GLOBALS_STATEMENTS_H

#include <stdbool.h>

typedef enum GlobalsKind
{
	GLOBALS_SESSION,           /* SET */
	GLOBALS_CREATE_ROLE,       /* of the role `name` */
	GLOBALS_ROLE_ATTRIBUTES,   /* ALTER ROLE … WITH: attributes and password of `name` */
	GLOBALS_ROLE_SETTING,      /* ALTER ROLE … SET, of `name`; NULL: of all roles */
	GLOBALS_MEMBERSHIP,        /* GRANT role TO role */
	GLOBALS_ROLE_OTHER,        /* comments, labels, privileges on parameters */
	GLOBALS_CREATE_TABLESPACE, /* `name` at `location` */
	GLOBALS_TABLESPACE_OTHER   /* options, privileges, comments of a tablespace */
} GlobalsKind;

typedef struct GlobalsStatement
{
	GlobalsKind kind;
	char *text; /* with its semicolon */
	char *name; /* role or tablespace, not quoted; there where the kind has one, but for ALL */
	char *location;
} GlobalsStatement;

typedef struct GlobalsStatements
{
	GlobalsStatement *items;
	int count;
} GlobalsStatements;

/*
 * Cut a script of pg_dumpall into statements, written again where their form
 * is known; comments and psql's own commands are left out.
 */
extern void globals_statements_parse(const char *script, GlobalsStatements *statements);
extern void globals_statements_free(GlobalsStatements *statements);

/* The first statement of a kind about this role or tablespace, or NULL. */
extern const GlobalsStatement *globals_statements_find(const GlobalsStatements *statements,
													   GlobalsKind kind, const char *name);

/* What ALTER ROLE ... WITH can give a role that makes it powerful. */
#define ROLE_POWERS 4
#define ROLE_POWER_SUPERUSER 1U /* the bit of the first one */

extern const char *const role_powers[ROLE_POWERS];

/* Those that such a statement gives, a bit each. */
extern unsigned globals_statement_powers(const GlobalsStatement *statement);

/* A word of it, from 0, without its quotes; NULL if it has fewer.  Caller frees. */
extern char *globals_statement_word(const GlobalsStatement *statement, int number);

/* GRANT of a role without its GRANTED BY clause; caller frees. */
extern char *globals_without_grantor(const char *text);

/* A text without its PASSWORD clause; caller frees. */
extern char *globals_without_password(const char *text);

/* Do ALTER ROLE ... WITH of both sides say the same, as far as both know it? */
extern bool globals_same_attributes(const GlobalsStatement *present, const GlobalsStatement *wanted,
									bool passwords);

#endif /* NEX_GLOBALS_STATEMENTS_H */

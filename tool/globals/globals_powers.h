/*-------------------------------------------------------------------------
 *
 * globals_powers.h
 *	  What roles can do, by themselves and as members of others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GLOBALS_POWERS_H
#define NEX_GLOBALS_POWERS_H

#include <stdbool.h>

#include "globals_statements.h"

typedef struct GlobalsPowers GlobalsPowers;

/* Of the roles of a script; the statements must live as long.  globals_powers_free() it. */
extern GlobalsPowers *globals_powers_of(const GlobalsStatements *statements);
extern void globals_powers_free(GlobalsPowers *powers);

/* A role is going to have these attributes (an ALTER ROLE ... WITH) instead of those it has. */
extern void globals_powers_set(GlobalsPowers *powers, const GlobalsStatement *attributes);

/*
 * What a role can do here and not there, as "SUPERUSER, pg_read_all_data":
 * attributes, and predefined roles that it is a member of; NULL: nothing more.
 * Caller frees.
 */
extern char *globals_powers_more(const GlobalsPowers *here, const GlobalsPowers *there,
								 const char *role);

/* Likewise, what a role can do then, and neither now nor there. */
extern char *globals_powers_gained(const GlobalsPowers *then, const GlobalsPowers *now,
								   const GlobalsPowers *there, const char *role);

/* Is a role this one, or a member of it, directly or not? */
extern bool globals_powers_is_member(const GlobalsPowers *powers, const char *member,
									 const char *role);

/* The two roles of a GRANT ... TO ...; false if it is another statement.  Caller frees both. */
extern bool globals_membership_of(const GlobalsStatement *statement, char **role, char **member);

#endif /* NEX_GLOBALS_POWERS_H */

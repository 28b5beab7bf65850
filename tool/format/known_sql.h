/*-------------------------------------------------------------------------
 *
 * known_sql.h
 *	  The statements that the members "database", "sequences" and "globals"
 *	  of a backup consist of.
 *
 * These members are run by a superuser, and they are made of what other
 * people named, set and commented.  Versions before 0.2.1 put some of that
 * into them without quotes, so a backup may hold commands of somebody who may
 * do no more than connect.  Therefore nothing of them is run as it stands:
 * each statement must have one of the forms that this program and pg_dumpall
 * of PostgreSQL 14 to 18 write, and what is run is written again from its
 * parts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_KNOWN_SQL_H
#define NEX_KNOWN_SQL_H

#include "known_statement.h"
#include "manifest.h"
#include "sql_reader.h"

typedef struct KnownSql
{
	MemberKind member;
	const char *at;
	const char *counted;  /* up to here lines are counted */
	const char *database; /* its name in statements about it; NULL: "%I" */
	bool settings_begun;  /* the comment before the settings of roles has been seen */
	bool escapes;         /* standard_conforming_strings is off in this script */
	int line;
} KnownSql;

/* Is a member of this kind read by known_sql_next()? */
extern bool known_sql_is_about(MemberKind member);

extern void known_sql_begin(KnownSql *sql, MemberKind member, const char *text,
							const char *database);

/*
 * The next statement; false at the end.  Comments are left out, and so are
 * \restrict and \unrestrict of psql.  known_statement_free() after each.
 */
extern bool known_sql_next(KnownSql *sql, KnownStatement *statement);
extern void known_statement_free(KnownStatement *statement);

/* What a member holds that has no known form. */
typedef struct UnknownSql
{
	int count;  /* statements; 0: everything is known */
	int line;   /* of the first one */
	char *text; /* of the first one, for people: escaped, cut, without passwords */
	char *near; /* what did not fit, likewise */
} UnknownSql;

/*
 * Look through the text of a member.  `utf8`: the encoding is UTF-8, so
 * bytes that are none do not fit either.
 */
extern void known_sql_examine(MemberKind member, const char *text, size_t length, bool utf8,
							  UnknownSql *unknown);
extern void unknown_sql_free(UnknownSql *unknown);

/* The statement that was found first, for a DETAIL; caller frees. */
extern char *unknown_sql_detail(const UnknownSql *unknown);

/* A statement for people: escaped, cut at `limit` bytes and before a password; caller frees. */
extern char *known_sql_shown(const char *text, size_t limit);

/* The same of all these members of a backup. */
typedef struct UnknownMembers
{
	bool looked; /* false: they could not be read, as the backup is encrypted */
	int count;   /* statements in all of them */
	UnknownSql of[MEMBER_KINDS];
} UnknownMembers;

extern void unknown_members_free(UnknownMembers *unknown);

#endif /* NEX_KNOWN_SQL_H */

/*-------------------------------------------------------------------------
 *
 * known_globals.c
 *	  The forms of the member "globals": what pg_dumpall --globals-only of
 *	  PostgreSQL 14 to 18 writes, and what this program adds.
 *
 *-------------------------------------------------------------------------
 */
#include "known_block.h"
#include "known_globals.h"

#include <stdlib.h>
#include <string.h>

/*
 * The encodings that a server can have, as it writes their names.  Those that
 * only clients have are left out: in them a byte of a character may be a
 * quotation mark or a backslash.
 */
static const char *const server_encodings[] = {
	"SQL_ASCII", "EUC_JP",        "EUC_CN",     "EUC_KR",     "EUC_TW",     "EUC_JIS_2004",
	"UTF8",      "MULE_INTERNAL", "LATIN1",     "LATIN2",     "LATIN3",     "LATIN4",
	"LATIN5",    "LATIN6",        "LATIN7",     "LATIN8",     "LATIN9",     "LATIN10",
	"WIN1256",   "WIN1258",       "WIN866",     "WIN874",     "KOI8R",      "WIN1251",
	"WIN1252",   "ISO_8859_5",    "ISO_8859_6", "ISO_8859_7", "ISO_8859_8", "WIN1250",
	"WIN1253",   "WIN1254",       "WIN1255",    "WIN1257",    "KOI8U",      NULL};

static bool
is_server_encoding(const char *name)
{
	int i;

	for (i = 0; server_encodings[i] != NULL; i++)
	{
		if (strcmp(server_encodings[i], name) == 0)
			return true;
	}
	return false;
}

/* SET, at the head of the script or before grants. */
static void
read_set(SqlReader *reader, KnownStatement *statement, bool *escapes)
{
	statement->kind = SQL_SESSION;
	if (sql_reader_takes(reader, "SESSION AUTHORIZATION"))
	{
		statement->kind = SQL_GRANTOR;
		statement->name = sql_reader_name(reader);
	}
	else if (sql_reader_takes(reader, "client_encoding ="))
	{
		char *encoding = sql_reader_literal(reader);

		if (encoding != NULL && !is_server_encoding(encoding))
			reader->good = false;
		free(encoding);
	}
	else if (sql_reader_takes(reader, "standard_conforming_strings = off"))
	{
		/* Literals are read so that it makes no difference, and are written for "on". */
		*escapes = true;
		buffer_reset(&reader->out);
		buffer_append_string(&reader->out, "SET standard_conforming_strings = on");
	}
	else if (!sql_reader_takes(reader, "default_transaction_read_only = off") &&
			 !sql_reader_takes(reader, "escape_string_warning = off"))
		sql_reader_needs(reader, "standard_conforming_strings = on");
}

/* Any of them, in any order. */
static void
read_attributes(SqlReader *reader)
{
	static const char *const flags[] = {"SUPERUSER",   "NOSUPERUSER",   "INHERIT",   "NOINHERIT",
										"CREATEROLE",  "LOGIN",         "NOLOGIN",   "CREATEDB",
										"NOCREATEDB",  "NOCREATEROLE",  "BYPASSRLS", "NOBYPASSRLS",
										"REPLICATION", "NOREPLICATION", NULL};
	int i;

	for (i = 0; flags[i] != NULL; i++)
	{
		if (sql_reader_takes(reader, flags[i]))
			i = -1;
	}
	if (sql_reader_takes(reader, "CONNECTION LIMIT"))
		free(sql_reader_number(reader));
	if (sql_reader_takes(reader, "PASSWORD"))
		sql_reader_needs_literal(reader);
	if (sql_reader_takes(reader, "VALID UNTIL"))
		sql_reader_needs_literal(reader);
}

/* ALTER ROLE, behind these words. */
static void
read_alter_role(SqlReader *reader, KnownStatement *statement)
{
	statement->kind = SQL_ROLE_SETTING;
	if (sql_reader_takes(reader, "ALL"))
	{
		known_setting_read(reader, NULL);
		return;
	}
	statement->name = sql_reader_name(reader);
	if (sql_reader_takes(reader, "WITH"))
	{
		statement->kind = SQL_ROLE_ATTRIBUTES;
		read_attributes(reader);
		return;
	}
	if (sql_reader_takes(reader, "IN DATABASE"))
		sql_reader_needs_name(reader);
	known_setting_read(reader, NULL);
}

/* ALTER TABLESPACE name SET (option=number, ...), behind the first two words. */
static void
read_alter_tablespace(SqlReader *reader, KnownStatement *statement)
{
	statement->kind = SQL_TABLESPACE_OTHER;
	statement->name = sql_reader_name(reader);
	sql_reader_needs(reader, "SET (");
	do
	{
		sql_reader_needs_name(reader);
		sql_reader_needs(reader, "=");
		sql_reader_needs_real(reader);
	} while (sql_reader_takes(reader, ","));
	sql_reader_needs(reader, ")");
}

static void
read_create(SqlReader *reader, KnownStatement *statement)
{
	if (sql_reader_takes(reader, "ROLE"))
	{
		statement->kind = SQL_CREATE_ROLE;
		statement->name = sql_reader_name(reader);
		return;
	}
	statement->kind = SQL_CREATE_TABLESPACE;
	sql_reader_needs(reader, "TABLESPACE");
	statement->name = sql_reader_name(reader);
	sql_reader_needs(reader, "OWNER");
	sql_reader_needs_name(reader);
	sql_reader_needs(reader, "LOCATION");
	statement->location = sql_reader_literal(reader);
}

/* COMMENT ON or SECURITY LABEL FOR provider ON, behind them. */
static void
read_remark(SqlReader *reader, KnownStatement *statement)
{
	statement->kind = SQL_ROLE_OTHER;
	if (sql_reader_takes(reader, "TABLESPACE"))
		statement->kind = SQL_TABLESPACE_OTHER;
	else
		sql_reader_needs(reader, "ROLE");
	statement->name = sql_reader_name(reader);
	sql_reader_needs(reader, "IS");
	sql_reader_needs_literal(reader);
}

/* "Taken", and what kind of object they are privileges on. */
static bool
takes_privileges(SqlReader *reader)
{
	bool any = false;

	do
	{
		if (!sql_reader_takes(reader, "ALL") && !sql_reader_takes(reader, "CREATE") &&
			!sql_reader_takes(reader, "SET") && !sql_reader_takes(reader, "ALTER SYSTEM"))
		{
			if (any)
				reader->good = false;
			return any;
		}
		any = true;
	} while (sql_reader_takes(reader, ","));
	return true;
}

/* The object of privileges, and who has them. */
static void
read_privileges(SqlReader *reader, KnownStatement *statement, const char *direction)
{
	statement->kind = SQL_ROLE_OTHER;
	if (sql_reader_takes(reader, "ON TABLESPACE"))
	{
		statement->kind = SQL_TABLESPACE_OTHER;
		statement->name = sql_reader_name(reader);
	}
	else
	{
		statement->section = SECTION_PARAMETERS;

		/* The name of a parameter that an extension has is written with its dot, unquoted. */
		sql_reader_needs(reader, "ON PARAMETER");
		sql_reader_needs_name(reader);
		while (sql_reader_takes(reader, "."))
			sql_reader_needs_name(reader);
	}
	sql_reader_needs(reader, direction);
	if (!sql_reader_takes(reader, "PUBLIC"))
		sql_reader_needs_name(reader);
}

/* TRUE or FALSE, and what follows ADMIN. */
static void
read_membership_option(SqlReader *reader)
{
	if (sql_reader_takes(reader, "ADMIN OPTION") || sql_reader_takes(reader, "ADMIN TRUE"))
		return;
	if (!sql_reader_takes(reader, "INHERIT"))
		sql_reader_needs(reader, "SET");
	if (!sql_reader_takes(reader, "TRUE") && !sql_reader_takes(reader, "OPTION"))
		sql_reader_needs(reader, "FALSE");
}

static void
read_grant(SqlReader *reader, KnownStatement *statement)
{
	if (takes_privileges(reader))
	{
		read_privileges(reader, statement, "TO");
		(void) sql_reader_takes(reader, "WITH GRANT OPTION");
		return;
	}
	statement->kind = SQL_MEMBERSHIP;
	sql_reader_needs_name(reader);
	sql_reader_needs(reader, "TO");
	sql_reader_needs_name(reader);
	if (sql_reader_takes(reader, "WITH"))
	{
		do
			read_membership_option(reader);
		while (sql_reader_takes(reader, ","));
	}
	if (sql_reader_takes(reader, "GRANTED BY"))
		sql_reader_needs_name(reader);
}

static void
read_revoke(SqlReader *reader, KnownStatement *statement)
{
	(void) sql_reader_takes(reader, "GRANT OPTION FOR");
	if (!takes_privileges(reader))
		reader->good = false;
	read_privileges(reader, statement, "FROM");
}

/* IF NOT EXISTS (role) THEN CREATE ROLE; END IF, of the superuser of initdb.  Its name. */
static char *
read_guarded_role(SqlReader *block)
{
	char *looked_for;
	char *created;

	sql_reader_needs(block, "NOT EXISTS ( SELECT FROM pg_catalog . pg_roles WHERE rolname =");
	looked_for = sql_reader_literal(block);
	sql_reader_needs(block, ") THEN CREATE ROLE");
	created = sql_reader_name(block);
	if (looked_for == NULL || created == NULL || strcmp(looked_for, created) != 0)
		block->good = false;
	sql_reader_needs(block, "; END IF");
	free(looked_for);
	return created;
}

/* DO, behind the word: the two blocks that this program adds. */
static void
read_block(SqlReader *reader, KnownStatement *statement)
{
	char *text = sql_reader_literal(reader);
	char *current;
	SqlReader block;

	if (text == NULL)
		return;
	statement->kind = SQL_ROLE_OTHER;
	sql_reader_init(&block, text);
	known_block_begin(&block, &current);
	if (current != NULL)
	{
		sql_reader_needs(&block, "ALTER ROLE");
		if (!sql_reader_takes(&block, "ALL"))
			statement->name = sql_reader_name(&block);
		known_setting_read(&block, current);
		statement->kind = SQL_ROLE_SETTING;
	}
	else
	{
		sql_reader_needs(&block, "IF");
		statement->guarded = read_guarded_role(&block);
	}
	known_block_end(&block);
	known_block_take(reader, &block, statement);
	sql_reader_free(&block);
	free(current);
	free(text);
}

static void
read_statement(SqlReader *reader, KnownStatement *statement, bool *escapes)
{
	if (sql_reader_takes(reader, "SET"))
		read_set(reader, statement, escapes);
	else if (sql_reader_takes(reader, "RESET SESSION AUTHORIZATION"))
		statement->kind = SQL_GRANTOR_RESET;
	else if (sql_reader_takes(reader, "CREATE"))
		read_create(reader, statement);
	else if (sql_reader_takes(reader, "ALTER ROLE"))
		read_alter_role(reader, statement);
	else if (sql_reader_takes(reader, "ALTER TABLESPACE"))
		read_alter_tablespace(reader, statement);
	else if (sql_reader_takes(reader, "COMMENT ON"))
		read_remark(reader, statement);
	else if (sql_reader_takes(reader, "SECURITY LABEL FOR"))
	{
		sql_reader_needs_name(reader);
		sql_reader_needs(reader, "ON");
		read_remark(reader, statement);
	}
	else if (sql_reader_takes(reader, "GRANT"))
		read_grant(reader, statement);
	else if (sql_reader_takes(reader, "REVOKE"))
		read_revoke(reader, statement);
	else
	{
		sql_reader_needs(reader, "DO");
		read_block(reader, statement);
	}
}

/* Where in pg_dumpall's text such a statement stands. */
static KnownSection
section_of(const KnownStatement *statement)
{
	switch (statement->kind)
	{
		case SQL_SESSION:
			return SECTION_HEAD;
		case SQL_CREATE_ROLE:
		case SQL_ROLE_ATTRIBUTES:
		case SQL_ROLE_OTHER:
			return SECTION_ROLES;
		case SQL_ROLE_SETTING:
			return statement->name != NULL ? SECTION_SETTINGS : SECTION_SETTINGS_OF_ALL;
		case SQL_MEMBERSHIP:
			return SECTION_MEMBERSHIPS;
		case SQL_CREATE_TABLESPACE:
		case SQL_TABLESPACE_OTHER:
			return SECTION_TABLESPACES;
		default:
			return SECTION_NONE;
	}
}

void
known_globals_read(SqlReader *reader, KnownStatement *statement, bool *escapes)
{
	read_statement(reader, statement, escapes);
	if (statement->section == SECTION_NONE)
		statement->section = section_of(statement);
}

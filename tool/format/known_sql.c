/*-------------------------------------------------------------------------
 *
 * known_sql.c
 *	  Cutting the members "database", "sequences" and "globals" into
 *	  statements of known forms.
 *
 *-------------------------------------------------------------------------
 */
#include "known_sql.h"

#include <stdlib.h>
#include <string.h>

#include "known_database.h"
#include "known_globals.h"
#include "known_order.h"
#include "memory.h"
#include "printable.h"
#include "quote.h"
#include "sql_text.h"
#include "withheld.h"

/* What is shown of a statement, in bytes. */
#define SHOWN_TEXT 400
#define SHOWN_NEAR 100

/* Before the first setting of a role; no comment before this one contains names of roles. */
#define SETTINGS_COMMENT "-- User Config"

bool
known_sql_is_about(MemberKind member)
{
	return member == MEMBER_DATABASE || member == MEMBER_SEQUENCES || member == MEMBER_GLOBALS;
}

/* ---- sequences ---- */

/* SELECT pg_catalog.setval('schema.name', value, called) */
static void
read_sequence(SqlReader *reader, KnownStatement *statement)
{
	SqlReader names;
	char *text;

	sql_reader_needs(reader, "SELECT pg_catalog . setval (");
	text = sql_reader_literal(reader);
	sql_reader_init(&names, text != NULL ? text : "");
	statement->schema = sql_reader_name(&names);
	sql_reader_needs(&names, ".");
	statement->name = sql_reader_name(&names);
	if (text == NULL || !sql_reader_at_end(&names))
		reader->good = false;
	sql_reader_needs(reader, ",");
	statement->value = sql_reader_number(reader);
	sql_reader_needs(reader, ",");
	statement->called = sql_reader_takes(reader, "true");
	if (!statement->called)
		sql_reader_needs(reader, "false");
	sql_reader_needs(reader, ")");
	statement->kind = SQL_SEQUENCE;
	sql_reader_free(&names);
	free(text);
}

/* ---- statements ---- */

/* A line of psql that pg_dump writes: \restrict or \unrestrict and a key.  Its end, or NULL. */
static const char *
restrict_line(const char *at)
{
	size_t length = strncmp(at, "\\restrict ", 10) == 0     ? 10
					: strncmp(at, "\\unrestrict ", 12) == 0 ? 12
															: 0;
	size_t key = strspn(at + length, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
									 "0123456789");

	if (length == 0 || key == 0 || (at[length + key] != '\n' && at[length + key] != '\0'))
		return NULL;
	return at + length + key;
}

/* Behind what may stand between two statements: blank lines and comments. */
static const char *
skip_between(KnownSql *sql)
{
	const char *at = sql->at;

	for (;;)
	{
		const char *line = at;

		at += strspn(at, " \t\n");
		if (strncmp(at, "--", 2) == 0)
		{
			const char *end = sql_token_end(at);

			/* psql and the server end a comment at CR, and a look at it does not. */
			if (*end == '\r')
				return at;
			if (strncmp(at, SETTINGS_COMMENT, strlen(SETTINGS_COMMENT)) == 0)
				sql->settings_begun = true;
			at = end;
		}
		else if (sql->member == MEMBER_GLOBALS && restrict_line(at) != NULL)
			at = restrict_line(at);
		else if (at == line || *at == '\0')
			return at;
	}
}

void
known_sql_begin(KnownSql *sql, MemberKind member, const char *text, const char *database)
{
	memset(sql, 0, sizeof(*sql));
	sql->member = member;
	sql->at = sql->counted = text;
	sql->database = database;
	sql->line = 1;
}

/* A statement that nex_backup would not write, up to where psql would see its end. */
static const char *
unknown_end(const char *at)
{
	const char *end;

	if (*at == '\\')
		end = at + strcspn(at, "\n");
	else
		end = sql_statement_end(at);

	/* At a comment that hides something the statement may be empty. */
	return end > at ? end : at + strlen(at);
}

/* What did not fit, without a password: of what follows one, only keywords. */
static char *
near_text(const char *text, const char *end, const char *near)
{
	const char *password = memmem(text, (size_t) (end - text), "PASSWORD", strlen("PASSWORD"));

	if (password == NULL || near <= password || near > end)
		return xasprintf("%.*s", SHOWN_TEXT, near);
	return xasprintf("%.*s (the rest is not shown)",
					 (int) strspn(near, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ;"), near);
}

static void
take_unknown(KnownSql *sql, const SqlReader *reader, KnownStatement *statement)
{
	const char *end = unknown_end(sql->at);
	char *near = statement->near != NULL ? statement->near : near_text(sql->at, end, reader->at);
	int line = statement->line;

	statement->near = NULL;
	known_statement_free(statement);
	statement->kind = SQL_UNKNOWN;
	statement->line = line;
	statement->near = near;
	statement->sql = xasprintf("%.*s", (int) (end - sql->at), sql->at);
	sql->at = end;
}

bool
known_sql_next(KnownSql *sql, KnownStatement *statement)
{
	SqlReader reader;

	memset(statement, 0, sizeof(*statement));
	sql->at = skip_between(sql);
	if (*sql->at == '\0')
		return false;
	for (; sql->counted < sql->at; sql->counted++)
		sql->line += *sql->counted == '\n';
	statement->line = sql->line;
	statement->settings_begun = sql->settings_begun;
	sql_reader_init(&reader, sql->at);
	reader.bare_literal = !sql->escapes;
	if (sql->member == MEMBER_SEQUENCES)
		read_sequence(&reader, statement);
	else if (sql->member == MEMBER_DATABASE)
		known_database_read(&reader, statement, sql->database);
	else
		known_globals_read(&reader, statement, &sql->escapes);
	sql_reader_needs(&reader, ";");

	/* One statement a line, as all of these programs write them. */
	if (reader.good && *reader.at != '\n' && *reader.at != '\0')
		reader.good = false;
	if (reader.good)
	{
		statement->sql = xstrdup(reader.out.data);
		sql->at = reader.at;
	}
	else
		take_unknown(sql, &reader, statement);
	sql_reader_free(&reader);
	return true;
}

void
known_statement_free(KnownStatement *statement)
{
	/* They may hold the hash of a password. */
	secret_text_free(statement->sql);
	secret_text_free(statement->near);
	free(statement->name);
	free(statement->location);
	free(statement->guarded);
	free(statement->schema);
	free(statement->value);
	memset(statement, 0, sizeof(*statement));
}

/* ---- looking through a member ---- */

char *
known_sql_shown(const char *text, size_t limit)
{
	const char *password = strstr(text, "PASSWORD");
	size_t length = strlen(text);
	const char *end = "";
	char *part;
	char *printable;

	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
		length--;
	if (password != NULL && (size_t) (password - text) + strlen("PASSWORD") < length)
	{
		length = (size_t) (password - text) + strlen("PASSWORD");
		end = " (the rest is not shown)";
	}
	if (length > limit)
	{
		length = limit;
		while (length > 0 && ((unsigned char) text[length] & 0xc0) == 0x80)
			length--;
		end = "...";
	}
	part = xasprintf("%.*s%s", (int) length, text, end);
	printable = printable_name(part);
	secret_text_free(part);
	return printable;
}

char *
unknown_sql_detail(const UnknownSql *unknown)
{
	char *text = withhold_values(unknown->text, (int) strlen(unknown->text));
	char *near = withhold(unknown->near, NULL);
	char *detail = xasprintf("Line %d: %s  Not known from: %s", unknown->line, text, near);

	free(near);
	free(text);
	return detail;
}

/* Add one statement, or the bytes where nothing can be read. */
static void
note_unknown(UnknownSql *unknown, int line, const char *text, const char *near)
{
	if (unknown->count++ > 0)
		return;
	unknown->line = line;
	unknown->text = known_sql_shown(text, SHOWN_TEXT);
	unknown->near = known_sql_shown(near, SHOWN_NEAR);
}

/* The first byte that is not part of UTF-8, as the server takes it; NULL if there is none. */
static const char *
invalid_utf8(const char *text)
{
	for (; *text != '\0'; text++)
	{
		uint32_t character;
		int length = utf8_character(text, &character);

		if (length == 0)
			return text;
		text += length - 1;
	}
	return NULL;
}

static int
line_of(const char *text, const char *place)
{
	int line = 1;

	for (; text < place; text++)
		line += *text == '\n';
	return line;
}

void
known_sql_examine(MemberKind member, const char *text, size_t length, bool utf8,
				  UnknownSql *unknown)
{
	KnownStatement statement;
	const char *invalid = utf8 ? invalid_utf8(text) : NULL;
	KnownOrder order;
	KnownSql sql;

	memset(unknown, 0, sizeof(*unknown));
	known_sql_begin(&sql, member, text, NULL);
	known_order_begin(&order);
	while (known_sql_next(&sql, &statement))
	{
		const char *misplaced = known_order_problem(&order, &statement);

		if (statement.kind == SQL_UNKNOWN)
			note_unknown(unknown, statement.line, statement.sql, statement.near);
		else if (misplaced != NULL)
			note_unknown(unknown, statement.line, statement.sql, misplaced);
		known_statement_free(&statement);
	}
	known_order_end(&order);

	/* Behind a NUL byte psql would go on, and the server would not have been sent the rest. */
	if (strlen(text) != length)
		note_unknown(unknown, sql.line, "\\0", "a zero byte");
	if (invalid != NULL)
		note_unknown(unknown, line_of(text, invalid), invalid, "bytes that are not UTF-8");
}

void
unknown_sql_free(UnknownSql *unknown)
{
	free(unknown->text);
	free(unknown->near);
	memset(unknown, 0, sizeof(*unknown));
}

void
unknown_members_free(UnknownMembers *unknown)
{
	int i;

	for (i = 0; i < MEMBER_KINDS; i++)
		unknown_sql_free(&unknown->of[i]);
	memset(unknown, 0, sizeof(*unknown));
}

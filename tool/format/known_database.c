/*-------------------------------------------------------------------------
 *
 * known_database.c
 *	  The forms of the member "database".
 *
 * Each statement is a DO block that puts the name of the database, whatever
 * it is by then, into a statement by format().  Which one format() makes is
 * found out by doing the same here: versions before 0.2.1 gave it a beginning
 * and an end ('%s %I %s'), later ones a template and values for it.  So one
 * grammar reads both, and sees the statement that the server would see.
 *
 *-------------------------------------------------------------------------
 */

#include <stdlib.h>
#include <string.h>

#include "known_block.h"
#include "known_database.h"
#include "memory.h"
#include "quote.h"

#define OLD_FORMAT "%s %I %s"

/* A statement that format() makes. */
typedef struct Formatted
{
	Buffer text;
	size_t hole; /* where "%I" stands for the name of the database */
	bool has_hole;
} Formatted;

/* One argument, put in place of %s, %I or %L; false if it does not fit. */
static bool
append_argument(SqlReader *block, char conversion, bool old, Formatted *made)
{
	char *value;

	sql_reader_needs(block, ",");
	if (sql_reader_takes(block, "pg_catalog . current_database ( )"))
	{
		if (conversion != 'I' || made->has_hole)
			return false;
		made->hole = made->text.length;
		made->has_hole = true;
		buffer_append_string(&made->text, "%I");
		return true;
	}
	value = sql_reader_literal(block);
	if (value == NULL)
		return false;
	if (conversion == 'I')
		quote_identifier(&made->text, value);
	else if (conversion == 'L')
		quote_literal(&made->text, value);
	else if (conversion == 's' && old)
		buffer_append_string(&made->text, value);
	else
		block->good = false;
	free(value);
	return block->good;
}

/* EXECUTE pg_catalog.format(template, arguments): what comes of it. */
static void
read_format(SqlReader *block, Formatted *made)
{
	char *format;
	const char *c;
	bool old;

	sql_reader_needs(block, "EXECUTE pg_catalog . format (");
	format = sql_reader_literal(block);
	old = format != NULL && strcmp(format, OLD_FORMAT) == 0;
	for (c = format; c != NULL && *c != '\0' && block->good; c++)
	{
		if (*c != '%')
			buffer_append_char(&made->text, *c);
		else if (!append_argument(block, *++c, old, made))
			block->good = false;
		if (*c == '\0')
			break;
	}
	if (!made->has_hole)
		block->good = false;
	sql_reader_needs(block, ")");
	free(format);
}

/* PUBLIC or a role. */
static void
read_grantee(SqlReader *reader)
{
	if (!sql_reader_takes(reader, "PUBLIC"))
		sql_reader_needs_name(reader);
}

static void
read_alter(SqlReader *reader, const char *current)
{
	if (sql_reader_takes(reader, "ROLE"))
	{
		sql_reader_needs_name(reader);
		sql_reader_needs(reader, "IN DATABASE");
		sql_reader_needs_hole(reader);
		known_setting_read(reader, current);
		return;
	}
	sql_reader_needs(reader, "DATABASE");
	sql_reader_needs_hole(reader);
	if (current == NULL && sql_reader_takes(reader, "CONNECTION LIMIT"))
		free(sql_reader_number(reader));
	else if (current != NULL || !sql_reader_takes(reader, "IS_TEMPLATE true"))
		known_setting_read(reader, current);
}

static void
read_privileges(SqlReader *reader, bool grant)
{
	if (!grant)
		sql_reader_needs(reader, "ALL");
	else if (!sql_reader_takes(reader, "CREATE") && !sql_reader_takes(reader, "CONNECT"))
		sql_reader_needs(reader, "TEMPORARY");
	sql_reader_needs(reader, "ON DATABASE");
	sql_reader_needs_hole(reader);
	sql_reader_needs(reader, grant ? "TO" : "FROM");
	read_grantee(reader);
	if (grant)
		(void) sql_reader_takes(reader, "WITH GRANT OPTION");
}

/* The statement that the server is to run. */
static void
read_statement(SqlReader *reader, const char *current)
{
	if (sql_reader_takes(reader, "ALTER"))
		read_alter(reader, current);
	else if (current != NULL)
		reader->good = false;
	else if (sql_reader_takes(reader, "GRANT"))
		read_privileges(reader, true);
	else if (sql_reader_takes(reader, "REVOKE"))
		read_privileges(reader, false);
	else
	{
		if (!sql_reader_takes(reader, "COMMENT"))
		{
			sql_reader_needs(reader, "SECURITY LABEL FOR");
			sql_reader_needs_name(reader);
		}
		sql_reader_needs(reader, "ON DATABASE");
		sql_reader_needs_hole(reader);
		sql_reader_needs(reader, "IS");
		sql_reader_needs_literal(reader);
	}
	if (!sql_reader_at_end(reader))
		reader->good = false;
}

/* Write the statement without the block, or with a small one that empties a setting first. */
static void
write_statement(SqlReader *reader, const SqlReader *inner, const char *current)
{
	Buffer body;

	buffer_reset(&reader->out);
	if (current == NULL)
	{
		buffer_append_string(&reader->out, inner->out.data);
		return;
	}
	buffer_init(&body);
	buffer_append_string(&body, "BEGIN PERFORM pg_catalog.set_config(");
	quote_literal(&body, current);
	buffer_printf(&body, ", '', true); %s; END", inner->out.data);
	buffer_append_string(&reader->out, "DO ");
	quote_literal(&reader->out, body.data);
	buffer_free(&body);
}

void
known_database_read(SqlReader *reader, KnownStatement *statement, const char *database)
{
	Formatted made = {.hole = 0};
	SqlReader block;
	SqlReader inner;
	char *current;
	char *text;

	statement->kind = SQL_DATABASE;
	sql_reader_needs(reader, "DO");
	text = sql_reader_literal(reader);
	if (text == NULL)
		return;
	buffer_init(&made.text);
	buffer_append_string(&made.text, "");
	sql_reader_init(&block, text);
	known_block_begin(&block, &current);
	read_format(&block, &made);
	known_block_end(&block);
	known_block_take(reader, &block, statement);
	sql_reader_init(&inner, made.text.data);
	if (reader->good)
	{
		inner.hole = made.text.data + made.hole;
		inner.name = database != NULL ? database : "%I";
		read_statement(&inner, current);
		if (!inner.good)
			statement->near = xstrdup(inner.at);
		reader->good = inner.good;
	}
	if (reader->good)
		write_statement(reader, &inner, current);
	sql_reader_free(&inner);
	sql_reader_free(&block);
	buffer_free(&made.text);
	free(current);
	free(text);
}

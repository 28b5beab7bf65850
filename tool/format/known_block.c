/*-------------------------------------------------------------------------
 *
 * known_block.c
 *	  What statements of the members "database" and "globals" share: the values
 *	  of settings, and blocks of DO.
 *
 *-------------------------------------------------------------------------
 */
#include "known_block.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "quote.h"
#include "sql_text.h"

/* A list as SET takes it.  Old backups hold those of search_path and its like as they are stored.
 */
static void
read_list(SqlReader *reader)
{
	do
		sql_reader_needs_element(reader);
	while (sql_reader_takes(reader, ","));
}

/* The name of a setting; one of an extension may stand as two names. */
static char *
read_setting_name(SqlReader *reader)
{
	char *name = sql_reader_setting_name(reader);

	while (sql_reader_takes(reader, "."))
		sql_reader_needs_name(reader);
	return name;
}

/*
 * "SET name TO" and nothing: an empty list as pg_dumpall writes it, which is not
 * SQL.  FROM CURRENT sets one.
 */
static void
write_empty(SqlReader *reader, const char *name)
{
	Buffer tail;
	Buffer body;

	buffer_init(&tail);
	buffer_append_string(&tail, " SET ");
	quote_identifier(&tail, name);
	buffer_append_string(&tail, " TO");
	if (reader->out.length < tail.length ||
		strcmp(reader->out.data + reader->out.length - tail.length, tail.data) != 0)
		reader->good = false;
	else
	{
		buffer_init(&body);
		buffer_append_string(&body, "BEGIN PERFORM pg_catalog.set_config(");
		quote_literal(&body, name);
		buffer_append_string(&body, ", '', true); ");
		buffer_append(&body, reader->out.data, reader->out.length - strlen(" TO"));
		buffer_append_string(&body, " FROM CURRENT; END");
		buffer_reset(&reader->out);
		buffer_append_string(&reader->out, "DO ");
		quote_literal(&reader->out, body.data);
		buffer_free(&body);
		reader->at += strspn(reader->at, " ");
	}
	buffer_free(&tail);
}

void
known_setting_read(SqlReader *reader, const char *current)
{
	char *name;

	sql_reader_needs(reader, "SET");
	name = read_setting_name(reader);
	if (current == NULL)
	{
		sql_reader_needs(reader, "TO");
		if (sql_reader_at_semicolon(reader))
			write_empty(reader, name);
		else
			read_list(reader);
	}
	else if (name != NULL && strcmp(name, current) == 0)
		sql_reader_needs(reader, "FROM CURRENT");
	else
		reader->good = false;
	free(name);
}

void
known_block_begin(SqlReader *block, char **current)
{
	*current = NULL;
	sql_reader_needs(block, "BEGIN");
	if (!sql_reader_takes(block, "PERFORM pg_catalog . set_config ("))
		return;
	*current = sql_reader_literal(block);
	sql_reader_needs(block, ", '' , true ) ;");
}

void
known_block_end(SqlReader *block)
{
	sql_reader_needs(block, "; END");
	if (!sql_reader_at_end(block))
		block->good = false;
}

void
known_block_take(SqlReader *reader, SqlReader *block, KnownStatement *statement)
{
	if (!block->good)
	{
		/* Nearer to what is wrong than the place of the literal that holds it. */
		if (statement->near == NULL)
			statement->near = xstrdup(block->at);
		reader->good = false;
		return;
	}
	buffer_reset(&reader->out);
	buffer_append_string(&reader->out, "DO ");
	quote_literal(&reader->out, block->out.data);
}

/*-------------------------------------------------------------------------
 *
 * fuzz_known_sql.c
 *	  Any bytes as the member "database", "sequences" or "globals" of a
 *	  backup (the first byte chooses): what is taken for known is one
 *	  statement, and is known again when it is written anew; and nobody meets
 *	  a statement about a role or tablespace that has no name.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "globals_statements.h"
#include "known_sql.h"
#include "sequence_values.h"
#include "sql_text.h"

/* A statement that was written anew is a single one, and stays as it is. */
static void
check_known(MemberKind member, const KnownStatement *statement)
{
	KnownStatement again;
	KnownSql sql;

	MUST(*sql_statement_end(statement->sql) == '\0');
	MUST(statement->sql[0] != '\0' && statement->sql[strlen(statement->sql) - 1] == ';');

	/* Of the database only the blocks around a statement are read, not the statement alone. */
	if (member == MEMBER_DATABASE)
		return;
	known_sql_begin(&sql, member, statement->sql, NULL);
	MUST(known_sql_next(&sql, &again));
	MUST(again.kind == statement->kind);
	MUST(strcmp(again.sql, statement->sql) == 0);
	known_statement_free(&again);
	MUST(!known_sql_next(&sql, &again));
}

static void
check_member(MemberKind member, const char *text, size_t size)
{
	KnownStatement statement;
	UnknownSql unknown;
	int found = 0;
	KnownSql sql;

	known_sql_begin(&sql, member, text, "db");
	while (known_sql_next(&sql, &statement))
	{
		MUST(statement.line >= 1);
		if (statement.kind == SQL_UNKNOWN)
			found++;
		else
			check_known(member, &statement);
		known_statement_free(&statement);
	}
	known_sql_examine(member, text, size, (size & 1) != 0, &unknown);
	MUST(unknown.count >= found);
	MUST((unknown.count > 0) == (unknown.text != NULL));
	unknown_sql_free(&unknown);
}

static void
check_globals(const char *text)
{
	GlobalsStatements statements;
	int i;

	globals_statements_parse(text, &statements);
	for (i = 0; i < statements.count; i++)
	{
		const GlobalsStatement *statement = &statements.items[i];

		MUST(statement->text != NULL);
		if (statement->kind == GLOBALS_CREATE_ROLE || statement->kind == GLOBALS_ROLE_ATTRIBUTES)
			MUST(statement->name != NULL);
		if (statement->kind == GLOBALS_CREATE_TABLESPACE)
			MUST(statement->name != NULL && statement->location != NULL);
		free(globals_without_password(statement->text));
		free(globals_without_grantor(statement->text));
	}
	globals_statements_free(&statements);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const MemberKind members[] = {MEMBER_DATABASE, MEMBER_SEQUENCES, MEMBER_GLOBALS};
	MemberKind member;
	char *text;

	if (size == 0)
		return 0;
	member = members[data[0] % 3];
	text = malloc(size);
	MUST(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	check_member(member, text, size - 1);
	if (member == MEMBER_GLOBALS)
		check_globals(text);
	if (member == MEMBER_SEQUENCES)
	{
		SequenceValues values;

		(void) sequence_values_parse(text, &values);
		sequence_values_free(&values);
	}
	free(text);
	return 0;
}

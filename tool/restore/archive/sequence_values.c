/*-------------------------------------------------------------------------
 *
 * sequence_values.c
 *	  The values of sequences in a backup.
 *
 * The member is SQL, a setval() a line, for those who restore without this
 * program.  Some of its sequences are wanted, or under another name, or only
 * if they are ahead; so it is taken apart.
 *
 *-------------------------------------------------------------------------
 */
#include "sequence_values.h"

#include <stdlib.h>
#include <string.h>

#include "known_sql.h"
#include "log.h"
#include "member_reader.h"
#include "memory.h"
#include "part_settings.h"
#include "settings.h"

int
sequence_values_parse(const char *text, SequenceValues *values)
{
	KnownStatement statement;
	KnownSql sql;
	int unknown = 0;

	memset(values, 0, sizeof(*values));
	known_sql_begin(&sql, MEMBER_SEQUENCES, text, NULL);
	while (known_sql_next(&sql, &statement))
	{
		if (statement.kind == SQL_SEQUENCE)
		{
			SequenceValue *value;

			values->items =
				xrealloc(values->items, ((size_t) values->count + 1) * sizeof(SequenceValue));
			value = &values->items[values->count++];
			value->schema = xstrdup(statement.schema);
			value->name = xstrdup(statement.name);
			value->value = xstrdup(statement.value);
			value->called = statement.called;
		}
		else
			unknown++;
		known_statement_free(&statement);
	}
	return unknown;
}

bool
sequence_values_load(const Settings *settings, Repository *repository, const Manifest *manifest,
					 SequenceValues *values)
{
	MemberReader reader;
	bool found = false;
	int unknown = 0;
	bool good;

	memset(values, 0, sizeof(*values));
	good = member_reader_open(&reader, repository, manifest) &&
		   member_reader_read_kind(&reader, MEMBER_SEQUENCES, &found);
	if (good && found)
		unknown = sequence_values_parse(reader.raw.data, values);
	if (unknown > 0 && settings->part->allow_unknown_sql)
		log_warning("%d %s of unknown form in the member \"sequences\" left out: a restore of a "
					"part sets the sequences that belong to it, and does nothing else",
					unknown, unknown == 1 ? "statement" : "statements");
	else if (unknown > 0)
		good = report_error(EXIT_INTEGRITY, NULL, NULL,
							"the sequences of the backup are not as expected");
	member_reader_close(&reader);
	return good;
}

void
sequence_values_free(SequenceValues *values)
{
	uint32_t i;

	for (i = 0; i < values->count; i++)
	{
		free(values->items[i].schema);
		free(values->items[i].name);
		free(values->items[i].value);
	}
	free(values->items);
	memset(values, 0, sizeof(*values));
}

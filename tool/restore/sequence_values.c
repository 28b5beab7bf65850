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

#include "buffer.h"
#include "log.h"
#include "member_reader.h"
#include "memory.h"
#include "sql_name.h"

/* The content of the literal that starts here; where it ends, or NULL. */
static const char *
read_literal(const char *text, Buffer *content)
{
	buffer_reset(content);
	buffer_append_string(content, "");
	if (*text != '\'')
		return NULL;
	for (text++; *text != '\0'; text++)
	{
		if (*text == '\'' && text[1] != '\'')
			return text + 1;
		if (*text == '\'')
			text++;
		buffer_append_char(content, *text);
	}
	return NULL;
}

/* One statement; where the next one starts, or NULL if this is none. */
static const char *
parse_statement(const char *text, Buffer *name, SequenceValue *value)
{
	static const char start[] = "SELECT pg_catalog.setval(";
	const char *end;
	size_t length;

	memset(value, 0, sizeof(*value));
	if (strncmp(text, start, strlen(start)) != 0)
		return NULL;
	text = read_literal(text + strlen(start), name);
	if (text == NULL || strncmp(text, ", ", 2) != 0)
		return NULL;
	text += 2;
	length = strspn(text, "-0123456789");
	end = text + length;
	if (length == 0)
		return NULL;
	value->called = strncmp(end, ", true);\n", 9) == 0;
	if (!value->called && strncmp(end, ", false);\n", 10) != 0)
		return NULL;
	if (sql_name_read_qualified(name->data, &value->schema, &value->name) == NULL)
		return NULL;
	value->value = xasprintf("%.*s", (int) length, text);
	return end + (value->called ? 9 : 10);
}

bool
sequence_values_parse(const char *text, SequenceValues *values)
{
	bool good = true;
	Buffer name;

	memset(values, 0, sizeof(*values));
	buffer_init(&name);
	while (good && (text = strstr(text, "SELECT pg_catalog.setval(")) != NULL)
	{
		SequenceValue value;

		text = parse_statement(text, &name, &value);
		good = text != NULL;
		if (!good)
			break;
		values->items =
			xrealloc(values->items, ((size_t) values->count + 1) * sizeof(SequenceValue));
		values->items[values->count++] = value;
	}
	buffer_free(&name);
	return good;
}

bool
sequence_values_load(Repository *repository, const Manifest *manifest, SequenceValues *values)
{
	MemberReader reader;
	bool found = false;
	bool good;

	memset(values, 0, sizeof(*values));
	good = member_reader_open(&reader, repository, manifest) &&
		   member_reader_read_kind(&reader, MEMBER_SEQUENCES, &found);
	if (good && found && !sequence_values_parse(reader.raw.data, values))
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

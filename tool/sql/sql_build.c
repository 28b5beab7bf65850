/*-------------------------------------------------------------------------
 *
 * sql_build.c
 *	  SQL text made of constants, quoted names and values, and numbers.
 *
 * scripts/check_sql_text.pl sees to it that nothing else writes into the
 * buffer of a SqlText.
 *
 *-------------------------------------------------------------------------
 */
#include "sql_build.h"

#include <stdlib.h>
#include <string.h>

#include "quote.h"
#include "sql_name.h"

#define DIGITS "0123456789"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

void
sql_init(SqlText *sql)
{
	buffer_init(&sql->text);
}

void
sql_free(SqlText *sql)
{
	buffer_free(&sql->text);
}

void
sql_reset(SqlText *sql)
{
	buffer_reset(&sql->text);
}

/* A SqlText is a Buffer and nothing else. */
SqlText *
sql_in(Buffer *buffer)
{
	return (SqlText *) buffer;
}

const char *
sql_string(const SqlText *sql)
{
	return sql->text.data != NULL ? sql->text.data : "";
}

size_t
sql_length(const SqlText *sql)
{
	return sql->text.length;
}

void
sql_append_constant(SqlText *sql, SqlConstant constant)
{
	buffer_append_string(&sql->text, constant.text);
}

void
sql_identifier(SqlText *sql, const char *name)
{
	quote_identifier(&sql->text, name);
}

void
sql_qualified(SqlText *sql, const char *schema, const char *name)
{
	quote_qualified(&sql->text, schema, name);
}

void
sql_literal(SqlText *sql, const char *value)
{
	quote_literal(&sql->text, value);
}

void
sql_qualified_literal(SqlText *sql, const char *schema, const char *name)
{
	SqlText qualified;

	sql_init(&qualified);
	sql_qualified(&qualified, schema, name);
	sql_text_literal(sql, &qualified);
	sql_free(&qualified);
}

void
sql_signed(SqlText *sql, long long number)
{
	buffer_printf(&sql->text, "%lld", number);
}

void
sql_unsigned(SqlText *sql, unsigned long long number)
{
	buffer_printf(&sql->text, "%llu", number);
}

void
sql_text(SqlText *sql, const SqlText *other)
{
	buffer_append(&sql->text, sql_string(other), other->text.length);
}

void
sql_text_literal(SqlText *sql, const SqlText *other)
{
	quote_literal(&sql->text, sql_string(other));
}

bool
sql_keyword(SqlText *sql, const char *word)
{
	if (word[0] == '\0' || word[strspn(word, CAPITALS)] != '\0')
		return false;
	buffer_append_string(&sql->text, word);
	return true;
}

/* Behind a name: in quotes, or one word.  Keywords pass, as each version has its own. */
static const char *
skip_name(const char *text)
{
	char *name;
	const char *end = sql_name_read(text, &name);

	if (end != NULL)
		free(name);
	return end;
}

bool
sql_checked_names(SqlText *sql, const char *names)
{
	const char *at = skip_name(names);

	while (at != NULL && *at != '\0')
	{
		if (*at == '.')
			at = skip_name(at + 1);
		else if (strncmp(at, ", ", 2) == 0)
			at = skip_name(at + 2);
		else
			at = NULL;
	}
	if (at == NULL)
		return false;
	buffer_append_string(&sql->text, names);
	return true;
}

bool
sql_checked_number(SqlText *sql, const char *number)
{
	const char *digits = number[0] == '-' ? number + 1 : number;

	if (digits[0] == '\0' || digits[strspn(digits, DIGITS)] != '\0')
		return false;
	buffer_append_string(&sql->text, number);
	return true;
}

bool
sql_checked_hex(SqlText *sql, const char *hex)
{
	const char *digits = strncmp(hex, "\\x", 2) == 0 ? hex + 2 : hex;

	if (digits[strspn(digits, DIGITS "abcdef")] != '\0')
		return false;
	buffer_append_string(&sql->text, hex);
	return true;
}

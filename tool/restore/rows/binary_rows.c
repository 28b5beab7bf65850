/*-------------------------------------------------------------------------
 *
 * binary_rows.c
 *	  Rows of COPY's text format to rows of its binary format.
 *
 * A backup holds rows as text, so that stock tools can restore it.  To read
 * text is half of what COPY costs the server; this program does it in a fraction of the time, since
 * it knows how the text was written and need not understand anything else.
 *
 * Both formats are described under COPY in PostgreSQL's documentation.
 *
 *-------------------------------------------------------------------------
 */
#include "binary_rows.h"

#include <stdbool.h>
#include <string.h>

#include "wire.h"

/* Of a row and of a value: a count of columns, a length. */
#define ROW_OVERHEAD sizeof(uint16_t)
#define LENGTH_BYTES sizeof(uint32_t)
#define LENGTH_OF_NULL UINT32_MAX
#define COUNT_AT_THE_END UINT16_MAX

void
binary_rows_begin(Buffer *out)
{
	static const char signature[11] = "PGCOPY\n\377\r\n";
	static const char flags_and_extension[8] = {0};

	buffer_append(out, signature, sizeof(signature));
	buffer_append(out, flags_and_extension, sizeof(flags_and_extension));
}

void
binary_rows_end(Buffer *out)
{
	char count[ROW_OVERHEAD];

	wire_put_16(count, COUNT_AT_THE_END);
	buffer_append(out, count, sizeof(count));
}

/* The character that an escape means; -1: COPY TO does not write such an escape. */
static int
escaped_character(char letter)
{
	switch (letter)
	{
		case 'b':
			return '\b';
		case 'f':
			return '\f';
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case 't':
			return '\t';
		case 'v':
			return '\v';
		case '\\':
			return '\\';
		default:
			return -1;
	}
}

/* Take the escapes out of a value, into `value`.  A byte of a character is never like a backslash
 * in an encoding that a server can have. */
static bool
unescape(const char *text, const char *end, Buffer *value)
{
	buffer_reset(value);
	while (text < end)
	{
		const char *escape = memchr(text, '\\', (size_t) (end - text));
		int character;

		if (escape == NULL)
			escape = end;
		buffer_append(value, text, (size_t) (escape - text));
		if (escape == end)
			break;
		character = escape + 1 < end ? escaped_character(escape[1]) : -1;
		if (character < 0)
			return false;
		buffer_append_char(value, (char) character);
		text = escape + 2;
	}
	return true;
}

/* Write a value behind its length; NULL if it has no binary form here. */
static char *
convert_value(BinaryRows *rows, ValueWriter writer, const char *text, const char *end, bool escapes,
			  char *out)
{
	char *behind;

	if (!escapes)
		behind = writer(out + LENGTH_BYTES, text, (size_t) (end - text));
	else if (end - text == 2 && text[1] == 'N')
		return wire_put_32(out, LENGTH_OF_NULL);
	else if (!unescape(text, end, &rows->value))
		return NULL;
	else
		behind = writer(out + LENGTH_BYTES, rows->value.data, rows->value.length);
	if (behind != NULL)
		wire_put_32(out, (uint32_t) (behind - out - LENGTH_BYTES));
	return behind;
}

/* The tab or end of line behind a value; are there escapes in it? */
static inline const char *
end_of_value(const char *text, bool *escapes)
{
	static const bool stops[256] = {['\t'] = true, ['\n'] = true, ['\\'] = true};

	*escapes = false;
	for (;;)
	{
		while (!stops[(unsigned char) *text])
			text++;
		if (*text != '\\')
			return text;
		*escapes = true;
		text++;
	}
}

/* Convert one row; `end` is the end of its line. */
static char *
convert_row(BinaryRows *rows, const char *text, const char *end, char *out)
{
	int i;

	out = wire_put_16(out, (uint16_t) rows->columns);
	for (i = 0; i < rows->columns; i++)
	{
		const char *value = text;
		bool escapes;

		text = end_of_value(text, &escapes);
		out = convert_value(rows, rows->writers[i], value, text, escapes, out);

		/* A tab behind each value but the last one. */
		if (out == NULL || (text < end) != (i + 1 < rows->columns))
			return NULL;
		text++;
	}
	return out;
}

size_t
binary_rows_convert(BinaryRows *rows, const char *text, size_t length, size_t enough, Buffer *out,
					uint64_t *count)
{
	size_t overhead = ROW_OVERHEAD + (size_t) rows->columns * (LENGTH_BYTES + VALUE_OVERHEAD);
	size_t done = 0;

	while (done < length && out->length < enough)
	{
		const char *row = text + done;
		const char *end = memchr(row, '\n', length - done);
		char *behind;

		if (end == NULL || end - row > BINARY_ROW_LIMIT)
			break;
		buffer_reserve(out, overhead + (size_t) (end - row));
		behind = convert_row(rows, row, end, out->data + out->length);
		if (behind == NULL)
			break;
		out->length = (size_t) (behind - out->data);
		done += (size_t) (end - row) + 1;
		(*count)++;
	}
	return done;
}

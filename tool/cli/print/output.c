/*-------------------------------------------------------------------------
 *
 * output.c
 *	  Tables in the look of psql, and JSON.
 *
 *-------------------------------------------------------------------------
 */
#include "output.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "json_text.h"
#include "memory.h"
#include "printable.h"

struct TextTable
{
	int columns;
	char *alignment;
	char **cells; /* row by row, the headings first */
	int rows;
};

/* Was there any? */
static bool json_was_printed;

bool
output_json_was_called(void)
{
	return json_was_printed;
}

void
output_json(json_t *value)
{
	/* More digits than this only show that 0.1 has no binary form. */
	char *text = json_harmless(value, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

	json_was_printed = true;
	if (text != NULL)
		printf("%s\n", text);
	free(text);
	json_decref(value);
}

static void __attribute__((format(printf, 2, 0)))
show_on(FILE *stream, const char *format, va_list arguments)
{
	char *text;
	const char *c;

	if (vasprintf(&text, format, arguments) < 0)
		return;
	for (c = text; *c != '\0';)
	{
		int length = printable_length(c);

		if (length > 0 || *c == '\n' || *c == '\t')
			fwrite(c, 1, length > 0 ? (size_t) length : 1, stream);
		else
			fprintf(stream, "\\x%02x", (unsigned char) *c);
		c += length > 0 ? length : 1;
	}
	free(text);
}

void
show_text(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	show_on(stdout, format, arguments);
	va_end(arguments);
}

void
show_question(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	show_on(stderr, format, arguments);
	va_end(arguments);
}

static char *done_text;

void
output_done(const char *format, ...)
{
	va_list arguments;

	free(done_text);
	va_start(arguments, format);
	if (vasprintf(&done_text, format, arguments) < 0)
		done_text = NULL;
	va_end(arguments);
}

const char *
output_done_text(void)
{
	return done_text;
}

/* A cell's text with everything that could move the cursor made visible. */
static char *
clean_text(const char *text)
{
	Buffer out;

	buffer_init(&out);
	buffer_append_string(&out, "");
	while (text != NULL && *text != '\0')
	{
		int length = printable_length(text);

		if (length > 0)
			buffer_append(&out, text, (size_t) length);
		else
			buffer_printf(&out, "\\x%02x", (unsigned char) *text);
		text += length > 0 ? length : 1;
	}
	return buffer_detach(&out);
}

/* Characters of a clean text. */
static int
text_width(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

TextTable *
text_table_create(int columns, const char *const *headings, const char *alignment)
{
	TextTable *table = xcalloc(1, sizeof(*table));

	table->columns = columns;
	table->alignment = xstrdup(alignment);
	text_table_row(table, headings);
	return table;
}

void
text_table_row(TextTable *table, const char *const *cells)
{
	size_t columns = (size_t) table->columns;
	size_t count = (size_t) table->rows * columns;
	size_t i;

	table->cells = xrealloc(table->cells, (count + columns) * sizeof(char *));
	for (i = 0; i < columns; i++)
		table->cells[count + i] = clean_text(cells[i]);
	table->rows++;
}

static int
column_width(const TextTable *table, int column)
{
	int widest = 0;
	int row;

	for (row = 0; row < table->rows; row++)
	{
		int width = text_width(table->cells[row * table->columns + column]);

		widest = width > widest ? width : widest;
	}
	return widest;
}

static void
print_row(const TextTable *table, int row, const int *widths)
{
	int column;

	for (column = 0; column < table->columns; column++)
	{
		const char *cell = table->cells[row * table->columns + column];
		bool right = table->alignment[column] == 'r';
		bool last = column + 1 == table->columns;
		int padding = widths[column] - text_width(cell);

		printf("%s%*s%s%*s", column > 0 ? " | " : " ", right ? padding : 0, "", cell,
			   right || last ? 0 : padding, "");
	}
	printf("\n");
}

static void
print_rule(const TextTable *table, const int *widths)
{
	int column;
	int i;

	for (column = 0; column < table->columns; column++)
	{
		if (column > 0)
			printf("+");
		for (i = 0; i < widths[column] + 2; i++)
			printf("-");
	}
	printf("\n");
}

void
text_table_print(TextTable *table)
{
	int *widths = xcalloc((size_t) table->columns, sizeof(int));
	int i;

	for (i = 0; i < table->columns; i++)
		widths[i] = column_width(table, i);
	print_row(table, 0, widths);
	print_rule(table, widths);
	for (i = 1; i < table->rows; i++)
		print_row(table, i, widths);

	for (i = 0; i < table->rows * table->columns; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table->alignment);
	free(table);
	free(widths);
}

/*-------------------------------------------------------------------------
 *
 * age_armor.c
 *	  ASCII armor of age files.
 *
 *-------------------------------------------------------------------------
 */
#include "age_armor.h"

#include <string.h>

#include "base64.h"

#define COLUMNS 64
#define LINE_BYTES (COLUMNS / 4 * 3)

void
age_armor_encode(const void *data, size_t length, Buffer *out)
{
	const char *bytes = data;
	size_t done;

	buffer_append_string(out, AGE_ARMOR_BEGIN "\n");
	for (done = 0; done < length; done += LINE_BYTES)
	{
		size_t n = length - done < LINE_BYTES ? length - done : LINE_BYTES;

		base64_append(out, bytes + done, n, true);
		buffer_append_char(out, '\n');
	}
	buffer_append_string(out, AGE_ARMOR_END "\n");
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Take the next line, ended by LF or CRLF or the end of the text.  False at the end. */
static bool
next_line(const char **position, const char *end, const char **line, size_t *length)
{
	const char *stop;

	if (*position == end)
		return false;
	*line = *position;
	stop = memchr(*line, '\n', (size_t) (end - *line));
	*position = stop != NULL ? stop + 1 : end;
	*length = (size_t) ((stop != NULL ? stop : end) - *line);
	if (stop != NULL && *length > 0 && (*line)[*length - 1] == '\r')
		--*length;
	return true;
}

static bool
line_is(const char *line, size_t length, const char *text)
{
	return length == strlen(text) && memcmp(line, text, length) == 0;
}

/* Full lines of base64, then one that is shorter or the end line at once. */
static bool
decode_lines(const char *position, const char *end, Buffer *out)
{
	uint8_t bytes[COLUMNS];
	const char *line;
	size_t length;
	bool last = false;
	size_t n;

	while (next_line(&position, end, &line, &length))
	{
		if (line_is(line, length, AGE_ARMOR_END))
			return position == end;
		if (last || length == 0 || length > COLUMNS ||
			!base64_decode(line, length, true, bytes, &n))
			return false;
		buffer_append(out, bytes, n);
		last = length < COLUMNS || line[length - 1] == '=';
	}
	return false;
}

bool
age_armor_decode(const char *text, size_t length, Buffer *out)
{
	const char *end = text + length;
	size_t start = out->length;
	const char *line;
	size_t line_length;

	while (text < end && is_blank(*text))
		text++;
	while (end > text && is_blank(end[-1]))
		end--;
	if (next_line(&text, end, &line, &line_length) && line_is(line, line_length, AGE_ARMOR_BEGIN) &&
		decode_lines(text, end, out))
		return true;
	if (out->length > start)
	{
		out->length = start;
		out->data[start] = '\0';
	}
	return false;
}

/*-------------------------------------------------------------------------
 *
 * withheld.c
 *	  Marks around what others are not told.
 *
 * A mark is a control character and a random number of this process, so that
 * no name or message can contain one: anyone who could write the first mark could hide
 * the rest of a message, and with the last one could end what is hidden.
 * A text that is cut off within such a part is withheld to its end.
 *
 *-------------------------------------------------------------------------
 */
#include "withheld.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "buffer.h"
#include "memory.h"
#include "quote.h"

#define MARK_SIZE 24

/* Of a part: its begin, the end of its note, its end. */
static char marks[3][MARK_SIZE];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
make_marks(void)
{
	uint64_t number = 0;
	int i;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t) sizeof(number))
		number = (uint64_t) (uintptr_t) &number;
	for (i = 0; i < 3; i++)
		snprintf(marks[i], MARK_SIZE, "%c%016llx", 0x0e + i, (unsigned long long) number);
}

char *
withhold(const char *text, const char *note)
{
	pthread_once(&once, make_marks);
	return xasprintf("%s%s%s%s%s", marks[0], note != NULL ? note : "", marks[1], text, marks[2]);
}

char *
withhold_values(const char *statement, int limit)
{
	char *start = xasprintf("%.*s", limit, statement);
	size_t length = strcspn(start, "'$");
	char *values = withhold(start + length, NULL);
	char *text = xasprintf("%.*s%s", (int) length, start, start[length] != '\0' ? values : "");

	free(values);
	free(start);
	return text;
}

/* Append what is before a mark, by a function if there is one; what comes behind the mark. */
static const char *
take_up_to(Buffer *out, const char *text, const char *mark, char *(*change)(const char *) )
{
	const char *found = strstr(text, mark);
	size_t length = found != NULL ? (size_t) (found - text) : strlen(text);

	if (out != NULL && change == NULL)
		buffer_append(out, text, length);
	if (out != NULL && change != NULL)
	{
		char *part = xasprintf("%.*s", (int) length, text);
		char *changed = change(part);

		buffer_append_string(out, changed);
		free(changed);
		free(part);
	}
	return found != NULL ? found + strlen(mark) : text + length;
}

typedef enum Reading
{
	READING_SHOWN,
	READING_TOLD,
	READING_PRINTABLE
} Reading;

static char *
read_text(const char *text, Reading reading)
{
	char *(*change)(const char *) = reading == READING_PRINTABLE ? printable_name : NULL;
	Buffer out;

	if (text == NULL)
		return NULL;
	pthread_once(&once, make_marks);
	buffer_init(&out);
	buffer_append_string(&out, "");
	for (;;)
	{
		Buffer note;
		bool more = strstr(text, marks[0]) != NULL;

		text = take_up_to(&out, text, marks[0], change);
		if (!more)
			break;
		buffer_init(&note);
		buffer_append_string(&note, "");
		text = take_up_to(&note, text, marks[1], NULL);
		if (reading == READING_TOLD)
			buffer_printf(&out, "[withheld%s%s]", note.length > 0 ? ", " : "", note.data);
		else if (reading == READING_PRINTABLE)
			buffer_printf(&out, "%s%s%s", marks[0], note.data, marks[1]);
		text = take_up_to(reading == READING_TOLD ? NULL : &out, text, marks[2], change);
		if (reading == READING_PRINTABLE)
			buffer_append_string(&out, marks[2]);
		buffer_free(&note);
	}
	return buffer_detach(&out);
}

char *
withheld_shown(const char *text)
{
	return read_text(text, READING_SHOWN);
}

char *
withheld_told(const char *text)
{
	return read_text(text, READING_TOLD);
}

char *
withheld_printable(const char *text)
{
	return read_text(text, READING_PRINTABLE);
}

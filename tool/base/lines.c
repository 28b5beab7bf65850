/*-------------------------------------------------------------------------
 *
 * lines.c
 *	  Lines of text, for a report to the user.
 *
 *-------------------------------------------------------------------------
 */
#include "lines.h"

#include <stdlib.h>

#include "memory.h"

void
lines_add(Lines *lines, char *line)
{
	lines->lines = xrealloc(lines->lines, ((size_t) lines->count + 1) * sizeof(char *));
	lines->lines[lines->count++] = line;
}

void
lines_free(Lines *lines)
{
	uint32_t i;

	for (i = 0; i < lines->count; i++)
		free(lines->lines[i]);
	free(lines->lines);
	lines->lines = NULL;
	lines->count = 0;
}

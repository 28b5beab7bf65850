/*-------------------------------------------------------------------------
 *
 * lines.h
 *	  Lines of text, for a report to the user.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LINES_H
#define NEX_LINES_H

#include <stdint.h>

typedef struct Lines
{
	char **lines;
	uint32_t count;
} Lines;

extern void lines_add(Lines *lines, char *line); /* takes the line over */
extern void lines_free(Lines *lines);            /* but for the struct itself */

#endif /* NEX_LINES_H */

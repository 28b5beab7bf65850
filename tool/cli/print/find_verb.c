/*-------------------------------------------------------------------------
 *
 * find_verb.c
 *	  The second word of a command that has several, as in "config backup".
 *
 *-------------------------------------------------------------------------
 */
#include "find_verb.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "nearest.h"
#include "quote.h"

static void
report_unknown(const char *command, const char *word, const char *const *names, int count)
{
	const char *nearest = nearest_name(word, names, count);
	char *hint = nearest != NULL
					 ? xasprintf("Perhaps you meant \"nex_backup %s %s\".", command, nearest)
					 : xasprintf("\"nex_backup help %s\" lists what there is.", command);

	report_error(EXIT_USAGE, NULL, hint, "unknown command \"%s %s\"", command, word);
	free(hint);
}

const void *
find_verb(const char *command, const char *word, const void *verbs, size_t size, int count)
{
	const char **names = xcalloc((size_t) count, sizeof(char *));
	const void *found = NULL;
	int i;

	for (i = 0; i < count && found == NULL; i++)
	{
		const char *row = (const char *) verbs + (size_t) i * size;

		memcpy(&names[i], row, sizeof(names[i]));
		if (strcmp(names[i], word) == 0)
			found = row;
	}
	if (found == NULL)
		report_unknown(command, word, names, count);
	free(names);
	return found;
}

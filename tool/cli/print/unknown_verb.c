/*-------------------------------------------------------------------------
 *
 * unknown_verb.c
 *	  The second word of a command, as in "config backup", that is none.
 *
 *-------------------------------------------------------------------------
 */
#include "unknown_verb.h"

#include <stdlib.h>

#include "log.h"
#include "memory.h"
#include "nearest.h"
#include "quote.h"

bool
report_unknown_verb(const char *command, const char *verb, const char *const *names, int count)
{
	const char *nearest = nearest_name(verb, names, count);
	char *hint = nearest != NULL
					 ? xasprintf("Perhaps you meant \"nex_backup %s %s\".", command, nearest)
					 : xasprintf("\"nex_backup help %s\" lists what there is.", command);

	report_error(EXIT_USAGE, NULL, hint, "unknown command \"%s %s\"", command, verb);
	free(hint);
	return false;
}

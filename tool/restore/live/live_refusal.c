/*-------------------------------------------------------------------------
 *
 * live_refusal.c
 *	  Refusing an entry that would run code of the live database.
 *
 *-------------------------------------------------------------------------
 */
#include "live_refusal.h"

#include <stdlib.h>

#include "log.h"
#include "row_copy.h"

bool
live_code_refuse(const TocEntry *entry, const char *detail)
{
	char *label = toc_entry_label(entry);

	report_error(EXIT_FAILED, detail, NEW_DATABASE_HINT,
				 "could not restore %s without running code of the live database", label);
	free(label);
	return false;
}

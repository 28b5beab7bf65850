/*-------------------------------------------------------------------------
 *
 * repository_state.c
 *	  What is known of a repository that is open.
 *
 *-------------------------------------------------------------------------
 */
#include "repository_state.h"

#include <stdlib.h>
#include <string.h>

void
unclear_free(Repository *repository)
{
	UnclearPlaces *unclear = &repository->unclear;
	int i;

	for (i = 0; i < unclear->count; i++)
	{
		free(unclear->items[i].path);
		free(unclear->items[i].detail);
	}
	free(unclear->items);
	memset(unclear, 0, sizeof(*unclear));
}

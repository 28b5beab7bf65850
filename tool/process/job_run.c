/*-------------------------------------------------------------------------
 *
 * job_run.c
 *	  The name that an executor gives its program: PGAPPNAME, which is also
 *	  what the server knows our sessions by.
 *
 *-------------------------------------------------------------------------
 */
#include "job_run.h"

#include <stdlib.h>
#include <string.h>

#include "run_protocol.h"

const char *
job_run(void)
{
	static const char prefix[] = RUN_NAME_PREFIX;
	const char *name = getenv(RUN_NAME_VARIABLE);

	if (name == NULL || strncmp(name, prefix, strlen(prefix)) != 0)
		return NULL;
	name += strlen(prefix);
	return name[0] != '\0' && name[strspn(name, "0123456789")] == '\0' ? name : NULL;
}

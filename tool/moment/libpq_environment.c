/*-------------------------------------------------------------------------
 *
 * libpq_environment.c
 *	  The environment without the variables by which libpq finds a server.
 *
 * Not by unsetenv(): other threads may read a variable at any time, and see
 * either of two arrays that nobody changes.
 *
 *-------------------------------------------------------------------------
 */
#include "libpq_environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"

extern char **environ;

void
libpq_environment_hide(LibpqEnvironment *environment)
{
	size_t count = 0;
	size_t kept = 0;
	size_t i;

	while (environ[count] != NULL)
		count++;
	environment->before = environ;
	environment->without = xcalloc(count + 1, sizeof(char *));
	for (i = 0; i < count; i++)
	{
		if (strncmp(environ[i], "PG", 2) != 0)
			environment->without[kept++] = environ[i];
	}
	environ = environment->without;
}

void
libpq_environment_show(LibpqEnvironment *environment)
{
	if (environment->before == NULL)
		return;
	environ = environment->before;
	environment->before = NULL;
	free(environment->without);
	environment->without = NULL;
}

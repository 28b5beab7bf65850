/*-------------------------------------------------------------------------
 *
 * home.c
 *	  The home directory of the user who runs this program.
 *
 * A server that a distribution starts has an empty environment, and what it
 * starts has one, too; a container may run as a user whom the password database
 * does not know.  "/" is what a service gets that has no home directory: keys
 * and messages do not belong there.
 *
 *-------------------------------------------------------------------------
 */
#include "home.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"

/* What earlier versions left in "/" is found again. */
#define STATE_IN_ROOT "/.local/state/nex_backup"

static bool
is_home(const char *directory)
{
	return directory != NULL && directory[0] == '/' &&
		   (directory[strspn(directory, "/")] != '\0' || access(STATE_IN_ROOT, F_OK) == 0);
}

char *
home_directory(void)
{
	const char *home = getenv("HOME");
	const struct passwd *user = is_home(home) ? NULL : getpwuid(geteuid());

	if (user != NULL)
		home = user->pw_dir;
	return is_home(home) ? xstrdup(home) : NULL;
}

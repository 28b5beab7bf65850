/*-------------------------------------------------------------------------
 *
 * tool_program.c
 *	  The program nex_backup, and what it is started with by the server.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include <pwd.h>
#include <unistd.h>

#include "port.h"

#include "run_protocol.h"
#include "settings.h"
#include "tool_program.h"

char *
tool_path(void)
{
	char *path;
	char *slash;

	if (setting_tool_path != NULL && setting_tool_path[0] != '\0')
		return pstrdup(setting_tool_path);
	path = pstrdup(my_exec_path);
	slash = strrchr(path, '/');
	if (slash != NULL)
		*slash = '\0';
	return psprintf("%s/nex_backup", path);
}

/*
 * Where the server's user is at home; NULL: nobody knows.  Distributions start
 * servers with an empty environment, so HOME is seldom set.
 */
static const char *
home_directory(void)
{
	const char *home = getenv("HOME");
	const struct passwd *user;

	if (home != NULL && home[0] == '/' && home[1] != '\0')
		return home;
	user = getpwuid(geteuid());
	return user != NULL && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
}

/* Made from nothing: the tool need not know what the server was started with. */
int
tool_environment(char **environment)
{
	char bindir[MAXPGPATH];
	const char *home = home_directory();
	int n = 0;

	strlcpy(bindir, my_exec_path, sizeof(bindir));
	get_parent_directory(bindir);
	environment[n++] = psprintf("PATH=%s:/usr/local/bin:/usr/bin:/bin", bindir);
	if (home != NULL)
		environment[n++] = psprintf("HOME=%s", home);
	environment[n++] = pstrdup("LC_ALL=C.UTF-8");
	environment[n++] = pstrdup("TZ=UTC");
	environment[n++] = psprintf(RUN_CONTROL_VARIABLE "=%d", RUN_CONTROL_DESCRIPTOR);
	return n;
}

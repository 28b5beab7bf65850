/*-------------------------------------------------------------------------
 *
 * as_user.c
 *	  Doing something with files as another user would, for a moment.
 *
 * The system call is made for the groups, and not glibc's setgroups(), which
 * changes those of all threads.
 *
 *-------------------------------------------------------------------------
 */
#include "as_user.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory.h"

/* Where group ids once had 16 bits, the call with this name still takes those. */
#ifdef SYS_setgroups32
#define SET_GROUPS SYS_setgroups32
#else
#define SET_GROUPS SYS_setgroups
#endif

/* The group of who has none. */
#define NO_GROUP ((gid_t) 65534)

static bool
set_groups(const gid_t *groups, int count)
{
	return syscall(SET_GROUPS, (size_t) count, groups) == 0;
}

/* The groups of a user, the first being that of new files; gives how many.  Caller frees. */
static int
groups_of(uid_t user, gid_t **groups)
{
	const struct passwd *entry = getpwuid(user);
	int count = NGROUPS_MAX;

	*groups = xcalloc(NGROUPS_MAX, sizeof(gid_t));
	(*groups)[0] = entry != NULL ? entry->pw_gid : NO_GROUP;
	if (entry == NULL || getgrouplist(entry->pw_name, entry->pw_gid, *groups, &count) < 0)
		return 1;
	return count;
}

bool
as_user_begin(AsUser *as, uid_t user)
{
	gid_t *groups;
	int count = groups_of(user, &groups);
	bool good;

	as->before = xcalloc(NGROUPS_MAX, sizeof(gid_t));
	as->nbefore = getgroups(NGROUPS_MAX, as->before);
	as->dumpable = prctl(PR_GET_DUMPABLE);
	if (prctl(PR_GET_PDEATHSIG, &as->death_signal) != 0)
		as->death_signal = 0;
	good = as->nbefore >= 0 && set_groups(groups, count);
	if (good)
	{
		setfsgid(groups[0]);
		setfsuid(user);
		good = (uid_t) setfsuid((uid_t) -1) == user && (gid_t) setfsgid((gid_t) -1) == groups[0];
		if (!good)
			as_user_end(as);
	}
	else
		free(as->before);
	free(groups);
	if (!good)
		errno = EPERM;
	return good;
}

void
as_user_end(AsUser *as)
{
	int error = errno;

	setfsuid(geteuid());
	setfsgid(getegid());
	/* Going on with the groups of somebody else would be worse than not going on. */
	if (!set_groups(as->before, as->nbefore))
		abort();
	free(as->before);
	/* The kernel takes both away when such an id changes. */
	if (as->dumpable == 1)
		(void) prctl(PR_SET_DUMPABLE, 1);
	if (as->death_signal != 0)
		(void) prctl(PR_SET_PDEATHSIG, as->death_signal);
	errno = error;
}

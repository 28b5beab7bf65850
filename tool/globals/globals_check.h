/*-------------------------------------------------------------------------
 *
 * globals_check.h
 *	  Compare a backup of the globals with what the server has, and decide
 *	  what is to be done, before anything is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GLOBALS_CHECK_H
#define NEX_GLOBALS_CHECK_H

#include "globals_plan.h"

/*
 * A role that exists is left alone if it is as in the backup.  If not,
 * --existing-roles decides: refuse (reported, false), alter, or keep.  The
 * bootstrap superuser and the role that we are connected as exist on every
 * cluster, so they are altered, the latter last of all, but never so that they
 * lose SUPERUSER.
 */
extern bool globals_check_roles(GlobalsRestore *restore);

/* A tablespace that exists is left alone; a directory that is missing is reported. */
extern bool globals_check_tablespaces(GlobalsRestore *restore);

/* The directory that --tablespace-mapping gives for this one, or itself. */
extern const char *globals_mapped_location(const Settings *settings, const char *location);

#endif /* NEX_GLOBALS_CHECK_H */

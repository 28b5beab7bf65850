/*-------------------------------------------------------------------------
 *
 * moment.h
 *	  A database as it was at a moment: a backup of it, made of a base backup
 *	  and archived WAL by way of a private server.
 *
 * What comes out is a backup like any other, in a repository that is thrown
 * away.  So a restore of it has all the rules of a restore: which part, whose
 * code, what is kept; nothing of that is done a second time for files.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MOMENT_H
#define NEX_MOMENT_H

#include "moment_state.h"

/*
 * Find out how to come to the moment, and prove that it can be reached; changes
 * nothing.  False (reported) if not.  To be freed by moment_end() in any case.
 */
extern bool moment_plan(Moment *moment, const Settings *settings, Repository *repository);

/*
 * Do it: what is in *copy then is to be restored.  The keys of the source are
 * forgotten.  False (reported) on failure.
 */
extern bool moment_make(Moment *moment, const char *database);

/* Remove all of it. */
extern void moment_end(Moment *moment);

#endif /* NEX_MOMENT_H */

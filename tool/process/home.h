/*-------------------------------------------------------------------------
 *
 * home.h
 *	  The home directory of the user who runs this program.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_HOME_H
#define NEX_HOME_H

/*
 * HOME, or what the password database says; NULL if there is none.  Caller
 * frees.
 */
extern char *home_directory(void);

/* A HINT for a user without one. */
#define NO_HOME_HINT                                                                               \
	"This user has no home directory.  Name a directory for it with --state-dir, or state-dir "    \
	"in the settings file."

#endif /* NEX_HOME_H */

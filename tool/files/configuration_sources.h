/*-------------------------------------------------------------------------
 *
 * configuration_sources.h
 *	  Which files a backup of configuration files is of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CONFIGURATION_SOURCES_H
#define NEX_CONFIGURATION_SOURCES_H

#include <stdbool.h>

#include "source_open.h"

typedef struct FileSet FileSet;
typedef struct Settings Settings;

/* Which of the files a server has named, and as whom they may be read. */
typedef struct ServerFiles
{
	int first; /* from this one on */
	uid_t reader;
} ServerFiles;

/* The set of this run as the settings file has it; NULL: not there. */
extern const FileSet *configuration_set(const Settings *settings);

/*
 * The files named (patterns expanded), with --postgres those of the server,
 * without either those of the set in the settings file.  False (reported) if
 * there is none, or one does not exist.  The caller frees in any case.
 */
extern bool configuration_sources(const Settings *settings, char *const *arguments, int narguments,
								  char ***paths, int *npaths, ServerFiles *server);
extern void configuration_sources_free(char **paths, int npaths);

#endif /* NEX_CONFIGURATION_SOURCES_H */

/*-------------------------------------------------------------------------
 *
 * file_settings.h
 *	  Settings: sets of configuration files.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FILE_SETTINGS_H
#define NEX_FILE_SETTINGS_H

#include <stdbool.h>

#include "text_list.h"

/* A set of configuration files, from the settings file. */
typedef struct FileSet
{
	char *name;
	TextList files;     /* paths and patterns */
	TextList recipient; /* for whom they are encrypted; none: for those of the settings */
	TextList recipients_file;
} FileSet;

typedef struct FileSets
{
	FileSet *items;
	int count;
} FileSets;

typedef struct FileSettings
{
	char *set;              /* of configuration files */
	bool postgres;          /* those of the server */
	char *restore_dir;      /* NULL: where the files came from */
	TextList sensitive_key; /* words; none: the default list */
	FileSets file_sets;     /* "file-sets" of the settings file */
} FileSettings;

#endif /* NEX_FILE_SETTINGS_H */

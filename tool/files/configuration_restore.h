/*-------------------------------------------------------------------------
 *
 * configuration_restore.h
 *	  Open a backup of configuration files, compare it with what lies on this
 *	  machine, and put the files back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CONFIGURATION_RESTORE_H
#define NEX_CONFIGURATION_RESTORE_H

#include "age_keys.h"
#include "file_target.h"
#include "repository.h"

typedef enum FileState
{
	FILE_SAME,
	FILE_DIFFERS,
	FILE_MISSING
} FileState;

/* A file of the backup, opened, and its place. */
typedef struct OpenedFile
{
	const ManifestFile *facts;
	Buffer content;
	FileTarget target;
	FileState state;
	bool written;
} OpenedFile;

typedef struct OpenedFiles
{
	OpenedFile *files;
	uint32_t count;
} OpenedFiles;

/*
 * Check the digests of all objects, then open every file: all or nothing.
 * False (reported: exit 3 for damage, 1 when no identity fits).
 */
extern bool configuration_open(Repository *repository, const Manifest *manifest,
							   const AgeIdentities *identities, OpenedFiles *opened);

/*
 * The same to find damage alone: that a key is not at hand is none.  *decrypted:
 * all files were opened.
 */
extern bool configuration_verify(Repository *repository, const Manifest *manifest,
								 const AgeIdentities *identities, bool *decrypted);

/*
 * Look at the places where the files shall lie (see file_target_open()) and
 * compare.  False (reported) if one of them cannot take its file.
 */
extern bool configuration_compare(OpenedFiles *opened, const char *directory);

/* Write the files that differ or are missing; stops at the first that fails. */
extern bool configuration_write(OpenedFiles *opened);

extern void opened_files_free(OpenedFiles *opened);

#endif /* NEX_CONFIGURATION_RESTORE_H */

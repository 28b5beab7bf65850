/*-------------------------------------------------------------------------
 *
 * lost_header.h
 *	  A repository whose nex_backup.json is lost.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOST_HEADER_H
#define NEX_LOST_HEADER_H

#include "backup_name.h"
#include "repository_state.h"

/* What a manifest says of the repository that it belongs to. */
typedef struct Origin
{
	char *id; /* NULL: unknown */
	bool encrypted;
	Cipher cipher;
	DigestHex keys;  /* empty if not encrypted */
	BackupName name; /* of the backup that says so */
} Origin;

/* Hex digits and dashes as in a UUID. */
extern bool repository_id_valid(const char *text);

/* Where the backups of a repository come from. */
extern void lost_header_origin(Repository *repository, Origin *origin);

/*
 * Fill in the repository from its backups, with a warning, so that they can be
 * read.  False (reported) if they cannot be trusted without the file.
 */
extern bool lost_header_read_on(Repository *repository);

/* May it be written to?  False (reported) if nex_backup.json is lost. */
extern bool lost_header_refuse(const Repository *repository);

#endif /* NEX_LOST_HEADER_H */

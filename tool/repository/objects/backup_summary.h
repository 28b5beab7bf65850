/*-------------------------------------------------------------------------
 *
 * backup_summary.h
 *	  What there is to say of a backup, without its members: a list of a
 *	  thousand backups must not hold a thousand lists of members in memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BACKUP_SUMMARY_H
#define NEX_BACKUP_SUMMARY_H

#include "backup_name.h"
#include "repository.h"
#include "verification.h"
#include "wal_position.h"

typedef struct BackupSummary
{
	BackupName name;
	char *damage;    /* NULL: the manifest is good, and what follows is known */
	uint32_t nfiles; /* of a set of configuration files, if it is not locked */
	bool unreadable; /* that is no damage: it may not be read, which has been said */
	bool removed;    /* nor is this: it was removed since it was listed, and belongs nowhere */
	char *type;
	char *snapshot_at;
	double seconds; /* from start to end */
	char *codec;    /* "zstd:1" */
	char *server_version;
	WalPosition position;
	Cipher cipher;
	bool locked;      /* encrypted, and no key at hand */
	bool of_old_tool; /* made before 0.2.1, when text of the source could become SQL */
	ManifestTotals totals;
	uint64_t damaged_pages; /* of the server, when a base backup was made */
	uint32_t
		nbad; /* of its objects, somebody found so many damaged, and they are not written again */
	bool verification_damaged;
	Verification verification;
} BackupSummary;

/*
 * Read a backup's manifest and verification.  A damaged manifest is in the
 * summary, unreported; a damaged verification record has been reported.
 */
extern void summary_load(Repository *repository, const BackupName *name, BackupSummary *summary);
extern void summary_of_manifest(Repository *repository, const BackupName *name,
								const Manifest *manifest, BackupSummary *summary);
extern void summary_free(BackupSummary *summary);

/* What is known of the files of a backup whose manifest is good. */
typedef enum BackupProof
{
	PROOF_NONE,          /* nobody has looked */
	PROOF_OF_BYTES,      /* they were good, as far as the stored bytes tell */
	PROOF_OF_CONTENT,    /* they were good */
	PROOF_FOUND_DAMAGED, /* since then, or meanwhile, some were found damaged */
	PROOF_FAILED         /* the last verification has failed */
} BackupProof;

/* Whoever tells of a backup, or decides by this whether it is kept, asks here. */
extern BackupProof summary_proof(const BackupSummary *summary);
extern bool proof_is_good(BackupProof proof);

/* Report a damaged manifest (exit 3).  Always returns false. */
extern bool report_damaged(const BackupSummary *summary);

/*
 * Was a backup made by 0.1.0 or 0.2.0, which put text of the source into SQL
 * without quotes, and left it to the source how backslashes are written?
 */
extern bool made_by_old_tool(const char *tool);

/* "database "db"", "globals", "globals of server "x"" or "files of set "s""; caller frees. */
extern char *backup_owner(const BackupName *name);

/* "db/id", "globals id" or "config set/id"; caller frees. */
extern char *backup_label(const BackupName *name);

/*
 * Report (exit 1) that there is no backup of a database of this name, and which
 * name may have been meant; always false.
 */
extern bool report_no_backups_of(Repository *repository, const char *database);

#endif /* NEX_BACKUP_SUMMARY_H */

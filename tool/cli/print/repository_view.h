/*-------------------------------------------------------------------------
 *
 * repository_view.h
 *	  What the commands that look at a repository share: opening it, reading
 *	  a backup's manifest into a summary, and showing that.
 *
 * A summary and not the manifest, because a list of a thousand backups must
 * not hold a thousand lists of members in memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REPOSITORY_VIEW_H
#define NEX_REPOSITORY_VIEW_H

#include <jansson.h>
#include <time.h>

#include "backup_name.h"
#include "json_text.h"
#include "repository.h"
#include "wal_position.h"

typedef struct Settings Settings;

/* Open the repository of the settings; NULL (reported) if there is none. */
extern Repository *open_repository(const Settings *settings);

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
extern json_t *summary_json(const BackupSummary *summary);

/* Report a damaged manifest (exit 3).  Always returns false. */
extern bool report_damaged(const BackupSummary *summary);

/* "ok 2026-11-23", "ok 2026-11-23, UNKNOWN SQL", "failed 2026-11-23", "never" */
extern void verification_text(const BackupSummary *summary, char *text, size_t size);

/*
 * Was a backup made by 0.1.0 or 0.2.0, which put text of the source into SQL
 * without quotes, and left it to the source how backslashes are written?
 */
extern bool made_by_old_tool(const char *tool);

/*
 * Set the keys "kind", "server" and "database", which is null for the globals, and
 * LABEL@db for a database of another server than main.
 */
extern void backup_set_json(json_t *value, const BackupName *name);

/* "database "db"", "globals", "globals of server "x"" or "files of set "s""; caller frees. */
extern char *backup_owner(const BackupName *name);

/* The (full) name of a database in a table, in quotes if it could be taken for what is none; caller
 * frees. */
extern char *database_cell(const char *database, const char *full);

/* "db", "(globals)" or "(config s)", for a column that is headed "database"; caller frees. */
extern char *backup_owner_cell(const BackupName *name);

/* "db/id", "globals id" or "config set/id"; caller frees. */
extern char *backup_label(const BackupName *name);

/* Seconds since 1970 of a UTC time as manifests write it; -1 if it is none. */
extern double parse_time(const char *text);
extern void format_time(time_t when, char text[32]);

/* Id and location of the repository. */
extern json_t *repository_json(const Repository *repository);

/*
 * Report (exit 1) that there is no backup of a database of this name, and which
 * name may have been meant; always false.
 */
extern bool report_no_backups_of(Repository *repository, const char *database);

#endif /* NEX_REPOSITORY_VIEW_H */

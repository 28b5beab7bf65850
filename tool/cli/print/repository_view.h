/*-------------------------------------------------------------------------
 *
 * repository_view.h
 *	  What the commands that look at a repository share: opening it, and
 *	  showing what backups are (backup_summary.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REPOSITORY_VIEW_H
#define NEX_REPOSITORY_VIEW_H

#include <jansson.h>

#include "backup_summary.h"
#include "json_text.h"

typedef struct Settings Settings;

/* Open the repository of the settings; NULL (reported) if there is none. */
extern Repository *open_repository(const Settings *settings);

/*
 * The same, and the other places of it that are to be read from.  One that cannot be opened is left
 * out if there is another, which is an error for whoever must see `all`.  NULL (reported) if they
 * are not places of one repository.
 */
extern Repository *open_repository_places(const Settings *settings, bool all);

extern json_t *summary_json(const BackupSummary *summary);

/* "ok 2026-11-23", "ok 2026-11-23, UNKNOWN SQL", "failed 2026-11-23", "never" */
extern void verification_text(const BackupSummary *summary, char *text, size_t size);

/*
 * Set the keys "kind", "server" and "database", which is null for the globals, and
 * LABEL@db for a database of another server than main.
 */
extern void backup_set_json(json_t *value, const BackupName *name);

/* The (full) name of a database in a table, in quotes if it could be taken for what is none; caller
 * frees. */
extern char *database_cell(const char *database, const char *full);

/* "db", "(globals)" or "(config s)", for a column that is headed "database"; caller frees. */
extern char *backup_owner_cell(const BackupName *name);

/* Id and location of the repository. */
extern json_t *repository_json(const Repository *repository);

/* In JSON: "db", "" the globals, "LABEL@db" of another server; null for files.  "server" is beside
 * it. */
extern json_t *owner_json(const Owner *owner);

#endif /* NEX_REPOSITORY_VIEW_H */

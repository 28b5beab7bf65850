/*-------------------------------------------------------------------------
 *
 * archive_toc.h
 *	  The table of contents of a backup's schema archive, read from the
 *	  archive itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ARCHIVE_TOC_H
#define NEX_ARCHIVE_TOC_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "repository.h"

typedef enum TocSection
{
	TOC_NONE = 1,
	TOC_PRE_DATA,
	TOC_DATA,
	TOC_POST_DATA
} TocSection;

typedef struct TocEntry
{
	int id;
	uint32_t place;   /* in entries; arrays about entries go by it: ids may be of any size */
	uint32_t catalog; /* oid of the catalog that describes the object; 0: no object of its own */
	uint32_t oid;
	char *tag;        /* "invoice", "invoice invoice_pkey", "COLUMN invoice.note": unquoted */
	char *kind;       /* "TABLE", "FK CONSTRAINT" */
	char *definition; /* SQL, as all of the following */
	char *drop;
	char *schema; /* "" if none */
	char *owner;
	char *tablespace;   /* "" for the default one */
	TocSection section; /* never TOC_NONE: an ACL or comment is where its object is */
	int *depends_on;
	int ndepends_on;
	int *goes_with; /* of a table: what it does not outlive, by kept_dependencies.h */
	int ngoes_with;
} TocEntry;

typedef struct ArchiveToc
{
	TocEntry *entries; /* in the order of the archive: only operators depend on later ones */
	uint32_t count;
	TocEntry **by_id; /* sorted by id */
	bool complete;    /* the catalogs said what the archive does not: goes_with is known */
} ArchiveToc;

/* Turn the text of the archive member into the archive, in place; false if it is none. */
extern bool archive_decode(Buffer *text, size_t *length);

/* Read the archive member of a backup and parse it; false (reported) on damage. */
extern bool archive_toc_load(Repository *repository, const Manifest *manifest, ArchiveToc *toc);

/* Parse an archive; NULL, or what is wrong with it. */
extern const char *archive_toc_parse(const char *archive, size_t length, ArchiveToc *toc);

/*
 * May pg_restore have this archive?  It allocates memory by the highest id.
 * NULL, or what is wrong; what this program cannot read is left to pg_restore.
 */
extern const char *archive_toc_check_ids(const char *archive, size_t length);
extern void archive_toc_free(ArchiveToc *toc);

/* The entry with this id, or NULL. */
extern const TocEntry *archive_toc_find(const ArchiveToc *toc, int id);

/* Is it of one of these kinds, a list that ends with NULL? */
extern bool toc_entry_is_any(const TocEntry *entry, const char *const *kinds);
extern bool toc_entry_is(const TocEntry *entry, const char *kind);

/* Table, view, sequence, …: what can be named by --table. */
extern bool toc_entry_is_relation(const TocEntry *entry);

/* Table or foreign table: what has defaults, generated columns, constraints and parents. */
extern bool toc_entry_is_table(const TocEntry *entry);

/* What follows the prefix and a qualified name in the definition, or NULL; names can hold anything.
 */
extern const char *toc_entry_after_name(const TocEntry *entry, const char *prefix);

/* Add a dependency that the archive does not have. */
extern void toc_entry_depend(TocEntry *entry, const TocEntry *need);

/* "FK CONSTRAINT billing.invoice invoice_fkey"; caller frees. */
extern char *toc_entry_label(const TocEntry *entry);

#endif /* NEX_ARCHIVE_TOC_H */

/*-------------------------------------------------------------------------
 *
 * draft.h
 *	  A backup that is being made: what backups of every kind have in common,
 *	  from the lock to the published manifest.
 *
 * The maker creates a draft, fills in who and what it is of, begins it, puts
 * members into it in any order and from any thread, and publishes it.  What
 * the members are made of is the maker's business alone.
 *
 * Creating and beginning are two steps because a maker has to connect in
 * between: only the server tells what it is, and the time of the connection
 * belongs to the backup.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DRAFT_H
#define NEX_DRAFT_H

#include "pipeline.h"

typedef struct BackupSettings BackupSettings;

typedef struct BackupDraft BackupDraft;

/*
 * A draft of this kind that holds no lock yet.  name: of the set of files, or
 * GLOBALS_DATABASE; NULL if the server says it, then it is in the manifest by
 * the time of draft_begin().  NULL (reported) if this run may not write.
 */
extern BackupDraft *draft_create(Repository *repository, BackupKind kind, const char *name,
								 const BackupSettings *settings);

/* The manifest that is being made; its members and sums are draft_publish()'s. */
extern Manifest *draft_manifest(BackupDraft *draft);

/* May a backup of this be made?  Asked when draft_previous() is known.  False: reported. */
typedef bool (*DraftCheck)(BackupDraft *draft, void *argument);

/*
 * Lock the repository and the owner that the manifest names, choose an id, find what is there to
 * build on, and ask the check (NULL: none), which may look at the backups of the repository.
 * False (reported) on failure.
 */
extern bool draft_begin(BackupDraft *draft, DraftCheck check, void *argument);
extern const Owner *draft_owner(const BackupDraft *draft);

/* The latest backup of the owner; NULL if there is none to build on, or that would be useless. */
extern const Manifest *draft_previous(const BackupDraft *draft);

/*
 * Store a text as an object of its own; an empty one is left out.  In the
 * backup, members are in the order of their kinds, and those of one kind in
 * that in which they were put.  False (reported) on failure.
 */
extern bool draft_put(BackupDraft *draft, MemberKind kind, const char *text, size_t length);

/* The same; id receives that of the object. */
extern bool draft_put_known(BackupDraft *draft, MemberKind kind, const char *text, size_t length,
							DigestHex id);

/*
 * For what is larger than memory: pieces that `threads` compress and store, in
 * the order of (ordinal, sequence) within their kind.  One for a draft; the maker calls
 * pipeline_finish() when nothing more comes.  NULL (reported) on failure.
 */
extern Pipeline *draft_stream(BackupDraft *draft, int threads, int pieces);

/*
 * Make all of it durable, `threads` files at a time, and publish it.  Before
 * this returns there is no backup; then there is a whole one, with this manifest, which
 * the caller frees.  NULL (reported, unless work must stop): nothing was published.
 */
extern Manifest *draft_publish(BackupDraft *draft, int threads);

/*
 * Let go of locks and memory (NULL is fine).  What was not published is
 * abandoned: the next backup finds its objects again, or an expire removes them.
 */
extern void draft_end(BackupDraft *draft);

#endif /* NEX_DRAFT_H */

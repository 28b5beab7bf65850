/*-------------------------------------------------------------------------
 *
 * writer_state.h
 *	  What the writer of a repository keeps to itself, in a directory of mode
 *	  0700: what repository lies at a location; and of an encrypted one its key,
 *	  and a copy of the last manifests, which it cannot read in the repository
 *	  any more.
 *
 * Only the key is precious.  Without the copy of a manifest the next backup
 * reads everything again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WRITER_STATE_H
#define NEX_WRITER_STATE_H

#include "repository_state.h"
#include "writer_key.h"

/*
 * The id of the repository that was last created where this one is, to be freed;
 * NULL if none is known.  False (reported) if that cannot be read.
 */
extern bool writer_state_repository_at(const Repository *repository, char **id);

/*
 * Is a plain repository one that this host has written to where it is, or the first there?  False
 * (reported, exit 1) if not: it may lie below the place where a disk is to be mounted.  Of an
 * encrypted one, whoever opens it has made sure.
 */
extern bool writer_state_is_meant(const Repository *repository);

/* From now on it is, as somebody has said so; with a warning.  Disks that take turns are several.
 */
extern void writer_state_mean(const Repository *repository);

typedef enum WriterKeyState
{
	WRITER_KEY_KNOWN,
	WRITER_KEY_ABSENT,
	WRITER_KEY_BAD /* damaged, or cannot be read (reported) */
} WriterKeyState;

/* The writer's key of a repository. */
extern WriterKeyState writer_state_key(const char *repository, WriterKey *key);

/* The highest serial seen of its nex_backup.json; 0 if none.  False (reported) if unreadable. */
extern bool writer_state_serial(const char *repository, int64_t *serial);

/* Remember, before nex_backup.json is written.  False (reported) on failure. */
extern bool writer_state_save(const Repository *repository, const WriterKey *key, int64_t serial);

/* The same behind one that was written: what fails is a warning, as nothing can undo it. */
extern void writer_state_follow(const Repository *repository, int64_t serial);

/* "DIR/ID/writer.key" and so on, for messages; caller frees. */
extern char *writer_state_key_path(const char *repository);
extern char *writer_state_serial_path(const char *repository);
extern char *writer_state_location_path(const Repository *repository);

/* The copy of a manifest, as plain JSON; false if there is none. */
extern bool writer_state_manifest(const char *repository, const Owner *owner, Buffer *json);
extern void writer_state_save_manifest(const char *repository, const Owner *owner,
									   const Buffer *json);

#endif /* NEX_WRITER_STATE_H */

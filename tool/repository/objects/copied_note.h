/*-------------------------------------------------------------------------
 *
 * copied_note.h
 *	  Objects that a copy has made durable before the backup that needs them
 *	  is there: REPO/lock/copied, a path in each line.
 *
 * Where what is written must be made durable by itself, nobody knows of an
 * object that no manifest names whether it is (object_store.c), and it is
 * written again.  A copy may take hours until its first manifest; one that was
 * killed finds here what it need not bring again.  Whoever removes objects
 * removes the note first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COPIED_NOTE_H
#define NEX_COPIED_NOTE_H

#include "repository_state.h"

typedef struct CopiedNote
{
	Buffer text;
	char **paths; /* in order; within a copy of the text */
	char *lines;
	size_t count;
	size_t loaded; /* so much of the text was there before */
} CopiedNote;

/* What was noted; nothing if it cannot be read.  copied_note_free() in any case. */
extern void copied_note_load(CopiedNote *note, const Repository *repository);
extern void copied_note_free(CopiedNote *note);
extern bool copied_note_has(const CopiedNote *note, const char *path);

/* Add a path, which copied_note_has() does not see; write what was added.  A failure costs time
 * only. */
extern void copied_note_add(CopiedNote *note, const char *path);
extern void copied_note_write(const CopiedNote *note, const Repository *repository);

/* Forget what was added: a manifest vouches for it now. */
extern void copied_note_settle(CopiedNote *note);

/* Nothing in it is needed, or true, any more. */
extern void copied_note_remove(const Repository *repository);

#endif /* NEX_COPIED_NOTE_H */

/*-------------------------------------------------------------------------
 *
 * bad_objects.h
 *	  Objects that somebody found damaged: a small file for each of them in
 *	  the repository's directory "damaged" (docs/format.md, section 8a).
 *
 * Of the object and not of the backup that was looked at, because backups of
 * one database, and of a copy of it, share objects.  The file is a hint, and
 * nobody's word is taken for it: it makes the next backup write the object
 * again instead of reusing it, and no more.  So it needs no seal, and it does
 * no harm if it is wrong.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BAD_OBJECTS_H
#define NEX_BAD_OBJECTS_H

#include "manifest.h"
#include "object_set.h"
#include "repository.h"

/*
 * Take down that an object of a backup is not as its manifest says.  Where the
 * repository cannot be written, that is a warning, once.  From any thread.
 */
extern void bad_object_note(const Repository *repository, const Manifest *manifest, uint32_t object,
							const char *problem);

/* It was written again, or found good. */
extern void bad_object_forget(const Repository *repository, const char *server, const char *id,
							  Codec codec, Cipher cipher);

/* All of a server, as stored (owner.h), into a set that is empty; what cannot be read is none. */
extern void bad_objects_load(const Repository *repository, const char *server, ObjectSet *set);

/* How many of them a backup needs. */
extern uint32_t bad_objects_of(const ObjectSet *set, const Manifest *manifest);

/* The same where the set is not at hand. */
extern uint32_t bad_objects_count(const Repository *repository, const Manifest *manifest);

/* What such a file is about; false if that is not its name.  The server is as stored. */
extern bool bad_object_parse(const char *name, char server[LABEL_SIZE], DigestHex id, Codec *codec);

/* Their directory, with a '/' behind it. */
#define BAD_OBJECTS_DIRECTORY "damaged/"

#endif /* NEX_BAD_OBJECTS_H */

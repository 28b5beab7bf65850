/*-------------------------------------------------------------------------
 *
 * condemned.c
 *	  Files that no backup needs, where locks can be lost.
 *
 * The note is one file with a path in each line.  It is as old as the decision
 * that it holds: it is written again only when what it names is removed.
 *
 *-------------------------------------------------------------------------
 */
#include "condemned.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "storage_use.h"

#define NOTE_DIRECTORY "lock"
#define NOTE_NAME "condemned"
#define NOTE_PATH NOTE_DIRECTORY "/" NOTE_NAME
#define MAX_NOTE_BYTES (512L * 1024 * 1024)

/* What was noted earlier, in order. */
typedef struct Note
{
	bool found;
	double age; /* seconds */
	Buffer text;
	char **paths;
	size_t count;
} Note;

static bool
is_note(const char *name, void *argument)
{
	(void) argument;
	return strcmp(name, NOTE_NAME) == 0;
}

static void
see_note(const StoreEntry *entry, void *argument)
{
	Note *note = argument;

	note->found = true;
	note->age = entry->age;
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The lines of the text, which is changed. */
static void
split_lines(Note *note)
{
	char *line = note->text.length > 0 ? note->text.data : NULL;
	char *end;

	for (; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1)
	{
		*end = '\0';
		if ((note->count & (note->count - 1)) == 0)
			note->paths =
				xrealloc(note->paths, (note->count == 0 ? 1 : 2 * note->count) * sizeof(char *));
		note->paths[note->count++] = line;
	}
	qsort(note->paths, note->count, sizeof(char *), compare_paths);
}

static void
note_free(Note *note)
{
	buffer_free(&note->text);
	free(note->paths);
}

/* What was noted; nothing if there is no note.  False: reported. */
static bool
read_note(Repository *repository, Note *note)
{
	Storage *storage = repository->storage;
	FileListing listing = {is_note, see_note, note};
	StoreResult result;

	memset(note, 0, sizeof(*note));
	buffer_init(&note->text);
	result = storage->list_files(storage, NOTE_DIRECTORY, &listing);
	if (result.code == STORE_OK && note->found)
		result = storage_read(storage, NOTE_PATH, MAX_NOTE_BYTES, &note->text);
	if (result.code != STORE_OK && result.code != STORE_ABSENT)
		return report_error(EXIT_FAILED, NULL, result.hint, "could not read file \"%s/%s\": %s",
							storage->location, NOTE_PATH, result.text);
	split_lines(note);
	return true;
}

static bool
is_noted(const Note *note, const char *path)
{
	return note->count > 0 &&
		   bsearch(&path, note->paths, note->count, sizeof(char *), compare_paths) != NULL;
}

/* Is a file noted for long enough, and not written since? */
static bool
is_due(const Note *note, const Leftover *item)
{
	return note->found && note->age >= CONDEMNED_SECONDS && item->age >= note->age &&
		   is_noted(note, item->path);
}

/* Keep what is due in the list, and the paths of the rest in the text. */
static void
sift(Leftovers *leftovers, const Note *note, Buffer *waiting)
{
	bool wal_waits = false;
	size_t kept = 0;
	size_t i;

	for (i = 0; i < leftovers->count; i++)
	{
		Leftover *item = &leftovers->items[i];
		bool due = is_due(note, item);

		/* Of WAL only the beginning is removed: one that waits has all behind it wait. */
		wal_waits |= item->kind == LEFTOVER_WAL && !due;
		if (due && !(item->kind == LEFTOVER_WAL && wal_waits))
		{
			leftovers->items[kept++] = *item;
			continue;
		}
		buffer_append_string(waiting, item->path);
		buffer_append_char(waiting, '\n');
		leftovers->waiting++;
		leftovers->waiting_bytes += item->bytes;
		free(item->path);
	}
	leftovers->count = kept;
}

/*
 * Before anything is removed: if that is cut off, what is left is noted again
 * by the next expire.
 */
static bool
write_note(Repository *repository, const Buffer *text)
{
	Storage *storage = repository->storage;
	StoreResult result = text->length > 0
							 ? storage_write(storage, NOTE_PATH, text->data, text->length)
							 : storage_remove(storage, NOTE_PATH, false);

	if (result.code == STORE_OK || result.code == STORE_ABSENT)
		return true;
	return report_error(EXIT_FAILED, NULL, result.hint, "could not write file \"%s/%s\": %s",
						storage->location, NOTE_PATH, result.text);
}

bool
condemned_sift(Repository *repository, Leftovers *leftovers, bool dry_run)
{
	Note note;
	Buffer waiting;
	bool good = read_note(repository, &note);

	if (good)
	{
		buffer_init(&waiting);
		sift(leftovers, &note, &waiting);
		/* One that is not due yet keeps its age; what came since then waits for the next one. */
		if (!dry_run && (!note.found || note.age >= CONDEMNED_SECONDS))
			good = write_note(repository, &waiting);
		buffer_free(&waiting);
	}
	note_free(&note);
	return good;
}

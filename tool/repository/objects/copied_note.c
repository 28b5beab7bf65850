/*-------------------------------------------------------------------------
 *
 * copied_note.c
 *	  Objects that a copy has made durable before the backup that needs them
 *	  is there.
 *
 *-------------------------------------------------------------------------
 */
#include "copied_note.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"

#define NOTE_PATH "lock/copied"
#define MAX_NOTE_BYTES (512L * 1024 * 1024)

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

void
copied_note_load(CopiedNote *note, const Repository *repository)
{
	char *line;
	char *end;

	memset(note, 0, sizeof(*note));
	buffer_init(&note->text);
	if (storage_read(repository->storage, NOTE_PATH, MAX_NOTE_BYTES, &note->text).code != STORE_OK)
		buffer_reset(&note->text);
	note->loaded = note->text.length;
	note->lines = xmalloc(note->text.length + 1);
	if (note->text.length > 0)
		memcpy(note->lines, note->text.data, note->text.length);
	note->lines[note->text.length] = '\0';
	for (line = note->lines; (end = strchr(line, '\n')) != NULL; line = end + 1)
	{
		*end = '\0';
		if ((note->count & (note->count - 1)) == 0)
			note->paths =
				xrealloc(note->paths, (note->count == 0 ? 1 : 2 * note->count) * sizeof(char *));
		note->paths[note->count++] = line;
	}
	if (note->count > 0)
		qsort(note->paths, note->count, sizeof(char *), compare_paths);
}

void
copied_note_free(CopiedNote *note)
{
	buffer_free(&note->text);
	free(note->paths);
	free(note->lines);
}

bool
copied_note_has(const CopiedNote *note, const char *path)
{
	return note->count > 0 &&
		   bsearch(&path, note->paths, note->count, sizeof(char *), compare_paths) != NULL;
}

void
copied_note_add(CopiedNote *note, const char *path)
{
	buffer_append_string(&note->text, path);
	buffer_append_char(&note->text, '\n');
}

void
copied_note_write(const CopiedNote *note, const Repository *repository)
{
	StoreResult result =
		storage_write(repository->storage, NOTE_PATH, note->text.data, note->text.length);

	if (result.code != STORE_OK)
		log_debug("could not write file \"%s/%s\": %s", repository->storage->location, NOTE_PATH,
				  result.text);
}

void
copied_note_settle(CopiedNote *note)
{
	note->text.length = note->loaded;
}

void
copied_note_remove(const Repository *repository)
{
	(void) storage_remove(repository->storage, NOTE_PATH, false);
}

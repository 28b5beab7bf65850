/*-------------------------------------------------------------------------
 *
 * backup_warning.c
 *	  Warnings that go into the manifest, as many as anybody reads.
 *
 * There may be a warning for each object of the database, and whoever creates
 * the objects decides how many there are and what they are called.  Who reads
 * a manifest, here or in a server, gives up at a size that none has, so
 * without a limit it would be up to them whether a backup can be restored.
 * Beyond the limit they are counted.
 *
 *-------------------------------------------------------------------------
 */
#include "backup_warning.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"

#define MOST_WARNINGS 100
#define MOST_BYTES 8192

/* A copy that is not too long, cut before a character. */
static char *
shortened(const char *text)
{
	size_t length = strlen(text);

	if (length <= MOST_BYTES)
		return xstrdup(text);
	length = MOST_BYTES;
	while (length > MOST_BYTES - 4 && ((unsigned char) text[length] & 0xc0) == 0x80)
		length--;
	return xasprintf("%.*s ...", (int) length, text);
}

/* The last entry is that of the number. */
static void
count_one(Manifest *manifest)
{
	char *text;

	if (manifest->more_warnings++ > 0)
		free(manifest->warnings[--manifest->nwarnings]);
	text = xasprintf("%u more warnings", manifest->more_warnings);
	manifest_add_warning(manifest, text);
	free(text);
}

static void
add_warning(Manifest *manifest, const char *hint, const char *text, bool say)
{
	char *kept;

	if (manifest->nwarnings >= MOST_WARNINGS)
	{
		count_one(manifest);
		return;
	}
	kept = shortened(text);
	if (say)
		log_warning_hint(hint, "%s", kept);
	manifest_add_warning(manifest, kept);
	free(kept);
}

void
backup_warning(Manifest *manifest, const char *hint, const char *text)
{
	add_warning(manifest, hint, text, true);
}

void
backup_warning_keep(Manifest *manifest, const char *text)
{
	add_warning(manifest, NULL, text, false);
}

/* What follows this word at the beginning of a line; NULL if it begins otherwise. */
static char *
after_word(char *line, const char *word)
{
	size_t length = strlen(word);

	return line != NULL && strncmp(line, word, length) == 0
			   ? line + length + strspn(line + length, " ")
			   : NULL;
}

void
backup_warning_of_program(Manifest *manifest, char *said)
{
	char *rest = said;
	char *line;

	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL)
	{
		char *warning = after_word(line, "WARNING:");
		char *detail = warning != NULL ? after_word(rest, "DETAIL:") : NULL;
		char *hint;

		if (line[0] == '\0')
			continue;
		if (detail != NULL)
			strsep(&rest, "\n");
		hint = warning != NULL ? after_word(rest, "HINT:") : NULL;
		if (hint != NULL)
			strsep(&rest, "\n");
		line = xasprintf("%s%s%s%s", warning != NULL ? warning : line, detail != NULL ? " (" : "",
						 detail != NULL ? detail : "", detail != NULL ? ")" : "");
		backup_warning(manifest, hint, line);
		free(line);
	}
}

void
backup_warning_end(const Manifest *manifest)
{
	if (manifest->more_warnings > 0)
		log_warning("%s", manifest->warnings[manifest->nwarnings - 1]);
}

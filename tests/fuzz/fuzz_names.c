/*-------------------------------------------------------------------------
 *
 * fuzz_names.c
 *	  Any bytes as the name of a directory, a backup or a set in a repository:
 *	  what is accepted leads nowhere else and is written the same way again.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "names.h"
#include "repository.h"

static void
check_directory(const char *text)
{
	char again[DATABASE_DIRECTORY_SIZE];
	char database[64];

	if (!database_directory_decode(text, database))
		return;
	MUST(strpbrk(text, "/.") == NULL);
	MUST(database_directory_encode(database, again));
	MUST(strcmp(again, text) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	MUST(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	check_directory(text);
	if (backup_id_valid(text))
	{
		MUST(strlen(text) < BACKUP_ID_SIZE);
		MUST(strspn(text, "0123456789TZ-") == strlen(text));
		MUST(backup_id_compare(text, text) == 0);
		(void) backup_id_time(text);
	}
	if (file_set_name_valid(text))
		MUST(strpbrk(text, "/.%") == NULL);
	free(text);
	return 0;
}

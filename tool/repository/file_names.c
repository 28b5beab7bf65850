/*-------------------------------------------------------------------------
 *
 * file_names.c
 *	  Names that nex_backup gives to files of a repository.
 *
 *-------------------------------------------------------------------------
 */
#include "file_names.h"

#include <string.h>

#include "names.h"

bool
file_name_ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);
	size_t end_length = strlen(end);

	return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/*
 * Is this an unfinished file of ours: NAME.PID-NONCE-N.tmp, or NAME.PID.N.tmp as 0.1.0 wrote it?
 * Somebody's "important.tmp" is not.
 */
bool
leftover_is_temporary(const char *name)
{
	size_t length = strlen(name);
	int parts = 0;

	if (!file_name_ends_with(name, ".tmp"))
		return false;
	length -= strlen(".tmp");
	while (length > 0 && parts < 3)
	{
		size_t end = length;

		while (length > 0 && strchr("0123456789abcdef", name[length - 1]) != NULL)
			length--;
		if (length == end || length == 0)
			return false;
		parts++;
		length--;
		if (name[length] == '.' && parts > 1)
			return length > 0 && name[length + 1] >= '0' && name[length + 1] <= '9';
		if (name[length] != '-' && name[length] != '.')
			return false;
	}
	return false;
}

/* "ID.end"?  Then its id. */
static bool
take_id(const char *name, const char *end, char id[BACKUP_ID_SIZE])
{
	size_t stem;

	if (!file_name_ends_with(name, end))
		return false;
	stem = strlen(name) - strlen(end);
	if (stem >= BACKUP_ID_SIZE)
		return false;
	memcpy(id, name, stem);
	id[stem] = '\0';
	return backup_id_valid(id);
}

bool
manifest_name_id(const char *name, char id[BACKUP_ID_SIZE])
{
	return take_id(name, ".json", id);
}

/* Is it the name of something that lies beside a manifest? */
bool
leftover_is_companion(const char *name)
{
	char id[BACKUP_ID_SIZE];

	return take_id(name, ".sha256", id) || take_id(name, ".verified", id);
}

/*-------------------------------------------------------------------------
 *
 * verify_level.c
 *	  How much of a backup a verification looks at.
 *
 *-------------------------------------------------------------------------
 */
#include "verify_level.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct
{
	const char *name;
	int percent; /* of the bytes that are read */
} levels[] = {[VERIFY_LEVEL_PRESENT] = {"present", 0},
			  [VERIFY_LEVEL_SAMPLE] = {"sample", DEFAULT_SAMPLE_PERCENT},
			  [VERIFY_LEVEL_STORED] = {"stored", 100},
			  [VERIFY_LEVEL_FULL] = {"full", 100}};

const char *
verify_level_name(VerifyLevel level)
{
	return levels[level].name;
}

/* "N" or "N%", from 1 to 100. */
static bool
parse_percent(const char *text, int *percent)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 3 || (text[digits] != '\0' && strcmp(text + digits, "%") != 0))
		return false;
	*percent = (int) strtol(text, NULL, 10);
	return *percent >= 1 && *percent <= 100;
}

bool
verify_level_parse(const char *text, VerifyLevel *level, int *percent)
{
	const char *colon = strchr(text, ':');
	size_t length = colon != NULL ? (size_t) (colon - text) : strlen(text);
	int i;

	for (i = 0; i <= VERIFY_LEVEL_PRESENT; i++)
	{
		if (strlen(levels[i].name) != length || strncmp(levels[i].name, text, length) != 0)
			continue;
		*level = (VerifyLevel) i;
		*percent = levels[i].percent;
		return colon == NULL ||
			   (*level == VERIFY_LEVEL_SAMPLE && parse_percent(colon + 1, percent));
	}
	return false;
}

const char *
check_verify_level(const char *text)
{
	VerifyLevel level;
	int percent;

	if (!verify_level_parse(text, &level, &percent))
		return "It must be present, stored, sample, sample:PERCENT, or full.";
	return NULL;
}

/*-------------------------------------------------------------------------
 *
 * shown_value.c
 *	  A value that was refused, as a message may show it.
 *
 *-------------------------------------------------------------------------
 */
#include "shown_value.h"

#include <stdbool.h>
#include <string.h>

#include "memory.h"

char *
shown_value(const char *text)
{
	const char *scheme = strstr(text, "://");
	const char *rest = scheme != NULL ? scheme + strlen("://") : text;
	const char *at = strrchr(rest, '@');
	/* ssh has no secret in the name of a user. */
	bool name = strncmp(text, "sftp://", 7) == 0 && at != NULL &&
				memchr(rest, ':', (size_t) (at - rest)) == NULL;
	bool user =
		at != NULL && !name && (scheme != NULL || memchr(rest, ':', (size_t) (at - rest)) != NULL);
	size_t length;

	if (user)
		rest = at;
	else
		rest = text;
	length = scheme != NULL || user ? strcspn(rest, "?#") : strlen(rest);
	return xasprintf("%.*s%s%.*s%s",
					 user && scheme != NULL ? (int) (scheme + strlen("://") - text) : 0, text,
					 user ? "***" : "", (int) length, rest, rest[length] != '\0' ? "?***" : "");
}

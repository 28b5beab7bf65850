/*-------------------------------------------------------------------------
 *
 * loopback.c
 *	  Which hosts are this machine itself.
 *
 *-------------------------------------------------------------------------
 */
#include "loopback.h"

#include <string.h>
#include <strings.h>

bool
is_loopback(const char *host, size_t length)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "::1", "[::1]"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strlen(names[i]) == length && strncasecmp(names[i], host, length) == 0)
			return true;
	}
	return false;
}

size_t
url_host_length(const char *authority)
{
	if (authority[0] == '[')
		return strcspn(authority, "]") + (strchr(authority, ']') != NULL);
	return strcspn(authority, ":/?#");
}

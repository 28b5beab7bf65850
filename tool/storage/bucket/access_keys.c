/*-------------------------------------------------------------------------
 *
 * access_keys.c
 *	  What a request to a bucket is signed with.
 *
 *-------------------------------------------------------------------------
 */
#include "access_keys.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "primitives.h"

void
access_keys_copy(const AccessKeys *from, AccessKeys *to)
{
	to->kind = from->kind;
	to->access_key = xstrdup(from->access_key);
	to->secret_key = xstrdup(from->secret_key);
	to->token = xstrdup(from->token);
	to->expires = from->expires;
}

void
access_keys_free(AccessKeys *keys)
{
	if (keys->secret_key != NULL)
		secret_free(keys->secret_key, strlen(keys->secret_key));
	if (keys->token != NULL)
		secret_free(keys->token, strlen(keys->token));
	free(keys->access_key);
	memset(keys, 0, sizeof(*keys));
}

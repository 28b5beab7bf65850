/*-------------------------------------------------------------------------
 *
 * session_text.c
 *	  A check of UTF-8 as the server makes it, for sessions that use it.
 *
 *-------------------------------------------------------------------------
 */
#include "session_text.h"

#include <stdint.h>
#include <string.h>

#include "printable.h"

bool
session_text_is_utf8(const char *bytes, const char *end)
{
	uint32_t character;
	int length;

	while (bytes < end)
	{
		length = utf8_character(bytes, &character);
		if (length <= 0)
			return false;
		bytes += length;
	}
	return true;
}

bool
session_text_is(const Connection *connection, const char *bytes)
{
	const char *encoding = PQparameterStatus(connection->pg, "client_encoding");

	return encoding == NULL || strcmp(encoding, "UTF8") != 0 ||
		   session_text_is_utf8(bytes, bytes + strlen(bytes));
}

/*-------------------------------------------------------------------------
 *
 * store_result.c
 *	  What has become of an operation on a storage.
 *
 *-------------------------------------------------------------------------
 */
#include "store_result.h"

#include <stdarg.h>
#include <stdio.h>

StoreResult
store_ok(void)
{
	return (StoreResult){.code = STORE_OK, .tries = 1};
}

StoreResult
store_failure(StoreCode code, const char *hint, const char *format, ...)
{
	StoreResult result = {.code = code, .tries = 1, .hint = hint};
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(result.text, sizeof(result.text), format, arguments);
	va_end(arguments);
	return result;
}

bool
store_inaccessible(const StoreResult *result)
{
	return result->code != STORE_OK && result->code != STORE_ABSENT &&
		   result->code != STORE_DAMAGED;
}

bool
store_blames_file(const StoreResult *result)
{
	return !store_inaccessible(result) || result->code == STORE_FAILED;
}

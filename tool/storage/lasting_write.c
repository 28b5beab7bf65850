/*-------------------------------------------------------------------------
 *
 * lasting_write.c
 *	  Writing a small file, and knowing what has become of it.
 *
 * A write that fails may have been done all the same, if only the directory
 * could not be made durable behind it.  Where the file decides something, such
 * as for whom is encrypted, to call that a failure would be as wrong as to
 * keep silent; and what was there before cannot be put back for certain.  So
 * the file is read again.
 *
 *-------------------------------------------------------------------------
 */
#include "lasting_write.h"

#include <string.h>

static bool
is_there(Storage *storage, const char *path, const void *content, uint64_t length)
{
	Buffer found;
	bool same;

	buffer_init(&found);
	same = storage->read(storage, path, length, &found).code == STORE_OK &&
		   found.length == length && memcmp(found.data, content, length) == 0;
	buffer_free(&found);
	return same;
}

StoreResult
lasting_write(Storage *storage, const char *path, const void *content, uint64_t length,
			  StoreResult *not_lasting)
{
	StoreResult result = storage->write(storage, path, content, length, WRITE_DURABLE);

	*not_lasting = store_ok();
	if (result.code == STORE_OK || !is_there(storage, path, content, length))
		return result;
	*not_lasting = result;
	return store_ok();
}

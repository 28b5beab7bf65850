/*-------------------------------------------------------------------------
 *
 * control_file.c
 *	  pg_control.
 *
 * Its CRC is the last field of a structure whose length differs from version
 * to version.  It is looked for: bytes followed by their own CRC-32C are found
 * by accident once in fifty million files.
 *
 *-------------------------------------------------------------------------
 */
#include "control_file.h"

#include <string.h>

#include "crc32c.h"

/* The structure is larger than the first, and no larger than the second, in any version. */
#define SMALLEST 200
#define LARGEST 512

static bool
crc_is_good(const char *data)
{
	uint32_t crc = crc32c_add(CRC32C_START, data, SMALLEST);
	size_t length;

	for (length = SMALLEST; length + sizeof(uint32_t) <= LARGEST; length += 4)
	{
		uint32_t stored;

		memcpy(&stored, data + length, sizeof(stored));
		if (stored == crc32c_end(crc))
			return true;
		crc = crc32c_add(crc, data + length, 4);
	}
	return false;
}

bool
control_file_read(const char *data, size_t length, ControlFile *control)
{
	memset(control, 0, sizeof(*control));
	if (length < LARGEST || !crc_is_good(data))
		return false;
	memcpy(&control->system_identifier, data, sizeof(uint64_t));
	memcpy(&control->state, data + 16, sizeof(uint32_t));
	memcpy(&control->redo, data + 40, sizeof(uint64_t));
	memcpy(&control->timeline, data + 48, sizeof(uint32_t));
	return true;
}

/*-------------------------------------------------------------------------
 *
 * crc32c.c
 *	  CRC-32C, eight bytes at a time, by tables.
 *
 * Only a control file and some segments of WAL go through here, so that
 * instructions of particular processors are not worth their code.
 *
 *-------------------------------------------------------------------------
 */
#include "crc32c.h"

#include <pthread.h>

#define POLYNOMIAL UINT32_C(0x82F63B78)
#define TABLES 8

static uint32_t tables[TABLES][256];
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void
make_tables(void)
{
	int table;
	uint32_t i;
	int bit;

	for (i = 0; i < 256; i++)
	{
		uint32_t crc = i;

		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
		tables[0][i] = crc;
	}
	for (table = 1; table < TABLES; table++)
	{
		for (i = 0; i < 256; i++)
			tables[table][i] = (tables[table - 1][i] >> 8) ^ tables[0][tables[table - 1][i] & 0xFF];
	}
}

uint32_t
crc32c_add(uint32_t crc, const void *data, size_t length)
{
	const unsigned char *byte = data;

	pthread_once(&made, make_tables);
	for (; length >= 8; length -= 8, byte += 8)
	{
		uint32_t low = crc ^ ((uint32_t) byte[0] | (uint32_t) byte[1] << 8 |
							  (uint32_t) byte[2] << 16 | (uint32_t) byte[3] << 24);

		crc = tables[7][low & 0xFF] ^ tables[6][low >> 8 & 0xFF] ^ tables[5][low >> 16 & 0xFF] ^
			  tables[4][low >> 24] ^ tables[3][byte[4]] ^ tables[2][byte[5]] ^ tables[1][byte[6]] ^
			  tables[0][byte[7]];
	}
	for (; length > 0; length--)
		crc = (crc >> 8) ^ tables[0][(crc ^ *byte++) & 0xFF];
	return crc;
}

uint32_t
crc32c_end(uint32_t crc)
{
	return crc ^ UINT32_C(0xFFFFFFFF);
}

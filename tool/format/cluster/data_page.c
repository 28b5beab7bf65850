/*-------------------------------------------------------------------------
 *
 * data_page.c
 *	  Pages of relations.
 *
 * The checksum is that of PostgreSQL's storage/checksum_impl.h, which is
 * written for programs outside the server, but for one block size.  Only what
 * all versions from 14 on have in common is taken from the header of a page.
 *
 *-------------------------------------------------------------------------
 */
#include "data_page.h"

#include <string.h>

#define SUMS 32
#define PRIME UINT32_C(16777619)
#define HEADER_BYTES 24
#define CHECKSUM_OFFSET 8

typedef struct PageHeader
{
	uint32_t lsn_high;
	uint32_t lsn_low;
	uint16_t checksum;
	uint16_t flags;
	uint16_t lower;
	uint16_t upper;
	uint16_t special;
	uint16_t size_and_version;
} PageHeader;

static const uint32_t base_offsets[SUMS] = {
	0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
	0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
	0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
	0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756};

static inline uint32_t
mix(uint32_t sum, uint32_t value)
{
	uint32_t mixed = sum ^ value;

	return (mixed * PRIME) ^ (mixed >> 17);
}

/* All of a backup goes through here, so the compiler is to use the vectors of the processor. */
__attribute__((optimize("O3"))) static uint32_t
sum_of_block(const char *page, size_t block_size)
{
	uint32_t sums[SUMS];
	uint32_t row[SUMS];
	uint32_t result = 0;
	size_t at;
	int i;
	int round;

	memcpy(sums, base_offsets, sizeof(sums));
	for (at = 0; at < block_size; at += sizeof(row))
	{
		memcpy(row, page + at, sizeof(row));
		if (at == 0)
			row[CHECKSUM_OFFSET / sizeof(uint32_t)] &= UINT32_C(0xFFFF0000);
		for (i = 0; i < SUMS; i++)
			sums[i] = mix(sums[i], row[i]);
	}
	for (round = 0; round < 2; round++)
	{
		for (i = 0; i < SUMS; i++)
			sums[i] = mix(sums[i], 0);
	}
	for (i = 0; i < SUMS; i++)
		result ^= sums[i];
	return result;
}

uint16_t
data_page_checksum(const char *page, size_t block_size, uint32_t block)
{
	return (uint16_t) ((sum_of_block(page, block_size) ^ block) % 65535 + 1);
}

static bool
all_zero(const char *page, size_t block_size)
{
	return page[0] == 0 && memcmp(page, page + 1, block_size - 1) == 0;
}

/* Can the header be one?  Versions of its layout are not looked at: 4 is the only one. */
static bool
header_possible(const PageHeader *header, size_t block_size)
{
	return header->lower >= HEADER_BYTES && header->lower <= header->upper &&
		   header->upper <= header->special && header->special <= block_size &&
		   (header->size_and_version & 0xFF00) == (block_size & 0xFF00);
}

uint64_t
data_page_lsn(const char *page)
{
	PageHeader header;

	memcpy(&header, page, sizeof(header));
	return (uint64_t) header.lsn_high << 32 | header.lsn_low;
}

PageState
data_page_look(const PageRules *rules, const char *page, uint32_t block)
{
	PageHeader header;

	memcpy(&header, page, sizeof(header));

	/* A new page, as PostgreSQL knows it, has no checksum; it must have nothing else, either. */
	if (header.upper == 0)
		return all_zero(page, rules->block_size) ? PAGE_GOOD : PAGE_BAD;
	if (rules->checksums ? data_page_checksum(page, rules->block_size, block) == header.checksum
						 : header_possible(&header, rules->block_size))
		return PAGE_GOOD;
	return data_page_lsn(page) >= rules->start ? PAGE_NEWER : PAGE_BAD;
}

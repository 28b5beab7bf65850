/*-------------------------------------------------------------------------
 *
 * wal_pages.c
 *	  Headers of WAL pages (XLogPageHeaderData and XLogLongPageHeaderData of
 *	  PostgreSQL's access/xlog_internal.h).
 *
 * Behind a switch to the next segment, the rest of the pages is zero, headers
 * included.  The first segment of a timeline begins with pages of the older
 * one, which were copied from there.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_pages.h"

#include <inttypes.h>
#include <string.h>

#include "memory.h"

#define LONG_HEADER_BYTES 40
#define LONG_HEADER_FLAG 0x0002

/* XLOG_PAGE_MAGIC. */
static const struct
{
	uint16_t magic;
	int major;
} versions[] = {{0xD10D, 14}, {0xD110, 15}, {0xD113, 16}, {0xD116, 17}, {0xD118, 18}};

/* The short header, which every page has. */
typedef struct PageHead
{
	uint16_t magic;
	uint16_t info;
	uint32_t timeline;
	uint64_t address;
} PageHead;

static void
read_page_head(const char *page, PageHead *head)
{
	memcpy(&head->magic, page, sizeof(head->magic));
	memcpy(&head->info, page + 2, sizeof(head->info));
	memcpy(&head->timeline, page + 4, sizeof(head->timeline));
	memcpy(&head->address, page + 8, sizeof(head->address));
}

static int
version_of(uint16_t magic)
{
	size_t i;

	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
	{
		if (versions[i].magic == magic)
			return versions[i].major;
	}
	return 0;
}

const char *
wal_head_read(const char *data, size_t length, WalHead *head)
{
	PageHead page;

	memset(head, 0, sizeof(*head));
	if (length < LONG_HEADER_BYTES)
		return "is too short for a WAL segment";
	read_page_head(data, &page);
	head->magic = page.magic;
	head->timeline = page.timeline;
	head->address = page.address;
	memcpy(&head->system_identifier, data + 24, sizeof(head->system_identifier));
	memcpy(&head->segment_size, data + 32, sizeof(head->segment_size));
	memcpy(&head->block_size, data + 36, sizeof(head->block_size));
	head->major = version_of(page.magic);
	if (head->major == 0)
		return "does not begin as WAL of PostgreSQL 14 to 18 does";
	if ((page.info & LONG_HEADER_FLAG) == 0)
		return "does not begin with the header of a WAL segment";
	if (!wal_segment_size_valid(head->segment_size) || head->block_size < 1024 ||
		head->block_size > 65536 || (head->block_size & (head->block_size - 1)) != 0)
		return "names a segment or block size that PostgreSQL does not have";
	return NULL;
}

static bool
all_zero(const char *data, size_t length)
{
	return length == 0 || (data[0] == 0 && memcmp(data, data + 1, length - 1) == 0);
}

/* What is wrong with the header of the page at an address; NULL: nothing. */
static char *
page_problem(const WalName *name, const WalHead *head, const char *page, uint64_t address,
			 uint32_t *timeline)
{
	const char *what = NULL;
	char lsn[WAL_LSN_SIZE];
	PageHead found;

	read_page_head(page, &found);
	if (found.magic != head->magic)
		what = "is not a WAL page of the same version";
	else if (found.address != address)
		what = "is of another place in the WAL";
	else if (found.timeline > name->timeline)
		what = "is of a later timeline";
	else if (found.timeline < *timeline)
		what = "is of an earlier timeline than the one before it";
	*timeline = found.timeline;
	if (what == NULL)
		return NULL;
	wal_lsn_text(address, lsn);
	return xasprintf("has a bad page at %s: it %s", lsn, what);
}

/* The pages behind the first. */
static char *
later_pages_problem(const WalName *name, const WalHead *head, const char *data, size_t length)
{
	uint32_t timeline = head->timeline;
	char *problem = NULL;
	char lsn[WAL_LSN_SIZE];
	size_t at;

	for (at = head->block_size; problem == NULL && at < length; at += head->block_size)
	{
		if (!all_zero(data + at, head->block_size))
			problem = page_problem(name, head, data + at, head->address + at, &timeline);
		else if (all_zero(data + at, length - at))
			return NULL;
		else
		{
			wal_lsn_text(head->address + at, lsn);
			problem = xasprintf("has an empty page at %s, and others behind it", lsn);
		}
	}
	return problem;
}

char *
wal_pages_check(const WalName *name, const char *data, size_t length, WalHead *head)
{
	const char *problem = wal_head_read(data, length, head);
	char expected[WAL_LSN_SIZE];
	char found[WAL_LSN_SIZE];
	uint64_t number;

	if (problem != NULL)
		return xstrdup(problem);
	if (length != head->segment_size)
		return xasprintf("has %zu bytes, and says that a segment has %" PRIu32, length,
						 head->segment_size);
	if (!wal_segment_number(name, head->segment_size, &number))
		return xstrdup("has a name that no segment of its size has");
	wal_lsn_text(number * head->segment_size, expected);
	wal_lsn_text(head->address, found);
	if (head->address != number * head->segment_size)
		return xasprintf("begins at %s, and by its name at %s", found, expected);
	if (head->timeline > name->timeline)
		return xasprintf("is of timeline %" PRIu32 ", and by its name of %" PRIu32, head->timeline,
						 name->timeline);
	return name->kind == WAL_PARTIAL ? NULL : later_pages_problem(name, head, data, length);
}

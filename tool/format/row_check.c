/*-------------------------------------------------------------------------
 *
 * row_check.c
 *	  Is the text of a data member what its manifest says?
 *
 *-------------------------------------------------------------------------
 */
#include "row_check.h"

#include <inttypes.h>
#include <string.h>

#include "memory.h"

static const char end_of_data[] = "\\.\n\n";

#define END_LENGTH (sizeof(end_of_data) - 1)
#define END_NEWLINES 2

/*
 * Count newlines, eight bytes at a time.  memchr() would be called once a
 * row; with short rows this is several times as fast.
 */
static uint64_t
count_newlines(const char *text, size_t length)
{
	const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
	const uint64_t newline = UINT64_C(0x0a0a0a0a0a0a0a0a);
	uint64_t count = 0;

	while (length >= 8)
	{
		size_t words = length / 8 < 255 ? length / 8 : 255;
		uint64_t lanes = 0; /* eight counters, none of which passes 255 */
		int lane;

		length -= words * 8;
		for (; words > 0; words--, text += 8)
		{
			uint64_t word;

			memcpy(&word, text, 8);
			word ^= newline;
			lanes += ~(((word & low7) + low7) | word | low7) >> 7;
		}
		for (lane = 0; lane < 8; lane++)
			count += (lanes >> (8 * lane)) & 0xff;
	}
	for (; length > 0; length--)
		count += *text++ == '\n';
	return count;
}

void
row_check_begin(RowCheck *check, const Manifest *manifest, const Member *member)
{
	memset(check, 0, sizeof(*check));
	check->raw = member->raw;
	check->begins = true;
	if (member->kind != MEMBER_DATA)
		return;
	check->copy = manifest->tables[member->table].copy;
	check->head = strlen(check->copy) + 1;
	check->rows = member->rows;
}

/* Compare what lies in the head; gives the bytes that do. */
static size_t
compare_head(RowCheck *check, const char *text, size_t length)
{
	size_t left = check->seen < check->head ? check->head - (size_t) check->seen : 0;
	size_t in_head = length < left ? length : left;
	size_t in_copy = in_head == left && left > 0 ? in_head - 1 : in_head;

	if (in_head == 0)
		return 0;
	if (memcmp(text, check->copy + check->seen, in_copy) != 0 ||
		(in_copy < in_head && text[in_copy] != '\n'))
		check->begins = false;
	return in_head;
}

static void
keep_tail(RowCheck *check, const char *text, size_t length)
{
	size_t kept = length < ROW_CHECK_TAIL ? ROW_CHECK_TAIL - length : 0;
	size_t added = ROW_CHECK_TAIL - kept;

	memmove(check->tail, check->tail + added, kept);
	memcpy(check->tail + kept, text + (length - added), added);
}

void
row_check_add(RowCheck *check, const char *text, size_t length)
{
	if (check->copy != NULL && length > 0)
	{
		size_t in_head = compare_head(check, text, length);

		check->newlines += count_newlines(text + in_head, length - in_head);
		keep_tail(check, text, length);
	}
	check->seen += length;
}

char *
row_check_end(const RowCheck *check)
{
	uint64_t rows;

	if (check->seen != check->raw)
		return xasprintf("does not decompress to its recorded length");
	if (check->copy == NULL)
		return NULL;
	if (check->seen < check->head + END_LENGTH || !check->begins)
		return xasprintf("does not begin with the COPY command of its table");
	if (memcmp(check->tail + ROW_CHECK_TAIL - END_LENGTH, end_of_data, END_LENGTH) != 0)
		return xasprintf("does not end with the end-of-data marker");
	if (check->seen > check->head + END_LENGTH && check->tail[0] != '\n')
		return xasprintf("ends within a row");
	rows = check->newlines - END_NEWLINES;
	if (rows != check->rows)
		return xasprintf("holds %" PRIu64 " rows instead of %" PRIu64, rows, check->rows);
	return NULL;
}

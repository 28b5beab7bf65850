/*-------------------------------------------------------------------------
 *
 * fuzz_binary_copy.c
 *	  Any bytes as rows of COPY's text format: what is converted is whole rows,
 *	  as many as there are lines, and nothing but rows comes out.
 *
 * The first byte says how many columns there are, the next ones of which types.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "binary_rows.h"

#define MAX_COLUMNS 8
#define ENOUGH 4096

static const Oid types[] = {16,   17,   20,   21,   23,   25,   26,   700, 701,
							1082, 1083, 1114, 1184, 1700, 2950, 3802, 114};

static uint32_t
read_number(const unsigned char *bytes, int count)
{
	uint32_t number = 0;

	while (count-- > 0)
		number = number << 8 | *bytes++;
	return number;
}

/* How many rows these bytes are; aborts if they are not just rows. */
static uint64_t
count_rows(const Buffer *out, int columns)
{
	size_t at = 0;
	uint64_t rows = 0;
	int i;

	while (at < out->length)
	{
		MUST(out->length - at >= 2);
		MUST(read_number((unsigned char *) out->data + at, 2) == (uint32_t) columns);
		at += 2;
		for (i = 0; i < columns; i++)
		{
			uint32_t length;

			MUST(out->length - at >= 4);
			length = read_number((unsigned char *) out->data + at, 4);
			at += 4;
			MUST(length == UINT32_MAX || length <= out->length - at);
			at += length == UINT32_MAX ? 0 : length;
		}
		rows++;
	}
	return rows;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ValueWriter writers[MAX_COLUMNS];
	BinaryRows rows = {.writers = writers};
	uint64_t count = 0;
	uint64_t lines = 0;
	Buffer out;
	size_t done;
	char *text;
	size_t i;

	if (size < 1 + MAX_COLUMNS)
		return 0;
	rows.columns = 1 + data[0] % MAX_COLUMNS;
	for (i = 0; i < MAX_COLUMNS; i++)
		writers[i] = value_writer_of_type(types[data[1 + i] % (sizeof(types) / sizeof(types[0]))]);
	size -= 1 + MAX_COLUMNS;

	/* A copy of its own, so that a sanitizer sees who reads on. */
	text = malloc(size > 0 ? size : 1);
	MUST(text != NULL);
	memcpy(text, data + 1 + MAX_COLUMNS, size);
	buffer_init(&out);
	done = binary_rows_convert(&rows, text, size, ENOUGH, &out, &count);
	MUST(done <= size);
	MUST(done == 0 || text[done - 1] == '\n');
	for (i = 0; i < done; i++)
		lines += text[i] == '\n';
	MUST(lines == count);
	MUST(count_rows(&out, rows.columns) == count);
	buffer_free(&out);
	buffer_free(&rows.value);
	free(text);
	return 0;
}

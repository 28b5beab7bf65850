/*-------------------------------------------------------------------------
 *
 * test_binary_copy.c
 *	  Text of COPY to its binary format: the bytes of values, what is refused,
 *	  and how rows are put together.
 *
 * That the bytes are the server's own is shown with a server, by tests/t/014_binary_copy.t; the
 * ones here are from the documentation and from COPY TO.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "binary_rows.h"
#include "value_writer.h"

enum
{
	BOOL = 16,
	BYTEA = 17,
	INT8 = 20,
	INT2 = 21,
	INT4 = 23,
	TEXT = 25,
	OID = 26,
	FLOAT4 = 700,
	FLOAT8 = 701,
	DATE = 1082,
	TIME = 1083,
	TIMESTAMP = 1114,
	TIMESTAMPTZ = 1184,
	NUMERIC = 1700,
	UUID = 2950,
	JSONB = 3802
};

/* The bytes of a value in hexadecimal, or "refused". */
static const char *
written(Oid type, const char *text)
{
	static char hex[1024];
	size_t length = strlen(text);
	char *exact = malloc(length + 1); /* so that a sanitizer sees who reads on */
	char *out = malloc(length + VALUE_OVERHEAD);
	char *end;
	char *byte;
	size_t n = 0;

	assert_non_null(exact);
	assert_non_null(out);
	memcpy(exact, text, length);
	end = value_writer_of_type(type)(out, exact, length);
	snprintf(hex, sizeof(hex), "refused");
	for (byte = out; end != NULL && byte <= end; byte++)
		n += (size_t) snprintf(hex + n, sizeof(hex) - n, byte < end ? "%02x" : "",
							   (unsigned char) *byte);
	if (end == out)
		hex[0] = '\0';
	free(exact);
	free(out);
	return hex;
}

static void
test_values(void **state)
{
	static const struct
	{
		Oid type;
		const char *text;
		const char *bytes;
	} cases[] = {
		{BOOL, "t", "01"},
		{BOOL, "f", "00"},
		{INT2, "-32768", "8000"},
		{INT4, "2147483647", "7fffffff"},
		{INT8, "-9223372036854775808", "8000000000000000"},
		{OID, "4294967295", "ffffffff"},
		{FLOAT4, "-0", "80000000"},
		{FLOAT4, "1e-45", "00000001"},
		{FLOAT8, "NaN", "7ff8000000000000"},
		{FLOAT8, "-Infinity", "fff0000000000000"},
		{FLOAT8, "4.9406564584124654e-324", "0000000000000001"},
		{NUMERIC, "0", "0000000000000000"},
		{NUMERIC, "0.00", "0000000000000002"},
		{NUMERIC, "-1",
		 "0001000040000000"
		 "0001"},
		{NUMERIC, "12345.678",
		 "0003000100000003"
		 "0001"
		 "0929"
		 "1a7c"},
		{NUMERIC, "10000",
		 "0001000100000000"
		 "0001"},
		{NUMERIC, "0.00001",
		 "0001fffe00000005"
		 "03e8"},
		{NUMERIC, "NaN", "00000000c0000000"},
		{NUMERIC, "-Infinity", "00000000f0000020"},
		{DATE, "2000-01-01", "00000000"},
		{DATE, "1999-12-31", "ffffffff"},
		{DATE, "2000-02-29", "0000003b"},
		{DATE, "2000-03-01", "0000003c"},
		{DATE, "2024-02-29", "00002279"},
		{DATE, "0001-01-01", "fff4dbf9"},
		{DATE, "infinity", "7fffffff"},
		{TIME, "24:00:00", "000000141dd76000"},
		{TIMESTAMP, "2000-01-01 00:00:00.000001", "0000000000000001"},
		{TIMESTAMP, "-infinity", "8000000000000000"},
		{TIMESTAMPTZ, "1999-12-31 23:59:59.5+00", "fffffffffff85ee0"},
		{UUID, "00112233-4455-6677-8899-aabbccddeeff", "00112233445566778899aabbccddeeff"},
		{BYTEA, "\\x", ""},
		{BYTEA, "\\x00ff", "00ff"},
		{JSONB, "{}", "017b7d"},
		{TEXT, "", ""},
		{TEXT, "\xc3\xbc", "c3bc"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(written(cases[i].type, cases[i].text), cases[i].bytes);
}

/* Not as the server writes it, or left to the server. */
static void
test_refused(void **state)
{
	static const struct
	{
		Oid type;
		const char *texts[16];
	} cases[] = {
		{BOOL, {"", "true", "1", "T"}},
		{INT2, {"", "-", "32768", "-32769", "1 ", " 1", "+1", "0x1", "1_0", "1.0"}},
		{INT4, {"2147483648", "-2147483649"}},
		{INT8, {"9223372036854775808", "-9223372036854775809", "99999999999999999999"}},
		{OID, {"-1", "4294967296"}},
		{FLOAT4, {"1e39", "1e-60"}},
		{FLOAT8,
		 {"", "1e400", "1e-400", "0x1p3", "nan", "inf", "1.5.2", "e5", "1 ", "--1", "-NaN",
		  "1111111111111111111111111111111111111111111111111111111111111111"}},
		{NUMERIC,
		 {"", "-", ".", "1.", ".5", "1e5", "1.2.3", "+1", " 1", "1-", "nan", "--1", "Infinity ",
		  "1 000"}},
		{DATE,
		 {"", "2026-1-1", "2026-13-01", "2026-00-01", "2026-02-29", "1900-02-29", "2026-04-31",
		  "0000-01-01", "10000-01-01", "0044-03-15 BC", "01-02-2026", "2026/01/01"}},
		{TIME,
		 {"", "24:00:00.000001", "25:00:00", "12:60:00", "12:00:60", "12:00", "12:00:00.",
		  "12:00:00.1234567", "12:00:00 ", "12:00:00+00"}},
		{TIMESTAMP,
		 {"2026-01-01", "2026-01-01T00:00:00", "2026-01-01 24:00:00", "2026-01-01 00:00:00+00",
		  "0044-03-15 00:00:00 BC", "2026-01-01 "}},
		{TIMESTAMPTZ,
		 {"2026-01-01 00:00:00", "2026-01-01 00:00:00+01", "2026-01-01 00:00:00+00:30", "+00",
		  "infinity+0", "2026-01-01+00"}},
		{UUID,
		 {"", "00112233445566778899aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeffx",
		  "00112233-4455-6677-8899-aabbccddeefg", "00112233-4455-66778-899-aabbccddeeff"}},
		{BYTEA, {"", "\\", "x00", "\\x0", "\\x0g", "\\000", "\\xAB"}},
	};
	size_t i;
	int j;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		for (j = 0; cases[i].texts[j] != NULL; j++)
		{
			if (strcmp(written(cases[i].type, cases[i].texts[j]), "refused") != 0)
				fail_msg("type %u: \"%s\" was taken", cases[i].type, cases[i].texts[j]);
		}
	}
	assert_null(value_writer_of_type(1186)); /* interval: a type without writer */
	assert_null(value_writer_of_type(16384));
}

/* Rows of (int4, text): how many are converted, and to what. */
static size_t
convert(const char *text, size_t enough, Buffer *out, uint64_t *count)
{
	ValueWriter writers[] = {value_writer_of_type(INT4), value_writer_of_type(TEXT)};
	BinaryRows rows = {.writers = writers, .columns = 2};
	size_t done;

	buffer_init(out);
	*count = 0;
	done = binary_rows_convert(&rows, text, strlen(text), enough, out, count);
	buffer_free(&rows.value);
	return done;
}

static void
test_rows(void **state)
{
	static const char text[] = "1\ta\n\\N\t\\N\n-1\t\\t\\\\\\n\\b\\f\\r\\v\n2\t\n";
	static const char bytes[] = "\0\2\0\0\0\4\0\0\0\1\0\0\0\1a"
								"\0\2\377\377\377\377\377\377\377\377"
								"\0\2\0\0\0\4\377\377\377\377\0\0\0\7\t\\\n\b\f\r\v"
								"\0\2\0\0\0\4\0\0\0\2\0\0\0\0";
	Buffer out;
	uint64_t count;

	(void) state;
	assert_int_equal(convert(text, SIZE_MAX, &out, &count), strlen(text));
	assert_int_equal(count, 4);
	assert_int_equal(out.length, sizeof(bytes) - 1);
	assert_memory_equal(out.data, bytes, sizeof(bytes) - 1);
	buffer_free(&out);
}

static void
test_row_that_stops(void **state)
{
	/* What follows one good row. */
	static const char *const bad[] = {
		"x\ta\n",   "1\n",      "1\ta\tb\n", "\n",    "1\ta",      "1\t\\x41\n",
		"1\t\\1\n", "1\ta\\\n", "1\t\\.\n",  "\\.\n", "1\\t\ta\n",
	};
	char text[64];
	Buffer out;
	uint64_t count;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		snprintf(text, sizeof(text), "1\ta\n%s", bad[i]);
		if (convert(text, SIZE_MAX, &out, &count) != strlen("1\ta\n") || count != 1 ||
			out.length != 15)
			fail_msg("\"%s\" was taken", bad[i]);
		buffer_free(&out);
	}
}

/* It stops when there is enough, and goes on from there. */
static void
test_enough(void **state)
{
	static const char text[] = "1\ta\n2\tb\n3\tc\n";
	Buffer out;
	uint64_t count;

	(void) state;
	assert_int_equal(convert(text, 16, &out, &count), 8);
	assert_int_equal(count, 2);
	assert_int_equal(out.length, 30);
	buffer_free(&out);
}

static void
test_frame(void **state)
{
	static const char bytes[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\377\377";
	Buffer out;

	(void) state;
	buffer_init(&out);
	binary_rows_begin(&out);
	binary_rows_end(&out);
	assert_int_equal(out.length, sizeof(bytes) - 1);
	assert_memory_equal(out.data, bytes, sizeof(bytes) - 1);
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_rows),   cmocka_unit_test(test_row_that_stops),
		cmocka_unit_test(test_enough), cmocka_unit_test(test_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*-------------------------------------------------------------------------
 *
 * value_writer.c
 *	  Which types have a writer, and the writers of the simple ones.
 *
 * A type is here if its binary form is simple, the same in all supported versions, and much
 * cheaper for the server to read than its text; or if it is text in both forms, so that a table
 * is not left out because of it.  The forms are those of the receive functions in
 * src/backend/utils/adt; tests/t/014_binary_copy.t compares each byte with what the server's own
 * COPY writes.
 *
 *-------------------------------------------------------------------------
 */
#include "numeric_writer.h"
#include "time_writers.h"
#include "value_writer.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <catalog/pg_type_d.h>

#include "wire.h"

#define MAX_INTEGER_DIGITS 19
#define MAX_FLOAT_LENGTH 63
#define UUID_LENGTH 36

/* A decimal integer as the server writes it. */
static bool
read_integer(const char *text, size_t length, int64_t min, int64_t max, int64_t *value)
{
	bool negative = length > 0 && text[0] == '-';
	uint64_t magnitude = 0;
	size_t i;

	text += negative;
	length -= negative;
	if (length == 0 || length > MAX_INTEGER_DIGITS)
		return false;
	for (i = 0; i < length; i++)
	{
		unsigned digit = (unsigned char) text[i] - '0';

		if (digit > 9)
			return false;
		magnitude = magnitude * 10 + digit;
	}
	if (magnitude > (negative ? (uint64_t) max + 1 : (uint64_t) max))
		return false;
	*value = (int64_t) (negative ? 0 - magnitude : magnitude);
	return *value >= min;
}

static char *
write_int2(char *out, const char *text, size_t length)
{
	int64_t value;

	if (!read_integer(text, length, INT16_MIN, INT16_MAX, &value))
		return NULL;
	return wire_put_16(out, (uint16_t) value);
}

static char *
write_int4(char *out, const char *text, size_t length)
{
	int64_t value;

	if (!read_integer(text, length, INT32_MIN, INT32_MAX, &value))
		return NULL;
	return wire_put_32(out, (uint32_t) value);
}

static char *
write_int8(char *out, const char *text, size_t length)
{
	int64_t value;

	if (!read_integer(text, length, INT64_MIN, INT64_MAX, &value))
		return NULL;
	return wire_put_64(out, (uint64_t) value);
}

static char *
write_oid(char *out, const char *text, size_t length)
{
	int64_t value;

	if (!read_integer(text, length, 0, UINT32_MAX, &value))
		return NULL;
	return wire_put_32(out, (uint32_t) value);
}

static char *
write_bool(char *out, const char *text, size_t length)
{
	if (length != 1 || (text[0] != 't' && text[0] != 'f'))
		return NULL;
	return wire_put_8(out, text[0] == 't');
}

/*
 * Terminate the text of a floating-point number for strtod(), which would also read hexadecimal
 * digits and leading space.  False if it is none.  The program never calls setlocale(), so the
 * decimal point is a point.
 */
static bool
terminate_float(const char *text, size_t length, char terminated[MAX_FLOAT_LENGTH + 1])
{
	static const char *const special[] = {"NaN", "Infinity", "-Infinity"};
	size_t i;

	if (length == 0 || length > MAX_FLOAT_LENGTH)
		return false;
	memcpy(terminated, text, length);
	terminated[length] = '\0';
	for (i = 0; i < sizeof(special) / sizeof(special[0]); i++)
	{
		if (strcmp(terminated, special[i]) == 0)
			return true;
	}
	return strspn(terminated, "0123456789+-.e") == length;
}

/* strtod() says ERANGE of a subnormal number, too, which is none to refuse. */
static bool
is_out_of_range(double value)
{
	return errno == ERANGE && (value == 0 || isinf(value));
}

static char *
write_float4(char *out, const char *text, size_t length)
{
	char terminated[MAX_FLOAT_LENGTH + 1];
	uint32_t bits;
	float value;
	char *end;

	if (!terminate_float(text, length, terminated))
		return NULL;
	errno = 0;
	value = strtof(terminated, &end);
	if (*end != '\0' || is_out_of_range(value))
		return NULL;
	memcpy(&bits, &value, sizeof(bits));
	return wire_put_32(out, bits);
}

static char *
write_float8(char *out, const char *text, size_t length)
{
	char terminated[MAX_FLOAT_LENGTH + 1];
	uint64_t bits;
	double value;
	char *end;

	if (!terminate_float(text, length, terminated))
		return NULL;
	errno = 0;
	value = strtod(terminated, &end);
	if (*end != '\0' || is_out_of_range(value))
		return NULL;
	memcpy(&bits, &value, sizeof(bits));
	return wire_put_64(out, bits);
}

char *
value_write_text(char *out, const char *text, size_t length)
{
	memcpy(out, text, length);
	return out + length;
}

/* Text behind the number of its version. */
static char *
write_jsonb(char *out, const char *text, size_t length)
{
	return value_write_text(wire_put_8(out, 1), text, length);
}

/* One more than the value of each hexadecimal digit, so that 0 is none. */
static const unsigned char hex_digits[256] = {
	['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
	['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16};

/* `count` bytes from twice as many digits; NULL if some are none. */
static char *
write_hex(char *out, const char *digits, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
	{
		unsigned high = hex_digits[(unsigned char) digits[2 * i]];
		unsigned low = hex_digits[(unsigned char) digits[2 * i + 1]];

		if (high == 0 || low == 0)
			return NULL;
		*out++ = (char) ((high - 1) << 4 | (low - 1));
	}
	return out;
}

static char *
write_bytea(char *out, const char *text, size_t length)
{
	if (length < 2 || length % 2 != 0 || text[0] != '\\' || text[1] != 'x')
		return NULL;
	return write_hex(out, text + 2, length / 2 - 1);
}

static char *
write_uuid(char *out, const char *text, size_t length)
{
	static const unsigned char bytes[] = {4, 2, 2, 2, 6};
	const char *end = text + length;
	size_t i;

	if (length != UUID_LENGTH)
		return NULL;
	for (i = 0; i < sizeof(bytes); i++)
	{
		out = write_hex(out, text, bytes[i]);
		text += 2 * bytes[i];
		if (out == NULL || (text < end && *text++ != '-'))
			return NULL;
	}
	return out;
}

ValueWriter
value_writer_of_type(Oid type)
{
	switch (type)
	{
		case BOOLOID:
			return write_bool;
		case INT2OID:
			return write_int2;
		case INT4OID:
			return write_int4;
		case INT8OID:
			return write_int8;
		case OIDOID:
			return write_oid;
		case FLOAT4OID:
			return write_float4;
		case FLOAT8OID:
			return write_float8;
		case NUMERICOID:
			return value_write_numeric;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
			return value_write_text;
		case JSONBOID:
			return write_jsonb;
		case BYTEAOID:
			return write_bytea;
		case UUIDOID:
			return write_uuid;
		case DATEOID:
			return value_write_date;
		case TIMEOID:
			return value_write_time;
		case TIMESTAMPOID:
			return value_write_timestamp;
		case TIMESTAMPTZOID:
			return value_write_timestamptz;
		default:
			return NULL;
	}
}

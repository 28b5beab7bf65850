/*-------------------------------------------------------------------------
 *
 * numeric_writer.c
 *	  Decimal text to the binary form of numeric.
 *
 * Four 16-bit numbers, then as many again as the first one says: count of digits, weight of the
 * first digit, sign, and decimals to show.  A digit is four decimal ones, 0 to 9999, and stands at
 * a multiple of four places from the decimal point; digits that are zero at either end are left
 * out (numeric_send() in src/backend/utils/adt/numeric.c).
 *
 *-------------------------------------------------------------------------
 */
#include "numeric_writer.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "wire.h"

#define DECIMALS_PER_DIGIT 4
#define HEADER_BYTES 8

#define SIGN_POSITIVE 0x0000
#define SIGN_NEGATIVE 0x4000
#define SIGN_NAN 0xC000
#define SIGN_INFINITY 0xD000
#define SIGN_MINUS_INFINITY 0xF000

/* What the server says are the decimals of an infinity: it reads them from the sign's bits. */
#define INFINITY_DECIMALS 32

/* The server's own limits. */
#define MAX_WHOLE_DECIMALS 131072
#define MAX_DECIMALS 16383

static char *
write_header(char *out, uint16_t count, int16_t weight, uint16_t sign, uint16_t decimals)
{
	out = wire_put_16(out, count);
	out = wire_put_16(out, (uint16_t) weight);
	out = wire_put_16(out, sign);
	return wire_put_16(out, decimals);
}

static char *
write_special(char *out, const char *text, size_t length)
{
	if (length == strlen("NaN") && memcmp(text, "NaN", length) == 0)
		return write_header(out, 0, 0, SIGN_NAN, 0);
	if (length == strlen("Infinity") && memcmp(text, "Infinity", length) == 0)
		return write_header(out, 0, 0, SIGN_INFINITY, INFINITY_DECIMALS);
	if (length == strlen("-Infinity") && memcmp(text, "-Infinity", length) == 0)
		return write_header(out, 0, 0, SIGN_MINUS_INFINITY, INFINITY_DECIMALS);
	return NULL;
}

/* The digit of the next `decimals` (1 to 4) characters; -1 if they are no digits. */
static int
read_digit(const char *text, size_t decimals)
{
	int digit = 0;
	size_t i;

	for (i = 0; i < decimals; i++)
	{
		unsigned decimal = (unsigned char) text[i] - '0';

		if (decimal > 9)
			return -1;
		digit = digit * 10 + (int) decimal;
	}
	return digit;
}

/* The digits of a number under construction. */
typedef struct Digits
{
	char *first; /* where the first one stands */
	char *end;
	char *significant; /* behind the last one that is not zero */
	size_t skipped;    /* zeros at the front */
} Digits;

static bool
add_digit(Digits *digits, int digit)
{
	if (digit < 0)
		return false;
	if (digit == 0 && digits->end == digits->first)
	{
		digits->skipped++;
		return true;
	}
	digits->end = wire_put_16(digits->end, (uint16_t) digit);
	if (digit != 0)
		digits->significant = digits->end;
	return true;
}

/* Digits before the point: the first one may have less than four decimals. */
static bool
add_whole(Digits *digits, const char *text, size_t length)
{
	size_t decimals = length % DECIMALS_PER_DIGIT != 0 ? length % DECIMALS_PER_DIGIT
													   : (size_t) DECIMALS_PER_DIGIT;

	while (length > 0)
	{
		if (!add_digit(digits, read_digit(text, decimals)))
			return false;
		text += decimals;
		length -= decimals;
		decimals = DECIMALS_PER_DIGIT;
	}
	return true;
}

/* Digits behind the point: the last one may have less than four decimals. */
static bool
add_fraction(Digits *digits, const char *text, size_t length)
{
	static const int scale[] = {10000, 1000, 100, 10, 1};

	while (length > 0)
	{
		size_t decimals = length < DECIMALS_PER_DIGIT ? length : DECIMALS_PER_DIGIT;
		int digit = read_digit(text, decimals);

		if (!add_digit(digits, digit < 0 ? digit : digit * scale[decimals]))
			return false;
		text += decimals;
		length -= decimals;
	}
	return true;
}

char *
value_write_numeric(char *out, const char *text, size_t length)
{
	bool negative = length > 0 && text[0] == '-';
	const char *number = text + negative;
	size_t rest = length - negative;
	const char *point = memchr(number, '.', rest);
	size_t whole = point != NULL ? (size_t) (point - number) : rest;
	size_t fraction = point != NULL ? rest - whole - 1 : 0;
	Digits digits = {out + HEADER_BYTES, out + HEADER_BYTES, out + HEADER_BYTES, 0};
	size_t count;
	int64_t weight;

	if (whole == 0 || whole > MAX_WHOLE_DECIMALS || fraction > MAX_DECIMALS ||
		!add_whole(&digits, number, whole) ||
		(point != NULL && (fraction == 0 || !add_fraction(&digits, point + 1, fraction))))
		return write_special(out, text, length);
	count = (size_t) (digits.significant - digits.first) / sizeof(uint16_t);
	weight = (int64_t) ((whole + DECIMALS_PER_DIGIT - 1) / DECIMALS_PER_DIGIT) - 1 -
			 (int64_t) digits.skipped;
	if (count == 0)
		weight = negative = 0;
	write_header(out, (uint16_t) count, (int16_t) weight, negative ? SIGN_NEGATIVE : SIGN_POSITIVE,
				 (uint16_t) fraction);
	return digits.significant;
}

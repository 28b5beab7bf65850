/*-------------------------------------------------------------------------
 *
 * bech32.c
 *	  Keys as text.
 *
 *-------------------------------------------------------------------------
 */
#include "bech32.h"

#include <string.h>

#define DATA_DIGITS 52
#define CHECKSUM_DIGITS 6

static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static char
upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char) (c - 'a' + 'A') : c;
}

/* One step of the checksum. */
static uint32_t
polymod(uint32_t sum, uint8_t value)
{
	static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
										  0x2a1462b3};
	uint32_t top = sum >> 25;
	int i;

	sum = (sum & 0x1ffffff) << 5 ^ value;
	for (i = 0; i < 5; i++)
	{
		if (top >> i & 1)
			sum ^= generator[i];
	}
	return sum;
}

/* The checksum over the prefix and the values. */
static uint32_t
checksum(const char *prefix, const uint8_t *values, size_t count)
{
	uint32_t sum = 1;
	const char *c;
	size_t i;

	for (c = prefix; *c != '\0'; c++)
		sum = polymod(sum, (uint8_t) *c >> 5);
	sum = polymod(sum, 0);
	for (c = prefix; *c != '\0'; c++)
		sum = polymod(sum, (uint8_t) *c & 31);
	for (i = 0; i < count; i++)
		sum = polymod(sum, values[i]);
	return sum;
}

void
bech32_encode_key(const char *prefix, const uint8_t key[KEY_BYTES], bool upper_case, char *text)
{
	uint8_t values[BECH32_KEY_DIGITS] = {0};
	size_t length = strlen(prefix);
	uint32_t bits = 0;
	uint32_t sum;
	int nbits = 0;
	int n = 0;
	int i;

	for (i = 0; i < KEY_BYTES; i++)
	{
		bits = (bits << 8 | key[i]) & 0xfff;
		for (nbits += 8; nbits >= 5; nbits -= 5)
			values[n++] = (uint8_t) (bits >> (nbits - 5) & 31);
	}
	values[n++] = (uint8_t) (bits << (5 - nbits) & 31);
	sum = checksum(prefix, values, BECH32_KEY_DIGITS) ^ 1;
	for (i = 0; i < CHECKSUM_DIGITS; i++)
		values[n++] = (uint8_t) (sum >> 5 * (CHECKSUM_DIGITS - 1 - i) & 31);

	memcpy(text, prefix, length);
	text[length++] = '1';
	for (i = 0; i < BECH32_KEY_DIGITS; i++)
		text[length++] = digits[values[i]];
	text[length] = '\0';
	for (i = 0; upper_case && text[i] != '\0'; i++)
		text[i] = upper(text[i]);
	secret_cleanse(values, sizeof(values));
	secret_cleanse(&bits, sizeof(bits));
}

/* Read the digits behind the prefix.  False if one is none, or in the wrong case. */
static bool
read_digits(const char *text, bool upper_case, uint8_t values[BECH32_KEY_DIGITS])
{
	int i;

	for (i = 0; i < BECH32_KEY_DIGITS; i++)
	{
		char c = text[i];
		const char *digit;

		if (c == '\0' || c != (upper_case ? upper(c) : lower(c)) ||
			(digit = strchr(digits, lower(c))) == NULL)
			return false;
		values[i] = (uint8_t) (digit - digits);
	}
	return true;
}

bool
bech32_decode_key(const char *prefix, bool upper_case, const char *text, size_t length,
				  uint8_t key[KEY_BYTES])
{
	uint8_t values[BECH32_KEY_DIGITS];
	size_t prefix_length = strlen(prefix);
	uint32_t bits = 0;
	int nbits = 0;
	int n = 0;
	size_t i;
	bool good;

	if (length != prefix_length + 1 + BECH32_KEY_DIGITS || text[prefix_length] != '1')
		return false;
	for (i = 0; i < prefix_length; i++)
	{
		if (text[i] != (upper_case ? upper(prefix[i]) : prefix[i]))
			return false;
	}
	if (!read_digits(text + prefix_length + 1, upper_case, values))
		return false;
	good = checksum(prefix, values, BECH32_KEY_DIGITS) == 1;
	for (i = 0; i < DATA_DIGITS; i++)
	{
		bits = (bits << 5 | values[i]) & 0xfff;
		nbits += 5;
		if (nbits >= 8)
		{
			nbits -= 8;
			key[n++] = (uint8_t) (bits >> nbits);
		}
	}
	good = good && (bits & ((UINT32_C(1) << nbits) - 1)) == 0;
	secret_cleanse(values, sizeof(values));
	secret_cleanse(&bits, sizeof(bits));
	return good;
}

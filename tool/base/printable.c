/*-------------------------------------------------------------------------
 *
 * printable.c
 *	  Well-formed UTF-8 without control characters, whatever the locale:
 *	  iswprint() would say no to every letter outside ASCII under LC_ALL=C,
 *	  where backups usually run.
 *
 *-------------------------------------------------------------------------
 */
#include "printable.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Characters that show nothing of themselves: they turn the direction of
 * what follows, join or hide what is beside them, or look like nothing, so
 * that a name reads as another one.  Unicode's Default_Ignorable_Code_Point
 * but for variation selectors, which color an emoji; controls and separators
 * of lines; noncharacters.  Sorted.
 */
static const uint32_t unseen[][2] = {
	{0x0080, 0x009f}, {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x061c, 0x061c},   {0x115f, 0x1160},
	{0x17b4, 0x17b5}, {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},
	{0x3164, 0x3164}, {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},
	{0xfffe, 0xffff}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

/* The character of well-formed UTF-8 at the start of a text, and its length; 0 if there is none. */
int
utf8_character(const char *text, uint32_t *character)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *) text;
	int length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t value;
	int i;

	if (length == 0 || s[0] > 0xf4)
		return 0;
	value = length == 1 ? s[0] : s[0] & (0x7fU >> length);
	for (i = 1; i < length; i++)
	{
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (s[i] & 0x3fU);
	}
	/* No overlong forms, no surrogates, nothing above U+10FFFF. */
	if (value < smallest[length] || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff)
		return 0;
	*character = value;
	return length;
}

static bool
is_unseen(uint32_t character)
{
	size_t i;

	for (i = 0; i < sizeof(unseen) / sizeof(unseen[0]) && character >= unseen[i][0]; i++)
	{
		if (character <= unseen[i][1])
			return true;
	}
	/* The last two of each plane are noncharacters. */
	return (character & 0xfffe) == 0xfffe;
}

/*
 * Letters of scripts that need ZERO WIDTH (NON-)JOINER for ordinary words, from
 * Arabic to Mongolian with their extensions, and symbols that make up emoji.
 * In Latin, Greek or Cyrillic words these characters only hide differences.
 */
static const uint32_t joinable[][2] = {
	{0x0600, 0x08ff}, {0x0900, 0x109f}, {0x1780, 0x18af},   {0x2190, 0x2bff},
	{0xa840, 0xa8ff}, {0xa980, 0xa9df}, {0xabc0, 0xabff},   {0xfb50, 0xfdcf},
	{0xfe0e, 0xfe0f}, {0xfe70, 0xfefc}, {0x11000, 0x11fff}, {0x1f000, 0x1faff},
};

static bool
is_joinable(uint32_t character)
{
	size_t i;

	for (i = 0; i < sizeof(joinable) / sizeof(joinable[0]) && character >= joinable[i][0]; i++)
	{
		if (character <= joinable[i][1])
			return !is_unseen(character);
	}
	return false;
}

/* The length of a joiner that stands between this character and another letter of the kind. */
static int
joiner_length(uint32_t character, const char *after)
{
	uint32_t joiner;
	uint32_t next;
	int length;

	if (!is_joinable(character))
		return 0;
	length = utf8_character(after, &joiner);
	if (length == 0 || (joiner != 0x200c && joiner != 0x200d) ||
		utf8_character(after + length, &next) == 0)
		return 0;
	return is_joinable(next) ? length : 0;
}

int
printable_length(const char *text)
{
	uint32_t character;
	int length;

	if ((unsigned char) text[0] < 0x80)
		return text[0] >= 0x20 && text[0] != 0x7f ? 1 : 0;
	length = utf8_character(text, &character);
	if (length == 0 || is_unseen(character))
		return 0;
	return length + joiner_length(character, text + length);
}

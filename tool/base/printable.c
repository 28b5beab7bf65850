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

/* True if so many continuation bytes follow. */
static bool
continued(const unsigned char *s, int count)
{
	int i;

	for (i = 1; i <= count; i++)
	{
		if ((s[i] & 0xc0) != 0x80)
			return false;
	}
	return true;
}

int
printable_length(const char *text)
{
	const unsigned char *s = (const unsigned char *) text;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f ? 1 : 0;

	/* U+0080 to U+009F are control characters, too. */
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return continued(s, 1) && !(s[0] == 0xc2 && s[1] < 0xa0) ? 2 : 0;

	/* No overlong forms, no surrogates, nothing above U+10FFFF. */
	if (s[0] >= 0xe0 && s[0] <= 0xef)
		return continued(s, 2) && !(s[0] == 0xe0 && s[1] < 0xa0) && !(s[0] == 0xed && s[1] > 0x9f)
				   ? 3
				   : 0;
	if (s[0] >= 0xf0 && s[0] <= 0xf4)
		return continued(s, 3) && !(s[0] == 0xf0 && s[1] < 0x90) && !(s[0] == 0xf4 && s[1] > 0x8f)
				   ? 4
				   : 0;
	return 0;
}

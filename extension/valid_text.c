/*-------------------------------------------------------------------------
 *
 * valid_text.c
 *	  Names from shared catalogs as text of this database.
 *
 * The names of databases and roles have no encoding: the server keeps the bytes
 * that a session of whichever database has sent, and in a database of another
 * encoding they need not be text.  Whatever looks at characters then ends with
 * an error, and every role that may create a database would end
 * nex_backup_status() for all.  SQL cannot tell: what asks for the validity of
 * bytes takes bytea, and a cast of such a name to that looks for backslashes.
 *
 * A byte that is not part of a character is shown as \xNN, as by the program
 * (tool/report/catalogue.c), so that the names of the two are the same.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "valid_text.h"

PG_FUNCTION_INFO_V1(nex_backup_valid_text);

char *
valid_text(const char *bytes, int length)
{
	StringInfoData shown;
	int encoding = GetDatabaseEncoding();

	initStringInfo(&shown);
	while (length > 0)
	{
		int character = pg_encoding_verifymbchar(encoding, bytes, length);

		if (character > 0)
			appendBinaryStringInfo(&shown, bytes, character);
		else
		{
			appendStringInfo(&shown, "\\x%02x", (unsigned char) *bytes);
			character = 1;
		}
		bytes += character;
		length -= character;
	}
	return shown.data;
}

char *
valid_output(const char *bytes, int length)
{
	char *text = palloc(length + 1);
	int encoding = GetDatabaseEncoding();
	int used = 0;

	while (length > 0)
	{
		int width = *bytes == '\0' ? -1 : pg_encoding_verifymbchar(encoding, bytes, length);

		/* The tool writes UTF-8, which elsewhere would be taken for something else. */
		if (width <= 0 || (encoding != PG_UTF8 && (width > 1 || IS_HIGHBIT_SET(*bytes))))
		{
			text[used++] = '?';
			width = 1;
		}
		else
		{
			memcpy(text + used, bytes, (size_t) width);
			used += width;
		}
		bytes += width;
		length -= width;
	}
	text[used] = '\0';
	return text;
}

/* nex_backup.valid_text(text): itself, if it is text of this database. */
Datum
nex_backup_valid_text(PG_FUNCTION_ARGS)
{
	text *given = PG_GETARG_TEXT_PP(0);

	if (pg_verifymbstr(VARDATA_ANY(given), (int) VARSIZE_ANY_EXHDR(given), true))
		PG_RETURN_TEXT_P(given);
	PG_RETURN_TEXT_P(
		cstring_to_text(valid_text(VARDATA_ANY(given), (int) VARSIZE_ANY_EXHDR(given))));
}

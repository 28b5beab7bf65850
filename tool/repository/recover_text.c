/*-------------------------------------------------------------------------
 *
 * recover_text.c
 *	  The text of RECOVER.txt.
 *
 * It is the same for every repository, so that its digest in nex_backup.json
 * proves it.  tests/t/002_stock_tools.t runs its commands.
 *
 *-------------------------------------------------------------------------
 */
#include "recover_text.h"

static const char text[] =
	"HOW TO RESTORE FROM THIS DIRECTORY WITHOUT NEX_BACKUP\n"
	"=====================================================\n"
	"\n"
	"With nex_backup:\n"
	"\n"
	"    nex_backup list --repo THIS_DIRECTORY\n"
	"    nex_backup restore DATABASE --repo THIS_DIRECTORY --to NEW_DATABASE\n"
	"\n"
	"Without it, everything below needs only sha256sum, cut, xargs, cat, zstd (or gunzip) and "
	"psql.\n"
	"Run the commands in this directory.\n"
	"\n"
	"1. Choose a backup. Each is one file backups/DATABASE/ID.json; ID is its start time in UTC.\n"
	"   Characters other than letters, digits, _ and - in DATABASE are written as %XX "
	"(hexadecimal).\n"
	"\n"
	"    ls backups/*/\n"
	"\n"
	"2. Prove that nothing is damaged:\n"
	"\n"
	"    sha256sum -c --quiet backups/DATABASE/ID.sha256\n"
	"\n"
	"3. Create the roles that own things in the database or have rights in it; they are not part "
	"of "
	"a\n"
	"   database backup, and each statement that names a missing one would fail. Then create an "
	"empty\n"
	"   database. Owner, encoding, collate and ctype stand under \"database\" in ID.json:\n"
	"\n"
	"    grep '^\"database\"' backups/DATABASE/ID.json\n"
	"    createdb -T template0 -O OWNER -E ENCODING --lc-collate=COLLATE --lc-ctype=CTYPE "
	"NEW_DATABASE\n"
	"\n"
	"   If \"provider\" is \"i\" there, add: --locale-provider=icu --icu-locale=ICU_LOCALE\n"
	"   If it is \"b\", add: --locale-provider=builtin --builtin-locale=ICU_LOCALE\n"
	"   Tablespaces that CREATE statements name must exist, too.\n"
	"\n"
	"4. Restore. psql must be of August 2025 or later (14.19, 15.14, 16.10, 17.6 or newer).\n"
	"\n"
	"   When the names in ID.sha256 end in .sql.zst:\n"
	"    cut -c67- backups/DATABASE/ID.sha256 | xargs cat | zstd -dc | psql -X -v ON_ERROR_STOP=1 "
	"-d NEW_DATABASE\n"
	"\n"
	"   When they end in .sql.gz:\n"
	"    cut -c67- backups/DATABASE/ID.sha256 | xargs cat | gunzip -c | psql -X -v ON_ERROR_STOP=1 "
	"-d NEW_DATABASE\n"
	"\n"
	"   When they end in .sql:\n"
	"    cut -c67- backups/DATABASE/ID.sha256 | xargs cat | psql -X -v ON_ERROR_STOP=1 -d "
	"NEW_DATABASE\n"
	"\n"
	"5. Refresh the planner's statistics:\n"
	"\n"
	"    vacuumdb --analyze-only -d NEW_DATABASE\n"
	"\n"
	"The schema alone, as an archive for pg_restore (a list of objects, single objects, parallel "
	"index\n"
	"builds), is the second object (with gunzip -c or cat in place of zstd -dc, as above):\n"
	"\n"
	"    sed -n 2p backups/DATABASE/ID.sha256 | cut -c67- | xargs cat | zstd -dc | sed -n 's/^-- "
	"\\([^ ]*\\)$/\\1/p' | base64 -d > schema.dump\n"
	"    pg_restore --list schema.dump\n"
	"\n"
	"One table: its rows are in the members of ID.json that name its position under \"tables\"; "
	"each member is\n"
	"\"length\" bytes at \"offset\" of its object, and decompresses to COPY ... FROM stdin, rows, "
	"and \\. alone on a line.\n"
	"\n"
	"The format is described in docs/format.md of nex_backup.\n";

const char *
recover_text(void)
{
	return text;
}

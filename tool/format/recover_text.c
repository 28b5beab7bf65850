/*-------------------------------------------------------------------------
 *
 * recover_text.c
 *	  The text of RECOVER.txt.
 *
 * It is the same for every repository with the same cipher, so that its digest
 * in nex_backup.json proves it.  tests/t/002_stock_tools.t runs its commands.
 *
 *-------------------------------------------------------------------------
 */
#include "recover_text.h"

#include <string.h>

#include "buffer.h"

/*
 * A text of format() in a member "database", for grep within "": one without
 * semicolons, or one that has them in literals and quoted names only.  What a
 * reader of literals could be deceived with has no place there: a backslash,
 * a comment, a dollar.
 */
#define KNOWN_TEXT                                                                                 \
	"''([^;]*|([A-Za-z0-9_ .,]|\\\"([^\\\"'\\\\]|\\\"\\\")*\\\"|''''([^'\\\\]|'''''''')*'''')*)''"

static const char text[] =
	"HOW TO RESTORE FROM THIS DIRECTORY WITHOUT NEX_BACKUP\n"
	"=====================================================\n"
	"\n"
	"With nex_backup:\n"
	"\n"
	"    nex_backup list --repo THIS_DIRECTORY\n"
	"    nex_backup restore --all --repo THIS_DIRECTORY          (on a new server)\n"
	"    nex_backup restore DATABASE --repo THIS_DIRECTORY --to NEW_DATABASE\n"
	"\n"
	"Without it, everything below needs only sha256sum, cut, xargs, cat, zstd (or gunzip) and "
	"psql.\n"
	"Run the commands in this directory.\n"
	"\n"
	"1. Choose a backup. Each is one file backups/DATABASE/ID.json; ID is its start time in UTC, "
	"by "
	"the\n"
	"   clock of the host that made it. If a clock was wrong, the time of its snapshot, by the "
	"server's\n"
	"   clock, decides which one is the latest: \"snapshot_at\" in ID.json.\n"
	"   Characters other than letters, digits, _ and - in DATABASE are written as %XX "
	"(hexadecimal).\n"
	"\n"
	"    ls backups/*/\n"
	"    grep -H '^\"snapshot_at\"' backups/DATABASE/*.json\n"
	"\n"
	"   Backups of other servers than the one called main lie in servers/NAME: write "
	"servers/NAME/backups\n"
	"   and servers/NAME/globals wherever this text says backups and globals.\n"
	"\n"
	"2. Prove that nothing is damaged:\n"
	"\n"
	"    sha256sum -c --quiet backups/DATABASE/ID.sha256\n"
	"\n"
	"3. Roles and tablespaces are not part of a database backup, and each statement that names a "
	"missing\n"
	"   one would fail. On a new cluster restore them first, from the file globals/ID.json with "
	"the latest\n"
	"   \"snapshot_at\", as a superuser (with gunzip -c or cat in place of zstd -dc, see 4.):\n"
	"\n"
	"    grep -H '^\"snapshot_at\"' globals/*.json\n"
	"    sha256sum -c --quiet globals/ID.sha256\n"
	"    cut -c67- globals/ID.sha256 | xargs cat | zstd -dc | psql -X -v ON_ERROR_STOP=1 -d "
	"postgres\n"
	"\n"
	"   It stops at the first error: a role that exists, or a directory of a tablespace that does "
	"not.\n"
	"   Directories must exist, be empty and belong to the server's user. To go on past roles that "
	"exist,\n"
	"   leave out \"-v ON_ERROR_STOP=1\" and read what psql says.\n"
	"\n"
	"   Then create an empty database. Owner, encoding, collate and ctype stand under \"database\" "
	"in ID.json:\n"
	"\n"
	"    grep '^\"database\"' backups/DATABASE/ID.json\n"
	"    createdb -T template0 -O OWNER -E ENCODING --lc-collate=COLLATE --lc-ctype=CTYPE "
	"NEW_DATABASE\n"
	"\n"
	"   If \"provider\" is \"i\" there, add: --locale-provider=icu --icu-locale=ICU_LOCALE\n"
	"   If it is \"b\", add: --locale-provider=builtin --builtin-locale=ICU_LOCALE\n"
	"\n"
	"4. Restore. psql must be of August 2025 or later (14.19, 15.14, 16.10, 17.6 or newer).\n"
	"   A backup whose \"tool\" in ID.json is 0.1.0 or 0.2.0 may hold SQL that somebody planted: "
	"look as\n"
	"   described at the end, before you run it.\n"
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
	"Backups of nex_backup 0.1.0 and 0.2.0 (\"tool\" in ID.json) may hold SQL that somebody "
	"planted who could\n"
	"do no more than connect, and that a superuser would run. \"nex_backup verify\" of 0.2.1 and "
	"later finds it.\n"
	"By hand: two members of a backup can hold such SQL; this shows where they are.\n"
	"\n"
	"    grep -E '^.\"kind\":\"(sequences|database)\"' backups/DATABASE/ID.json\n"
	"\n"
	"With the numbers of each line as OBJECT, OFFSET and LENGTH (and gunzip -c or cat as above):\n"
	"\n"
	"    sed -n $((OBJECT + 1))p backups/DATABASE/ID.sha256 | cut -c67- | xargs cat | tail -c "
	"+$((OFFSET + 1)) | head -c LENGTH | zstd -dc > member.sql\n"
	"\n"
	"Of \"sequences\" this must print nothing:\n"
	"\n"
	"    grep -anvE \"^SELECT pg_catalog\\.setval\\(('([^']|'')*'|E'([^'\\]|''|\\\\\\\\[\\nr])*'), "
	"-?[0-9]+, (true|false)\\);$\" "
	"member.sql\n"
	"\n"
	"Of \"database\" this prints what needs a look:\n"
	"\n"
	"    grep -anvE \"^DO 'BEGIN EXECUTE pg_catalog\\.format\\(''%s %I %s'', " KNOWN_TEXT ", "
	"pg_catalog\\.current_database\\(\\), " KNOWN_TEXT "\\); END';$\" member.sql\n"
	"\n"
	"There, text between four quotation marks on each side, ''''like this'''', is a value, "
	"whatever "
	"it says. At the\n"
	"end of a statement they are six, as two of them end the whole text. Leave the values out, and "
	"no semicolon may\n"
	"be left but the two in \"); END';\": any other begins another command. Harmless, though it "
	"has a semicolon\n"
	"and a line break:\n"
	"\n"
	"      DO 'BEGIN EXECUTE pg_catalog.format(''%s %I %s'', ''COMMENT ON DATABASE'', "
	"pg_catalog.current_database(), ''IS ''''Sales; do not\n"
	"      drop''''''); END';\n"
	"\n"
	"Planted, as the text behind public is between two quotation marks, not four:\n"
	"\n"
	"      DO 'BEGIN EXECUTE pg_catalog.format(''%s %I %s'', ''ALTER ROLE eve IN DATABASE'', "
	"pg_catalog.current_database(), ''SET search_path TO public;ALTER ROLE eve SUPERUSER;--''); "
	"END';\n"
	"\n"
	"With a backslash, $ or a comment in it a statement cannot be judged like this. If in doubt "
	"do not run it: write\n"
	"the text of the backup to a file and take the statement out. What is lost is one setting, "
	"grant or comment.\n"
	"\n"
	"WAL that servers archived, in wal, comes back without nex_backup by a file get_wal with this "
	"line, as\n"
	"restore_command = 'sh get_wal %f %p', with the full path. Unlike nex_backup, it gives a file "
	"that is missing or\n"
	"damaged for the end of the WAL: look first whether one is missing between the names.\n"
	"\n"
	"      find THIS_DIRECTORY/wal -name \"$1-*.zst\" | head -n 1 | xargs cat | zstd -dcq >\"$2\"; "
	"test -s \"$2\"\n"
	"\n"
	"The format is described in docs/format.md of nex_backup.\n";

static const char preface[] =
	"THIS REPOSITORY IS ENCRYPTED@INTRODUCTION@. KEY_FILE below stands for a file\n"
	"with @KEY@. @PREPARE@ Try the\n"
	"key: this prints nothing if it opens everything in a backup.\n"
	"\n"
	"    cut -c67- backups/DATABASE/ID.sha256 | xargs -n 1 sh -c '@OPEN@ >/dev/null || exit 255'\n"
	"\n"
	"The tables and members of a backup are in the encrypted part of ID.json:\n"
	"\n"
	"    sed -n 's/^\"private\": \"\\([^\"]*\\)\".*/\\1/p' backups/DATABASE/ID.json | base64 -d "
	">manifest.sealed\n"
	"    sh -c '@OPEN@' manifest.sealed >manifest.json\n"
	"\n"
	"Digests prove that nothing is damaged. That nobody has replaced everything, digests included, "
	"is proved\n"
	"by signatures, which only nex_backup checks (--signer SIGNER).\n"
	"\n";

/* What differs from cipher to cipher. */
static const struct
{
	const char *introduction;
	const char *key;
	const char *prepare;
	const char *open; /* the file $0 to standard output, in a word of sh within '' */
	const char *tools;
	const char *appendix;
} ciphers[] = {
	[CIPHER_AGE] = {" with age (https://age-encryption.org)",
					"the secret key of one of the recipients that nex_backup.json names",
					"Install age.", "age -d -i KEY_FILE \"$0\"", "age", ""},
	[CIPHER_AES_256_GCM] =
		{" with AES-256-GCM",
		 "what nex_backup.json says: the secret key of one of its \"recipients\"; with the "
		 "\"wrapping\"\n\"key-file\" that file; with \"passphrase\" the passphrase (each file then "
		 "takes a second).\nTo nex_backup these are given with --identity, --key-file, "
		 "--passphrase-file",
		 "Write the program\nat the end of this file into a file outside of this directory; "
		 "whoever can "
		 "write here must not\nget your key by a program of theirs, so take a copy of RECOVER.txt "
		 "that you keep with the\nkey. It needs python3 and python3-cryptography:\n\n"
		 "    sed -n '/^#!/,/^# end/p' RECOVER.txt >~/decrypt_aes.py\n\n",
		 "python3 -I ~/decrypt_aes.py KEY_FILE <\"$0\"", "python3", recover_aes_program},
};

/* What is different in the commands of an encrypted repository; @…@ as below. */
static const struct
{
	const char *plain;
	const char *encrypted;
} differences[] = {
	{"xargs cat", "xargs -n 1 sh -c '@OPEN@ || exit 255'"},
	{"end in .sql.zst:", "end in .sql.zst@SUFFIX@:"},
	{"end in .sql.gz:", "end in .sql.gz@SUFFIX@:"},
	{"-*.zst\"", "-*.zst@SUFFIX@\""},
	{"end in .sql:", "end in .sql@SUFFIX@:"},
	{"cut, xargs, cat, zstd", "cut, xargs, @TOOLS@, zstd"},
	{"--repo THIS_DIRECTORY --to", "--repo THIS_DIRECTORY --identity KEY_FILE --to"},
	{"|database)\"' backups/DATABASE/ID.json", "|database)\"' manifest.json"},
};

/* Append a text with what stands for @OPEN@ and the like. */
static void
append_for_cipher(Buffer *out, const char *template, Cipher cipher)
{
	const struct
	{
		const char *word;
		const char *value;
	} words[] = {{"@INTRODUCTION@", ciphers[cipher].introduction},
				 {"@KEY@", ciphers[cipher].key},
				 {"@PREPARE@", ciphers[cipher].prepare},
				 {"@OPEN@", ciphers[cipher].open},
				 {"@TOOLS@", ciphers[cipher].tools},
				 {"@SUFFIX@", cipher_suffix(cipher)}};
	size_t i;

	while (*template != '\0')
	{
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		{
			if (strncmp(template, words[i].word, strlen(words[i].word)) == 0)
				break;
		}
		if (i < sizeof(words) / sizeof(words[0]))
		{
			buffer_append_string(out, words[i].value);
			template += strlen(words[i].word);
		}
		else
			buffer_append_char(out, *template ++);
	}
}

char *
recover_text(Cipher cipher)
{
	const char *title_end = strstr(text, "\n\n") + 2;
	const char *at = text;
	Buffer result;

	buffer_init(&result);
	if (cipher == CIPHER_NONE)
	{
		buffer_append_string(&result, text);
		return buffer_detach(&result);
	}
	while (*at != '\0')
	{
		size_t i;

		if (at == title_end)
			append_for_cipher(&result, preface, cipher);
		for (i = 0; i < sizeof(differences) / sizeof(differences[0]); i++)
		{
			if (strncmp(at, differences[i].plain, strlen(differences[i].plain)) == 0)
				break;
		}
		if (i < sizeof(differences) / sizeof(differences[0]))
		{
			append_for_cipher(&result, differences[i].encrypted, cipher);
			at += strlen(differences[i].plain);
		}
		else
			buffer_append_char(&result, *at++);
	}
	if (ciphers[cipher].appendix[0] != '\0')
		buffer_append_char(&result, '\n');
	buffer_append_string(&result, ciphers[cipher].appendix);
	return buffer_detach(&result);
}

/*-------------------------------------------------------------------------
 *
 * wal_name.c
 *	  Names of WAL files.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"

#define SEGMENT_DIGITS 24
#define PLAIN_SUFFIX ".zst"

/* Exactly so many digits, in upper case as PostgreSQL writes them, or in lower case. */
static bool
read_hex(const char *text, size_t digits, bool upper, uint64_t *value)
{
	size_t i;

	*value = 0;
	for (i = 0; i < digits; i++)
	{
		char c = text[i];
		int digit = c >= '0' && c <= '9'             ? c - '0'
					: upper && c >= 'A' && c <= 'F'  ? c - 'A' + 10
					: !upper && c >= 'a' && c <= 'f' ? c - 'a' + 10
													 : -1;

		if (digit < 0)
			return false;
		*value = *value << 4 | (unsigned) digit;
	}
	return true;
}

static bool
read_32(const char *text, uint32_t *value)
{
	uint64_t wide;
	bool good = read_hex(text, 8, true, &wide);

	*value = (uint32_t) wide;
	return good;
}

bool
wal_name_parse(const char *text, WalName *name)
{
	size_t length = strlen(text);
	const char *rest = text + SEGMENT_DIGITS;
	uint32_t offset;

	memset(name, 0, sizeof(*name));
	if (length >= WAL_NAME_SIZE || length < 8 || !read_32(text, &name->timeline) ||
		name->timeline == 0)
		return false;
	memcpy(name->text, text, length + 1);
	if (strcmp(text + 8, ".history") == 0)
	{
		name->kind = WAL_HISTORY;
		return true;
	}
	if (length < SEGMENT_DIGITS || !read_32(text + 8, &name->log) ||
		!read_32(text + 16, &name->segment))
		return false;
	if (*rest == '\0')
		name->kind = WAL_SEGMENT;
	else if (strcmp(rest, ".partial") == 0)
		name->kind = WAL_PARTIAL;
	else if (length == WAL_NAME_SIZE - 1 && rest[0] == '.' && read_32(rest + 1, &offset) &&
			 strcmp(rest + 9, ".backup") == 0)
		name->kind = WAL_BACKUP_LABEL;
	else
		return false;
	return true;
}

bool
wal_segment_size_valid(uint64_t size)
{
	return size >= 1024 * 1024 && size <= 1024 * 1024 * 1024 && (size & (size - 1)) == 0;
}

bool
wal_segment_number(const WalName *name, uint32_t size, uint64_t *number)
{
	uint64_t in_log = (UINT64_C(1) << 32) / size;

	*number = name->log * in_log + name->segment;
	return name->segment < in_log;
}

void
wal_segment_name(uint32_t timeline, uint64_t number, uint32_t size, WalName *name)
{
	uint64_t in_log = (UINT64_C(1) << 32) / size;

	memset(name, 0, sizeof(*name));
	name->kind = WAL_SEGMENT;
	name->timeline = timeline;
	name->log = (uint32_t) (number / in_log);
	name->segment = (uint32_t) (number % in_log);
	snprintf(name->text, sizeof(name->text), "%08" PRIX32 "%08" PRIX32 "%08" PRIX32, timeline,
			 name->log, name->segment);
}

int
wal_segment_compare(const WalName *a, const WalName *b)
{
	if (a->log != b->log)
		return a->log < b->log ? -1 : 1;
	if (a->segment != b->segment)
		return a->segment < b->segment ? -1 : 1;
	return 0;
}

void
wal_lsn_text(uint64_t lsn, char text[WAL_LSN_SIZE])
{
	snprintf(text, WAL_LSN_SIZE, "%" PRIX32 "/%" PRIX32, (uint32_t) (lsn >> 32), (uint32_t) lsn);
}

char *
wal_system_path(uint64_t system_identifier)
{
	return xasprintf(WAL_TREE "/%016" PRIx64, system_identifier);
}

bool
wal_system_parse(const char *text, uint64_t *system_identifier)
{
	return strlen(text) == 16 && read_hex(text, 16, false, system_identifier) &&
		   *system_identifier != 0;
}

char *
wal_directory(uint64_t system_identifier, const WalName *name)
{
	if (name->kind == WAL_HISTORY || name->kind == WAL_BACKUP_LABEL)
		return xasprintf(WAL_TREE "/%016" PRIx64 "/history", system_identifier);
	return xasprintf(WAL_TREE "/%016" PRIx64 "/%08" PRIX32 "/%08" PRIX32, system_identifier,
					 name->timeline, name->log);
}

char *
wal_file_name(const WalFile *file)
{
	return xasprintf("%s-%s-%s" PLAIN_SUFFIX "%s", file->name.text, file->sha256, file->content,
					 cipher_suffix(file->cipher));
}

/* ".zst", and what the cipher has. */
static bool
read_suffix(const char *text, Cipher *cipher)
{
	static const Cipher ciphers[] = {CIPHER_NONE, CIPHER_AGE, CIPHER_AES_256_GCM};
	size_t i;

	if (strncmp(text, PLAIN_SUFFIX, strlen(PLAIN_SUFFIX)) != 0)
		return false;
	for (i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
	{
		*cipher = ciphers[i];
		if (strcmp(text + strlen(PLAIN_SUFFIX), cipher_suffix(*cipher)) == 0)
			return true;
	}
	return false;
}

bool
wal_file_parse(const char *text, WalFile *file)
{
	size_t length = strcspn(text, "-");
	const char *digest = text + length + 1;
	const char *content = digest + DIGEST_HEX_LENGTH + 1;
	char name[WAL_NAME_SIZE];
	uint64_t ignored;

	memset(file, 0, sizeof(*file));
	if (length >= sizeof(name) ||
		strlen(text) < length + 1 + DIGEST_HEX_LENGTH + 1 + WAL_CONTENT_DIGITS)
		return false;
	memcpy(name, text, length);
	name[length] = '\0';
	memcpy(file->sha256, digest, DIGEST_HEX_LENGTH);
	memcpy(file->content, content, WAL_CONTENT_DIGITS);
	return wal_name_parse(name, &file->name) && digest_hex_valid(file->sha256) &&
		   content[-1] == '-' && read_hex(content, WAL_CONTENT_DIGITS, false, &ignored) &&
		   read_suffix(content + WAL_CONTENT_DIGITS, &file->cipher);
}

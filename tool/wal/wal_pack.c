/*-------------------------------------------------------------------------
 *
 * wal_pack.c
 *	  WAL files as they are stored.
 *
 * The content is always compressed by zstd, whatever objects are: its
 * skippable frames are what the record needs.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_pack.h"

#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "encryption.h"
#include "keyring.h"
#include "log.h"
#include "memory.h"
#include "repository_secret.h"
#include "storage_use.h"
#include "wal_pages.h"

/* Frame, record, encryption; and what zstd adds to what it cannot compress. */
#define MAX_STORED_BYTES (WAL_MAX_BYTES + WAL_MAX_BYTES / 64 + 1024 * 1024)

bool
wal_name_content(const Repository *repository, const char *data, size_t length,
				 const DigestHex sha256, WalContent content)
{
	const Encryption *encryption = repository->encryption;
	DigestHex keyed;

	if (encryption != NULL &&
		!writer_key_name_content(&encryption->writer_key, data, length, keyed))
		return report_error(EXIT_FAILED, NULL, NULL, "could not compute a SHA-256 digest");
	memcpy(content, encryption != NULL ? keyed : sha256, WAL_CONTENT_DIGITS);
	content[WAL_CONTENT_DIGITS] = '\0';
	return true;
}

/* Does the frame give the same bytes again? */
static bool
decompresses(const char *frame, size_t frame_length, const char *data, size_t length)
{
	Decompressor *decompressor = decompressor_create(CODEC_ZSTD);
	char *again = xmalloc(length + 1);
	bool same = decompressor != NULL &&
				decompressor_frame(decompressor, frame, frame_length, again, length) == NULL &&
				memcmp(again, data, length) == 0;

	decompressor_free(decompressor);
	free(again);
	return same;
}

bool
wal_compress(const char *data, size_t length, int level, Buffer *out)
{
	Compressor *compressor = compressor_create(CODEC_ZSTD, level);
	size_t begin = out->length;
	bool good = compressor != NULL && compressor_frame(compressor, data, length, out) &&
				decompresses(out->data + begin, out->length - begin, data, length);

	compressor_free(compressor);
	return good || report_error(EXIT_FAILED, NULL, NULL, "could not compress by zstd");
}

bool
wal_pack(const Repository *repository, const WalRecord *record, const Buffer *compressed,
		 Buffer *stored, WalFile *file)
{
	const Encryption *encryption = repository->encryption;
	Buffer plain;
	bool good;

	memset(file, 0, sizeof(*file));
	file->name = record->name;
	file->cipher = repository_cipher(repository);
	memcpy(file->content, record->content, sizeof(file->content));
	buffer_init(&plain);
	good = wal_record_write(repository, record, &plain);
	if (good)
		buffer_append(&plain, compressed->data, compressed->length);
	if (good && encryption == NULL)
	{
		buffer_free(stored);
		*stored = plain;
		buffer_init(&plain);
	}
	else if (good)
		good = cipher_encrypt(encryption->cipher, &encryption->recipients, plain.data, plain.length,
							  stored) == AGE_OK ||
			   report_error(EXIT_FAILED, NULL, NULL, "could not encrypt: OpenSSL refuses");
	buffer_free(&plain);
	file->bytes = stored->length;
	return good && (digest_buffer(stored->data, stored->length, file->sha256) ||
					report_error(EXIT_FAILED, NULL, NULL, "could not compute a SHA-256 digest"));
}

WalVerdict
wal_check_stored(const Repository *repository, const char *directory, const WalFile *file,
				 Buffer *stored, char **problem, const char **hint)
{
	char *name = wal_file_name(file);
	char *path = xasprintf("%s/%s", directory, name);
	StoreResult result = storage_read(repository->storage, path, MAX_STORED_BYTES, stored);
	WalVerdict verdict = WAL_GOOD;
	DigestHex digest;

	*problem = NULL;
	*hint = result.hint;
	if (result.code == STORE_ABSENT || result.code == STORE_DAMAGED)
	{
		verdict = WAL_DAMAGED;
		*problem = result.code == STORE_ABSENT ? xstrdup("is missing") : xstrdup(result.text);
	}
	else if (result.code != STORE_OK)
	{
		verdict = WAL_UNREADABLE;
		*problem = xasprintf("could not be read: %s", result.text);
	}
	else if (!digest_buffer(stored->data != NULL ? stored->data : "", stored->length, digest) ||
			 strcmp(digest, file->sha256) != 0)
	{
		verdict = WAL_DAMAGED;
		*problem = xstrdup("does not match the digest in its name");
	}
	free(path);
	free(name);
	return verdict;
}

/* Decrypt what was stored, into `plain`. */
static WalVerdict
open_stored(const Repository *repository, const WalFile *file, Buffer *stored, Buffer *plain,
			WalContentRead *content)
{
	AgeResult result;

	if (file->cipher != repository_cipher(repository))
	{
		content->problem = xstrdup("is not encrypted as the repository is");
		return WAL_DAMAGED;
	}
	if (file->cipher == CIPHER_NONE)
	{
		Buffer swap = *plain;

		*plain = *stored;
		*stored = swap;
		return WAL_GOOD;
	}
	if (!keyring_can_open() || repository_secret_missing(repository->encryption))
	{
		content->problem =
			xasprintf("cannot be opened: %s", repository_secret_lack(repository->encryption));
		content->hint = repository_secret_hint(repository->encryption);
		return WAL_UNREADABLE;
	}
	result = keyring_decrypt(file->cipher, stored->data, stored->length, plain);
	if (result == AGE_OK)
		return WAL_GOOD;
	content->problem = xstrdup(age_result_text(result));
	return result == AGE_NO_MATCH || result == AGE_UNABLE ? WAL_UNREADABLE : WAL_DAMAGED;
}

static const char *
decompress(const char *frame, size_t length, const WalRecord *record, Buffer *data)
{
	Decompressor *decompressor;
	const char *problem;

	if (record->bytes == 0 || record->bytes > WAL_MAX_BYTES)
		return "has a record with a bad or missing value";
	decompressor = decompressor_create(CODEC_ZSTD);
	if (decompressor == NULL)
		out_of_memory();
	buffer_reset(data);
	buffer_reserve(data, record->bytes);
	problem = decompressor_frame(decompressor, frame, length, data->data, record->bytes);
	decompressor_free(decompressor);
	if (problem == NULL)
		data->length = record->bytes;
	return problem;
}

/* Is the content that of the record, and the record that of the file? */
static char *
content_problem(const WalRecord *record, uint64_t system_identifier, const WalFile *file,
				const Buffer *data)
{
	DigestHex digest;
	WalHead head;
	char *problem;

	if (strcmp(record->name.text, file->name.text) != 0 ||
		strcmp(record->content, file->content) != 0)
		return xstrdup("is another file than its name says");
	if (record->system_identifier != system_identifier)
		return xstrdup("is of another server than its directory");
	if (!digest_buffer(data->data, data->length, digest) || strcmp(digest, record->sha256) != 0)
		return xstrdup("has a content that does not match its digest");
	if (file->cipher == CIPHER_NONE && strncmp(digest, file->content, WAL_CONTENT_DIGITS) != 0)
		return xstrdup("has a content that does not match its name");
	if (file->name.kind != WAL_SEGMENT && file->name.kind != WAL_PARTIAL)
		return NULL;
	problem = wal_pages_check(&file->name, data->data, data->length, &head);
	if (problem == NULL && head.system_identifier != system_identifier)
		problem = xstrdup("has WAL of another server");
	return problem;
}

WalVerdict
wal_unpack(const Repository *repository, uint64_t system_identifier, const char *directory,
		   const WalFile *file, WalContentRead *content)
{
	const char *problem = NULL;
	WalVerdict verdict;
	Buffer stored;
	Buffer plain;
	size_t used = 0;

	memset(content, 0, sizeof(*content));
	buffer_init(&content->data);
	buffer_init(&stored);
	buffer_init(&plain);
	verdict =
		wal_check_stored(repository, directory, file, &stored, &content->problem, &content->hint);
	if (verdict == WAL_GOOD)
		verdict = open_stored(repository, file, &stored, &plain, content);
	if (verdict == WAL_GOOD)
	{
		problem = wal_record_read(repository, plain.data, plain.length, &content->record, &used);
		if (problem == NULL)
			problem = decompress(plain.data + used, plain.length - used, &content->record,
								 &content->data);
		content->problem = problem != NULL ? xstrdup(problem)
										   : content_problem(&content->record, system_identifier,
															 file, &content->data);
		if (content->problem != NULL)
			verdict = WAL_DAMAGED;
	}
	buffer_free(&plain);
	buffer_free(&stored);
	return verdict;
}

void
wal_content_free(WalContentRead *content)
{
	buffer_free(&content->data);
	free(content->problem);
	content->problem = NULL;
}

/*-------------------------------------------------------------------------
 *
 * manifest_envelope.c
 *	  Manifests of encrypted repositories.
 *
 * The inner part is the whole manifest as a plain repository would hold it,
 * seal included, encrypted like an object; so stock tools get at it, and one
 * parser reads both.
 *
 *-------------------------------------------------------------------------
 */
#include "manifest_envelope.h"

#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "encryption.h"
#include "keyring.h"
#include "log.h"
#include "manifest_read.h"
#include "manifest_write.h"
#include "memory.h"
#include "quote.h"
#include "repository_secret.h"
#include "seal.h"
#include "seal_append.h"
#include "writer_state.h"

void
manifest_describe(const Repository *repository, Manifest *manifest)
{
	const Encryption *encryption = repository->encryption;

	free(manifest->recipients);
	manifest->cipher = encryption != NULL ? encryption->cipher : CIPHER_NONE;
	manifest->recipients = encryption != NULL ? xstrdup(encryption->recipients_id) : NULL;
}

/*
 * Who reads a manifest trusts nothing in it, and has limits.  What goes beyond
 * them is a backup that nobody can restore, which must be said now.  It is the
 * parser itself that is asked, so that what it refuses is known in one place.
 */
static bool
check_readable(const Repository *repository, const Manifest *manifest, const Buffer *json)
{
	char *problem = NULL;
	char *label;

	if (json->length > MAX_MANIFEST_BYTES)
		problem = xstrdup("is larger than what is read of one");
	else
		manifest_free(manifest_parse(json->data, json->length, &problem));
	if (problem == NULL)
		return true;
	label = manifest_label(manifest);
	report_error(EXIT_FAILED, NULL,
				 "Nothing was published.  What makes the backup so large or so strange has to be "
				 "removed from the database.",
				 "nobody could read backup \"%s\" in repository \"%s\": its manifest %s", label,
				 repository->storage->location, problem);
	free(label);
	free(problem);
	return false;
}

/* Append the outer part, ready for the signature. */
static bool
put_private(const Encryption *encryption, const Buffer *inner, Buffer *json)
{
	Buffer sealed;
	bool good;

	buffer_init(&sealed);
	good = cipher_encrypt(encryption->cipher, &encryption->recipients, inner->data, inner->length,
						  &sealed) == AGE_OK;
	if (good)
	{
		buffer_append_string(json, ",\n\"private\": \"");
		base64_append(json, sealed.data, sealed.length, true);
		buffer_append_char(json, '"');
	}
	buffer_free(&sealed);
	return good;
}

bool
manifest_close(const Repository *repository, const Manifest *manifest, Buffer *json)
{
	const Encryption *encryption = repository->encryption;
	Manifest outer = *manifest;
	Owner owner = manifest_owner(manifest);
	Buffer inner;
	bool good;

	if (encryption == NULL)
		return manifest_serialize(manifest, json)
				   ? check_readable(repository, manifest, json)
				   : report_error(EXIT_FAILED, NULL, NULL, "could not compute a SHA-256 digest");
	outer.ntables = outer.nmembers = 0;
	outer.nwarnings = 0;
	outer.nfiles = 0;
	outer.cluster.label = NULL;
	outer.cluster.ntablespaces = outer.cluster.ndamage = 0;
	outer.database.knows_roles = false;
	buffer_init(&inner);
	good = manifest_serialize(manifest, &inner);
	if (good && !check_readable(repository, manifest, &inner))
	{
		buffer_free(&inner);
		return false;
	}
	if (good)
	{
		manifest_write(&outer, json);
		good = put_private(encryption, &inner, json) &&
			   encryption_sign(encryption, SIGNED_MANIFEST, json) && seal_append(json);
	}
	if (!good)
		report_error(EXIT_FAILED, NULL, NULL, "could not encrypt and sign the manifest");
	good = good && check_readable(repository, manifest, json);
	if (good && manifest->kind == BACKUP_OF_DATABASE)
		writer_state_save_manifest(repository->id, &owner, &inner);
	buffer_free(&inner);
	return good;
}

/* The inner manifest; NULL without an error if we hold no key for it. */
static Manifest *
open_private(const Manifest *outer, char **error)
{
	size_t length = strlen(outer->private_part);
	uint8_t *sealed = xmalloc(length / 4 * 3 + 2);
	Manifest *inner = NULL;
	AgeResult result = AGE_BAD_HEADER;
	size_t sealed_length;
	Buffer plain;

	buffer_init(&plain);
	if (base64_decode(outer->private_part, length, true, sealed, &sealed_length))
		result = keyring_decrypt(outer->cipher, sealed, sealed_length, &plain);
	if (result == AGE_OK)
		inner = manifest_parse(plain.data, plain.length, error);
	else if (result != AGE_NO_MATCH)
		*error = xasprintf("has an encrypted part that %s", age_result_text(result));
	if (inner != NULL && !manifest_same_backup(outer, inner))
	{
		*error = xstrdup("has an encrypted part that belongs to another backup");
		manifest_free(inner);
		inner = NULL;
	}
	buffer_free(&plain);
	free(sealed);
	return inner;
}

/* Is it a manifest of this repository, encrypted as it should be? */
static const char *
check_origin(const Repository *repository, const Manifest *manifest)
{
	const Encryption *encryption = repository->encryption;

	if (encryption == NULL)
		return manifest->cipher == CIPHER_NONE
				   ? NULL
				   : "is encrypted, but its repository says that it is not";
	if (manifest->cipher != encryption->cipher || !manifest->locked)
		return "is not encrypted as its repository says";
	if (strcmp(manifest->repository, repository->id) != 0)
		return "is that of another repository";
	return NULL;
}

Manifest *
manifest_open(const Repository *repository, const char *json, size_t length, char **error)
{
	Manifest *outer = manifest_parse(json, length, error);
	const char *problem = NULL;
	Manifest *inner;

	if (outer == NULL)
		return NULL;
	/* Before anything in it is believed. */
	if (repository->encryption != NULL)
		problem = encryption_check(repository->encryption, SIGNED_MANIFEST, json, length);
	if (problem == NULL)
		problem = check_origin(repository, outer);
	if (problem != NULL)
	{
		*error = xstrdup(problem);
		manifest_free(outer);
		return NULL;
	}
	seal_copy(json, length, outer->seal);
	if (!outer->locked || !keyring_can_open())
		return outer;
	inner = open_private(outer, error);
	if (inner == NULL && *error == NULL)
		return outer;
	if (inner != NULL)
		memcpy(inner->seal, outer->seal, sizeof(inner->seal));
	manifest_free(outer);
	return inner;
}

bool
manifest_require_open(const Repository *repository, const Manifest *manifest)
{
	char *label;

	if (!manifest->locked)
	{
		encryption_warn_untrusted(repository);
		return true;
	}
	label = manifest_label(manifest);
	if (!keyring_can_open() || repository_secret_missing(repository->encryption))
		report_error(EXIT_FAILED, NULL, repository_secret_hint(repository->encryption),
					 "backup \"%s\" is encrypted, and %s", label,
					 repository_secret_lack(repository->encryption));
	else if (repository->encryption->wrapping != WRAPPED_FOR_RECIPIENTS)
		report_error(EXIT_FAILED, NULL, NULL,
					 "backup \"%s\" was encrypted with another key than that of the repository",
					 label);
	else
		report_error(
			EXIT_FAILED, NULL,
			"\"nex_backup key list\" shows for which keys the repository is encrypted now.",
			"backup \"%s\" was not encrypted for any of the given identities", label);
	free(label);
	return false;
}

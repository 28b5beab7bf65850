/*-------------------------------------------------------------------------
 *
 * encrypted_file.c
 *	  A configuration file as it is kept in a repository.
 *
 * Before a readable form is taken it is opened again: only if that gives
 * the very bytes of the file is it kept alone.  So a restore does not depend
 * on how well this program understands YAML.
 *
 *-------------------------------------------------------------------------
 */
#include "encrypted_file.h"

#include <fnmatch.h>
#include <string.h>

#include "age_armor.h"
#include "cipher.h"
#include "log.h"
#include "sensitive.h"
#include "sops_dotenv.h"
#include "sops_yaml.h"

static const char *const form_names[ENCRYPTED_FORMS] = {
	[ENCRYPTED_WHOLE] = "whole",
	[ENCRYPTED_YAML] = "yaml",
	[ENCRYPTED_DOTENV] = "dotenv",
};

const char *
encrypted_form_name(EncryptedForm form)
{
	return form_names[form];
}

bool
encrypted_form_by_name(const char *name, EncryptedForm *form)
{
	int i;

	for (i = 0; i < ENCRYPTED_FORMS; i++)
	{
		if (strcmp(form_names[i], name) == 0)
		{
			*form = (EncryptedForm) i;
			return true;
		}
	}
	return false;
}

EncryptedForm
encrypted_form_of_path(const char *path)
{
	static const struct
	{
		const char *pattern;
		EncryptedForm form;
	} patterns[] = {
		{"*.yaml", ENCRYPTED_YAML},   {"*.yml", ENCRYPTED_YAML},     {"*.env", ENCRYPTED_DOTENV},
		{".env.*", ENCRYPTED_DOTENV}, {"*.env.*", ENCRYPTED_DOTENV},
	};
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	size_t i;

	for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
	{
		if (fnmatch(patterns[i].pattern, name, 0) == 0)
			return patterns[i].form;
	}
	return ENCRYPTED_WHOLE;
}

/* Encrypt the data key to each recipient alone, as SOPS wants it. */
static bool
wrap_key(const uint8_t *key, const AgeRecipients *recipients, SopsMetadata *metadata)
{
	bool good = true;
	int i;

	for (i = 0; i < recipients->count && good; i++)
	{
		AgeRecipients one = {&recipients->items[i], 1};
		char text[AGE_RECIPIENT_SIZE];
		Buffer wrapped;
		Buffer armored;

		buffer_init(&wrapped);
		buffer_init(&armored);
		good = recipients->items[i].type == AGE_X25519 &&
			   age_encrypt(&one, key, SOPS_KEY_BYTES, &wrapped) == AGE_OK;
		if (good)
		{
			age_recipient_text(recipients->items[i].public_key, text);
			age_armor_encode(wrapped.data, wrapped.length, &armored);
			sops_metadata_add_wrap(metadata, text, armored.data);
		}
		buffer_free(&wrapped);
		buffer_free(&armored);
	}
	return good;
}

static bool
unwrap_by_identities(void *argument, const SopsMetadata *metadata, uint8_t key[SOPS_KEY_BYTES])
{
	bool found = false;
	int i;

	for (i = 0; i < metadata->nwraps && !found; i++)
	{
		const char *armored = metadata->wraps[i].armored;
		Buffer wrapped;
		Buffer opened;

		buffer_init(&wrapped);
		buffer_init(&opened);
		found = age_armor_decode(armored, strlen(armored), &wrapped) &&
				age_decrypt(argument, wrapped.data, wrapped.length, &opened) == AGE_OK &&
				opened.length == SOPS_KEY_BYTES;
		if (found)
			memcpy(key, opened.data, SOPS_KEY_BYTES);
		if (opened.data != NULL)
			secret_cleanse(opened.data, opened.length);
		buffer_free(&wrapped);
		buffer_free(&opened);
	}
	return found;
}

/* While the key is still at hand. */
static bool
unwrap_known(void *argument, const SopsMetadata *metadata, uint8_t key[SOPS_KEY_BYTES])
{
	(void) metadata;
	memcpy(key, argument, SOPS_KEY_BYTES);
	return true;
}

/* Does the readable form give the file back, byte for byte? */
static bool
gives_back(const EncryptedFile *encrypted, const char *text, size_t length, uint8_t *key)
{
	Buffer back;
	const char *problem;
	bool same;

	buffer_init(&back);
	problem = (encrypted->form == ENCRYPTED_YAML ? sops_yaml_open : sops_dotenv_open)(
		encrypted->readable.data, encrypted->readable.length, unwrap_known, key, &back);
	same = problem == NULL && back.length == length && memcmp(back.data, text, length) == 0;
	if (back.data != NULL)
		secret_cleanse(back.data, back.length);
	buffer_free(&back);
	return same;
}

/* Make the readable form; *exact says whether it gives every byte back. */
static bool
make_readable(EncryptedFile *encrypted, const char *text, size_t length,
			  const AgeRecipients *recipients, SensitiveKeys *keys, bool *exact)
{
	SopsMetadata metadata;
	uint8_t key[SOPS_KEY_BYTES];
	bool good;

	memset(&metadata, 0, sizeof(metadata));
	good = random_bytes(key, sizeof(key)) && wrap_key(key, recipients, &metadata);
	if (good)
	{
		encrypted->reason =
			(encrypted->form == ENCRYPTED_YAML ? sops_yaml_encrypt : sops_dotenv_encrypt)(
				text, length, keys, key, &metadata, &encrypted->readable, &encrypted->nsecrets);
		*exact = encrypted->reason == NULL && gives_back(encrypted, text, length, key);
	}
	secret_cleanse(key, sizeof(key));
	sops_metadata_free(&metadata);
	return good;
}

bool
encrypted_file_make(EncryptedFile *encrypted, const char *path, const char *text, size_t length,
					const AgeRecipients *recipients, const char *const *words, int nwords)
{
	SensitiveKeys keys;
	bool exact = false;
	bool good = true;

	memset(encrypted, 0, sizeof(*encrypted));
	encrypted->form = encrypted_form_of_path(path);
	sensitive_keys_init(&keys, words, nwords);
	if (encrypted->form != ENCRYPTED_WHOLE)
		good = make_readable(encrypted, text, length, recipients, &keys, &exact);
	sensitive_keys_free(&keys);
	if (encrypted->reason != NULL)
	{
		encrypted->form = ENCRYPTED_WHOLE;
		encrypted->nsecrets = 0;
		buffer_reset(&encrypted->readable);
	}
	if (good && !exact)
		good = age_encrypt(recipients, text, length, &encrypted->whole) == AGE_OK;
	if (!good)
		report_error(EXIT_FAILED, NULL, NULL, "could not encrypt file \"%s\"", path);
	return good;
}

void
encrypted_file_free(EncryptedFile *encrypted)
{
	buffer_free(&encrypted->readable);
	buffer_free(&encrypted->whole);
	memset(encrypted, 0, sizeof(*encrypted));
}

const char *
encrypted_file_open(EncryptedForm form, const Buffer *readable, const Buffer *whole,
					const AgeIdentities *identities, Buffer *out, bool *no_identity)
{
	const char *problem;

	if (whole->length > 0 || form == ENCRYPTED_WHOLE)
	{
		AgeResult result = cipher_open(CIPHER_AGE, identities, whole->data, whole->length, out);

		*no_identity = result == AGE_NO_MATCH;
		return result == AGE_OK ? NULL : age_result_text(result);
	}
	problem = (form == ENCRYPTED_YAML ? sops_yaml_open : sops_dotenv_open)(
		readable->data, readable->length, unwrap_by_identities, (void *) identities, out);
	*no_identity = problem != NULL && strcmp(problem, SOPS_NO_IDENTITY) == 0;
	return problem;
}

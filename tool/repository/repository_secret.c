/*-------------------------------------------------------------------------
 *
 * repository_secret.c
 *	  The one secret of a repository that is not encrypted for recipients.
 *
 * A passphrase becomes a key by scrypt once in a run, with the repository's id
 * as salt, and each file wraps its data key under a key derived from that and
 * a salt of its own.  scrypt for each file, as age has it, would take a second
 * and 256 MB for each; one scrypt key that wraps directly would use a nonce of
 * AES-GCM twice.  The id is random, differs for each repository, stands in
 * every manifest, and so is not lost with nex_backup.json as a stored salt
 * would be.
 *
 *-------------------------------------------------------------------------
 */
#include "repository_secret.h"

#include <stdio.h>
#include <string.h>

#include "keyring.h"
#include "log.h"

#define CHECK_INFO "nex_backup/1 key check"

static const char *const names[] = {
	[WRAPPED_FOR_RECIPIENTS] = NULL,
	[WRAPPED_BY_KEY_FILE] = "key-file",
	[WRAPPED_BY_PASSPHRASE] = "passphrase",
};

const char *
key_wrapping_name(KeyWrapping wrapping)
{
	return names[wrapping];
}

bool
key_wrapping_by_name(const char *name, KeyWrapping *wrapping)
{
	int i;

	for (i = WRAPPED_BY_KEY_FILE; i <= WRAPPED_BY_PASSPHRASE; i++)
	{
		if (strcmp(names[i], name) == 0)
		{
			*wrapping = (KeyWrapping) i;
			return true;
		}
	}
	return false;
}

/* The 16 bytes of a UUID. */
static bool
salt_of_id(const char *id, uint8_t salt[AGE_SALT_BYTES])
{
	unsigned value;
	int i;

	for (i = 0; i < AGE_SALT_BYTES; i++)
	{
		id += strspn(id, "-");
		if (sscanf(id, "%2x", &value) != 1)
			return false;
		salt[i] = (uint8_t) value;
		id += 2;
	}
	return *id == '\0';
}

/* The secret in the keyring, as what to encrypt for; none: nothing is added. */
static bool
take_secret(const Repository *repository, const Encryption *encryption, AgeRecipients *recipients)
{
	PassphraseKey made = {.log_n = encryption->log_n};
	bool given = false;
	bool good = true;

	if (encryption->wrapping == WRAPPED_BY_KEY_FILE && keyring_key_file() != NULL)
		age_recipients_add_key_file(recipients, keyring_key_file());
	else if (encryption->wrapping == WRAPPED_BY_PASSPHRASE)
	{
		good = salt_of_id(repository->id, made.salt) && keyring_passphrase_key(&made, &given);
		if (good && given)
			age_recipients_add_passphrase_key(recipients, &made);
		secret_cleanse(&made, sizeof(made));
	}
	return good;
}

/* What says, to whoever has the secret, that it is the right one. */
static bool
compute_check(const Repository *repository, const AgeRecipient *secret, DigestHex check)
{
	uint8_t bytes[KEY_BYTES];
	bool good =
		hkdf_sha256(secret->secret_key, KEY_BYTES, (const uint8_t *) repository->id,
					strlen(repository->id), CHECK_INFO, strlen(CHECK_INFO), bytes, sizeof(bytes));
	int i;

	for (i = 0; i < KEY_BYTES; i++)
		snprintf(check + (size_t) 2 * i, 3, "%02x", bytes[i]);
	return good || report_error(EXIT_FAILED, NULL, NULL, "could not derive a key: OpenSSL refuses");
}

bool
repository_secret_begin(const Repository *repository, Encryption *encryption)
{
	AgeRecipients *secret = &encryption->recipients;

	if (encryption->wrapping == WRAPPED_FOR_RECIPIENTS)
		return true;
	if (!take_secret(repository, encryption, secret))
		return false;
	if (secret->count == 0)
		return report_error(EXIT_USAGE, NULL, repository_secret_hint(encryption),
							"the repository is to be encrypted, and %s",
							repository_secret_lack(encryption));
	return compute_check(repository, &secret->items[0], encryption->recipients_id);
}

bool
repository_secret_open(const Repository *repository, Encryption *encryption)
{
	AgeRecipients *secret = &encryption->recipients;
	DigestHex check;

	if (encryption->wrapping == WRAPPED_FOR_RECIPIENTS)
		return true;
	if (!take_secret(repository, encryption, secret))
		return false;
	if (secret->count == 0)
		return true;
	if (!compute_check(repository, &secret->items[0], check))
		return false;
	if (strcmp(check, encryption->recipients_id) == 0)
		return true;
	age_recipients_free(secret);
	return report_error(
		EXIT_FAILED, NULL,
		keyring()->use != KEYRING_OF_ONE
			? "A run has one key file and one passphrase: copy by way of a repository "
			  "that is encrypted for a recipient."
			: NULL,
		encryption->wrapping == WRAPPED_BY_KEY_FILE
			? "the key file is not that of repository \"%s\""
			: "the passphrase is not that of repository \"%s\"",
		repository->storage->location);
}

bool
repository_secret_missing(const Encryption *encryption)
{
	return encryption->wrapping != WRAPPED_FOR_RECIPIENTS && encryption->recipients.count == 0;
}

const char *
repository_secret_hint(const Encryption *encryption)
{
	if (encryption->wrapping == WRAPPED_BY_KEY_FILE)
		return "Give it with --key-file=FILE, or \"key-file\" in the configuration file.";
	if (encryption->wrapping == WRAPPED_BY_PASSPHRASE)
		return "Use --passphrase-file, --passphrase-fd or --passphrase-command, or their names in "
			   "the configuration file; on a terminal it is asked for.";
	return "Give the secret key with --identity=FILE, or \"identity\" in the configuration file.";
}

const char *
repository_secret_lack(const Encryption *encryption)
{
	if (encryption->wrapping == WRAPPED_BY_KEY_FILE)
		return "no key file was given";
	return encryption->wrapping == WRAPPED_BY_PASSPHRASE ? "no passphrase was given"
														 : "no identity was given";
}

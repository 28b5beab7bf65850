/*-------------------------------------------------------------------------
 *
 * keyring.c
 *	  Reading the keys of this run, and opening files with them.
 *
 * An identity file may name the signer that belongs to it, in a comment
 * "# nex_backup signer: nex-signer-1…": so one file carried to another machine
 * is enough to open a backup and to know that it is genuine.
 *
 *-------------------------------------------------------------------------
 */
#include "keyring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "age.h"
#include "age_armor.h"
#include "home.h"
#include "key_settings.h"
#include "log.h"
#include "memory.h"
#include "named_file.h"
#include "passphrase.h"
#include "private_file.h"
#include "symmetric_key.h"
#include "terminal.h"

#define MAX_KEY_FILE (64 * 1024)
#define SIGNER_COMMENT "# nex_backup signer: "

static Keyring keys;

/* The key file, and keys made of a passphrase: nobody reads them but the functions below. */
static AgeIdentities secrets;
static const KeySettings *passphrase_source;
static bool may_ask;
static bool ask_twice;

const Keyring *
keyring(void)
{
	return &keys;
}

void
keyring_protect_process(void)
{
	forbid_inspection();
}

void
keyring_open_source(bool may_be_plain)
{
	keys.use = KEYRING_OF_SOURCE;
	keys.source_may_be_plain = may_be_plain;
}

void
keyring_open_target(void)
{
	keys.use = KEYRING_OF_TARGET;
}

void
keyring_use_for_files(void)
{
	keys.for_files = true;
}

void
keyring_free(void)
{
	age_identities_free(&keys.identities);
	age_identities_free(&secrets);
	passphrase_source = NULL;
	may_ask = ask_twice = false;
	free(keys.signers);
	free(keys.state_directory);
	memset(&keys, 0, sizeof(keys));
}

/* Read a file that holds secrets, an "identity" say: it must be ours and of nobody else. */
static bool
read_secret_file(const char *kind, const char *path, Buffer *content)
{
	struct stat status;
	int descriptor = named_file_open(path, &status);
	int error = descriptor < 0 ? errno : 0;
	bool good = error != 0 || secret_file_good(kind, path, &status);

	if (error == 0 && good)
		error = named_file_read(descriptor, MAX_KEY_FILE, content);
	if (descriptor >= 0)
		close(descriptor);
	if (error == 0)
		return good;
	return report_error(named_file_exit_code(error), NULL, NULL,
						"could not read %s file \"%s\": %s", kind, path, named_file_problem(error));
}

static void
trust_signer(const uint8_t signer[KEY_BYTES])
{
	keys.signers = xrealloc(keys.signers, (size_t) (keys.nsigners + 1) * KEY_BYTES);
	memcpy(keys.signers[keys.nsigners++], signer, KEY_BYTES);
}

/* Comments that name the signer. */
static void
read_signer_comments(const char *text)
{
	const char *found = text;
	uint8_t signer[KEY_BYTES];

	while ((found = strstr(found, SIGNER_COMMENT)) != NULL)
	{
		bool at_start = found == text || found[-1] == '\n';

		found += strlen(SIGNER_COMMENT);
		if (at_start && signer_parse(found, strcspn(found, " \t\r\n"), signer))
			trust_signer(signer);
	}
}

static bool
begins_with(const Buffer *content, const char *text)
{
	return content->length >= strlen(text) && memcmp(content->data, text, strlen(text)) == 0;
}

/* Decrypt an identity file that is an age file itself, protected by a passphrase. */
static bool
unlock_identity_file(const KeySettings *settings, const char *path, Buffer *content)
{
	AgeIdentities identities = {0};
	AgeResult result = AGE_BAD_HEADER;
	char *prompt = xasprintf("Passphrase of identity file \"%s\": ", path);
	Buffer passphrase;
	Buffer sealed;
	Buffer plain;
	bool good;

	buffer_init(&passphrase);
	buffer_init(&sealed);
	buffer_init(&plain);
	good = passphrase_get(settings, prompt, &passphrase);
	free(prompt);
	if (good)
	{
		(void) age_identities_add_passphrase(&identities, passphrase.data, passphrase.length);
		if (!begins_with(content, AGE_ARMOR_BEGIN))
			result = age_decrypt(&identities, content->data, content->length, &plain);
		else if (age_armor_decode(content->data, content->length, &sealed))
			result = age_decrypt(&identities, sealed.data, sealed.length, &plain);
		if (result != AGE_OK)
			good = report_error(EXIT_USAGE, NULL, NULL, "identity file \"%s\" %s", path,
								result == AGE_NO_MATCH ? "has another passphrase"
													   : age_result_text(result));
	}
	age_identities_free(&identities);
	secret_cleanse(passphrase.data, passphrase.capacity);
	buffer_free(&passphrase);
	buffer_free(&sealed);
	buffer_free(content);
	*content = plain;
	return good;
}

static bool
read_identity_file(const KeySettings *settings, const char *path)
{
	Buffer content;
	const char *problem;
	bool good;
	int before = keys.identities.count;
	int line;

	buffer_init(&content);
	keyring_protect_process();
	good = read_secret_file("identity", path, &content);
	if (good &&
		(begins_with(&content, "age-encryption.org/") || begins_with(&content, AGE_ARMOR_BEGIN)))
		good = unlock_identity_file(settings, path, &content);
	if (good)
	{
		problem = age_identities_read(&keys.identities, content.data, content.length, &line);
		if (problem != NULL)
			good = report_error(EXIT_USAGE, NULL, NULL, "line %d of identity file \"%s\" %s", line,
								path, problem);
		else if (keys.identities.count == before)
			good = report_error(EXIT_USAGE, NULL, "An identity begins with AGE-SECRET-KEY-1.",
								"identity file \"%s\" holds no identity", path);
		else
			read_signer_comments(content.data);
	}
	secret_cleanse(content.data, content.capacity);
	buffer_free(&content);
	return good;
}

static bool
read_key_file(const char *path)
{
	const char *problem = NULL;
	uint8_t key[KEY_BYTES];
	Buffer content;
	bool good;

	buffer_init(&content);
	keyring_protect_process();
	good = read_secret_file("key", path, &content);
	if (good)
		problem = symmetric_key_parse(content.data, content.length, key);
	if (problem != NULL)
		good = report_error(EXIT_USAGE, NULL, "\"nex_backup keygen --symmetric\" makes one.",
							"key file \"%s\" %s", path, problem);
	if (good)
	{
		age_identities_add_key_file(&secrets, key);
		if (content.length != KEY_BYTES)
			read_signer_comments(content.data);
	}
	secret_cleanse(key, sizeof(key));
	secret_cleanse(content.data, content.capacity);
	buffer_free(&content);
	return good;
}

const uint8_t *
keyring_key_file(void)
{
	int i;

	for (i = 0; i < secrets.count; i++)
	{
		if (secrets.items[i].type == AGE_KEY_FILE)
			return secrets.items[i].secret_key;
	}
	return NULL;
}

void
keyring_ask_passphrase(bool is_new)
{
	may_ask = true;
	ask_twice = is_new;
}

/* Ask on the terminal; nothing is appended if there is none, or no answer. */
static bool
ask_passphrase(Buffer *passphrase)
{
	char *typed = terminal_ask_secret("Passphrase of the repository: ");
	char *again = NULL;
	bool good = true;

	if (typed != NULL && typed[0] != '\0' && ask_twice)
	{
		again = terminal_ask_secret("Once more: ");
		if (again == NULL || strcmp(typed, again) != 0)
			good = report_error(EXIT_USAGE, NULL, NULL, "the two passphrases differ");
	}
	if (good && typed != NULL)
		buffer_append_string(passphrase, typed);
	secret_free(typed, typed != NULL ? strlen(typed) : 0);
	secret_free(again, again != NULL ? strlen(again) : 0);
	return good;
}

/* One that was made already? */
static bool
find_passphrase_key(PassphraseKey *key)
{
	int i;

	for (i = 0; i < secrets.count; i++)
	{
		const AgeIdentity *made = &secrets.items[i];

		if (made->type == AGE_PASSPHRASE_KEY && made->log_n == key->log_n &&
			memcmp(made->salt, key->salt, AGE_SALT_BYTES) == 0)
		{
			memcpy(key->key, made->secret_key, KEY_BYTES);
			return true;
		}
	}
	return false;
}

bool
keyring_passphrase_key(PassphraseKey *key, bool *given)
{
	Buffer passphrase;
	bool good = true;

	*given = find_passphrase_key(key);
	if (*given || passphrase_source == NULL)
		return true;
	buffer_init(&passphrase);
	keyring_protect_process();
	if (passphrase_is_given(passphrase_source))
		good = passphrase_get(passphrase_source, NULL, &passphrase);
	else if (may_ask)
		good = ask_passphrase(&passphrase);
	*given = good && passphrase.length > 0;
	if (*given)
	{
		good = scrypt_key(passphrase.data, passphrase.length, key->salt, AGE_SALT_BYTES, key->log_n,
						  key->key) ||
			   report_error(EXIT_FAILED, NULL, NULL,
							"could not make a key of the passphrase: OpenSSL refuses, or there is "
							"not enough memory");
		if (good)
			age_identities_add_passphrase_key(&secrets, key);
	}
	secret_cleanse(passphrase.data, passphrase.capacity);
	buffer_free(&passphrase);
	return good;
}

bool
keyring_can_open(void)
{
	return keys.identities.count > 0 || secrets.count > 0;
}

AgeResult
keyring_decrypt(Cipher cipher, const void *data, size_t length, Buffer *out)
{
	AgeResult result = cipher_open(cipher, &keys.identities, data, length, out);

	if (result == AGE_NO_MATCH && secrets.count > 0)
		result = cipher_open(cipher, &secrets, data, length, out);
	return result;
}

/* $XDG_STATE_HOME/nex_backup, or .local/state/nex_backup in the user's own directory. */
static char *
default_state_directory(void)
{
	const char *base = getenv("XDG_STATE_HOME");
	char *home;
	char *directory;

	if (base != NULL && base[0] == '/')
		return xasprintf("%s/nex_backup", base);
	home = home_directory();
	directory = home != NULL ? xasprintf("%s/.local/state/nex_backup", home) : NULL;
	free(home);
	return directory;
}

static bool
take_signer(const char *text)
{
	uint8_t signer[KEY_BYTES];

	if (!signer_parse(text, strlen(text), signer))
		return report_error(EXIT_USAGE, NULL,
							"It begins with \"nex-signer-1\"; \"nex_backup key list\" shows it.",
							"\"%s\" is not a signer", text);
	trust_signer(signer);
	return true;
}

bool
keyring_load(const KeySettings *settings)
{
	bool good = true;
	int i;

	keys.state_directory =
		settings->state_dir != NULL ? xstrdup(settings->state_dir) : default_state_directory();
	keys.wants_encryption = settings->recipient.count > 0 || settings->recipients_file.count > 0;
	keys.encryption_wanted_by = settings->recipient_origin;
	keys.wants_passphrase = passphrase_is_given(settings) && settings->identity.count == 0;
	passphrase_source = settings;
	if (settings->key_file != NULL)
		good = read_key_file(settings->key_file);
	for (i = 0; i < settings->signer.count; i++)
		good = take_signer(settings->signer.items[i]) && good;
	for (i = 0; i < settings->identity.count; i++)
		good = read_identity_file(settings, settings->identity.items[i]) && good;
	return good;
}

/*-------------------------------------------------------------------------
 *
 * cli_init.c
 *	  nex_backup init: create a repository.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "doctor_storage.h"
#include "encryption.h"
#include "general_settings.h"
#include "key_files.h"
#include "key_settings.h"
#include "keyring.h"
#include "interrupt.h"
#include "log.h"
#include "output.h"
#include "passphrase.h"
#include "repository_view.h"
#include "settings.h"
#include "writer_state.h"

/*
 * Encrypted with a key file or a passphrase; with cipher age neither can be:
 * it has no key files, and runs scrypt for each file.
 */
static bool
create_with_secret(const Settings *settings, Cipher cipher, KeyWrapping wrapping, bool *created)
{
	if (cipher == CIPHER_AGE)
		return report_error(
			EXIT_USAGE, NULL,
			"Use --cipher=aes-256-gcm; or make a key pair, which a passphrase can protect, with "
			"\"nex_backup keygen\", and give its public part with --recipient.",
			"cipher \"age\" encrypts for recipients, not with a key file or a passphrase");
	if (cipher == CIPHER_NONE)
		return report_error(EXIT_USAGE, NULL, NULL,
							"a key file or a passphrase does not go with cipher \"none\"");
	keyring_ask_passphrase(true);
	return repository_init_with_secret(settings->general->repo, wrapping, AGE_DEFAULT_LOG_N,
									   created);
}

static bool
create_for(const Settings *settings, Cipher cipher, AgeRecipients *recipients, bool *created)
{
	if (settings->keys->key_file != NULL)
		return report_error(
			EXIT_USAGE, NULL, "Give one of them.",
			"a repository is encrypted for recipients or with a key file, not both");
	if (cipher == CIPHER_NONE)
		return report_error(EXIT_USAGE, NULL, NULL, "recipients do not go with cipher \"none\"");
	return repository_init_encrypted(settings->general->repo, cipher, recipients, created);
}

/*
 * Create it, encrypted if there are recipients, a key file, or a passphrase
 * that is not that of an identity file.
 */
static bool
create(const Settings *settings, bool *created)
{
	bool passphrase = passphrase_is_given(settings->keys) && settings->keys->identity.count == 0;
	AgeRecipients recipients = {0};
	Cipher cipher = CIPHER_NONE;
	bool good =
		read_recipients(&settings->keys->recipient, &settings->keys->recipients_file, &recipients);

	if (settings->keys->cipher != NULL)
		(void) cipher_by_name(settings->keys->cipher, &cipher);
	else if (recipients.count > 0)
		cipher = CIPHER_AGE;
	else if (settings->keys->key_file != NULL || passphrase)
		cipher = CIPHER_AES_256_GCM;
	if (!good)
		;
	else if (recipients.count > 0)
		good = create_for(settings, cipher, &recipients, created);
	else if (settings->keys->key_file != NULL)
		good = create_with_secret(settings, cipher, WRAPPED_BY_KEY_FILE, created);
	else if (passphrase || cipher == CIPHER_AES_256_GCM)
		good = create_with_secret(settings, cipher, WRAPPED_BY_PASSPHRASE, created);
	else if (cipher != CIPHER_NONE)
		good = report_error(EXIT_USAGE, NULL,
							"\"nex_backup keygen\" makes a key; give its public part, age1…, with "
							"--recipient.",
							"encryption needs a recipient");
	else
		good = repository_init(settings->general->repo, created);
	age_recipients_free(&recipients);
	return good;
}

/* What the owner of an encrypted repository must know and keep. */
static void
say_encryption(const Repository *repository)
{
	const Encryption *encryption = repository->encryption;
	char signer[SIGNER_SIZE];
	char *path = writer_state_key_path(repository->id);

	signer_text(encryption->signer, signer);
	if (encryption->wrapping == WRAPPED_FOR_RECIPIENTS)
		show_text("encrypted with %s for %d %s\n", cipher_name(encryption->cipher),
				  encryption->recipients.count,
				  encryption->recipients.count == 1 ? "recipient" : "recipients");
	else
		show_text("encrypted with %s and %s: without it no backup can be read; keep a copy\n",
				  cipher_name(encryption->cipher),
				  encryption->wrapping == WRAPPED_BY_KEY_FILE ? "a key file" : "a passphrase");
	show_text("writer key: %s (secret; keep a copy)\n", path);
	show_text("signer: %s\n", signer);
	if (encryption->wrapping == WRAPPED_BY_PASSPHRASE)
		show_text(
			"Keep the signer with the passphrase: a reader gives it with --signer, so as to know "
			"who wrote.\n");
	else
		show_text("Add this line to the %s, so that a reader "
				  "knows who wrote:\n# nex_backup signer: %s\n",
				  encryption->wrapping == WRAPPED_BY_KEY_FILE
					  ? "key file, if it is text"
					  : "file with the secret key of each recipient",
				  signer);
	free(path);
}

static bool
run_init(const Settings *settings)
{
	Repository *repository;
	bool created;

	if (settings->general->repo == NULL || settings->general->repo[0] == '\0')
		return report_error(EXIT_USAGE, NULL, "Use: nex_backup init --repo=DIR",
							"no repository was given");
	if (!create(settings, &created))
		return false;
	interrupt_too_late();
	if (created)
		output_done("The repository was created.");
	repository = repository_open(settings->general->repo);
	if (repository == NULL)
		return false;
	if (created)
		storage_warn(repository->storage);
	if (settings->general->json)
	{
		json_t *result = repository_json(repository);

		json_object_set_new(result, "created", json_boolean(created));
		json_object_set_new(result, "cipher",
							json_string(cipher_name(repository_cipher(repository))));
		if (repository->encryption != NULL)
		{
			char signer[SIGNER_SIZE];

			signer_text(repository->encryption->signer, signer);
			json_object_set_new(result, "signer", json_string(signer));
		}
		output_json(result);
	}
	else
		show_text("%s \"%s\"\n",
				  created ? "created repository" : "the repository is there already:",
				  repository->storage->location);
	if (!settings->general->json && repository->encryption != NULL)
		say_encryption(repository);
	repository_close(repository);
	return true;
}

const Command command_init = {
	.name = "init",
	.summary = "create a repository",
	.arguments = "",
	.min_arguments = 0,
	.max_arguments = 0,
	.options = "recipient recipients-file cipher",
	.run = run_init,
};

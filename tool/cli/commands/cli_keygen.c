/*-------------------------------------------------------------------------
 *
 * cli_keygen.c
 *	  nex_backup keygen: make a key that opens encrypted backups.
 *
 * The file is what age-keygen writes, so that either program can use it.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "age.h"
#include "age_armor.h"
#include "command.h"
#include "command_settings.h"
#include "general_settings.h"
#include "interrupt.h"
#include "key_settings.h"
#include "keyring.h"
#include "log.h"
#include "memory.h"
#include "output.h"
#include "passphrase.h"
#include "private_file.h"
#include "settings.h"
#include "symmetric_key.h"
#include "trusted_path.h"

/* Write a new file that only its owner can read; one that exists is kept. */
static bool
write_new_file(const char *path, const char *text)
{
	int error = chosen_file_write(path, text, strlen(text));

	if (error == 0)
	{
		interrupt_too_late();
		output_done("The key is in file \"%s\".", path);
	}
	return error == 0 ||
		   report_error(EXIT_FAILED, NULL,
						error == EEXIST
							? "A key is never overwritten: choose another name, or remove it."
						: error == ELOOP ? TRUSTED_PATH_HINT
										 : NULL,
						"could not create file \"%s\": %s", path, strerror(error));
}

/* Encrypt the text with a passphrase; it is replaced.  False (reported) on failure. */
static bool
protect(const Settings *settings, char **text)
{
	AgeRecipients recipients = {0};
	Buffer passphrase;
	Buffer encrypted;
	Buffer armored;
	bool good;

	buffer_init(&passphrase);
	buffer_init(&encrypted);
	buffer_init(&armored);
	good = passphrase_get(settings->keys, "Passphrase: ", &passphrase);
	if (good && (age_recipients_add_passphrase(&recipients, passphrase.data, passphrase.length,
											   AGE_DEFAULT_LOG_N) != NULL ||
				 age_encrypt(&recipients, *text, strlen(*text), &encrypted) != AGE_OK))
		good = report_error(EXIT_FAILED, NULL, NULL, "could not encrypt the key");
	if (good)
	{
		age_armor_encode(encrypted.data, encrypted.length, &armored);
		secret_free(*text, strlen(*text));
		*text = buffer_detach(&armored);
	}
	age_recipients_free(&recipients);
	secret_cleanse(passphrase.data, passphrase.capacity);
	buffer_free(&passphrase);
	buffer_free(&encrypted);
	buffer_free(&armored);
	return good;
}

static bool
is_written_to_stdout(const Settings *settings)
{
	return settings->command->output == NULL || strcmp(settings->command->output, "-") == 0;
}

static bool
write_key(const Settings *settings, const char *text)
{
	if (is_written_to_stdout(settings))
		return fputs(text, stdout) != EOF;
	return write_new_file(settings->command->output, text);
}

static void
format_now(char created[32])
{
	struct tm tm;
	time_t now;

	time(&now);
	gmtime_r(&now, &tm);
	strftime(created, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* A key file: 32 random bytes in hexadecimal. */
static bool
make_key_file(const Settings *settings)
{
	uint8_t key[KEY_BYTES];
	char hex[SYMMETRIC_KEY_SIZE];
	char created[32];
	char *text;
	bool good;

	if (passphrase_is_given(settings->keys))
		return report_error(EXIT_USAGE, NULL,
							"\"nex_backup init\" takes a passphrase in place of a key file.",
							"a key file cannot be protected by a passphrase");
	if (!random_bytes(key, sizeof(key)))
		return report_error(EXIT_FAILED, NULL, NULL, "could not generate a key");
	format_now(created);
	symmetric_key_text(key, hex);
	text = xasprintf("# created: %s\n# nex_backup key file\n%s\n", created, hex);
	good = write_key(settings, text);
	if (good && !is_written_to_stdout(settings))
	{
		if (settings->general->json)
			output_json(json_pack("{s:s}", "file", settings->command->output));
		else
			show_text("key file: %s\n", settings->command->output);
	}
	secret_free(text, strlen(text));
	secret_cleanse(key, sizeof(key));
	secret_cleanse(hex, sizeof(hex));
	return good;
}

static bool
run_keygen(const Settings *settings)
{
	char identity[AGE_IDENTITY_SIZE];
	char recipient[AGE_RECIPIENT_SIZE];
	char created[32];
	char *text;
	bool good = true;

	keyring_protect_process();
	if (settings->keys->symmetric)
		return make_key_file(settings);
	if (!age_identity_generate(identity, recipient))
		return report_error(EXIT_FAILED, NULL, NULL, "could not generate a key");
	format_now(created);
	text = xasprintf("# created: %s\n# public key: %s\n%s\n", created, recipient, identity);
	if (passphrase_is_given(settings->keys))
		good = protect(settings, &text);
	if (!good)
	{
		secret_free(text, strlen(text));
		return false;
	}
	good = write_key(settings, text);
	if (good && !is_written_to_stdout(settings))
	{
		if (settings->general->json)
			output_json(
				json_pack("{s:s, s:s}", "file", settings->command->output, "recipient", recipient));
		else
			show_text("public key: %s\n", recipient);
	}
	secret_free(text, strlen(text));
	secret_cleanse(identity, sizeof(identity));
	return good;
}

const Command command_keygen = {
	.name = "keygen",
	.summary = "make a key that opens encrypted backups",
	.arguments = "",
	.min_arguments = 0,
	.max_arguments = 0,
	.options = "output symmetric",
	.run = run_keygen,
	.needs_no_repository = true,
};

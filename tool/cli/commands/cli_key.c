/*-------------------------------------------------------------------------
 *
 * cli_key.c
 *	  nex_backup key: the keys of an encrypted repository.
 *
 * There is no verb that gives old backups to a new key: an object is named
 * by its bytes, and signed manifests name it.  A new key opens what is written
 * from then on.
 *
 *-------------------------------------------------------------------------
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "encryption.h"
#include "find_verb.h"
#include "general_settings.h"
#include "interrupt.h"
#include "key_files.h"
#include "key_settings.h"
#include "key_sheet.h"
#include "log.h"
#include "memory.h"
#include "output.h"
#include "repository_secret.h"
#include "repository_view.h"
#include "settings.h"

static json_t *
recipients_json(const Encryption *encryption)
{
	json_t *list = json_array();
	int i;

	for (i = 0; encryption->wrapping == WRAPPED_FOR_RECIPIENTS && i < encryption->recipients.count;
		 i++)
	{
		char text[AGE_RECIPIENT_SIZE];

		age_recipient_text(encryption->recipients.items[i].public_key, text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static bool
key_list(const Settings *settings, Repository *repository)
{
	const Encryption *encryption = repository->encryption;
	const char *secret = key_wrapping_name(encryption->wrapping);
	bool missing = repository_secret_missing(encryption);
	char signer[SIGNER_SIZE];
	int i;

	signer_text(encryption->signer, signer);
	if (settings->general->json)
	{
		output_json(json_pack(
			"{s:o, s:s, s:s, s:o, s:s, s:I, s:b, s:b}", "repository", repository_json(repository),
			"cipher", cipher_name(encryption->cipher), "wrapping",
			secret != NULL ? secret : "recipients", "recipients", recipients_json(encryption),
			"signer", signer, "serial", (json_int_t) encryption->serial, "writer_key",
			encryption->has_writer_key, "trusted", encryption->trusted));
		return true;
	}
	show_text("cipher      %s\n", cipher_name(encryption->cipher));
	if (secret != NULL)
		show_text("key         %s (%s)\n", secret,
				  missing ? repository_secret_lack(encryption) : "the one that was given is right");
	for (i = 0; secret == NULL && i < encryption->recipients.count; i++)
	{
		char text[AGE_RECIPIENT_SIZE];

		age_recipient_text(encryption->recipients.items[i].public_key, text);
		show_text("%-11s %s\n", i == 0 ? "recipients" : "", text);
	}
	show_text("signer      %s%s\n", signer,
			  encryption->trusted ? "" : " (as the repository itself says)");
	show_text("writer key  %s\n", encryption->has_writer_key ? "on this host" : "not on this host");
	return true;
}

static int
find_recipient(const AgeRecipients *recipients, const uint8_t public_key[KEY_BYTES])
{
	int i;

	for (i = 0; i < recipients->count; i++)
	{
		if (memcmp(recipients->items[i].public_key, public_key, KEY_BYTES) == 0)
			return i;
	}
	return -1;
}

/*
 * Take one out, or put one in; false (reported) if that cannot be.  Where an
 * earlier change was not finished, what is done of it is not to be done again.
 */
static bool
change_one(AgeRecipients *recipients, const AgeRecipient *recipient, bool add, bool half_changed)
{
	int found = find_recipient(recipients, recipient->public_key);
	char text[AGE_RECIPIENT_SIZE];

	if (half_changed && add == (found >= 0))
		return true;
	age_recipient_text(recipient->public_key, text);
	if (add && found >= 0)
		return report_error(EXIT_FAILED, NULL, NULL, "\"%s\" is a recipient already", text);
	if (!add && found < 0)
		return report_error(EXIT_FAILED, NULL, "\"nex_backup key list\" shows them.",
							"\"%s\" is not a recipient", text);
	if (add)
		return age_recipients_add(recipients, text) == NULL;
	recipients->items[found] = recipients->items[--recipients->count];
	return recipients->count > 0 || report_error(EXIT_FAILED, NULL, "Add another one first.",
												 "the last recipient cannot be removed");
}

static bool
key_change(const Settings *settings, Repository *repository, bool add)
{
	Encryption *encryption = repository->encryption;
	AgeRecipients changes = {0};
	bool good;
	int i;

	if (encryption->wrapping != WRAPPED_FOR_RECIPIENTS)
		return report_error(EXIT_FAILED, NULL,
							"Its key cannot be changed: create a new repository for another one.",
							"repository \"%s\" has no recipients", repository->storage->location);
	good = encryption_can_write(repository) &&
		   read_recipients(&settings->keys->recipient, &settings->keys->recipients_file, &changes);
	if (good && changes.count == 0)
		good = report_error(EXIT_USAGE, NULL, "Name it with --recipient=age1….",
							"no recipient was given");
	for (i = 0; good && i < changes.count; i++)
		good =
			change_one(&encryption->recipients, &changes.items[i], add, encryption->half_changed);
	age_recipients_free(&changes);
	good = good && repository_rewrite(repository);
	if (good)
	{
		interrupt_too_late();
		output_done("The recipients were changed.");
	}
	if (good && settings->general->json)
		return key_list(settings, repository);
	if (good)
		show_text(
			"%s recipients now; new backups are encrypted for these, and store everything again. "
			"Older backups stay as they are%s. Copies in other places get the change by the next "
			"\"nex_backup copy\" from here.\n",
			pretty_count((uint64_t) encryption->recipients.count),
			add ? "" : ", and the removed key still opens them");
	return good;
}

static bool
key_add(const Settings *settings, Repository *repository)
{
	return key_change(settings, repository, true);
}

static bool
key_remove(const Settings *settings, Repository *repository)
{
	return key_change(settings, repository, false);
}

static bool
key_sheet(const Settings *settings, Repository *repository)
{
	(void) settings;
	key_sheet_print(repository);
	return true;
}

typedef struct Verb
{
	const char *name;
	bool (*run)(const Settings *settings, Repository *repository);
} Verb;

static const Verb verbs[] = {
	{"list", key_list}, {"add", key_add}, {"remove", key_remove}, {"sheet", key_sheet}};

static bool
run_verb(const Verb *verb, const Settings *settings)
{
	Repository *repository = open_repository(settings);
	bool good;

	if (repository == NULL)
		return false;
	if (repository->encryption != NULL)
		good = verb->run(settings, repository);
	else
		good = report_error(EXIT_FAILED, NULL,
							"Encryption is chosen when a repository is created: \"nex_backup init "
							"--recipient\".",
							"repository \"%s\" is not encrypted", repository->storage->location);
	repository_close(repository);
	return good;
}

static bool
run_key(const Settings *settings)
{
	const Verb *verb = FIND_VERB("key", settings->general->arguments[0], verbs);

	return verb != NULL && run_verb(verb, settings);
}

const Command command_key = {
	.name = "key",
	.summary = "show and change for whom a repository is encrypted",
	.arguments = "list|add|remove|sheet",
	.min_arguments = 1,
	.max_arguments = 1,
	.options = "recipient recipients-file",
	/* The settings file names those whom backups must be for, not one to add or to remove. */
	.per_call_words = "add remove",
	.per_call = "recipient recipients-file",
	.run = run_key,
};

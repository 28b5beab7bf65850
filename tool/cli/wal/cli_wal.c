/*-------------------------------------------------------------------------
 *
 * cli_wal.c
 *	  nex_backup wal: WAL that servers archive.
 *
 * "push" and "get" are called by a server, as archive_command and
 * restore_command; what their exit status means to it is in exit_status.h.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "archive_protocol.h"
#include "backup_settings.h"
#include "command.h"
#include "command_settings.h"
#include "exit_status.h"
#include "find_verb.h"
#include "general_settings.h"
#include "interrupt.h"
#include "log.h"
#include "output.h"
#include "repository_view.h"
#include "settings.h"
#include "wal_get.h"
#include "wal_helper.h"
#include "wal_push.h"
#include "wal_report.h"

#define DEFAULT_LEVEL 1

/* The system identifier that is the last of the words, or 0; false (reported) if it is none. */
static bool
named_system(const Settings *settings, int word, uint64_t *identifier)
{
	const char *text =
		settings->general->narguments > word ? settings->general->arguments[word] : NULL;

	*identifier = 0;
	if (text == NULL)
		return true;
	errno = 0;
	if (text[0] != '\0' && strspn(text, "0123456789") == strlen(text))
		*identifier = strtoull(text, NULL, 10);
	return (errno == 0 && *identifier != 0) ||
		   report_error(EXIT_USAGE, NULL,
						"\"pg_controldata\" shows it: a number of 19 digits or so.",
						"\"%s\" is not a system identifier", text);
}

static int
compression_level(const Settings *settings)
{
	return settings->backup->codec == CODEC_ZSTD ? settings->backup->compress_level : DEFAULT_LEVEL;
}

static bool
run_push(const Settings *settings, Repository *repository)
{
	WalPush push = {.repository = repository, .path = settings->general->arguments[1]};
	WalPushed pushed;

	push.level = compression_level(settings);
	if (!named_system(settings, 2, &push.system_identifier) || !wal_push(&push, &pushed))
		return false;
	/* It is there, whatever the signal was for. */
	interrupt_too_late();
	if (settings->general->json)
		output_json(json_pack("{s:s, s:s, s:s, s:I}", "name", pushed.file.name.text, "result",
							  pushed.was_there ? "was_there" : "stored", "content",
							  pushed.file.content, "bytes", (json_int_t) pushed.file.bytes));
	return true;
}

/* A number that is one of the words; false (reported) if it is none, or too large. */
static bool
take_number(const Settings *settings, int word, int max, int *number)
{
	const char *text = settings->general->arguments[word];
	char *end;
	long value = strtol(text, &end, 10);

	*number = (int) value;
	return (*end == '\0' && end != text && value >= 1 && value <= max) ||
		   report_error(EXIT_USAGE, NULL, NULL, "\"%s\" is not a number from 1 to %d", text, max);
}

static bool
run_helper(const Settings *settings, Repository *repository)
{
	WalQueueRequest request = {.repository = settings->general->repo,
							   .level = compression_level(settings)};
	int look_ahead;

	(void) repository;
	return take_number(settings, 1, ARCHIVE_MAX_THREADS, &request.threads) &&
		   take_number(settings, 2, ARCHIVE_MAX_LOOKAHEAD, &look_ahead) &&
		   wal_helper_run(&request, look_ahead);
}

static bool
run_get(const Settings *settings, Repository *repository)
{
	WalGet get = {.repository = repository,
				  .name = settings->general->arguments[1],
				  .path = settings->general->arguments[2]};
	WalAnswer answer;

	if (!named_system(settings, 3, &get.system_identifier))
		return false;
	answer = wal_get(&get);
	if (answer == WAL_BEYOND_END)
	{
		exit_status_no_more();
		log_info("\"%s\" is not in repository \"%s\", nor is anything that comes after it",
				 get.name, repository->storage->location);
	}
	return answer == WAL_GIVEN;
}

/* ---- list and verify ---- */

typedef struct Look
{
	const Settings *settings;
	bool verify;
	VerifyLevel level;
	int percent;
	json_t *results; /* NULL: as text */
	size_t problems;
	size_t unreadable;
	size_t unknown;
} Look;

static bool
look_at_system(Look *look, Repository *repository, uint64_t identifier)
{
	WalInventory inventory;
	WalVerified verified = {0};
	json_t *value;
	bool good = wal_inventory_take(repository, identifier, &inventory);

	if (good && look->verify)
		good = wal_verify(&inventory, look->level, look->percent, &verified);
	if (good && look->results != NULL)
	{
		value = wal_inventory_json(&inventory);
		if (look->verify)
			wal_verified_json(value, &verified);
		json_array_append_new(look->results, value);
	}
	else if (good)
	{
		wal_inventory_print(&inventory);
		if (look->verify)
			wal_verified_print(&verified);
	}
	look->problems +=
		inventory.gaps.count + inventory.nconflicts + verified.nbad - verified.nunreadable;
	look->unreadable += verified.nunreadable;
	look->unknown += inventory.listing.nunknown;
	wal_verified_free(&verified);
	wal_inventory_free(&inventory);
	return good;
}

/* All that is there, or the one that was named. */
static bool
look_at_all(Look *look, Repository *repository, WalListing *unknown)
{
	StoreResult result;
	uint64_t only;
	uint64_t *ids;
	size_t count;
	size_t i;
	bool good;

	if (!named_system(look->settings, 1, &only))
		return false;
	result = wal_systems(repository, &ids, &count, unknown);
	good = result.code == STORE_OK;
	if (!good)
		report_error(EXIT_FAILED, NULL, result.hint, "could not list \"%s/" WAL_TREE "\": %s",
					 repository->storage->location, result.text);
	for (i = 0; result.code == STORE_OK && i < count; i++)
	{
		if (only == 0 || ids[i] == only)
			good = look_at_system(look, repository, ids[i]) && good;
	}
	if (good && count == 0 && look->results == NULL)
		show_text("no WAL in repository \"%s\"\n", repository->storage->location);
	look->unknown += unknown->nunknown;
	free(ids);
	return good;
}

static bool
report_look(const Look *look, const Repository *repository)
{
	const char *location = repository->storage->location;

	if (look->verify && look->problems > 0)
		return report_error(EXIT_INTEGRITY, NULL, "\"nex_backup wal list\" shows what is missing.",
							"the WAL in repository \"%s\" has %zu %s", location, look->problems,
							look->problems == 1 ? "problem" : "problems");
	if (look->verify && look->unreadable > 0)
		return report_error(EXIT_FAILED, NULL, NULL,
							"%zu WAL files in repository \"%s\" could not be looked at",
							look->unreadable, location);
	if (look->verify && look->unknown > 0)
		return report_error(EXIT_FAILED, NULL,
							"Move them to another place, outside the repository.",
							"%zu names in the WAL of repository \"%s\" are not nex_backup's",
							look->unknown, location);
	return true;
}

static bool
run_look(const Settings *settings, Repository *repository, bool verify)
{
	Look look = {.settings = settings, .verify = verify};
	WalListing unknown = {0};
	json_t *names = json_array();
	size_t i;
	bool good;

	verify_level_parse(settings->command->level, &look.level, &look.percent);
	look.results = settings->general->json ? json_array() : NULL;
	good = look_at_all(&look, repository, &unknown);
	for (i = 0; i < unknown.nunknown; i++)
	{
		json_array_append_new(names, json_text(unknown.unknown[i]));
		if (look.results == NULL)
			show_text("UNKNOWN: \"%s\"\n", unknown.unknown[i]);
	}
	if (look.results != NULL && good)
		output_json(json_pack("{s:o, s:o, s:o}", "repository", repository_json(repository), "wal",
							  look.results, "unknown", names));
	else
	{
		json_decref(look.results);
		json_decref(names);
	}
	wal_listing_free(&unknown);
	return good && report_look(&look, repository);
}

static bool
run_list(const Settings *settings, Repository *repository)
{
	return run_look(settings, repository, false);
}

static bool
run_verify(const Settings *settings, Repository *repository)
{
	return run_look(settings, repository, true);
}

typedef struct Verb
{
	const char *name;
	bool (*run)(const Settings *settings, Repository *repository);
	int arguments; /* behind it, and perhaps a system identifier */
	const char *usage;
	bool opens; /* the repository, by itself and when it needs it */
} Verb;

static const Verb verbs[] = {{"push", run_push, 1, "push PATH [SYSTEM]", false},
							 {"get", run_get, 2, "get NAME PATH [SYSTEM]", false},
							 {"list", run_list, 0, "list [SYSTEM]", false},
							 {"verify", run_verify, 0, "verify [SYSTEM]", false},
							 {ARCHIVE_VERB, run_helper, 2, ARCHIVE_VERB " THREADS FILES", true}};

static bool
run_verb(const Verb *verb, const Settings *settings)
{
	Repository *repository = NULL;
	int words = settings->general->narguments - 1;
	bool good;

	if (words < verb->arguments || words > verb->arguments + 1)
		return report_error(EXIT_USAGE, NULL, NULL, "usage: nex_backup wal %s", verb->usage);
	if (!verb->opens && (repository = open_repository(settings)) == NULL)
		return false;
	good = verb->run(settings, repository);
	if (repository != NULL)
		repository_close(repository);
	return good;
}

static bool
run_wal(const Settings *settings)
{
	const Verb *verb = FIND_VERB("wal", settings->general->arguments[0], verbs);

	return verb != NULL && run_verb(verb, settings);
}

const Command command_wal = {
	.name = "wal",
	.summary = "archive the WAL of servers, and give it back for recovery",
	.arguments = "push PATH | get NAME PATH | list | verify",
	.min_arguments = 1,
	.max_arguments = 4,
	.options = "compress level as-of",
	.per_call = "level as-of",
	.run = run_wal,
	.opens_backups = true,
};

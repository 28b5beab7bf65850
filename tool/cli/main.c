/*-------------------------------------------------------------------------
 *
 * main.c
 *	  Find the command, check its options and arguments, run it, and turn
 *	  what happened into the exit code.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "command_settings.h"
#include "command_table.h"
#include "descriptors.h"
#include "exit_status.h"
#include "general_settings.h"
#include "help.h"
#include "interrupt.h"
#include "json_text.h"
#include "keyring.h"
#include "log.h"
#include "memory.h"
#include "notify.h"
#include "output.h"
#include "place.h"
#include "place_settings.h"
#include "quote.h"
#include "run_log.h"
#include "session_pins.h"
#include "settings_file.h"
#include "settings_load.h"
#include "storage_open.h"
#include "all_settings.h"
#include "stdout_stream.h"
#include "temporary_directory.h"
#include "utc_time.h"
#include "version.h"
#include "wal_name.h"

/* The command runs until a signal ends it. */
static bool service = false;

/* Report and return NULL if there is no such command. */
static const Command *
find_command(const char *name)
{
	const Command *command = command_find(name);
	const char *nearest;
	char *hint;

	if (command != NULL)
		return command;
	nearest = command_nearest(name);
	if (nearest != NULL)
		hint = xasprintf("Perhaps you meant \"nex_backup %s\".", nearest);
	else
		hint = xstrdup("\"nex_backup --help\" lists the commands.");
	report_error(EXIT_USAGE, NULL, hint, "unknown command \"%s\"", name);
	free(hint);
	return NULL;
}

/* Every option on the command line must be one of the command's. */
static bool
check_options(const Command *command, const Arguments *arguments)
{
	int i;

	for (i = 0; i < arguments->noptions; i++)
	{
		const GivenOption *given = &arguments->options[i];
		char *takers;
		char *hint;

		if (command_takes(command, given->option))
			continue;
		takers = commands_taking(given->option);
		hint = xasprintf("It belongs to: %s. \"nex_backup help %s\" shows the options of \"%s\".",
						 takers, command->name, command->name);
		report_error(EXIT_USAGE, NULL, hint, "option \"%s\" does not go with command \"%s\"",
					 given->spelling, command->name);
		free(hint);
		free(takers);
		return false;
	}
	return true;
}

/* What is to be typed to back up a database that was named like those of other commands. */
static char *
hint_with_dbname(const char *name)
{
	Buffer hint;

	buffer_init(&hint);
	buffer_append_string(&hint, "Name the database with -d: nex_backup backup -d ");
	quote_shell_word(&hint, name);
	return buffer_detach(&hint);
}

/* The number of words behind the command must be what it takes. */
static bool
check_words(const Command *command, const Settings *settings)
{
	bool missing = settings->general->narguments < command->min_arguments;
	char *hint;

	if (!missing && settings->general->narguments <= command->max_arguments)
		return true;
	if (!missing && command == &command_backup)
		hint = hint_with_dbname(settings->general->arguments[0]);
	else
		hint = xasprintf("Usage: nex_backup %s [OPTION]...%s%s", command->name,
						 command->arguments[0] != '\0' ? " " : "", command->arguments);
	if (missing)
		report_error(EXIT_USAGE, NULL, hint, "command \"%s\" needs %s", command->name,
					 command->arguments);
	else
		report_error(EXIT_USAGE, NULL, hint, "too many arguments for command \"%s\": \"%s\"",
					 command->name, settings->general->arguments[command->max_arguments]);
	free(hint);
	return false;
}

/* Is the first argument one of these words? */
static bool
first_is_among(const Settings *settings, const char *words)
{
	while (words != NULL && *words != '\0' && settings->general->narguments > 0)
	{
		size_t length = strcspn(words, " ");

		if (strlen(settings->general->arguments[0]) == length &&
			strncmp(settings->general->arguments[0], words, length) == 0)
			return true;
		words += length + strspn(words + length, " ");
	}
	return false;
}

static bool
check_repository(const Command *command, const Settings *settings)
{
	if (command->needs_no_repository || command->optional_repository ||
		settings->general->repo != NULL || first_is_among(settings, command->no_repository_words))
		return true;
	return report_error(EXIT_USAGE, NULL,
						"Name its directory with --repo=DIR, with NEX_BACKUP_REPO in the "
						"environment, or with \"repo: DIR\" in " SETTINGS_DEFAULT_FILE
						" or the file of --config.",
						"no repository given");
}

/* One of two repositories would be passed over without a word. */
static bool
check_other_places(const Command *command, const Settings *settings)
{
	if (settings->places->others.count == 0 || command->several_places)
		return true;
	return report_error(EXIT_USAGE, NULL, "Run the command once for each of them.",
						"option \"--repo\" was given twice, with different values");
}

/* Commands with two places look themselves at what was meant for which. */
static bool
check_place_options(const Command *command, const Settings *settings)
{
	const Place place = place_of_repository(settings);

	return command->needs_no_repository || command->has_two_places ||
		   settings->places->others.count > 0 || place_options_meant(settings, &place, 1);
}

static bool
check_per_call(const Command *command, const Arguments *arguments, const AllSettings *settings)
{
	if (!settings_check_per_call(arguments, settings, command->always_per_call))
		return false;
	return (command->per_call_words != NULL &&
			!first_is_among(&settings->view, command->per_call_words)) ||
		   settings_check_per_call(arguments, settings, command->per_call);
}

/* Settings for a command; those without a repository must answer even if the file is broken. */
static bool
load_settings(const Command *command, const Arguments *arguments, AllSettings *settings)
{
	bool loaded = command->needs_no_repository ? settings_load_arguments(arguments, settings)
											   : settings_load(arguments, settings);

	settings->general.narguments = arguments->nwords - 1;
	settings->general.arguments = arguments->words + 1;
	if (!loaded || !check_words(command, &settings->view) ||
		!check_repository(command, &settings->view) ||
		!check_other_places(command, &settings->view) ||
		!check_place_options(command, &settings->view) ||
		!check_per_call(command, arguments, settings))
		return false;
	log_open_for(settings->general.log_file, settings->general.repo, settings->general.log_format,
				 settings->general.log_level);
	return true;
}

/* What kind of run is this?  NULL if it is none. */
static const char *
run_kind(const Command *command, const Settings *settings)
{
	if (command->is_run)
		return command->name;
	return first_is_among(settings, command->run_words) ? settings->general->arguments[0] : NULL;
}

/*
 * A program that reads JSON gets an object also when there is no result, unless
 * what goes to standard output is data.
 */
static void
say_failure(const Command *command, const Settings *settings, bool done)
{
	bool is_data = command == &command_cat || (settings->command->output != NULL &&
											   strcmp(settings->command->output, "-") == 0);
	int code = interrupt_counts() ? EXIT_INTERRUPTED : (int) log_exit_code();

	if (code == EXIT_DONE && !done)
		code = EXIT_FAILED;
	if (code == EXIT_DONE || is_data || output_json_was_called() || command->is_service)
		return;
	output_json(json_pack("{s:s, s:i, s:o, s:o, s:o}", "result",
						  code == EXIT_INTERRUPTED ? "interrupted" : "failed", "exit_code", code,
						  "error", json_text(log_first_error()), "detail",
						  json_text(log_first_detail()), "hint", json_text(log_first_hint())));
}

/* The option was checked. */
static void
look_back(const char *as_of)
{
	double seconds;

	if (utc_time_parse(as_of, &seconds))
		storage_look_back(seconds);
}

static bool
run_command(const Command *command, const Arguments *arguments)
{
	const char *kind = NULL;
	AllSettings all;
	const Settings *settings = &all.view;
	bool done;

	if (!check_options(command, arguments))
		return false;
	service = command->is_service;
	done = load_settings(command, arguments, &all) && keyring_load(settings->keys);
	storage_use(place_of_repository(settings).storage);
	if (done && settings->command->as_of != NULL)
		look_back(settings->command->as_of);
	if (done)
		kind = run_kind(command, settings);
	if (done && command->opens_backups)
		keyring_ask_passphrase(false);
	if (kind != NULL)
	{
		run_log_open(settings, kind);
		notify_run_started(settings, kind,
						   command == &command_globals  ? BACKUP_OF_GLOBALS
						   : command == &command_config ? BACKUP_OF_FILES
														: BACKUP_OF_DATABASE);
	}
	done = done && command->run(settings);
	keyring_free();
	if (settings->general->json)
		say_failure(command, settings, done);
	if (kind != NULL)
	{
		run_log_close(kind, done);
		notify_run_ended(settings, done && log_exit_code() == EXIT_DONE);
	}
	settings_free(&all);
	return done;
}

/* "nex_backup help COMMAND" */
static bool
run_help(const Arguments *arguments)
{
	const Command *command;

	if (arguments->nwords < 2)
	{
		help_program();
		return true;
	}
	command = find_command(arguments->words[1]);
	if (command == NULL)
		return false;
	help_command(command);
	return true;
}

/* Do what the command line says. */
static bool
run(const Arguments *arguments)
{
	const char *name = arguments->nwords > 0 ? arguments->words[0] : NULL;
	const Command *command = NULL;

	if (name != NULL && strcmp(name, "help") == 0)
		return run_help(arguments);
	if (arguments_value(arguments, "version") != NULL)
	{
		printf("nex_backup %s\n", NEX_BACKUP_VERSION);
		return true;
	}
	if (name != NULL)
	{
		command = find_command(name);
		if (command == NULL)
			return false;
	}
	if (arguments_value(arguments, "help") != NULL)
	{
		if (command != NULL)
			help_command(command);
		else
			help_program();
		return true;
	}
	if (command == NULL)
		return report_error(EXIT_USAGE, NULL, "\"nex_backup --help\" lists the commands.",
							"no command given");
	return run_command(command, arguments);
}

/*
 * Results that could not be written, to a full disk say, were not delivered;
 * what was done is done all the same.  A reader that has seen enough (`| head`)
 * is no reason to complain, unless that would call something a failure.
 */
static bool
flush_stdout(void)
{
	bool failed = ferror(stdout) != 0;
	int error;

	if (fflush(stdout) == 0 && !failed)
		return true;
	error = stdout_stream_error();
	if (error == EPIPE && output_done_text() == NULL)
		return false;
	return report_error(EXIT_FAILED, output_done_text(), NULL,
						"could not write to standard output%s%s", error != 0 ? ": " : "",
						error != 0 ? strerror(error) : "");
}

/*
 * Descriptors 0 to 2 must be open, or one of our files would get one of these
 * numbers, and be written to by a printf().  Standard output that was closed
 * stays one that nothing can be written to: a result would be lost.
 */
static void
open_standard_descriptors(void)
{
	int descriptor;

	for (descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++)
	{
		if (fcntl(descriptor, F_GETFD) < 0)
			(void) !open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY);
	}
}

/*
 * Does a server ask for WAL?  Known before anything can go wrong, the command
 * line itself included; to take for that what is none does no harm.
 */
static bool
asks_for_wal(int argc, char **argv)
{
	bool pushes = false;
	bool names = false;
	bool wal = false;
	WalName name;
	int i;

	for (i = 1; i < argc; i++)
	{
		if (wal && strcmp(argv[i], "get") == 0)
			return true;
		pushes |= strcmp(argv[i], "push") == 0;
		names |= wal_name_parse(argv[i], &name);
		wal |= strcmp(argv[i], "wal") == 0;
	}
	/* A restore_command with a wrong word must not end a recovery, either. */
	return names && !pushes;
}

int
main(int argc, char **argv)
{
	Arguments arguments;
	bool done;

	if (asks_for_wal(argc, argv))
		exit_status_for_recovery();

	memory_for_libraries();
	out_of_memory_act(temporary_directories_remove_last);
	open_standard_descriptors();
	/* No child needs what we were started with: that of --passphrase-fd, say. */
	descriptors_sweep(STDERR_FILENO + 1, DESCRIPTORS_MARK, false);
	umask(077);
	session_forget_environment();
	interrupt_start();
	stdout_stream_begin();

	done = arguments_parse(argc, argv, &arguments) && run(&arguments);
	done = flush_stdout() && done;
	arguments_free(&arguments);

	if (interrupt_counts() && !service)
	{
		log_info("interrupted");
		return exit_status(EXIT_INTERRUPTED);
	}
	if (log_exit_code() != EXIT_DONE)
		return exit_status((int) log_exit_code());
	return exit_status(done ? EXIT_DONE : EXIT_FAILED);
}

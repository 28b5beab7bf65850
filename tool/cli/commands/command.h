/*-------------------------------------------------------------------------
 *
 * command.h
 *	  The commands of the program: one table, one cli_<verb>.c each.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COMMAND_H
#define NEX_COMMAND_H

#include <stdbool.h>

typedef struct Settings Settings;

typedef struct Command
{
	const char *name;
	const char *summary;   /* one line for the list of commands */
	const char *arguments; /* "DB[/ID]" for the usage line */
	int min_arguments;
	int max_arguments;
	const char
		*options; /* names of the options it takes besides the global ones, space-separated */
	const char *per_call;        /* … those of them that neither environment nor file may set */
	const char *per_call_words;  /* … if the first argument is one of these; NULL: always */
	const char *always_per_call; /* the same, whatever the first argument is */
	bool (*run)(const Settings *settings);
	bool needs_no_repository; /* runs without --repo, and without reading the configuration file */
	bool is_run;              /* work whose end is logged and, if it fails, alarmed about */
	const char *run_words;    /* … if its first argument is one of these */
	bool is_service;          /* a signal is its normal end */
	bool opens_backups;       /* asks for the passphrase of a repository on the terminal */
	bool optional_repository; /* reads the configuration file, but runs without a repository */
	bool has_two_places;      /* of a repository, or more, which options name */
	bool several_places;      /* reads from each --repo, which is a place of the same repository */
	const char *no_repository_words; /* … if its first argument is one of these */
} Command;

extern const Command command_init;
extern const Command command_backup;
extern const Command command_list;
extern const Command command_info;
extern const Command command_verify;
extern const Command command_restore;
extern const Command command_cat;
extern const Command command_export;
extern const Command command_copy;
extern const Command command_repair;
extern const Command command_globals;
extern const Command command_expire;
extern const Command command_config;
extern const Command command_doctor;
extern const Command command_keygen;
extern const Command command_key;
extern const Command command_notify;
extern const Command command_agent;
extern const Command command_version;
extern const Command command_wal;
extern const Command command_base;

#endif /* NEX_COMMAND_H */

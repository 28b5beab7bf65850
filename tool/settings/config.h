/*-------------------------------------------------------------------------
 *
 * config.h
 *	  From command line, environment and YAML file to Settings.
 *
 * Reading the command line is a step of its own: which command is meant must
 * be known before it can be said whether an option belongs to it, and --help
 * must work with a broken configuration file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CONFIG_H
#define NEX_CONFIG_H

#include <stdbool.h>

#include "options.h"

typedef struct AllSettings AllSettings;

#define CONFIG_DEFAULT_FILE "/etc/nex_backup.yaml"

/* One option as it stands on the command line. */
typedef struct GivenOption
{
	const Option *option;
	const char *spelling; /* "--jobs" or "-j" */
	const char *value;    /* "true" for a flag without one */
} GivenOption;

typedef struct Arguments
{
	GivenOption *options;
	int noptions;
	char **words; /* what is no option, in order: the command first */
	int nwords;
} Arguments;

/*
 * Split the command line.  Options may stand anywhere up to "--".  False
 * (error reported, exit 2) on an unknown option or a missing value.  The
 * texts are those of argv.
 */
extern bool arguments_parse(int argc, char **argv, Arguments *arguments);
extern void arguments_free(Arguments *arguments);

/* The last value given on the command line, or NULL. */
extern const char *arguments_value(const Arguments *arguments, const char *name);

/*
 * Put the settings together: command line > environment > file > default.
 * Every bad value is reported (exit 2), then false is returned.
 */
extern bool config_load(const Arguments *arguments, AllSettings *settings);

/*
 * Some options say what one call restores, replaces or leaves out.  Set by a
 * forgotten line of a file, they would do so in the wrong call: at night, or
 * in an emergency.  False (each one reported, exit 2) if one of those named,
 * space-separated, has its value from the environment or the file.
 */
extern bool config_check_per_call(const Arguments *arguments, const AllSettings *settings,
								  const char *names);

/* config_load() from the command line and defaults alone, for what must always answer. */
extern bool config_load_arguments(const Arguments *arguments, AllSettings *settings);

/* Apply a YAML file; false (every error reported, exit 2) if anything is wrong with it. */
extern bool config_read_file(const char *path, AllSettings *settings);

#endif /* NEX_CONFIG_H */

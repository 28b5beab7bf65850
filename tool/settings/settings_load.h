/*-------------------------------------------------------------------------
 *
 * settings_load.h
 *	  From command line, environment and YAML file to the settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SETTINGS_LOAD_H
#define NEX_SETTINGS_LOAD_H

#include "arguments.h"

typedef struct AllSettings AllSettings;

/*
 * Put the settings together: command line > environment > file > default.
 * Every bad value is reported (exit 2), then false is returned.
 */
extern bool settings_load(const Arguments *arguments, AllSettings *settings);

/*
 * Some options say what one call restores, replaces or leaves out.  Set by a
 * forgotten line of a file, they would do so in the wrong call: at night, or
 * in an emergency.  False (each one reported, exit 2) if one of those named,
 * space-separated, has its value from the environment or the file.
 */
extern bool settings_check_per_call(const Arguments *arguments, const AllSettings *settings,
									const char *names);

/* settings_load() from the command line and defaults alone, for what must always answer. */
extern bool settings_load_arguments(const Arguments *arguments, AllSettings *settings);

#endif /* NEX_SETTINGS_LOAD_H */

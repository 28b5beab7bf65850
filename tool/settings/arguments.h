/*-------------------------------------------------------------------------
 *
 * arguments.h
 *	  The command line, cut into options and words.
 *
 * A step before the settings: which command is meant must be known before it
 * can be known whether an option belongs to it, and --help must work with a
 * broken settings file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ARGUMENTS_H
#define NEX_ARGUMENTS_H

#include <stdbool.h>

#include "options.h"

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
	char **words; /* what is not an option, in order: the command first */
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

#endif /* NEX_ARGUMENTS_H */

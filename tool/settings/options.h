/*-------------------------------------------------------------------------
 *
 * options.h
 *	  The one table of all options.
 *
 * Command line, environment, YAML file, --help and the checks of values all
 * come from it, so that they cannot disagree.  An option `keep-daily` is
 * --keep-daily, NEX_BACKUP_KEEP_DAILY and the key keep-daily (or keep_daily,
 * or `daily` inside `keep`).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OPTIONS_H
#define NEX_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct AllSettings AllSettings;
typedef struct Settings Settings;

/* Headings in --help, in this order. */
typedef enum OptionGroup
{
	GROUP_COMMAND, /* of some commands */
	GROUP_CONNECTION,
	GROUP_GENERAL, /* of every command */
	GROUP_STORAGE, /* likewise, for repositories in buckets */
	GROUP_COUNT
} OptionGroup;

typedef enum OptionType
{
	OPTION_FLAG,        /* bool */
	OPTION_LEVEL,       /* LogLevel: a flag that sets it to `min` */
	OPTION_TEXT,        /* char *, checked by `check` */
	OPTION_LIST,        /* TextList, each value checked by `check`; may be given several times */
	OPTION_INTEGER,     /* int from min to max */
	OPTION_DURATION,    /* int, seconds from min to max */
	OPTION_CHOICE,      /* an enum whose values are the positions in `choices` */
	OPTION_COMPRESSION, /* Codec, and compress_level */
	OPTION_ACTION       /* nothing in Settings: --help, --version, --config */
} OptionType;

typedef struct Option
{
	const char *name;
	char letter; /* 0: none */
	OptionGroup group;
	OptionType type;
	size_t settings; /* offset in Settings of the group that it belongs to */
	size_t member;   /* offset in that group */
	size_t clears;   /* there, of the bool that this flag switches off; 0: none */
	long min;
	long max;
	const char *choices; /* "human json" */

	/* Says what a good text is, or NULL if this one is. */
	const char *(*check)(const char *text);
	const char *fallback;      /* the default, as text; NULL: none */
	const char *fallback_note; /* the default in words, where `fallback` does not say it */
	const char *metavar;       /* NULL: takes no value */
	const char *help;
} Option;

extern const Option option_table[];
extern const int option_count;

#define OPTION_MAX_COUNT 160

/* Find by name (dashes and underscores are the same), or by letter; NULL if there is none. */
extern const Option *option_find(const char *name);
extern const Option *option_find_letter(char letter);

/* The name that was probably meant, or NULL. */
extern const char *option_nearest(const char *name);

/* True if the option may be set by environment and file. */
extern bool option_is_setting(const Option *option);

/* "NEX_BACKUP_KEEP_DAILY"; caller frees. */
extern char *option_environment_name(const Option *option);

/* "-j, --jobs=N"; caller frees. */
extern char *option_spelling(const Option *option);

/*
 * Check a value and store it.  NULL when good, else a sentence (caller frees)
 * that says what a value must be like.
 */
extern char *option_store(const Option *option, AllSettings *settings, const char *text);

/* True while the option has the value that it has by itself. */
extern bool option_is_default(const Option *option, const AllSettings *settings);

/* Its value: a bool, an int, a char * or a TextList, as its type says. */
extern const void *option_value(const Option *option, const Settings *settings);

/*
 * Visit what another run of this program needs to reach the same repository with the same keys: the
 * settings file, the repository, and of the options about the two those of the command line and
 * of the environment, which the other run need not have, but for the ones in `left_out`, a list
 * that ends with NULL.
 */
typedef void (*OptionVisit)(const char *name, const char *value, void *argument);
extern void options_for_repository(const Settings *settings, const char *const *left_out,
								   OptionVisit visit, void *argument);

/* No setting has a value; each has its default; free what they hold. */
extern void settings_clear(AllSettings *settings);
extern void settings_set_defaults(AllSettings *settings);
extern void settings_free(AllSettings *settings);

#endif /* NEX_OPTIONS_H */

/*-------------------------------------------------------------------------
 *
 * run_log.c
 *	  The log file of a run, below --log-directory.
 *
 * One file a day, kind and type: backup_nightly_20261123.log.  Runs of the
 * same day append to it, each line with its process number.  The day is that
 * of UTC, like the ids of backups and the times in the lines.  Rotation needs
 * no tool: a new day has a new name, and old files are removed by the date in
 * their name, so that touching or copying them does not make them young.
 *
 *-------------------------------------------------------------------------
 */
#include "run_log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup_settings.h"
#include "general_settings.h"
#include "interrupt.h"
#include "log.h"
#include "log_settings.h"
#include "memory.h"
#include "settings.h"
#include "shared_log.h"
#include "version.h"

#define SUFFIX ".log"
#define DATE_DIGITS 8
#define DAY 86400
#define LINK_HINT                                                                                  \
	"The directory may be a symbolic link of root or of the user who runs this; the log may be "   \
	"none."

/* Names of our files begin with these words; others in the directory are not ours. */
static const char *const kinds[] = {"backup", "verify", "restore", "expire", "copy", "repair"};

static void
utc_date(time_t when, char date[DATE_DIGITS + 1])
{
	struct tm utc;

	gmtime_r(&when, &utc);
	if (strftime(date, DATE_DIGITS + 1, "%Y%m%d", &utc) == 0)
		memcpy(date, "19700101", DATE_DIGITS + 1);
}

char *
run_log_name(const char *kind, const char *type, time_t when)
{
	bool typed = strcmp(kind, "backup") == 0 && type != NULL;
	char date[DATE_DIGITS + 1];

	utc_date(when, date);
	return xasprintf("%s%s%s_%s" SUFFIX, kind, typed ? "_" : "", typed ? type : "", date);
}

/* The date in the name of a run's log, "20261123"; NULL if the file is none. */
static const char *
date_in_name(const char *name)
{
	size_t length = strlen(name);
	const char *date;
	size_t i;

	if (length <= DATE_DIGITS + strlen(SUFFIX) + 1 ||
		strcmp(name + length - strlen(SUFFIX), SUFFIX) != 0)
		return NULL;
	date = name + length - strlen(SUFFIX) - DATE_DIGITS;
	if (date[-1] != '_' || strspn(date, "0123456789") != DATE_DIGITS)
		return NULL;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		size_t width = strlen(kinds[i]);

		if (strncmp(name, kinds[i], width) == 0 && name[width] == '_')
			return date;
	}
	return NULL;
}

/* Newest date first; of one day, by name. */
static int
compare_names(const void *a, const void *b)
{
	const char *first = *(const char *const *) a;
	const char *second = *(const char *const *) b;
	int order = strncmp(date_in_name(second), date_in_name(first), DATE_DIGITS);

	return order != 0 ? order : strcmp(first, second);
}

/* The logs of runs in a directory, newest first. */
static char **
list_logs(DIR *directory, size_t *count)
{
	char **names = NULL;
	struct dirent *entry;

	*count = 0;
	while ((entry = readdir(directory)) != NULL)
	{
		if (date_in_name(entry->d_name) == NULL)
			continue;
		names = xrealloc(names, (*count + 1) * sizeof(char *));
		names[(*count)++] = xstrdup(entry->d_name);
	}
	if (*count > 0)
		qsort(names, *count, sizeof(char *), compare_names);
	return names;
}

int
run_log_expire(int fd, int keep_days, int keep_files, time_t now)
{
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	char oldest[DATE_DIGITS + 1];
	int removed = 0;
	size_t count;
	size_t i;
	char **names;

	if (directory == NULL)
	{
		if (fd >= 0)
			close(fd);
		return 0;
	}
	utc_date(now - (time_t) keep_days * DAY, oldest);
	names = list_logs(directory, &count);
	for (i = 0; i < count; i++)
	{
		bool old = keep_days > 0 && strncmp(date_in_name(names[i]), oldest, DATE_DIGITS) < 0;
		bool surplus = keep_files > 0 && i >= (size_t) keep_files;

		if ((old || surplus) && unlinkat(dirfd(directory), names[i], 0) == 0)
			removed++;
		free(names[i]);
	}
	free(names);
	closedir(directory);
	return removed;
}

void
run_log_open(const Settings *settings, const char *kind)
{
	time_t now = time(NULL);
	char *name;
	char *path;
	int directory;
	int fd;

	if (settings->logs->log_directory == NULL)
		return;
	name = run_log_name(kind, settings->backup->type, now);
	path = xasprintf("%s/%s", settings->logs->log_directory, name);
	fd = shared_log_open_in(settings->logs->log_directory, name, settings->general->repo,
							&directory);
	if (fd < 0)
		log_warning_hint(errno == ELOOP ? LINK_HINT : NULL, "could not open log file \"%s\": %s",
						 path, strerror(errno));
	else
	{
		log_add_run_file(fd, path);
		log_run_file("%s begins: nex_backup %s%s%s%s%s", kind, NEX_BACKUP_VERSION,
					 settings->general->repo != NULL ? ", repository " : "",
					 settings->general->repo != NULL ? settings->general->repo : "",
					 settings->general->narguments > 0 ? ", " : "",
					 settings->general->narguments > 0 ? settings->general->arguments[0] : "");
		run_log_expire(directory, settings->logs->log_keep_days, settings->logs->log_keep_files,
					   now);
	}
	free(path);
	free(name);
}

void
run_log_close(const char *kind, bool good)
{
	int code = interrupted() ? EXIT_INTERRUPTED : (int) log_exit_code();

	if (code == EXIT_DONE && !good)
		code = EXIT_FAILED;
	log_run_file("%s ends: %s, exit code %d", kind, code == EXIT_DONE ? "succeeded" : "failed",
				 code);
}

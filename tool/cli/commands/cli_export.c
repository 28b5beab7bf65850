/*-------------------------------------------------------------------------
 *
 * cli_export.c
 *	  nex_backup export
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backups.h"
#include "command.h"
#include "command_settings.h"
#include "export.h"
#include "general_settings.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "output.h"
#include "progress_bar.h"
#include "repository_view.h"
#include "resolve.h"
#include "restore_settings.h"
#include "settings.h"
#include "stdout_stream.h"

static bool
write_stdout(const char *data, size_t length)
{
	return stdout_stream_write(data, length) ||
		   (!interrupted() &&
			report_error(EXIT_FAILED, NULL, NULL, "could not write to standard output: %s",
						 strerror(errno)));
}

static bool
ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);
	size_t end_length = strlen(end);

	return length > end_length && strcmp(text + length - end_length, end) == 0;
}

/* "backup_shop_20261124T162132Z.sql.zst"; of a name too long for a file, its begin.  Caller frees.
 */
static char *
path_for_database(const BackupName *name, Codec codec)
{
	char directory[DATABASE_DIRECTORY_SIZE];
	const char *between = name->owner.server[0] != '\0' ? "@" : "";
	/* What is not complete has another suffix. */
	size_t others = strlen("backup__" EXPORT_UNFINISHED) + strlen(name->owner.server) +
					strlen(between) + strlen(name->id) + strlen(codec_suffix(codec));
	size_t length;

	database_directory_encode(name->owner.name, directory);
	length = strlen(directory);
	if (length > NAME_MAX - others)
	{
		/* Not within a %XX. */
		length = NAME_MAX - others;
		while (directory[length - 1] == '%' || directory[length - 2] == '%')
			length--;
	}
	return xasprintf("backup_%s%s%.*s_%s%s", name->owner.server, between, (int) length, directory,
					 name->id, codec_suffix(codec));
}

/* Choose file name, which the caller frees, and codec. */
static bool
choose_output(ExportRequest *request, const BackupName *name, char **path)
{
	static const Codec codecs[] = {CODEC_ZSTD, CODEC_GZIP, CODEC_NONE};
	const char *output = request->settings->command->output;
	size_t i;

	request->codec = request->manifest->codec;
	if (output != NULL && strcmp(output, "-") == 0)
	{
		request->write = write_stdout;
		if (isatty(STDOUT_FILENO) && request->codec != CODEC_NONE)
			return report_error(EXIT_USAGE, NULL, "Use -o FILE, or send the output into a pipe.",
								"compressed data is not written to a terminal");
		return true;
	}
	if (output == NULL)
	{
		if (backup_is_of_globals(name))
			*path = xasprintf("globals_%s%s%s%s", name->owner.server,
							  name->owner.server[0] != '\0' ? "_" : "", name->id,
							  codec_suffix(request->codec));
		else
			*path = path_for_database(name, request->codec);
	}
	else
	{
		for (i = 0; i < 3 && !ends_with(output, codec_suffix(codecs[i])); i++)
			;
		if (i == 3)
			return report_error(EXIT_USAGE, NULL,
								"Use a name that ends in .sql.zst, .sql.gz or .sql, or - for "
								"standard output.",
								"cannot tell the format of \"%s\" by its name", output);
		request->codec = codecs[i];
		*path = xstrdup(output);
	}
	request->path = *path;
	return true;
}

static void
say_done(const ExportRequest *export, const BackupName *name, uint64_t written)
{
	char *label;

	if (export->path == NULL)
		return;
	output_done("File \"%s\" is complete.", export->path);
	if (export->settings->general->json)
	{
		json_t *value = json_pack("{s:s, s:o, s:o}", "backup", name->id, "file",
								  json_text(export->path), "bytes", json_count(written));

		backup_set_json(value, name);
		output_json(value);
		return;
	}
	label = backup_label(name);
	show_text("exported \"%s\" to \"%s\" (%s)\n", label, export->path, pretty_bytes(written));
	free(label);
}

static bool
run_export(const Settings *settings)
{
	Repository *repository = open_repository_places(settings, false);
	ExportRequest request = {
		.settings = settings, .repository = repository, .replace = settings->restore->yes};
	Manifest *manifest = NULL;
	char *path = NULL;
	uint64_t written;
	BackupName name;
	bool good = false;

	if (repository == NULL)
		return false;
	if (repository_lock_shared(repository) &&
		repository_resolve(repository, settings->general->arguments[0], &name))
		manifest = repository_manifest_inside(repository, &name);
	request.manifest = manifest;
	if (manifest != NULL)
	{
		progress_bar_start(settings);
		good = choose_output(&request, &name, &path) && export_run(&request, &written);
		progress_bar_stop();
	}
	if (good)
	{
		interrupt_too_late();
		say_done(&request, &name, written);
	}
	free(path);
	manifest_free(manifest);
	repository_close(repository);
	return good;
}

const Command command_export = {
	.name = "export",
	.summary = "write a backup as one file of SQL",
	.arguments = "DB[/ID]",
	.min_arguments = 1,
	.max_arguments = 1,
	.options = "output yes jobs allow-unknown-sql as-of",
	.per_call = "yes allow-unknown-sql as-of",
	.run = run_export,
	.opens_backups = true,
	.several_places = true,
};

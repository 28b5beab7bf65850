/*-------------------------------------------------------------------------
 *
 * masked_diff.c
 *	  What differs between two states of a configuration file, secrets masked.
 *
 * Both states are masked by the code that encrypts secrets in place; what
 * that code refuses to take apart is not shown at all.  Files of the server are
 * masked line by line.  Of other files nobody knows which word of a line is a
 * password (.pgpass, userlist.txt, shadow), so they are not shown, either.  The
 * comparing itself is left to diff(1), which sees masked texts only.
 *
 *-------------------------------------------------------------------------
 */
#include "masked_diff.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "encrypted_file.h"
#include "file_source.h"
#include "log.h"
#include "memory.h"
#include "private_file.h"
#include "quote.h"
#include "sensitive.h"
#include "sops_dotenv.h"
#include "sops_value.h"
#include "sops_yaml.h"
#include "subprocess.h"

#define DIFF_PROGRAM "/usr/bin/diff"

/* A file of the server, whose lines have a known form? */
static bool
is_of_server(const char *path)
{
	static const char *const names[] = {"postgresql.conf", "postgresql.auto.conf", "pg_hba.conf",
										"pg_ident.conf"};
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Mask whole lines that hold a secret. */
static bool
mask_lines(const SensitiveKeys *keys, const Buffer *text, Buffer *out)
{
	size_t at = 0;

	if (text->length > 0 && (memchr(text->data, '\0', text->length) != NULL ||
							 memmem(text->data, text->length, "-----BEGIN", 10) != NULL))
		return false;
	while (at < text->length)
	{
		const char *line = text->data + at;
		const char *newline = memchr(line, '\n', text->length - at);
		size_t length = newline != NULL ? (size_t) (newline - line) : text->length - at;

		if (!sensitive_text(keys, line, length))
			buffer_append(out, line, length);
		else if (!sops_value_mask(line, length, out))
			return false;
		buffer_append_char(out, '\n');
		at += length + 1;
	}
	return true;
}

static bool
mask(const char *path, const Buffer *text, const char *const *words, int nwords, Buffer *out)
{
	EncryptedForm form = encrypted_form_of_path(path);
	SensitiveKeys keys;
	SopsMetadata none;
	int nvalues = 0;
	bool good;

	memset(&none, 0, sizeof(none));
	sensitive_keys_init(&keys, words, nwords);
	if (form == ENCRYPTED_WHOLE)
		good = is_of_server(path) && mask_lines(&keys, text, out);
	else
		good = (form == ENCRYPTED_YAML ? sops_yaml_encrypt : sops_dotenv_encrypt)(
				   text->data, text->length, &keys, NULL, &none, out, &nvalues) == NULL;
	sensitive_keys_free(&keys);
	sops_metadata_free(&none);
	return good;
}

static bool
put_file(const char *path, const Buffer *text)
{
	int error = new_file_write(path, text->data, text->length, false);

	return error == 0 || report_error(EXIT_FAILED, NULL, temporary_file_hint(error),
									  "could not write file \"%s\": %s", path, strerror(error));
}

/* Let diff(1) compare two masked texts. */
static bool
run_diff(const char *shown, const Buffer *before, const Buffer *after, const char *directory,
		 Buffer *out)
{
	char *paths[3] = {xasprintf("%s/before", directory), xasprintf("%s/after", directory),
					  xasprintf("%s/diff", directory)};
	char *old = xasprintf("--label=%s (now)", shown);
	char *new = xasprintf("--label=%s (backup)", shown);
	const char *argv[] = {DIFF_PROGRAM, "-u", old, new, "--", paths[0], paths[1], NULL};
	SubprocessResult result;
	ManifestFile facts;
	bool good;
	int i;

	good = put_file(paths[0], before) && put_file(paths[1], after) &&
		   subprocess_run(argv, paths[2], &result);
	if (good)
	{
		if (result.exit_code > 1)
			good =
				report_error(EXIT_FAILED, result.errors.data, NULL, "\"%s\" failed", DIFF_PROGRAM);
		else
			good = file_source_read(paths[2], READER_IS_US, &facts, out);
		if (good)
			manifest_file_clear(&facts);
		subprocess_result_free(&result);
	}
	for (i = 0; i < 3; i++)
	{
		unlink(paths[i]);
		free(paths[i]);
	}
	free(old);
	free(new);
	return good;
}

bool
masked_diff(const char *path, const Buffer *before, const Buffer *after, const char *const *words,
			int nwords, const char *directory, Buffer *out)
{
	char *shown = printable_name(path);
	Buffer masked_before;
	Buffer masked_after;
	bool good = true;

	buffer_init(&masked_before);
	buffer_init(&masked_after);
	if (!mask(path, before, words, nwords, &masked_before) ||
		!mask(path, after, words, nwords, &masked_after))
		buffer_printf(out,
					  "%s: differs (%zu bytes now, %zu in the backup); not shown, as secrets in "
					  "it cannot be told from the rest\n",
					  shown, before->length, after->length);
	else if (access(DIFF_PROGRAM, X_OK) != 0)
		buffer_printf(out, "%s: differs (%zu bytes now, %zu in the backup)\n", shown,
					  before->length, after->length);
	else
		good = run_diff(shown, &masked_before, &masked_after, directory, out);
	buffer_free(&masked_before);
	buffer_free(&masked_after);
	free(shown);
	return good;
}

/*-------------------------------------------------------------------------
 *
 * unknown_members.c
 *	  Looking for SQL of unknown form in a backup, before any of it runs.
 *
 * What is unknown is not bound to be harmful, and a backup must not become
 * useless by our doubts.  So the statement is shown, and whoever has looked
 * at it can have it run.
 *
 *-------------------------------------------------------------------------
 */
#include "unknown_members.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "member_reader.h"
#include "memory.h"
#include "part_settings.h"
#include "settings.h"

#define LOOK_HINT                                                                                  \
	"Somebody may have planted it in what was backed up.  If the statement does no harm, use "     \
	"--allow-unknown-sql; to see it whole, write the text to a file with \"nex_backup %sexport "   \
	"--allow-unknown-sql\" and look there."

/* Caller frees. */
static char *
look_hint(const Manifest *manifest)
{
	return xasprintf(LOOK_HINT, manifest->kind == BACKUP_OF_GLOBALS ? "globals " : "");
}

/* Is the text of the member UTF-8, as far as it says so? */
static bool
is_utf8(const Manifest *manifest, const char *text)
{
	if (manifest->kind == BACKUP_OF_GLOBALS)
		return strstr(text, "SET client_encoding = 'UTF8';") != NULL;
	return manifest->database.encoding != NULL && strcmp(manifest->database.encoding, "UTF8") == 0;
}

static bool
look_at_member(MemberReader *reader, const Member *member, UnknownMembers *unknown)
{
	UnknownSql *found = &unknown->of[member->kind];

	if (!member_reader_read(reader, member))
		return false;
	unknown_sql_free(found);
	known_sql_examine(member->kind, reader->raw.data, reader->raw.length,
					  is_utf8(reader->manifest, reader->raw.data), found);
	unknown->count += found->count;
	explicit_bzero(reader->raw.data, reader->raw.length);
	return true;
}

static bool
find(Repository *repository, const Manifest *manifest, bool quiet, UnknownMembers *unknown)
{
	MemberReader reader;
	bool good = true;
	uint32_t i;

	memset(unknown, 0, sizeof(*unknown));
	if (manifest->locked)
		return true;
	good = member_reader_open(&reader, repository, manifest);
	reader.quiet = quiet;
	for (i = 0; good && i < manifest->nmembers; i++)
	{
		/* One is enough to be refused, should there be several of a kind. */
		const Member *member = &manifest->members[i];

		if (known_sql_is_about(member->kind) && unknown->of[member->kind].count == 0)
			good = look_at_member(&reader, member, unknown);
	}
	unknown->looked = good;
	member_reader_close(&reader);
	return good;
}

bool
unknown_members_find(Repository *repository, const Manifest *manifest, UnknownMembers *unknown)
{
	return find(repository, manifest, false, unknown);
}

/* Report a member, or warn of it. */
static bool
refuse_or_warn(const Settings *settings, const Manifest *manifest, MemberKind member,
			   const UnknownSql *unknown)
{
	char *detail = unknown_sql_detail(unknown);
	char *label = manifest_label(manifest);
	const char *name = member_kind_name(member);

	if (settings->part->allow_unknown_sql)
		log_warning("the member \"%s\" of backup \"%s\" holds %d %s that nex_backup does not "
					"write, taken as --allow-unknown-sql says; the first: %s",
					name, label, unknown->count, unknown->count == 1 ? "statement" : "statements",
					detail);
	else
	{
		char *hint = look_hint(manifest);

		report_error(EXIT_INTEGRITY, detail, hint,
					 "the member \"%s\" of backup \"%s\" holds SQL that nex_backup does not write",
					 name, label);
		free(hint);
	}
	free(detail);
	free(label);
	return settings->part->allow_unknown_sql;
}

static bool
judge_all(const Settings *settings, const Manifest *manifest, const UnknownMembers *unknown)
{
	bool good = true;
	MemberKind member;

	for (member = 0; good && member < MEMBER_KINDS; member++)
	{
		if (unknown->of[member].count > 0)
			good = refuse_or_warn(settings, manifest, member, &unknown->of[member]);
	}
	return good;
}

bool
unknown_members_refuse(const Settings *settings, Repository *repository, const Manifest *manifest)
{
	UnknownMembers unknown;
	bool good =
		find(repository, manifest, false, &unknown) && judge_all(settings, manifest, &unknown);

	unknown_members_free(&unknown);
	return good;
}

bool
unknown_members_refuse_early(const Settings *settings, Repository *repository,
							 const Manifest *manifest)
{
	UnknownMembers unknown;
	bool good = settings->part->allow_unknown_sql || !find(repository, manifest, true, &unknown) ||
				judge_all(settings, manifest, &unknown);

	if (!settings->part->allow_unknown_sql)
		unknown_members_free(&unknown);
	return good;
}

bool
known_member_sql(const Settings *settings, const Manifest *manifest, MemberKind member,
				 const char *text, const char *database, Buffer *sql)
{
	KnownStatement statement;
	char *hint = look_hint(manifest);
	bool good = true;
	KnownSql known;

	buffer_append_string(sql, "");
	known_sql_begin(&known, member, text, database);
	while (good && known_sql_next(&known, &statement))
	{
		if (statement.kind == SQL_UNKNOWN && !settings->part->allow_unknown_sql)
			good = report_error(EXIT_INTEGRITY, NULL, hint,
								"the member \"%s\" of backup \"%s\" holds SQL that nex_backup does "
								"not write",
								member_kind_name(member), manifest->id);
		buffer_append_string(sql, statement.sql);
		buffer_append_char(sql, '\n');
		known_statement_free(&statement);
	}
	free(hint);
	return good;
}

/*-------------------------------------------------------------------------
 *
 * restore_mark.c
 *	  The comment on a database that a restore fills.
 *
 * A comment, and not a file beside the repository: it is where the database
 * is, whoever restores from wherever, and it goes with it.  The owner of a
 * database can write one as well, so that a reader must ask whose it is, and
 * whether the database has had that owner ever since.
 *
 *-------------------------------------------------------------------------
 */
#include "restore_mark.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json_text.h"
#include "log.h"
#include "memory.h"
#include "session_text.h"

static const char beginning[] = "nex_backup: restore of ";
static const char middle[] = " in progress since ";
static const char session_key[] = ", session ";
static const char before_key[] = "; before: ";

/* Text in an encoding of its own is not kept: in JSON it would be another one. */
static char *
before_json(const DatabaseBefore *before)
{
	json_t *json = json_pack("{s:o, s:I, s:i}", "owner", json_text(before->owner), "owner_oid",
							 (json_int_t) before->owner_oid, "connection_limit", before->limit);
	json_t *comment = before->comment != NULL ? json_string(before->comment) : NULL;
	json_t *grants = before->grants != NULL ? json_loads(before->grants, 0, NULL) : NULL;
	char *text;

	if (comment != NULL)
		json_object_set_new(json, "comment", comment);
	if (grants != NULL)
		json_object_set_new(json, "grants", grants);
	if (before->to_public != NULL)
		json_object_set_new(json, "to_public", json_text(before->to_public));
	text = json_dumps(json, 0);
	json_decref(json);
	return text;
}

char *
restore_mark(const BackupName *backup, const MarkSession *session, const DatabaseBefore *before)
{
	char *json = before != NULL ? before_json(before) : NULL;
	char now[32];
	time_t seconds = time(NULL);
	struct tm tm;
	char *mark;

	gmtime_r(&seconds, &tm);
	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", &tm);
	mark = xasprintf("%s%s/%s%s%s%s%d.%lld%s%s", beginning, backup->owner.name, backup->id, middle,
					 now, session_key, session->pid, session->began, json != NULL ? before_key : "",
					 json != NULL ? json : "");
	free(json);
	return mark;
}

bool
restore_mark_is(const char *comment)
{
	return comment != NULL && strncmp(comment, beginning, strlen(beginning)) == 0 &&
		   strstr(comment, middle) != NULL;
}

bool
restore_mark_of(const char *comment, BackupName *backup, MarkSession *session, bool *taken)
{
	const char *database = backup->owner.name;
	size_t length = strlen(database);
	const char *at;
	char *end;

	if (comment == NULL || strncmp(comment, beginning, strlen(beginning)) != 0)
		return false;
	at = comment + strlen(beginning);
	if (strncmp(at, database, length) != 0 || at[length] != '/')
		return false;

	/* From here on there is no text that a user chose. */
	at += length + 1;
	length = strcspn(at, " ");
	if (length >= sizeof(backup->id))
		return false;
	memcpy(backup->id, at, length);
	backup->id[length] = '\0';
	at += length;
	if (strncmp(at, middle, strlen(middle)) != 0)
		return false;
	at += strlen(middle);
	at += strcspn(at, ", ");
	if (strncmp(at, session_key, strlen(session_key)) != 0)
		return false;
	session->pid = (int) strtol(at + strlen(session_key), &end, 10);
	if (*end != '.')
		return false;
	session->began = strtoll(end + 1, &end, 10);
	*taken = strncmp(end, before_key, strlen(before_key)) == 0;
	return *taken || *end == '\0';
}

static char *
text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text != NULL ? xstrdup(text) : NULL;
}

bool
restore_mark_read(const char *comment, DatabaseBefore *before)
{
	const char *at = restore_mark_is(comment) ? comment : NULL;
	json_t *json = NULL;

	memset(before, 0, sizeof(*before));
	before->limit = -1;

	/* The name of the database may read like this, too, but then the rest is no JSON. */
	while (json == NULL && at != NULL && (at = strstr(at, before_key)) != NULL)
	{
		at += strlen(before_key);
		json = json_loads(at, 0, NULL);
	}
	if (json == NULL)
		return false;
	before->owner = text_of(json, "owner");
	before->owner_oid = (unsigned) json_integer_value(json_object_get(json, "owner_oid"));
	if (json_is_integer(json_object_get(json, "connection_limit")))
		before->limit = (int) json_integer_value(json_object_get(json, "connection_limit"));
	before->comment = text_of(json, "comment");
	if (json_is_array(json_object_get(json, "grants")))
		before->grants = json_dumps(json_object_get(json, "grants"), 0);
	before->to_public = text_of(json, "to_public");
	json_decref(json);
	return true;
}

void
database_before_free(DatabaseBefore *before)
{
	free(before->owner);
	free(before->to_public);
	free(before->grants);
	free(before->comment);
	memset(before, 0, sizeof(*before));
}

char *
restore_mark_own_comment(const Connection *connection, char *comment)
{
	if (comment == NULL || session_text_is(connection, comment))
		return comment;
	log_warning("the comment of the present database is not valid text in the encoding of database "
				"\"%s\", through which it is restored, and is not kept",
				PQdb(connection->pg));
	free(comment);
	return NULL;
}

void
database_comment_add(SqlText *sql, const char *database, const char *comment)
{
	sql_append(sql, "COMMENT ON DATABASE ");
	sql_identifier(sql, database);
	sql_append(sql, " IS ");
	if (comment != NULL)
		sql_literal(sql, comment);
	else
		sql_append(sql, "NULL");
	sql_append(sql, "; ");
}

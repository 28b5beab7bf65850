/*-------------------------------------------------------------------------
 *
 * head_settings.c
 *	  The settings under which a backup is to be loaded.
 *
 * They are part of the backup: its head member sets them for psql.  A loader
 * that had a list of its own would one day differ from it, and text that was
 * written under one setting would be read under another (money under another
 * lc_monetary, XML under another xmloption), for roles and servers have
 * defaults of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "head_settings.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "member_reader.h"
#include "memory.h"

/* The head without psql's own commands. */
static char *
without_meta_commands(const char *head)
{
	Buffer sql;

	buffer_init(&sql);
	buffer_append_string(&sql, "");
	while (*head != '\0')
	{
		size_t length = strcspn(head, "\n");

		length += head[length] == '\n';
		if (head[0] != '\\')
			buffer_append(&sql, head, length);
		head += length;
	}
	return buffer_detach(&sql);
}

bool
head_settings_read(RestorePlan *plan)
{
	MemberReader reader;
	bool found = false;
	bool good;

	good = member_reader_open(&reader, plan->repository, plan->manifest) &&
		   member_reader_read_kind(&reader, MEMBER_HEAD, &found);
	if (good)
		plan->head_settings = found ? without_meta_commands(reader.raw.data) : xstrdup("");
	member_reader_close(&reader);
	return good;
}

/*
 * A backup must not read a view in the place of a table.  In a restore the
 * same setting would only be in the way: a CHECK, a trigger or a materialized
 * view may read one.
 */
static bool
allow_views(Connection *connection)
{
	PGresult *result =
		connection_query(connection,
						 "SELECT pg_catalog.set_config(name, '', false) FROM pg_catalog.pg_settings"
						 " WHERE name = 'restrict_nonsystem_relation_kind'",
						 0, NULL);

	PQclear(result);
	return result != NULL;
}

Connection *
head_settings_connect(const RestorePlan *plan, ConnectionTarget *target)
{
	Connection *connection = connection_open(target);

	if (connection == NULL)
		return NULL;
	if (!allow_views(connection) ||
		(plan->head_settings[0] != '\0' && !connection_command(connection, plan->head_settings)) ||
		!connection_set_lock_timeout(connection, target))
	{
		connection_close(connection);
		return NULL;
	}
	return connection;
}

void
head_settings_add_options(const RestorePlan *plan, ConnectionTarget *target)
{
	/* The options of a text search dictionary are stored as they are quoted. */
	target_add_option(target, "-c quote_all_identifiers=off");

	/* pg_restore makes the other ones.  Backups of older versions do not have this one. */
	if (strstr(plan->head_settings, "SET lc_monetary = 'C'") != NULL)
		target_add_option(target, "-c lc_monetary=C");
}

/*-------------------------------------------------------------------------
 *
 * column_writers.c
 *	  Which of a table's columns can be sent in binary form, and how.
 *
 * The types are those of the table that takes the rows, not of the one that was backed up, so they
 * are asked of the server when it is there.  The description of a query gives them in the order of
 * the COPY, whatever order the table's columns have, and looks through domains; the query itself is
 * never run.
 *
 *-------------------------------------------------------------------------
 */
#include "column_writers.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "row_copy.h"

/* Types from here on are made by users (FirstNormalObjectId). */
#define FIRST_USER_TYPE 16384

static int
compare_oids(const void *a, const void *b)
{
	Oid x = *(const Oid *) a;
	Oid y = *(const Oid *) b;

	return x < y ? -1 : x > y;
}

/* Not known to be an enum if the server does not tell. */
static bool
is_enum(Connection *connection, EnumTypes *enums, Oid type)
{
	if (!enums->known)
	{
		PGresult *result =
			connection_exec(connection, "SELECT oid FROM pg_catalog.pg_type WHERE typtype = 'e' "
										"ORDER BY oid");
		int i;

		enums->known = true;
		if (PQresultStatus(result) == PGRES_TUPLES_OK)
		{
			enums->count = (size_t) PQntuples(result);
			enums->types = xcalloc(enums->count + 1, sizeof(Oid));
			for (i = 0; i < PQntuples(result); i++)
				enums->types[i] = (Oid) strtoul(PQgetvalue(result, i, 0), NULL, 10);
		}
		PQclear(result);
	}
	return enums->count > 0 &&
		   bsearch(&type, enums->types, enums->count, sizeof(Oid), compare_oids) != NULL;
}

/* A description of the columns of "COPY s.t (a, b) FROM stdin;": that of SELECT a, b FROM s.t. */
static PGresult *
describe_columns(Connection *connection, const ManifestTable *table)
{
	size_t length;
	const char *columns = row_copy_columns(table, &length);
	const char *name = table->copy + strlen("COPY ");
	PGresult *result;
	char *query;

	if (length < strlen("(a)") || columns[0] != '(')
		return NULL;
	query = xasprintf("SELECT %.*s FROM %.*s", (int) length - 2, columns + 1,
					  (int) (columns - name), name);
	result = PQprepare(connection->pg, "", query, 0, NULL);
	free(query);
	if (PQresultStatus(result) == PGRES_COMMAND_OK)
	{
		PQclear(result);
		result = PQdescribePrepared(connection->pg, "");
	}
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		log_debug("the columns of table \"%s.%s\" are not known: %s", table->schema, table->name,
				  PQresultErrorMessage(result));
	return result;
}

bool
column_writers_find(Connection *connection, const ManifestTable *table, EnumTypes *enums,
					BinaryRows *rows)
{
	PGresult *description = describe_columns(connection, table);
	int columns = PQnfields(description);
	bool found = columns > 0;
	int i;

	free(rows->writers);
	rows->writers = xcalloc((size_t) columns + 1, sizeof(ValueWriter));
	rows->columns = columns;
	for (i = 0; i < columns && found; i++)
	{
		Oid type = PQftype(description, i);

		rows->writers[i] = value_writer_of_type(type);
		if (rows->writers[i] == NULL && type >= FIRST_USER_TYPE && is_enum(connection, enums, type))
			rows->writers[i] = value_write_text;
		found = rows->writers[i] != NULL;
	}
	PQclear(description);
	if (!found)
		log_debug("rows of table \"%s.%s\" are sent as text", table->schema, table->name);
	return found;
}

/*-------------------------------------------------------------------------
 *
 * live_classes.c
 *	  Operator classes that would compare values by functions of others.
 *
 * Only superusers make operator classes, but of functions and operators that can
 * be anybody's.  Whoever builds an index, or reads the bound of a partition or
 * the value of a range type, calls them.
 *
 * The archive knows what an operator class that comes with the part depends on,
 * but a family that is there already may have members that are not in the
 * backup, and older backups do not tell the members of a class from those of its
 * family.  So what a new class runs is asked of the server as soon as it is
 * made, before anything is built on it.
 *
 * Nor does the archive have entries for functions that somebody made in
 * pg_catalog, and definitions name these without a schema.  They are there in
 * hardly any database; if others can change what one runs, nothing that names one
 * is made with rights to gain.
 *
 *-------------------------------------------------------------------------
 */
#include "live_classes.h"

#include <stdlib.h>
#include <string.h>

#include "chosen.h"
#include "code_owners.h"
#include "entry_calls.h"
#include "live_refusal.h"
#include "live_rests.h"
#include "memory.h"
#include "owner_settings.h"
#include "settings.h"
#include "turn_settings.h"

/* Those that run functions of others, as they are named. */
static const char class_query[] =
	"SELECT pg_catalog.format('%I.%I', n.nspname, k.opcname) FROM pg_catalog.pg_opclass k"
	" JOIN pg_catalog.pg_namespace n ON n.oid = k.opcnamespace"
	" WHERE k.oid >= 12000 AND EXISTS (SELECT FROM ("
	"  SELECT p.amproc::pg_catalog.oid FROM pg_catalog.pg_amproc p"
	"   WHERE p.amprocfamily = k.opcfamily UNION ALL SELECT o.oprcode::pg_catalog.oid"
	"   FROM pg_catalog.pg_amop p JOIN pg_catalog.pg_operator o ON o.oid = p.amopopr"
	"   WHERE p.amopfamily = k.opcfamily) x (function)"
	"  JOIN pg_catalog.pg_proc f ON f.oid = x.function"
	"  JOIN pg_catalog.pg_roles r ON r.oid = f.proowner WHERE NOT " ROW_ROLE_IS_TRUSTED ")";

/* What of one that is there others can change, or NULL. */
static const char made_query[] =
	"WITH RECURSIVE " CODE_OF("SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass::pg_catalog.oid,"
							  " $1::pg_catalog.oid") " SELECT (" CODE_OF_OTHERS ")";

#define BY_HAND "f.oid >= 16384 AND f.pronamespace = 'pg_catalog'::pg_catalog.regnamespace"
#define CODE_BY_HAND CODE_OF("SELECT f.tableoid, f.oid FROM pg_catalog.pg_proc f WHERE " BY_HAND)

/* Functions that somebody made in pg_catalog, if others can change what any of them runs. */
static const char by_hand_query[] =
	"WITH RECURSIVE " CODE_BY_HAND " SELECT DISTINCT pg_catalog.quote_ident(f.proname)"
	" FROM pg_catalog.pg_proc f WHERE " BY_HAND " AND (" CODE_OF_OTHERS ") IS NOT NULL";

static const char trusted_query[] = "SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = "
									"$1::pg_catalog.name AND " ROW_ROLE_IS_TRUSTED;

/* Would it be computed with the rights of a superuser, or of the session? */
static bool
is_trusted(const RestorePlan *plan, Connection *connection, const TocEntry *entry, bool *trusted)
{
	const char *params[1] = {entry->owner};
	PGresult *result = connection_query(connection, trusted_query, 1, params);

	*trusted = plan->settings->owners->no_owner || (result != NULL && PQntuples(result) > 0);
	PQclear(result);
	return result != NULL;
}

/* Is it built on classes with rights that others would gain by?  Bounds of partitions always are.
 */
static bool
is_built(const RestorePlan *plan, Connection *connection, const TocEntry *entry, bool *built)
{
	static const char *const kinds[] = {"INDEX", "CONSTRAINT", NULL};

	*built = entry_is_partitioned(entry);
	return *built || !toc_entry_is_any(entry, kinds) || is_trusted(plan, connection, entry, built);
}

/* Does it matter what this entry names? */
typedef bool (*Matters)(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
						bool *does);

/*
 * One by its name: the archive says nothing about classes of extensions, in older
 * backups about those of constraints, and about functions in pg_catalog.
 */
static bool
check_name(const RestorePlan *plan, Connection *connection, const char *what, const char *name,
		   Matters matters)
{
	const ArchiveToc *toc = &plan->selection->toc;
	char *detail;
	bool does;
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (!selection_includes(plan->selection, entry) || entry->definition == NULL ||
			strstr(entry->definition, name) == NULL)
			continue;
		if (!matters(plan, connection, entry, &does))
			return false;
		if (!does)
			continue;
		detail = xasprintf("%s %s runs functions that can be changed by others.", what, name);
		live_code_refuse(entry, detail);
		free(detail);
		return false;
	}
	return true;
}

static bool
check_names(const RestorePlan *plan, Connection *connection, const char *what, const char *query,
			Matters matters)
{
	PGresult *names = connection_query(connection, query, 0, NULL);
	bool good = names != NULL;
	int i;

	for (i = 0; good && i < PQntuples(names); i++)
		good = check_name(plan, connection, what, PQgetvalue(names, i, 0), matters);
	PQclear(names);
	return good;
}

bool
live_classes_check(const RestorePlan *plan, Connection *connection)
{
	return check_names(plan, connection, "Operator class", class_query, is_built) &&
		   check_names(plan, connection, "Function", by_hand_query, is_trusted);
}

/* `what` of it is of others: nothing may be built on it, and no value of a range be compared. */
static bool
check_dependents(const RestorePlan *plan, Connection *connection, const TocEntry *class,
				 const char *what)
{
	const ArchiveToc *toc = &plan->selection->toc;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];
		bool built;
		char *detail;

		if (!selection_includes(plan->selection, entry) || !live_code_rests_on(toc, entry, class))
			continue;
		good = is_built(plan, connection, entry, &built);
		if (!good || !(built || entry_is_range(entry)))
			continue;
		detail = xasprintf("Operator class %s.%s runs %s, which others can change.", class->schema,
						   class->tag, what);
		good = live_code_refuse(entry, detail);
		free(detail);
	}
	return good;
}

bool
live_classes_check_made(const RestorePlan *plan, Connection *connection, const TocEntry *class)
{
	ExistingObjects *existing;
	FoundObject found;
	const char *params[1];
	PGresult *result;
	bool good;

	if (plan->settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	existing = existing_objects_read(connection);
	if (existing == NULL)
		return false;
	existing_objects_find(existing, class, &found);
	params[0] = found.oid[0] != '\0' ? found.oid : "0";
	result = connection_query(connection, made_query, 1, params);
	good = result != NULL;
	if (good && !PQgetisnull(result, 0, 0))
		good = check_dependents(plan, connection, class, PQgetvalue(result, 0, 0));
	PQclear(result);
	existing_objects_free(existing);
	return good && live_classes_check(plan, connection);
}

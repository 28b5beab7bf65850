/*-------------------------------------------------------------------------
 *
 * hold.c
 *	  The extension, held and looked at before anything of it is run.
 *
 * Bodies of SQL and PL/pgSQL find what they use by name, and at the time when
 * they run.  So two things must hold before one of them begins, and until it
 * has ended.
 *
 * The names must lead to the extension.  The owner of a database owns its
 * schema public, and by dropping that drops the extension with its own schema,
 * whose name anybody with CREATE on the database can then take.  DROP, by
 * whatever way it comes, locks all parts of an extension before it drops the
 * first, so whoever holds the lock of one has all of it.  That one is a relation:
 * of those, a lock in the way of others is only for whoever may change them, and
 * permission is asked for before a lock is waited for.  The lock of
 * the extension itself is anybody's: ALTER FUNCTION pg_temp.f() DEPENDS ON
 * EXTENSION takes it, and DROP EXTENSION waits for it before it looks who asks.
 * It is the one that DROP takes first: so it has taken no other when it meets
 * us, and nobody waits in a circle.
 *
 * And nothing of it may be anybody's who is not a superuser: foreign_parts.c.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"

#include "foreign_parts.h"
#include "hold.h"

PG_FUNCTION_INFO_V1(nex_backup_check_members);

#define NAME "nex_backup"

/* True if it is locked; false, if somebody keeps it, and we were not to wait. */
static bool
lock_relation(Oid relation, bool wait)
{
	if (!wait)
		return ConditionalLockRelationOid(relation, AccessShareLock);
	LockRelationOid(relation, AccessShareLock);
	return true;
}

/*
 * The extension, in *relation what is locked of it, and in *members all of it
 * (to be freed).  InvalidOid if there is none; both, if *relation was not to be
 * had.  That is nearly always the one of the last time, so its members are read
 * but once.
 */
static Oid
lock_extension(bool wait, Oid *relation, List **members, bool *busy)
{
	static Oid last = InvalidOid;

	*busy = false;
	*members = NIL;
	for (;;)
	{
		Oid extension = get_extension_oid(NAME, true);

		*relation = InvalidOid;
		if (!OidIsValid(extension))
			return InvalidOid;
		if (!OidIsValid(last))
		{
			*members = foreign_parts_members(extension);
			last = foreign_parts_first_relation(*members);
			list_free_deep(*members);
			*members = NIL;
		}
		*relation = last;
		if (!OidIsValid(*relation))
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("extension \"%s\" has no tables", NAME)));
		if (!lock_relation(*relation, wait))
		{
			*busy = true;
			return InvalidOid;
		}
		*members = foreign_parts_members(extension);
		last = foreign_parts_first_relation(*members);
		if (get_extension_oid(NAME, true) == extension && last == *relation)
			return extension;
		/* It was dropped or updated meanwhile. */
		list_free_deep(*members);
		*members = NIL;
		UnlockRelationOid(*relation, AccessShareLock);
	}
}

static void
raise_finding(const Finding *finding)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("nothing of extension \"%s\" is run, as %s", NAME, finding->problem),
					finding->hint != NULL ? errhint("%s", finding->hint) : 0));
}

static void
check_foreign_parts(Oid extension, List *members)
{
	Finding finding;

	foreign_parts_find(extension, members, false, &finding);
	if (finding.problem != NULL)
		raise_finding(&finding);
	list_free_deep(members);
}

Oid
hold_extension(Oid *relation)
{
	List *members;
	bool busy;
	Oid extension = lock_extension(true, relation, &members, &busy);

	if (OidIsValid(extension))
		check_foreign_parts(extension, members);
	return extension;
}

bool
hold_extension_at_once(Oid *extension)
{
	Oid relation;
	List *members;
	bool busy;

	*extension = lock_extension(false, &relation, &members, &busy);
	if (busy)
		return false;
	if (OidIsValid(*extension))
		check_foreign_parts(*extension, members);
	return true;
}

Oid
hold_extension_quietly(Oid *relation, char **problem, char **hint)
{
	List *members;
	bool busy;
	Oid extension = lock_extension(true, relation, &members, &busy);
	Finding finding = {NULL, NULL};

	if (OidIsValid(extension))
		foreign_parts_find(extension, members, false, &finding);
	list_free_deep(members);
	*problem = finding.problem;
	*hint = finding.hint;
	return extension;
}

/*
 * Whatever depends on the extension is among its members where these are read, and
 * nobody else has a reason to make hundreds of thousands of functions do so.
 */
void
hold_check_statement(const Node *statement)
{
	const AlterObjectDependsStmt *depends = (const AlterObjectDependsStmt *) statement;

	if (!IsA(statement, AlterObjectDependsStmt) || depends->remove ||
		strcmp(strVal(depends->extname), NAME) != 0 || superuser())
		return;
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("permission denied to make an object depend on extension \"%s\"", NAME),
					errdetail("Only superusers may do that.")));
}

void
hold_release(Oid relation)
{
	UnlockRelationOid(relation, AccessShareLock);
}

void
hold_no_extension(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"%s\" does not exist", NAME)));
}

/*
 * What each step of an update calls first, once it has locked all: what is there
 * runs code in the script, with the rights of the superuser who updates.
 */
Datum
nex_backup_check_members(PG_FUNCTION_ARGS)
{
	Finding finding;
	Oid extension;

	if (!creating_extension || !superuser())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("only an update of the extension looks at all of it")));
	extension = get_extension_oid(NAME, false);
	foreign_parts_find(extension, foreign_parts_members(extension), true, &finding);
	if (finding.problem != NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("extension \"%s\" is not updated, as %s", NAME, finding.problem),
						errdetail("Its code could be run by the update.  Nothing was changed."),
						finding.hint != NULL ? errhint("%s", finding.hint) : 0));
	PG_RETURN_VOID();
}

/*-------------------------------------------------------------------------
 *
 * hold.c
 *	  The extension, held and looked at before anything of it is run.
 *
 * What runs in this extension runs with the rights of a superuser: in workers,
 * and in SECURITY DEFINER functions.  Bodies of SQL and PL/pgSQL find what they
 * use by name, and at the time when they run.  So two things must hold before
 * one of them begins, and until it has ended.
 *
 * The names must lead to the extension.  The owner of a database owns its
 * schema public, and by dropping that drops the extension with its own schema,
 * whose name anybody with CREATE on the database can then take.  A lock on the
 * extension's tables would come too late, as it is taken by a body.  DROP, by
 * whatever way it comes, first locks the extension itself against all others,
 * so whoever holds that lock has all of it.
 *
 * And it must be a superuser's, all of it: the owner of a function says what it
 * does.  REASSIGN OWNED, ALTER ... OWNER TO and ALTER ROLE ... NOSUPERUSER make
 * parts of it somebody else's.  Nothing in SQL can look for that, as it would
 * be that owner's as well.
 *
 * Catalog caches, and no query: this is done at each call and by workers each
 * second.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

#include "hold.h"

#define NAME "nex_backup"

/* What is wrong, for an error or for the status. */
typedef struct Finding
{
	char *problem; /* NULL: nothing */
	char *hint;
} Finding;

/* ---- whose is it? ---- */

/* A role's name as it is written in SQL; a role may have been dropped just now. */
static const char *
role_name(Oid role)
{
	return quote_identifier(GetUserNameFromId(role, true) != NULL ? GetUserNameFromId(role, true)
																  : psprintf("%u", role));
}

static void
note_owner(const ObjectAddress *object, Oid owner, Finding *finding)
{
	const char *name = role_name(owner);
	char *what = getObjectDescription(object, true);

	finding->problem = psprintf("%s belongs to role %s, which is not a superuser",
								what != NULL ? what : "a part of it", name);
	finding->hint =
		psprintf("That role could have changed the extension. If it has not, a superuser makes "
				 "it belong to a superuser by %s; otherwise DROP EXTENSION " NAME
				 ", CREATE EXTENSION " NAME " and nex_backup_sync() for each repository.",
				 object->classId == ExtensionRelationId
					 ? psprintf("REASSIGN OWNED BY %s, or ALTER ROLE %s SUPERUSER", name, name)
					 : "ALTER ... OWNER TO");
}

/* From a catalog without a cache, such as that of extensions. */
static Oid
owner_in_catalog(const ObjectAddress *object, AttrNumber column)
{
	Relation catalog = table_open(object->classId, AccessShareLock);
	HeapTuple tuple = get_catalog_object_by_oid(catalog, get_object_attnum_oid(object->classId),
												object->objectId);
	Datum owner = (Datum) 0;
	bool null = true;

	if (HeapTupleIsValid(tuple))
		owner = heap_getattr(tuple, column, RelationGetDescr(catalog), &null);
	table_close(catalog, AccessShareLock);
	return null ? InvalidOid : DatumGetObjectId(owner);
}

/* InvalidOid for a kind of object that has no owner of its own. */
static Oid
owner_of(const ObjectAddress *object)
{
	AttrNumber column = InvalidAttrNumber;
	HeapTuple tuple;
	Datum owner;
	bool null;
	int cache;

	if (is_objectclass_supported(object->classId))
		column = get_object_attnum_owner(object->classId);
	if (column == InvalidAttrNumber)
		return InvalidOid;
	cache = get_object_catcache_oid(object->classId);
	if (cache < 0)
		return owner_in_catalog(object, column);
	tuple = SearchSysCache1(cache, ObjectIdGetDatum(object->objectId));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = SysCacheGetAttr(cache, tuple, column, &null);
	ReleaseSysCache(tuple);
	return null ? InvalidOid : DatumGetObjectId(owner);
}

static void
check_owner(const ObjectAddress *object, Finding *finding)
{
	Oid owner = owner_of(object);

	if (OidIsValid(owner) && !superuser_arg(owner))
		note_owner(object, owner, finding);
}

/* Whoever may create a trigger on a table has its function run by all who write there. */
static void
check_triggers(Oid relation, Finding *finding)
{
	Relation triggers = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan = systable_beginscan(triggers, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (finding->problem == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);
		ObjectAddress function;

		if (trigger->tgisinternal)
			continue;
		ObjectAddressSet(function, ProcedureRelationId, trigger->tgfoid);
		check_owner(&function, finding);
	}
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
}

static void
check_relation(Oid relation, Finding *finding)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));

	if (!HeapTupleIsValid(tuple))
		return;
	if (((Form_pg_class) GETSTRUCT(tuple))->relhastriggers)
		check_triggers(relation, finding);
	ReleaseSysCache(tuple);
}

/* A function beside those of the extension could be taken in the place of one of them. */
static void
check_creators(Oid schema, Finding *finding)
{
	HeapTuple tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Datum value;
	bool null = true;

	if (!HeapTupleIsValid(tuple))
		return;
	value = SysCacheGetAttr(NAMESPACEOID, tuple, Anum_pg_namespace_nspacl, &null);
	if (!null)
	{
		Acl *acl = DatumGetAclPCopy(value);
		int i;

		for (i = 0; i < ACL_NUM(acl) && finding->problem == NULL; i++)
		{
			const AclItem *item = &ACL_DAT(acl)[i];
			const char *name;

			if ((ACLITEM_GET_PRIVS(*item) & ACL_CREATE) == 0 ||
				(item->ai_grantee != ACL_ID_PUBLIC && superuser_arg(item->ai_grantee)))
				continue;
			name = item->ai_grantee == ACL_ID_PUBLIC ? "PUBLIC" : role_name(item->ai_grantee);
			finding->problem = psprintf("role %s may create objects in schema " NAME, name);
			finding->hint = psprintf("REVOKE CREATE ON SCHEMA " NAME " FROM %s", name);
		}
	}
	ReleaseSysCache(tuple);
}

/* All members of an extension, or all that is in a schema. */
static void
check_dependents(Oid class, Oid referenced, Finding *finding)
{
	Relation depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(class));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(referenced));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (finding->problem == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend entry = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress object;

		if (class == ExtensionRelationId && entry->deptype != DEPENDENCY_EXTENSION)
			continue;
		ObjectAddressSet(object, entry->classid, entry->objid);
		check_owner(&object, finding);
		if (finding->problem == NULL && entry->classid == RelationRelationId)
			check_relation(entry->objid, finding);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
}

static void
find_foreign_part(Oid extension, Finding *finding)
{
	Oid schema = get_namespace_oid(NAME, true);
	ObjectAddress object;

	memset(finding, 0, sizeof(*finding));
	ObjectAddressSet(object, ExtensionRelationId, extension);
	check_owner(&object, finding);
	if (finding->problem == NULL)
		check_dependents(ExtensionRelationId, extension, finding);
	if (finding->problem == NULL && !OidIsValid(schema))
		finding->problem = pstrdup("schema " NAME " is not there");
	/* Among them are all its functions, members of the extension or not. */
	if (finding->problem == NULL)
		check_dependents(NamespaceRelationId, schema, finding);
	if (finding->problem == NULL)
		check_creators(schema, finding);
	if (finding->problem == NULL && getExtensionOfObject(NamespaceRelationId, schema) != extension)
		finding->problem = pstrdup("schema " NAME " is not a part of it");
}

/* ---- holding ---- */

/* DROP EXTENSION locks it first, so whoever holds this lock while using its parts meets it nowhere
 * else. */
static Oid
lock_extension(void)
{
	Oid extension = get_extension_oid(NAME, true);

	if (!OidIsValid(extension))
		return InvalidOid;
	LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
	return get_extension_oid(NAME, true) == extension ? extension : InvalidOid;
}

static void
raise_finding(const Finding *finding)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("nothing of extension \"%s\" is run, as %s", NAME, finding->problem),
					finding->hint != NULL ? errhint("%s", finding->hint) : 0));
}

void
check_extension_owners(Oid extension)
{
	Finding finding;

	find_foreign_part(extension, &finding);
	if (finding.problem != NULL)
		raise_finding(&finding);
}

Oid
hold_extension(void)
{
	Oid extension = lock_extension();

	if (OidIsValid(extension))
		check_extension_owners(extension);
	return extension;
}

Oid
hold_extension_quietly(char **problem, char **hint)
{
	Oid extension = lock_extension();
	Finding finding = {NULL, NULL};

	if (OidIsValid(extension))
		find_foreign_part(extension, &finding);
	*problem = finding.problem;
	*hint = finding.hint;
	return extension;
}

void
hold_no_extension(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"%s\" does not exist", NAME)));
}

/*-------------------------------------------------------------------------
 *
 * foreign_parts.c
 *	  What of the extension is somebody's who is not a superuser, or could run
 *	  such a role's code.
 *
 * What runs in this extension runs with the rights of a superuser: in workers,
 * in functions that act as their owner, and in the script of an update.  So all
 * of it must be a superuser's: the owner of a function says what it does.
 * REASSIGN OWNED, ALTER ... OWNER TO and ALTER ROLE ... NOSUPERUSER make parts
 * of it somebody else's.  Nothing in SQL can look for that, as it would be that
 * owner's as well.
 *
 * Owners are not all.  Whoever may create a trigger on a table says what is
 * called when a worker writes there, by its condition and its arguments as well
 * as by its function; a foreign key that leads to it has rows of another table
 * deleted by the same statement; and what a view, an index, a constraint, or
 * statistics call may be anybody's.  So triggers are those that we know, other
 * sides of foreign keys are ours, nothing of it depends on what is neither
 * PostgreSQL's nor ours, and roles that are not superusers have no privilege on
 * a table but to read it.
 *
 * Catalog caches and index scans, no query: this is done at each call and by
 * workers each second.  And nothing that others can make long: who depends on
 * something is anybody, so pg_depend is not asked for what is in the schema (a
 * function can have the schema as a constant, wherever it is), and once for the
 * members (hold.c lets nobody else enter there).
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "nodes/nodes.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "foreign_parts.h"

#define NAME "nex_backup"
#define ANEW                                                                                       \
	"DROP EXTENSION " NAME ", CREATE EXTENSION " NAME                                              \
	", and nex_backup_sync() for each repository bring it back, without its jobs"

typedef struct Look
{
	Oid extension;
	Oid schema;
	List *members;   /* ObjectAddress */
	List *relations; /* Oids of the members among relations */
	bool before_update;
	Finding *finding;
} Look;

/* The trigger that the extension has. */
static const struct
{
	const char *table;
	const char *name;
	int16 type;
} known_trigger = {"jobs", "suspend_inserted_job",
				   TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_INSERT};

/* What acts as its owner in SQL of 0.2.0, and is meant for agents, reporters and readers of the
 * status. */
static const char *const for_others[] = {
	"advance", "alarm_delivered",  "alarm_state",     "alarms_to_deliver",
	"claim",   "finish",           "heartbeat",       "pending_alarms",
	"record",  "repository_state", "scheduler_state", "scheduler_status",
	"start"};

/* ---- words ---- */

/* A role's name as it is written in SQL; a role may have been dropped just now. */
static const char *
role_name(Oid role)
{
	if (role == ACL_ID_PUBLIC)
		return "PUBLIC";
	return quote_identifier(GetUserNameFromId(role, true) != NULL ? GetUserNameFromId(role, true)
																  : psprintf("%u", role));
}

static const char *
description(Oid class, Oid object)
{
	ObjectAddress address;
	char *text;

	ObjectAddressSet(address, class, object);
	text = getObjectDescription(&address, true);
	return text != NULL ? text : "a part of it";
}

/*
 * Whatever is given to a superuser as a whole brings along what that role has
 * made elsewhere, so no hint is REASSIGN OWNED, or to make the role a superuser.
 */
static void
note_owner(Oid class, Oid object, Oid owner, bool member, Finding *finding)
{
	finding->problem = psprintf("%s belongs to role %s, which is not a superuser",
								description(class, object), role_name(owner));
	if (class == ExtensionRelationId)
		finding->hint = pstrdup("That role could have changed the extension. " ANEW ".");
	else if (member)
		finding->hint =
			pstrdup("That role could have changed the extension. If it has not, ALTER ... OWNER TO "
					"gives that part to a superuser; otherwise " ANEW ".");
	else
		finding->hint = pstrdup("It is not a part of the extension, and DROP removes it.");
}

/* "INSERT, UPDATE" */
static char *
privilege_names(AclMode privileges)
{
	static const struct
	{
		AclMode privilege;
		const char *name;
	} names[] = {
		{ACL_INSERT, "INSERT"},         {ACL_UPDATE, "UPDATE"},   {ACL_DELETE, "DELETE"},
		{ACL_TRUNCATE, "TRUNCATE"},     {ACL_TRIGGER, "TRIGGER"}, {ACL_USAGE, "USAGE"},
		{ACL_REFERENCES, "REFERENCES"}, {ACL_CREATE, "CREATE"},   {ACL_EXECUTE, "EXECUTE"}};
	StringInfoData text;
	size_t i;

	initStringInfo(&text);
	for (i = 0; i < lengthof(names); i++)
		if (privileges & names[i].privilege)
			appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", names[i].name);
	return text.len > 0 ? text.data : "ALL";
}

/* ---- owners ---- */

/* From a catalog without a cache, such as that of extensions. */
static Oid
oid_in_catalog(Oid class, Oid object, AttrNumber column)
{
	Relation catalog = table_open(class, AccessShareLock);
	HeapTuple tuple = get_catalog_object_by_oid(catalog, get_object_attnum_oid(class), object);
	Datum value = (Datum) 0;
	bool null = true;

	if (HeapTupleIsValid(tuple))
		value = heap_getattr(tuple, column, RelationGetDescr(catalog), &null);
	table_close(catalog, AccessShareLock);
	return null ? InvalidOid : DatumGetObjectId(value);
}

/* The Oid in a column of the object's row; InvalidOid if there is no such column. */
static Oid
oid_of_object(Oid class, Oid object, AttrNumber column)
{
	HeapTuple tuple;
	Datum value;
	bool null;
	int cache;

	if (column == InvalidAttrNumber)
		return InvalidOid;
	cache = get_object_catcache_oid(class);
	if (cache < 0)
		return oid_in_catalog(class, object, column);
	tuple = SearchSysCache1(cache, ObjectIdGetDatum(object));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	value = SysCacheGetAttr(cache, tuple, column, &null);
	ReleaseSysCache(tuple);
	return null ? InvalidOid : DatumGetObjectId(value);
}

/* InvalidOid for a kind of object that does not have an owner. */
static Oid
owner_of(Oid class, Oid object)
{
	if (!is_objectclass_supported(class))
		return InvalidOid;
	return oid_of_object(class, object, get_object_attnum_owner(class));
}

static Oid
schema_of(Oid class, Oid object)
{
	if (!is_objectclass_supported(class))
		return InvalidOid;
	return oid_of_object(class, object, get_object_attnum_namespace(class));
}

static void
check_owner(Oid class, Oid object, bool member, Finding *finding)
{
	Oid owner = owner_of(class, object);

	if (OidIsValid(owner) && !superuser_arg(owner))
		note_owner(class, object, owner, member, finding);
}

/* ---- privileges ---- */

/*
 * Does somebody who is not a superuser have more than these privileges?  "kind"
 * and "column" are as in REVOKE: TABLE, and a column or NULL.
 */
static void
check_acl(Datum value, AclMode harmless, const char *kind, const char *column, Oid class,
		  Oid object, Finding *finding)
{
	Acl *acl = DatumGetAclP(value);
	int i;

	for (i = 0; i < ACL_NUM(acl) && finding->problem == NULL; i++)
	{
		const AclItem *item = &ACL_DAT(acl)[i];
		AclMode privileges = ACLITEM_GET_PRIVS(*item) & ~harmless;
		char *names;
		const char *where;

		if (privileges == 0 ||
			(item->ai_grantee != ACL_ID_PUBLIC && superuser_arg(item->ai_grantee)))
			continue;
		names = privilege_names(privileges);
		where = class == NamespaceRelationId ? "schema " NAME : description(class, object);
		finding->problem =
			class == NamespaceRelationId
				? psprintf("role %s may create objects in %s", role_name(item->ai_grantee), where)
				: psprintf("role %s has privilege %s on %s%s%s", role_name(item->ai_grantee), names,
						   column != NULL ? "a column of " : "", where,
						   class == ProcedureRelationId ? ", which is internal" : "");
		finding->hint = psprintf(
			"REVOKE %s%s ON %s %s FROM %s", names,
			column != NULL ? psprintf(" (%s)", quote_identifier(column)) : "", kind,
			class == NamespaceRelationId   ? NAME
			: class == ProcedureRelationId ? format_procedure_qualified(object)
										   : quote_qualified_identifier(NAME, get_rel_name(object)),
			role_name(item->ai_grantee));
	}
	if ((Pointer) acl != DatumGetPointer(value))
		pfree(acl);
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
		check_acl(value, ACL_USAGE, "SCHEMA", NULL, NamespaceRelationId, schema, finding);
	ReleaseSysCache(tuple);
}

static void
check_columns(Oid relation, int columns, Finding *finding)
{
	int i;

	for (i = 1; i <= columns && finding->problem == NULL; i++)
	{
		HeapTuple tuple =
			SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation), Int16GetDatum((int16) i));
		Datum value;
		bool null = true;

		if (!HeapTupleIsValid(tuple))
			continue;
		value = SysCacheGetAttr(ATTNUM, tuple, Anum_pg_attribute_attacl, &null);
		if (!null)
			check_acl(value, ACL_SELECT, "TABLE",
					  NameStr(((Form_pg_attribute) GETSTRUCT(tuple))->attname), RelationRelationId,
					  relation, finding);
		ReleaseSysCache(tuple);
	}
}

static bool
is_for_others(const char *name)
{
	size_t i;

	for (i = 0; i < lengthof(for_others); i++)
		if (strcmp(for_others[i], name) == 0)
			return true;
	return false;
}

/*
 * Internal functions have the rights of their caller, so EXECUTE on them gives
 * nothing.  That they act as their owner was so in 0.2.0; an update ends it.
 */
static void
check_function(const Look *look, Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	Datum value;
	bool null = true;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	if (form->prosecdef && form->prolang != ClanguageId && form->pronamespace == look->schema &&
		!look->before_update && !is_for_others(NameStr(form->proname)))
	{
		value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proacl, &null);
		if (!null)
			check_acl(value, 0, "FUNCTION", NULL, ProcedureRelationId, function, look->finding);
	}
	ReleaseSysCache(tuple);
}

/* ---- triggers ---- */

static bool
is_known_trigger(const Look *look, HeapTuple tuple, Relation triggers)
{
	Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);
	bool unconditional;

	(void) heap_getattr(tuple, Anum_pg_trigger_tgqual, RelationGetDescr(triggers), &unconditional);
	return unconditional && trigger->tgnargs == 0 && trigger->tgtype == known_trigger.type &&
		   strcmp(NameStr(trigger->tgname), known_trigger.name) == 0 &&
		   strcmp(get_rel_name(trigger->tgrelid), known_trigger.table) == 0 &&
		   getExtensionOfObject(ProcedureRelationId, trigger->tgfoid) == look->extension;
}

static void
check_trigger(const Look *look, HeapTuple tuple, Relation triggers)
{
	Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);
	Finding *finding = look->finding;

	if (trigger->tgisinternal)
	{
		/* The other table of a foreign key; without one, it checks a deferred unique constraint. */
		if (list_member_oid(look->relations, trigger->tgconstrrelid) ||
			(!OidIsValid(trigger->tgconstrrelid) && trigger->tgfoid == F_UNIQUE_KEY_RECHECK))
			return;
		finding->problem = psprintf("a foreign key connects %s with %s",
									description(RelationRelationId, trigger->tgrelid),
									description(RelationRelationId, trigger->tgconstrrelid));
		finding->hint = pstrdup("ALTER TABLE ... DROP CONSTRAINT removes the foreign key.");
		return;
	}
	if (is_known_trigger(look, tuple, triggers))
		return;
	finding->problem =
		psprintf("%s is not a part of it", description(TriggerRelationId, trigger->oid));
	finding->hint = psprintf("DROP TRIGGER %s ON %s", quote_identifier(NameStr(trigger->tgname)),
							 quote_qualified_identifier(NAME, get_rel_name(trigger->tgrelid)));
}

/* Whoever may create a trigger on a table has its code run by all who write there. */
static void
check_triggers(const Look *look, Oid relation)
{
	Relation triggers = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan = systable_beginscan(triggers, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (look->finding->problem == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
		check_trigger(look, tuple, triggers);
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
}

/* ---- what its parts depend on ---- */

static Oid
relation_of_constraint(Oid constraint)
{
	HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Oid relation;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	relation = ((Form_pg_constraint) GETSTRUCT(tuple))->conrelid;
	ReleaseSysCache(tuple);
	return relation;
}

static bool
is_own_relation(const Look *look, Oid relation)
{
	if (list_member_oid(look->relations, relation))
		return true;
	return get_rel_relkind(relation) == RELKIND_INDEX &&
		   list_member_oid(look->relations, IndexGetRelation(relation, true));
}

/* PostgreSQL's, which initdb has made, or ours. */
static bool
is_own(const Look *look, Oid class, Oid object)
{
	if (object < FirstNormalObjectId)
		return true;
	switch (class)
	{
		case RelationRelationId:
			return is_own_relation(look, object);
		case ConstraintRelationId:
			return list_member_oid(look->relations, relation_of_constraint(object));
		case TypeRelationId:
		{
			Oid element = get_element_type(object);
			Oid relation = get_typ_typrelid(OidIsValid(element) ? element : object);

			return OidIsValid(relation)
					   ? list_member_oid(look->relations, relation)
					   : getExtensionOfObject(TypeRelationId,
											  OidIsValid(element) ? element : object) ==
							 look->extension;
		}
		case LanguageRelationId:
			return superuser_arg(owner_of(class, object));
		default:
			return getExtensionOfObject(class, object) == look->extension;
	}
}

/* A part of the extension, or an index or the like of a table of it. */
static void
check_references(const Look *look, Oid class, Oid object)
{
	Relation depend = table_open(DependRelationId, AccessShareLock);
	Finding *finding = look->finding;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(class));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(object));
	scan = systable_beginscan(depend, DependDependerIndexId, true, NULL, 2, keys);
	while (finding->problem == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend entry = (Form_pg_depend) GETSTRUCT(tuple);

		if (entry->refclassid == ExtensionRelationId ||
			is_own(look, entry->refclassid, entry->refobjid))
			continue;
		finding->problem =
			psprintf("%s depends on %s, which is neither PostgreSQL's nor a part of it",
					 description(class, object), description(entry->refclassid, entry->refobjid));
		finding->hint = psprintf("Remove that dependency, or " ANEW ".");
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
}

/*
 * What exists for a table, and not because it uses it.  Each is asked from its own
 * catalog by the table: in pg_depend these are among all views and functions of
 * anybody that name the table, of which there can be any number.
 */
static const struct
{
	Oid catalog;
	Oid index; /* by relation, and perhaps more */
	AttrNumber relation;
	AttrNumber object;
	Oid class;
} kinds_of_parts[] = {{IndexRelationId, IndexIndrelidIndexId, Anum_pg_index_indrelid,
					   Anum_pg_index_indexrelid, RelationRelationId},
					  {ConstraintRelationId, ConstraintRelidTypidNameIndexId,
					   Anum_pg_constraint_conrelid, Anum_pg_constraint_oid, ConstraintRelationId},
					  {AttrDefaultRelationId, AttrDefaultIndexId, Anum_pg_attrdef_adrelid,
					   Anum_pg_attrdef_oid, AttrDefaultRelationId},
					  {RewriteRelationId, RewriteRelRulenameIndexId, Anum_pg_rewrite_ev_class,
					   Anum_pg_rewrite_oid, RewriteRelationId},
					  {PolicyRelationId, PolicyPolrelidPolnameIndexId, Anum_pg_policy_polrelid,
					   Anum_pg_policy_oid, PolicyRelationId},
					  {StatisticExtRelationId, StatisticExtRelidIndexId,
					   Anum_pg_statistic_ext_stxrelid, Anum_pg_statistic_ext_oid,
					   StatisticExtRelationId}};

/* That of a view is the view; any other is somebody's addition. */
static void
check_rule(const Look *look, const FormData_pg_rewrite *rule)
{
	if (rule->ev_type != '0' + CMD_SELECT)
	{
		look->finding->problem =
			psprintf("%s is not a part of it", description(RewriteRelationId, rule->oid));
		look->finding->hint = pstrdup("DROP RULE removes it.");
	}
	else if (!look->before_update)
		check_references(look, RewriteRelationId, rule->oid);
}

/* Those of one kind that a table has. */
static void
check_kind_of_parts(const Look *look, Oid relation, int kind)
{
	Relation catalog = table_open(kinds_of_parts[kind].catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, kinds_of_parts[kind].relation, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan = systable_beginscan(catalog, kinds_of_parts[kind].index, true, NULL, 1, &key);
	while (look->finding->problem == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool null;
		Datum object =
			heap_getattr(tuple, kinds_of_parts[kind].object, RelationGetDescr(catalog), &null);

		if (kinds_of_parts[kind].class == RewriteRelationId)
			check_rule(look, (Form_pg_rewrite) GETSTRUCT(tuple));
		else
			check_references(look, kinds_of_parts[kind].class, DatumGetObjectId(object));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/* Indexes, constraints, defaults, rules, policies, statistics. */
static void
check_of_relation(const Look *look, Oid relation)
{
	int kind;

	for (kind = 0; kind < (int) lengthof(kinds_of_parts) && look->finding->problem == NULL; kind++)
		check_kind_of_parts(look, relation, kind);
}

/* ---- relations ---- */

static void
check_children(Oid relation, Finding *finding)
{
	List *children = find_inheritance_children(relation, NoLock);

	if (children == NIL)
		return;
	finding->problem = psprintf("%s inherits from a table of it",
								description(RelationRelationId, linitial_oid(children)));
	finding->hint = pstrdup("ALTER TABLE ... NO INHERIT ends that.");
}

static void
check_relation(const Look *look, Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Finding *finding = look->finding;
	Form_pg_class form;
	Datum value;
	bool null = true;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_class) GETSTRUCT(tuple);
	value = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &null);
	if (!null)
		check_acl(value, ACL_SELECT, form->relkind == RELKIND_SEQUENCE ? "SEQUENCE" : "TABLE", NULL,
				  RelationRelationId, relation, finding);
	if (finding->problem == NULL)
		check_columns(relation, form->relnatts, finding);
	if (finding->problem == NULL && form->relhastriggers)
		check_triggers(look, relation);
	if (finding->problem == NULL && form->relhassubclass)
		check_children(relation, finding);
	if (finding->problem == NULL)
		check_references(look, RelationRelationId, relation);
	if (finding->problem == NULL)
		check_of_relation(look, relation);
	ReleaseSysCache(tuple);
}

/* ---- all of it ---- */

static void
check_member(Look *look, const ObjectAddress *member)
{
	check_owner(member->classId, member->objectId, true, look->finding);
	if (look->finding->problem != NULL)
		return;
	if (member->classId == RelationRelationId)
		check_relation(look, member->objectId);
	else if (member->classId == ProcedureRelationId)
		check_function(look, member->objectId);
}

/* ---- what lies beside it ---- */

/* Functions of a name, members or not: one may fit a call better than ours. */
static void
check_functions_called(const Look *look, const char *name)
{
	CatCList *functions = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	int i;

	for (i = 0; i < functions->n_members && look->finding->problem == NULL; i++)
	{
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(&functions->members[i]->tuple);

		if (form->pronamespace == look->schema && !superuser_arg(form->proowner))
			note_owner(ProcedureRelationId, form->oid, form->proowner, false, look->finding);
	}
	ReleaseCatCacheList(functions);
}

/*
 * What a call of one of our functions could mean instead: another function, or a
 * conversion to a type of that name.  Other things in the schema nobody looks for.
 */
static void
check_beside_function(const Look *look, Oid function)
{
	char *name = get_func_name(function);
	Oid type;

	if (name == NULL || get_func_namespace(function) != look->schema)
		return;
	check_functions_called(look, name);
	type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
						   ObjectIdGetDatum(look->schema));
	if (look->finding->problem == NULL && OidIsValid(type))
		check_owner(TypeRelationId, type, false, look->finding);
	pfree(name);
}

/*
 * Everything in the schema: an update creates functions whose names are not here
 * yet.  Another extension is no code, and what a trusted one has brought is
 * PostgreSQL's superuser's: whoever may create something in the database may put
 * it here.  What only names the schema lies elsewhere.
 */
static void
check_all_beside(const Look *look)
{
	Relation depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(NamespaceRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(look->schema));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (look->finding->problem == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend entry = (Form_pg_depend) GETSTRUCT(tuple);

		if (schema_of(entry->classid, entry->objid) == look->schema)
			check_owner(entry->classid, entry->objid, false, look->finding);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
}

static void
check_beside(const Look *look)
{
	ListCell *cell;

	if (look->before_update)
		check_all_beside(look);
	foreach (cell, look->members)
	{
		const ObjectAddress *member = lfirst(cell);

		if (look->finding->problem == NULL && member->classId == ProcedureRelationId)
			check_beside_function(look, member->objectId);
	}
}

/* The schema, as a member too, is looked at with the others. */
static void
check_schema(const Look *look)
{
	Finding *finding = look->finding;

	if (!OidIsValid(look->schema))
		finding->problem = pstrdup("schema " NAME " is not there");
	else if (getExtensionOfObject(NamespaceRelationId, look->schema) != look->extension)
		finding->problem = pstrdup("schema " NAME " is not a part of it");
	else
		check_creators(look->schema, finding);
}

List *
foreign_parts_members(Oid extension)
{
	Relation depend = table_open(DependRelationId, AccessShareLock);
	List *members = NIL;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(ExtensionRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend entry = (Form_pg_depend) GETSTRUCT(tuple);

		if (entry->deptype == DEPENDENCY_EXTENSION)
		{
			ObjectAddress *member = palloc(sizeof(ObjectAddress));

			ObjectAddressSet(*member, entry->classid, entry->objid);
			members = lappend(members, member);
		}
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return members;
}

Oid
foreign_parts_first_relation(const List *members)
{
	ListCell *cell;

	foreach (cell, members)
	{
		const ObjectAddress *member = lfirst(cell);

		if (member->classId == RelationRelationId)
			return member->objectId;
	}
	return InvalidOid;
}

void
foreign_parts_find(Oid extension, List *members, bool before_update, Finding *finding)
{
	Look look = {extension, get_namespace_oid(NAME, true), members, NIL, before_update, finding};
	ListCell *cell;

	memset(finding, 0, sizeof(*finding));
	foreach (cell, members)
	{
		const ObjectAddress *member = lfirst(cell);

		if (member->classId == RelationRelationId)
			look.relations = lappend_oid(look.relations, member->objectId);
	}
	check_owner(ExtensionRelationId, extension, true, finding);
	foreach (cell, members)
	{
		if (finding->problem == NULL)
			check_member(&look, lfirst(cell));
	}
	if (finding->problem == NULL && OidIsValid(look.schema))
		check_beside(&look);
	if (finding->problem == NULL)
		check_schema(&look);
	list_free(look.relations);
}

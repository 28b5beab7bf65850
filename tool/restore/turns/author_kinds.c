/*-------------------------------------------------------------------------
 *
 * author_kinds.c
 *	  Which entries of an archive their authors make, by kind.
 *
 * What a definition makes the server parse can mean something else in a live
 * database than when it was written: a literal is read by a domain that was
 * another type, a function that fits better takes the place of the one that
 * was called.  No look at the text finds all of that.  So whatever has an
 * expression, a type or a literal is made by the role that wrote it
 * (author_turn.c), where its code gains nothing.
 *
 * And what the server asks of whoever makes an object, it asks at that moment
 * alone: USAGE of a server or a language, EXECUTE of the function of a trigger,
 * the table that is published; and the validator of a foreign data wrapper lets
 * only some say which program to run.  The session may do all of that.  So
 * whatever names something that needs a right, other than that to make objects
 * in a schema, is made by its author as well, who may have lost the right since
 * the backup, or mean something else by the name.
 *
 * The numbers say what the server changes in the catalogs for one entry as
 * pg_dump 14 to 18 writes it, on servers 14 to 18, as measured and read in
 * commands/ of the sources; where versions or options differ, the highest.
 * Code that runs meanwhile may not change more.  Rows that only say what
 * depends on what, and statistics, are not counted (definitions.c).
 *
 *-------------------------------------------------------------------------
 */
#include "author_kinds.h"

#include <stddef.h>
#include <string.h>

#include "entry_calls.h"
#include "plain_text.h"
#include "sql_text.h"

#define MOST_CHANGES 9

#define OF_TABLE                                                                                   \
	{"pg_class", CHANGES_ANY, CHANGES_ANY}, {"pg_attribute", CHANGES_ANY, CHANGES_OF_COLUMNS},     \
		{"pg_type", 2, 0}, {"pg_attrdef", CHANGES_ANY, 0}, {"pg_constraint", CHANGES_ANY, 0},      \
	{                                                                                              \
		"pg_inherits", CHANGES_ANY, 0                                                              \
	}

/* Kinds of pg_dump's that are two. */
#define VIEW_QUERY "RULE: CREATE OR REPLACE VIEW"
#define RANGE_TYPE "TYPE: RANGE"

typedef struct AuthorKind
{
	const char *kind;
	CatalogChange changes[MOST_CHANGES]; /* catalog, new rows, others; ends with NULL */
} AuthorKind;

static const AuthorKind kinds[] = {
	/* With TOAST, and a row type with its array; a typed one can have a key. */
	{"TABLE", {OF_TABLE, {"pg_index", CHANGES_ANY, 0}, {"pg_partitioned_table", 1, 0}}},
	{"FOREIGN TABLE", {OF_TABLE, {"pg_foreign_table", 1, 0}}},
	/* A row type, and its array. */
	{"VIEW",
	 {{"pg_class", 1, 1},
	  {"pg_attribute", CHANGES_ANY, 0},
	  {"pg_type", 2, 0},
	  {"pg_rewrite", 1, 0}}},
	/* CREATE OR REPLACE VIEW, in the place of one of NULLs, with its options. */
	{VIEW_QUERY, {{"pg_class", 0, 3}, {"pg_rewrite", 0, 1}}},
	/* With a TOAST table and its index, and options of columns behind it. */
	{"MATERIALIZED VIEW",
	 {{"pg_class", 3, 3},
	  {"pg_attribute", CHANGES_ANY, CHANGES_OF_COLUMNS},
	  {"pg_index", 1, 0},
	  {"pg_type", 2, 0},
	  {"pg_rewrite", 1, 0}}},
	{"FUNCTION", {{"pg_proc", 1, 0}}},
	{"PROCEDURE", {{"pg_proc", 1, 0}}},
	{"AGGREGATE", {{"pg_proc", 1, 0}, {"pg_aggregate", 1, 0}}},
	/* Its commutator and its negator come with it, and refer to it. */
	{"OPERATOR", {{"pg_operator", 3, 4}}},
	/* Its array; constraints, NOT NULL among them from 17 on, by their number. */
	{"DOMAIN", {{"pg_type", 2, 0}, {"pg_constraint", CHANGES_ANY, 0}}},
	/* A row type with its relation. */
	{"TYPE", {{"pg_type", 2, 0}, {"pg_class", 1, 0}, {"pg_attribute", CHANGES_ANY, 0}}},
	/* Its multirange, the arrays of both, their functions, and a cast. */
	{RANGE_TYPE, {{"pg_type", 4, 0}, {"pg_range", 1, 0}, {"pg_proc", 5, 0}, {"pg_cast", 1, 0}}},
	{"CONVERSION", {{"pg_conversion", 1, 0}}},
	{"TEXT SEARCH DICTIONARY", {{"pg_ts_dict", 1, 0}}},
	{"DEFAULT", {{"pg_attrdef", 1, 1}, {"pg_attribute", 0, 2}}},
	/* Those of partitions, too. */
	{"CHECK CONSTRAINT", {{"pg_constraint", CHANGES_ANY, 0}, {"pg_class", 0, CHANGES_ANY}}},
	/* An exclusion constraint; options of its index behind it. */
	{"CONSTRAINT",
	 {{"pg_class", 1, 2},
	  {"pg_attribute", CHANGES_ANY, CHANGES_OF_COLUMNS},
	  {"pg_index", 1, CHANGES_ANY},
	  {"pg_constraint", 1, 0},
	  {"pg_trigger", 1, 0}}},
	{"INDEX",
	 {{"pg_class", 1, 2},
	  {"pg_attribute", CHANGES_ANY, CHANGES_OF_COLUMNS},
	  {"pg_index", 1, CHANGES_ANY}}},
	{"STATISTICS", {{"pg_statistic_ext", 1, 1}}},
	/* Perhaps disabled. */
	{"RULE", {{"pg_rewrite", 1, 1}, {"pg_class", 0, 1}}},
	{"POLICY", {{"pg_policy", 1, 0}}},
	/* Those of partitions, too. */
	{"TRIGGER",
	 {{"pg_trigger", CHANGES_ANY, CHANGES_ANY},
	  {"pg_constraint", CHANGES_ANY, 0},
	  {"pg_class", 0, CHANGES_ANY}}},
	/* What the validator of the wrapper lets somebody say, it asks of whoever says it. */
	{"SERVER", {{"pg_foreign_server", 1, 0}}},
	{"USER MAPPING", {{"pg_user_mapping", 1, 0}}},
	/* Only superusers can publish all tables, or a schema. */
	{"PUBLICATION", {{"pg_publication", 1, 0}}},
	{"PUBLICATION TABLE", {{"pg_publication_rel", 1, 0}}},
	{"PUBLICATION TABLES IN SCHEMA", {{"pg_publication_namespace", 1, 0}}},
};

/*
 * Made by the session: of names and strings alone, or looked at elsewhere.
 * Operator classes and families, casts, languages, access methods, parsers and
 * templates can be made by superusers only, or belong to nobody.  Values of
 * partition bounds and foreign keys: planned_steps.c.
 */
static const char *const of_session[] = {"SCHEMA",
										 "EXTENSION",
										 "SHELL TYPE",
										 "SEQUENCE",
										 "SEQUENCE OWNED BY",
										 "SEQUENCE SET",
										 "TABLE DATA",
										 "TABLE ATTACH",
										 "INDEX ATTACH",
										 "FK CONSTRAINT",
										 "ROW SECURITY",
										 "MATERIALIZED VIEW DATA",
										 "COLLATION",
										 "OPERATOR CLASS",
										 "OPERATOR FAMILY",
										 "CAST",
										 "TRANSFORM",
										 "PROCEDURAL LANGUAGE",
										 "ACCESS METHOD",
										 "TEXT SEARCH CONFIGURATION",
										 "TEXT SEARCH PARSER",
										 "TEXT SEARCH TEMPLATE",
										 "FOREIGN DATA WRAPPER",
										 "SUBSCRIPTION",
										 "SUBSCRIPTION TABLE",
										 "EVENT TRIGGER",
										 "STATISTICS DATA",
										 "COMMENT",
										 "SECURITY LABEL",
										 "ACL",
										 "DEFAULT ACL",
										 "ENCODING",
										 "STDSTRINGS",
										 "SEARCHPATH",
										 NULL};

static const AuthorKind *
find_kind(const TocEntry *entry)
{
	const char *name = entry->kind;
	size_t i;

	if (toc_entry_is(entry, "RULE") &&
		toc_entry_after_name(entry, "CREATE OR REPLACE VIEW ") != NULL)
		name = VIEW_QUERY;
	else if (toc_entry_is(entry, "TYPE") && entry_is_range(entry))
		name = RANGE_TYPE;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		if (strcmp(name, kinds[i].kind) == 0)
			return &kinds[i];
	}
	return NULL;
}

bool
author_kind_is_known(const TocEntry *entry)
{
	return toc_entry_is_any(entry, of_session) || find_kind(entry) != NULL;
}

/*
 * A base type has names and strings only, and its author could not make it.
 * Nor could that make the shell of a range type with a canonical function.
 */
static bool
is_plain_type(const ArchiveToc *toc, const TocEntry *type)
{
	const char *end = toc_entry_after_name(type, "CREATE TYPE ");
	uint32_t i;

	if (plain_enum(type->definition) || (end != NULL && strncmp(end, " (", 2) == 0))
		return true;
	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *shell = &toc->entries[i];

		if (toc_entry_is(shell, "SHELL TYPE") && strcmp(shell->tag, type->tag) == 0 &&
			strcmp(shell->schema, type->schema) == 0)
			return entry_is_range(type);
	}
	return false;
}

static bool
links_to(const TocEntry *operator, const TocEntry * other)
{
	int d;

	for (d = 0; d < operator->ndepends_on; d++)
	{
		if (operator->depends_on[d] == other->id)
			return true;
	}
	return false;
}

/*
 * Negators and commutators of two owners: each would have to own both.  The
 * definition has names alone, and whoever calls the operator is asked for
 * EXECUTE on its function.
 */
static bool
has_link_to_another(const ArchiveToc *toc, const TocEntry *operator)
{
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *other = &toc->entries[i];

		if (toc_entry_is(other, "OPERATOR") && strcmp(other->owner, operator->owner) != 0 &&
			(links_to(operator, other) || links_to(other, operator)))
			return true;
	}
	return false;
}

static bool
is_plain(const ArchiveToc *toc, const TocEntry *entry)
{
	const char *text = entry->definition;

	if (toc_entry_is(entry, "TABLE"))
		return plain_table(text);
	if (toc_entry_is(entry, "FUNCTION") || toc_entry_is(entry, "PROCEDURE"))
		return plain_function(text);
	if (toc_entry_is(entry, "TYPE"))
		return is_plain_type(toc, entry);
	if (toc_entry_is(entry, "DEFAULT"))
		return plain_default(text);
	if (toc_entry_is(entry, "CONSTRAINT"))
		return plain_key(text) && !entry_calls_functions(entry);
	if (toc_entry_is(entry, "INDEX"))
		return plain_index(text) && !entry_calls_functions(entry);
	if (toc_entry_is(entry, "OPERATOR"))
		return has_link_to_another(toc, entry);
	return toc_entry_is(entry, "STATISTICS") && plain_statistics(text);
}

static bool
is_word(const char *text, const char *end, const char *word)
{
	return (size_t) (end - text) == strlen(word) && strncmp(text, word, strlen(word)) == 0;
}

long long
author_kind_column_changes(const TocEntry *entry)
{
	const char *text = sql_skip_blank(entry->definition);
	bool table = toc_entry_is_table(entry);
	long long count = 0;

	while (*text != '\0')
	{
		const char *end = sql_token_end(text);

		if (is_word(text, end, "COLUMN") ||
			(table && (is_word(text, end, "DEFAULT") || is_word(text, end, "GENERATED"))))
			count++;
		text = sql_skip_blank(end);
	}
	return count;
}

const CatalogChange *
author_kind_changes(const ArchiveToc *toc, const TocEntry *entry)
{
	const AuthorKind *kind = find_kind(entry);

	if (kind == NULL || entry->definition == NULL || entry->definition[0] == '\0' ||
		is_plain(toc, entry))
		return NULL;
	return kind->changes;
}

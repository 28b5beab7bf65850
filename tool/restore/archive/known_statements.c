/*-------------------------------------------------------------------------
 *
 * known_statements.c
 *	  What the server computes when it runs a statement over a table.
 *
 * Most statements of a restore only change catalogs.  Some compute what the
 * owner of the table wrote, at places where nobody looks for it: for SET NOT
 * NULL, the constant parts of all CHECK constraints are computed, to see whether
 * they imply it.  They are computed with the rights of whoever runs the
 * statement, so over tables of others the session must not run it.
 *
 * A list of what is harmful would never be complete.  So this is one of all
 * that pg_dump 14 to 18 writes over tables, indexes and views, with what the
 * server's source says about each (commands/tablecmds.c, mostly), and a
 * statement that is not in it is not run.
 *
 * What is computed only for some tables (a key or generated column with calls,
 * a partitioned table whose key compares by code of users, an index) is looked
 * at by the files that are named here.
 *
 *-------------------------------------------------------------------------
 */
#include "known_statements.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sql_name.h"
#include "sql_text.h"

/* A pattern of words; % is a name, perhaps with a schema, and * all the rest.  The first fits. */
typedef struct Rule
{
	const char *pattern;
	StatementKind kind;
} Rule;

static const Rule rules[] = {
	/* Generated columns and keys that are expressions: live_code.c, live_names.c, live_types.c. */
	{"CREATE TABLE *", STATEMENT_LOOKED_AT},
	{"CREATE UNLOGGED TABLE *", STATEMENT_LOOKED_AT},
	{"CREATE FOREIGN TABLE *", STATEMENT_LOOKED_AT},
	/* Only parsed: literals are read (live_types.c). */
	{"CREATE VIEW *", STATEMENT_CATALOG},
	{"CREATE OR REPLACE VIEW *", STATEMENT_CATALOG},
	{"CREATE MATERIALIZED VIEW *", STATEMENT_CATALOG}, /* always WITH NO DATA */
	{"CREATE RULE *", STATEMENT_CATALOG},
	{"CREATE POLICY *", STATEMENT_CATALOG},
	{"CREATE STATISTICS *", STATEMENT_CATALOG},
	{"CREATE SEQUENCE *", STATEMENT_CATALOG},
	{"CREATE UNLOGGED SEQUENCE *", STATEMENT_CATALOG},
	/* Partitions are found by the key of the table: live_code.c. */
	{"CREATE TRIGGER *", STATEMENT_LOOKED_AT},
	{"CREATE CONSTRAINT TRIGGER *", STATEMENT_LOOKED_AT},
	/* As the owner, by the server itself; in_place_post.c, live_code.c. */
	{"CREATE INDEX *", STATEMENT_LOOKED_AT},
	{"CREATE UNIQUE INDEX *", STATEMENT_LOOKED_AT},
	{"REFRESH MATERIALIZED VIEW % ;", STATEMENT_LOOKED_AT},
	/* planned_steps.c */
	{"ALTER TABLE ONLY? % ATTACH PARTITION *", STATEMENT_LOOKED_AT},
	{"ALTER INDEX % ATTACH PARTITION % ;", STATEMENT_LOOKED_AT},
	{"ALTER FOREIGN? TABLE ONLY? % ADD CONSTRAINT % FOREIGN KEY *", STATEMENT_LOOKED_AT},
	/* late_checks.c */
	{"ALTER FOREIGN? TABLE ONLY? % ADD CONSTRAINT % CHECK *", STATEMENT_LOOKED_AT},
	{"ALTER DOMAIN % ADD CONSTRAINT % CHECK *", STATEMENT_LOOKED_AT},
	/* Their indexes are built as the owner. */
	{"ALTER FOREIGN? TABLE ONLY? % ADD CONSTRAINT % UNIQUE *", STATEMENT_LOOKED_AT},
	{"ALTER FOREIGN? TABLE ONLY? % ADD CONSTRAINT % EXCLUDE *", STATEMENT_LOOKED_AT},
	{"ALTER FOREIGN? TABLE ONLY? % ADD CONSTRAINT % PRIMARY KEY *", STATEMENT_KEY},
	/* ConstraintImpliedByRelConstraint() */
	{"ALTER FOREIGN? TABLE ONLY? % ADD CONSTRAINT % NOT NULL % NOT VALID ;", STATEMENT_CATALOG},
	{"ALTER FOREIGN? TABLE ONLY? % ADD CONSTRAINT % NOT NULL % NO INHERIT NOT VALID ;",
	 STATEMENT_CATALOG},
	{"ALTER FOREIGN? TABLE ONLY? % ADD CONSTRAINT % NOT NULL *", STATEMENT_COMPUTES},
	{"ALTER FOREIGN? TABLE ONLY? % ALTER COLUMN % SET NOT NULL ;", STATEMENT_COMPUTES},
	/* Defaults are computed when rows come. */
	{"ALTER FOREIGN? TABLE ONLY? % ALTER COLUMN % SET DEFAULT *", STATEMENT_CATALOG},
	{"ALTER VIEW % ALTER COLUMN % SET DEFAULT *", STATEMENT_CATALOG},
	{"ALTER TABLE ONLY? % ALTER COLUMN % ADD GENERATED *", STATEMENT_CATALOG},
	{"ALTER FOREIGN? TABLE ONLY? % ALTER COLUMN % SET STATISTICS *", STATEMENT_CATALOG},
	{"ALTER FOREIGN? TABLE ONLY? % ALTER COLUMN % SET STORAGE *", STATEMENT_CATALOG},
	{"ALTER FOREIGN? TABLE ONLY? % ALTER COLUMN % SET COMPRESSION *", STATEMENT_CATALOG},
	{"ALTER FOREIGN? TABLE ONLY? % ALTER COLUMN % SET ( *", STATEMENT_CATALOG},
	/* By the validator of the foreign data wrapper, which a superuser chose. */
	{"ALTER FOREIGN TABLE ONLY? % ALTER COLUMN % OPTIONS ( *", STATEMENT_CATALOG},
	{"ALTER TABLE ONLY? % REPLICA IDENTITY NOTHING ;", STATEMENT_CATALOG},
	{"ALTER TABLE ONLY? % REPLICA IDENTITY FULL ;", STATEMENT_CATALOG},
	/* The index can have no expressions, and no condition. */
	{"ALTER TABLE ONLY? % REPLICA IDENTITY USING INDEX % ;", STATEMENT_CATALOG},
	{"ALTER TABLE ONLY? % CLUSTER ON % ;", STATEMENT_CATALOG},
	{"ALTER TABLE ONLY? % ENABLE ROW LEVEL SECURITY ;", STATEMENT_CATALOG},
	{"ALTER TABLE ONLY? % FORCE ROW LEVEL SECURITY ;", STATEMENT_CATALOG},
	{"ALTER TABLE ONLY? % SET ACCESS METHOD % ;", STATEMENT_CATALOG}, /* without storage */
	{"ALTER FOREIGN? TABLE ONLY? % OWNER TO % ;", STATEMENT_CATALOG},
	/* Partitions are found by the key of the table: live_code.c. */
	{"ALTER FOREIGN? TABLE ONLY? % ENABLE ALWAYS? REPLICA? TRIGGER % ;", STATEMENT_LOOKED_AT},
	{"ALTER FOREIGN? TABLE ONLY? % DISABLE TRIGGER % ;", STATEMENT_LOOKED_AT},
	{"ALTER TABLE ONLY? % ENABLE ALWAYS? REPLICA? RULE % ;", STATEMENT_CATALOG},
	{"ALTER TABLE ONLY? % DISABLE RULE % ;", STATEMENT_CATALOG},
	{"ALTER INDEX % ALTER COLUMN % SET STATISTICS *", STATEMENT_CATALOG},
	{"ALTER STATISTICS % SET STATISTICS *", STATEMENT_CATALOG},
	{"ALTER SEQUENCE % OWNED BY % ;", STATEMENT_CATALOG},
	{"ALTER SEQUENCE % SET LOGGED ;", STATEMENT_CATALOG},
	{"ALTER SEQUENCE % SET UNLOGGED ;", STATEMENT_CATALOG},
	{"ALTER INDEX % DEPENDS ON EXTENSION % ;", STATEMENT_CATALOG},
	{"ALTER MATERIALIZED VIEW % DEPENDS ON EXTENSION % ;", STATEMENT_CATALOG},
	{"ALTER TRIGGER % ON % DEPENDS ON EXTENSION % ;", STATEMENT_CATALOG},
};

/* Entries whose texts are statements over tables, indexes and views. */
static const char *const kinds[] = {
	"TABLE",         "FOREIGN TABLE",     "VIEW",    "MATERIALIZED VIEW",
	"SEQUENCE",      "SEQUENCE OWNED BY", "DEFAULT", "CONSTRAINT",
	"FK CONSTRAINT", "CHECK CONSTRAINT",  "INDEX",   "TABLE ATTACH",
	"INDEX ATTACH",  "STATISTICS",        "TRIGGER", "RULE",
	"POLICY",        "ROW SECURITY",      NULL};

/* Behind a name with any schema, or NULL. */
static const char *
skip_name(const char *text)
{
	char *name;

	for (;;)
	{
		text = sql_name_read(text, &name);
		if (text == NULL)
			return NULL;
		free(name);
		if (*text != '.')
			return text;
		text++;
	}
}

/* Behind what one word of a pattern stands for, or NULL. */
static const char *
match_word(const char *word, size_t length, const char *text)
{
	const char *end = sql_token_end(text);
	bool optional = length > 1 && word[length - 1] == '?';

	if (length == 1 && *word == '%')
		return skip_name(text);
	if (optional)
		length--;
	if ((size_t) (end - text) == length && strncmp(text, word, length) == 0)
		return end;
	return optional ? text : NULL;
}

static bool
matches(const char *pattern, const char *text)
{
	while (*pattern != '\0')
	{
		size_t length = strcspn(pattern, " ");

		if (*pattern == '*')
			return true;
		text = match_word(pattern, length, sql_skip_blank(text));
		if (text == NULL)
			return false;
		pattern += length;
		pattern += *pattern == ' ';
	}
	return *sql_skip_blank(text) == '\0';
}

StatementKind
known_statement(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
	{
		if (matches(rules[i].pattern, text))
			return rules[i].kind;
	}
	return STATEMENT_UNKNOWN;
}

bool
known_statement_table(const char *text, char **schema, char **name)
{
	static const char *const words[] = {"ALTER", "FOREIGN?", "TABLE", "ONLY?"};
	size_t i;

	*schema = *name = NULL;
	for (i = 0; text != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		text = match_word(words[i], strlen(words[i]), sql_skip_blank(text));
	if (text != NULL && sql_name_read_qualified(sql_skip_blank(text), schema, name) != NULL)
		return true;
	free(*schema);
	free(*name);
	*schema = *name = NULL;
	return false;
}

bool
known_statements_apply(const TocEntry *entry)
{
	return entry->definition != NULL && toc_entry_is_any(entry, kinds);
}

bool
known_statements_next(const char **at, const char **start, const char **end)
{
	*start = sql_skip_blank(*at);
	*end = *at = sql_statement_end(*start);
	return **start != '\0';
}

bool
known_statements_have(const TocEntry *entry, StatementKind kind)
{
	const char *at = entry->definition;
	const char *start;
	const char *end;
	bool found = false;

	while (!found && known_statements_next(&at, &start, &end))
	{
		char *statement = xasprintf("%.*s", (int) (end - start), start);

		found = known_statement(statement) == kind;
		free(statement);
	}
	return found;
}

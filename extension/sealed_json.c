/*-------------------------------------------------------------------------
 *
 * sealed_json.c
 *	  Sealed JSON of a repository, for SQL.
 *
 * A manifest of a large database has hundreds of thousands of members, and
 * jsonb_in() takes twenty times a document's size while it works: enough to
 * have the server killed for want of memory.  So the long arrays of a manifest
 * are cut out of the document and handed over one entry at a time.  For that
 * it is enough to know where values begin and end; whether they are JSON is
 * left to jsonb_in(), which sees every one of them.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "repository_file.h"
#include "seal.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(nex_backup_read_sealed);
PG_FUNCTION_INFO_V1(nex_backup_sealed_entries);

/* A piece of a document. */
typedef struct Span
{
	const char *start;
	const char *end;
} Span;

static const char *
skip_space(const char *c, const char *end)
{
	while (c < end && (*c == ' ' || *c == '\t' || *c == '\n' || *c == '\r'))
		c++;
	return c;
}

/* From an opening quote to behind the closing one, or to the end. */
static const char *
skip_string(const char *c, const char *end)
{
	for (c++; c < end && *c != '"'; c++)
	{
		if (*c == '\\')
			c++;
	}
	return c < end ? c + 1 : end;
}

/* To behind the value that begins at c. */
static const char *
skip_value(const char *c, const char *end)
{
	int64 depth = 0;

	while (c < end)
	{
		if (*c == '"')
			c = skip_string(c, end);
		else if (depth == 0 && strchr(",]} \t\r\n", *c) != NULL)
			break;
		else
		{
			depth += *c == '{' || *c == '[';
			depth -= *c == '}' || *c == ']';
			c++;
		}
		if (depth == 0 && (c[-1] == '"' || c[-1] == '}' || c[-1] == ']'))
			break;
	}
	return c;
}

/*
 * The next key and value of the object that *position is in, which moves
 * behind them.  False at its end, and where it is no object.
 */
static bool
next_pair(const char **position, const char *end, Span *key, Span *value)
{
	const char *c = skip_space(*position, end);

	if (c < end && (*c == '{' || *c == ','))
		c = skip_space(c + 1, end);
	if (c >= end || *c != '"')
		return false;
	key->start = c;
	key->end = c = skip_string(c, end);
	c = skip_space(c, end);
	if (c >= end || *c != ':')
		return false;
	c = skip_space(c + 1, end);
	value->start = c;
	value->end = skip_value(c, end);
	*position = value->end;
	return value->end > value->start;
}

static bool
is_key(const Span *key, const char *name)
{
	size_t length = strlen(name);

	return (size_t) (key->end - key->start) == length + 2 &&
		   memcmp(key->start + 1, name, length) == 0;
}

static bool
is_long_array(const Span *key, const Span *value)
{
	return *value->start == '[' &&
		   (is_key(key, "tables") || is_key(key, "objects") || is_key(key, "members"));
}

/* The document with its long arrays empty. */
static text *
without_long_arrays(const char *json, size_t length)
{
	const char *position = json;
	const char *copied = json;
	StringInfoData result;
	Span key;
	Span value;

	initStringInfo(&result);
	while (next_pair(&position, json + length, &key, &value))
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_long_array(&key, &value))
			continue;
		appendBinaryStringInfo(&result, copied, (int) (value.start - copied));
		appendStringInfoString(&result, "[]");
		copied = value.end;
	}
	appendBinaryStringInfo(&result, copied, (int) (json + length - copied));
	return cstring_to_text_with_len(result.data, result.len);
}

/* A sealed file in the server's encoding; returns what is wrong with it, or NULL. */
static char *
read_document(FunctionCallInfo fcinfo, char **json, size_t *length)
{
	char *repository = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *file = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char *problem = read_repository_file(repository, file, json, length);
	const char *broken;

	if (problem != NULL)
		return problem;
	broken = seal_check(*json, *length);
	if (broken != NULL)
		return pstrdup(broken);
	if (!pg_verify_mbstr(PG_UTF8, *json, (int) *length, true))
		return pstrdup("holds text that is not valid UTF-8");
	*json = pg_any_to_server(*json, (int) *length, PG_UTF8);
	*length = strlen(*json);
	return NULL;
}

/*
 * nex_backup.read_sealed(repository, file, OUT content, OUT problem): the
 * text of a sealed JSON file with its long arrays empty, or what is wrong.
 */
Datum
nex_backup_read_sealed(PG_FUNCTION_ARGS)
{
	char *json = NULL;
	size_t length = 0;
	char *problem;
	TupleDesc description;
	Datum values[2] = {0};
	bool nulls[2];

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	problem = read_document(fcinfo, &json, &length);
	nulls[0] = problem != NULL;
	nulls[1] = problem == NULL;
	if (problem == NULL)
		values[0] = PointerGetDatum(without_long_arrays(json, length));
	else
		values[1] = CStringGetTextDatum(problem);
	if (json != NULL)
		pfree(json);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls)));
}

/* Put the entries of an array into the result. */
static void
return_entries(ReturnSetInfo *result, const Span *array)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "nex_backup sealed_entries",
												  ALLOCSET_DEFAULT_SIZES);
	const char *c = array->start + 1;

	while ((c = skip_space(c, array->end)) < array->end && *c != ']')
	{
		const char *behind = skip_value(c, array->end);
		MemoryContext old = MemoryContextSwitchTo(context);
		bool null = false;
		Datum entry;

		CHECK_FOR_INTERRUPTS();
		entry = DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(c, (Size) (behind - c))));
		MemoryContextSwitchTo(old);
		tuplestore_putvalues(result->setResult, result->setDesc, &entry, &null);
		MemoryContextReset(context);
		c = skip_space(behind, array->end);
		if (c < array->end && *c == ',')
			c++;
		else if (c >= array->end || *c != ']')
			ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("is not JSON")));
	}
	MemoryContextDelete(context);
}

/* nex_backup.sealed_entries(repository, file, key): the entries of one long array. */
Datum
nex_backup_sealed_entries(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	char *json = NULL;
	size_t length = 0;
	char *problem = read_document(fcinfo, &json, &length);
	const char *position = json;
	Span array = {NULL, NULL};
	Span key;
	Span value;

	if (problem != NULL)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg_internal("%s", problem)));
	while (next_pair(&position, json + length, &key, &value))
	{
		if (!is_key(&key, name) || !is_long_array(&key, &value))
			continue;
		if (array.start != NULL)
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("has key \"%s\" twice", name)));
		array = value;
	}
	init_materialized_srf_compat(fcinfo);
	if (array.start != NULL)
		return_entries((ReturnSetInfo *) fcinfo->resultinfo, &array);
	pfree(json);
	return (Datum) 0;
}

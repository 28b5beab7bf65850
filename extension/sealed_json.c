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
 * A repository may be hostile: a few MB of "[[],[],…" cost jsonb_in() a hundred
 * times their size, and it hears no cancellation on the way.  So what it
 * is given has limits that are counted here first, in one pass over the bytes.
 * They are far above what the tool writes, and docs/format.md has them.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "catalog/namespace.h"
#include "json_bounds.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "repository_file.h"
#include "seal.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#define FRAME_FILE "nex_backup.json"
#define VERIFIED_SUFFIX ".verified"

/* Whole files, long arrays included; the same as the tool's for the first two. */
#define MAX_FRAME_BYTES (1024 * 1024)
#define MAX_VERIFIED_BYTES (64 * 1024 * 1024)
#define MAX_MANIFEST_BYTES (256 * 1024 * 1024)

#define MAX_ENTRIES 4000000 /* of one long array */
#define MAX_ID_LENGTH 64
#define INTERRUPT_EVERY (1024 * 1024)

PG_FUNCTION_INFO_V1(nex_backup_read_sealed);
PG_FUNCTION_INFO_V1(nex_backup_sealed_entries);
PG_FUNCTION_INFO_V1(nex_backup_frame_id);

/* What jsonb_in() may be given: a document without its long arrays, and one entry of those. */
static const JsonBounds document_bounds = {4 * 1024 * 1024, 32, 100000};
static const JsonBounds verified_bounds = {64 * 1024, 32, 1000};
static const JsonBounds entry_bounds = {1024 * 1024, 16, 1000};

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

/* To behind the value that begins at c. */
static const char *
skip_value(const char *c, const char *end)
{
	int64 depth = 0;
	const char *look = c + INTERRUPT_EVERY;

	while (c < end)
	{
		if (c > look)
		{
			CHECK_FOR_INTERRUPTS();
			look = c + INTERRUPT_EVERY;
		}
		if (*c == '"')
			c = json_skip_string(c, end);
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
 * behind them.  False at its end, and where it is not an object.
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
	key->end = c = json_skip_string(c, end);
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
	return *value->start == '[' && (is_key(key, "tables") || is_key(key, "objects") ||
									is_key(key, "members") || is_key(key, "bad"));
}

/* The encrypted half of a manifest, in base64: a string as long as the arrays in it. */
static bool
is_long_string(const Span *key, const Span *value)
{
	return *value->start == '"' && is_key(key, "private");
}

/* The document with its long arrays empty, and its long string. */
static StringInfoData
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
		if (!is_long_array(&key, &value) && !is_long_string(&key, &value))
			continue;
		appendBinaryStringInfo(&result, copied, (int) (value.start - copied));
		appendStringInfoString(&result, *value.start == '[' ? "[]" : "\"\"");
		copied = value.end;
	}
	appendBinaryStringInfo(&result, copied, (int) (json + length - copied));
	return result;
}

static bool
has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name);
	size_t tail = strlen(suffix);

	return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

static Size
largest_size(const char *file)
{
	if (strcmp(file, FRAME_FILE) == 0)
		return MAX_FRAME_BYTES;
	return has_suffix(file, VERIFIED_SUFFIX) ? MAX_VERIFIED_BYTES : MAX_MANIFEST_BYTES;
}

static Size
ascii_length(const char *text, Size length)
{
	Size i = 0;

	while (i < length && !IS_HIGHBIT_SET(text[i]))
		i++;
	return i;
}

/* A character that the database's encoding does not have, as text that can be told from others. */
static void
append_code_point(StringInfo out, const char *character)
{
	pg_wchar code = utf8_to_unicode((const unsigned char *) character);

	appendStringInfo(out, code > 0xFFFF ? "\\\\U%08X" : "\\\\u%04X", (unsigned int) code);
}

/*
 * Valid UTF-8 in the database's encoding.  Not by pg_any_to_server(), which
 * fails for a character that this one does not have: names of tables and roles
 * come from databases of other encodings, and what is after them must be read
 * all the same.  Outside of ASCII, JSON has characters in its strings only.
 */
static char *
to_server(char *json, Size length)
{
	int encoding = GetDatabaseEncoding();
	StringInfoData out;
	Oid conversion;
	Size i;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII || ascii_length(json, length) == length)
		return json;
	conversion = FindDefaultConversionProc(PG_UTF8, encoding);
	initStringInfo(&out);
	for (i = 0; i < length;)
	{
		unsigned char converted[MAX_CONVERSION_GROWTH * 4 + 1];
		Size run = ascii_length(json + i, length - i);
		int width;

		appendBinaryStringInfo(&out, json + i, (int) run);
		i += run;
		if (i == length)
			break;
		width = pg_encoding_mblen(PG_UTF8, json + i);
		if (OidIsValid(conversion) &&
			pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding, (unsigned char *) json + i,
										  width, converted, sizeof(converted), true) == width)
			appendStringInfoString(&out, (char *) converted);
		else
			append_code_point(&out, json + i);
		i += (Size) width;
	}
	return out.data;
}

/* A sealed file that was read, in the server's encoding; returns what is wrong with it, or NULL. */
static char *
open_document(char *problem, char **json, size_t *length)
{
	const char *broken;

	if (problem != NULL)
		return problem;
	broken = seal_check(*json, *length);
	if (broken != NULL)
		return pstrdup(broken);
	if (!pg_verify_mbstr(PG_UTF8, *json, (int) *length, true))
		return pstrdup("holds text that is not valid UTF-8");
	*json = to_server(*json, *length);
	*length = strlen(*json);
	return NULL;
}

static char *
read_document(const char *repository, const char *file, char **json, size_t *length)
{
	char *problem = read_repository_file(repository, file, largest_size(file), json, length);

	return open_document(problem, json, length);
}

/* A row of a text and a problem, one of which is NULL. */
static Datum
text_or_problem(FunctionCallInfo fcinfo, text *content, const char *problem)
{
	TupleDesc description;
	Datum values[2] = {0};
	bool nulls[2];

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	nulls[0] = problem != NULL;
	nulls[1] = problem == NULL;
	if (problem == NULL)
		values[0] = PointerGetDatum(content);
	else
		values[1] = CStringGetTextDatum(problem);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

/*
 * nex_backup.read_sealed(repository, file, OUT content, OUT problem): the
 * text of a sealed JSON file with its long arrays empty, or what is wrong.
 * What it gives may be cast to jsonb: it is bounded.
 */
Datum
nex_backup_read_sealed(PG_FUNCTION_ARGS)
{
	char *repository = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *file = text_to_cstring(PG_GETARG_TEXT_PP(1));
	text *content = NULL;
	char *json = NULL;
	size_t length = 0;
	const char *problem = read_document(repository, file, &json, &length);

	if (problem == NULL)
	{
		StringInfoData rest = without_long_arrays(json, length);

		problem =
			json_beyond(rest.data, (size_t) rest.len,
						has_suffix(file, VERIFIED_SUFFIX) ? &verified_bounds : &document_bounds);
		if (problem == NULL)
			content = cstring_to_text_with_len(rest.data, rest.len);
		pfree(rest.data);
	}
	if (json != NULL)
		pfree(json);
	PG_RETURN_DATUM(text_or_problem(fcinfo, content, problem));
}

/* Is that what a repository's id looks like: a short string without escapes? */
static bool
is_plain_id(const Span *value)
{
	const char *c;

	if (value->end - value->start < 3 || value->end - value->start > MAX_ID_LENGTH + 2 ||
		*value->start != '"')
		return false;
	for (c = value->start + 1; c < value->end - 1; c++)
	{
		if ((unsigned char) *c <= ' ' || *c == '\\' || *c == 0x7f)
			return false;
	}
	return true;
}

/*
 * nex_backup.frame_id(repository, OUT id, OUT problem): the id in
 * nex_backup.json, or what is wrong.  It is asked for every repository that is
 * known, each time that somebody looks at the status, so it is taken from the
 * text, and the rest need not even be JSON.  A child reads it (see look.c).
 */
Datum
nex_backup_frame_id(PG_FUNCTION_ARGS)
{
	char *repository = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *unread;
	const char *problem;
	const char *position;
	text *id = NULL;
	char *json = NULL;
	size_t length = 0;
	Span key;
	Span value;

	unread =
		look_at_repository_file(repository, FRAME_FILE, largest_size(FRAME_FILE), &json, &length);
	problem = open_document(unread, &json, &length);
	position = json;
	while (problem == NULL && next_pair(&position, json + length, &key, &value))
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_key(&key, "id"))
			continue;
		if (id != NULL)
			problem = "has two ids";
		else if (!is_plain_id(&value))
			problem = "has an id that cannot be one";
		else
			id = cstring_to_text_with_len(value.start + 1, (int) (value.end - value.start) - 2);
	}
	if (problem == NULL && id == NULL)
		problem = "is not JSON with an id";
	if (json != NULL)
		pfree(json);
	PG_RETURN_DATUM(text_or_problem(fcinfo, id, problem));
}

/* Put the entries of an array into the result. */
static void
return_entries(ReturnSetInfo *result, const Span *array)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "nex_backup sealed_entries",
												  ALLOCSET_DEFAULT_SIZES);
	const char *c = array->start + 1;
	int64 entries = 0;

	while ((c = skip_space(c, array->end)) < array->end && *c != ']')
	{
		const char *behind = skip_value(c, array->end);
		const char *problem = json_beyond(c, (size_t) (behind - c), &entry_bounds);
		MemoryContext old;
		bool null = false;
		Datum entry;

		CHECK_FOR_INTERRUPTS();
		if (problem == NULL && ++entries > MAX_ENTRIES)
			problem = "holds more entries than the server takes";
		if (problem != NULL)
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg_internal("%s", problem)));
		old = MemoryContextSwitchTo(context);
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
	char *repository = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *file = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	char *json = NULL;
	size_t length = 0;
	char *problem = read_document(repository, file, &json, &length);
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

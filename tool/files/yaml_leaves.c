/*-------------------------------------------------------------------------
 *
 * yaml_leaves.c
 *	  The values of a YAML document and the places where they are written.
 *
 * libyaml reads; this file follows its events and notes for each value
 * which keys lead to it and which bytes it occupies, so that a value can be
 * exchanged while every other byte stays.  Reading the document into a tree
 * and writing it again would lose comments, quotes and indentation.
 *
 * Only documents that a map opens, at the left margin, without directives
 * and without end markers are taken: everything else is legal YAML, too, but
 * cannot take a block of metadata at its end.
 *
 *-------------------------------------------------------------------------
 */
#include "yaml_leaves.h"

#include <pthread.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "buffer.h"
#include "memory.h"

#define MAX_DEPTH 200
#define MAX_KEYS 100000
#define MAX_SIBLINGS 5000

/* A map or list that is open. */
typedef struct Level
{
	bool map;
	bool flow;
	bool anchored;
	YamlKey *under; /* the key that leads here */
	YamlKey *key;   /* a map: the key whose value is next; NULL: a key is next */
	int first_key;  /* where its own keys begin in `keys`; to find one that comes twice */
} Level;

typedef struct Reading
{
	YamlLeaves *out;
	const char *text;
	size_t length;
	size_t characters; /* up to here … */
	size_t bytes;      /* … it has this many bytes */
	Level levels[MAX_DEPTH];
	int depth;
	int documents;
	const char *problem;
} Reading;

/* libyaml counts characters.  Marks come in their order, so this walks through the text once. */
static size_t
byte_offset(Reading *reading, size_t character)
{
	while (reading->characters < character && reading->bytes < reading->length)
	{
		reading->bytes++;
		while (reading->bytes < reading->length &&
			   ((unsigned char) reading->text[reading->bytes] & 0xc0) == 0x80)
			reading->bytes++;
		reading->characters++;
	}
	return reading->bytes;
}

static bool
is_one_of(const char *value, const char *const *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
	{
		if (strcmp(value, words[i]) == 0)
			return true;
	}
	return false;
}

#define IS_ONE_OF(value, words) is_one_of(value, words, sizeof(words) / sizeof((words)[0]))

/*
 * Numbers in any notation that some reader takes for one, and dates, as
 * resolved by Go's yaml.v3, which SOPS uses.
 */
static const char numbers_and_dates[] =
	"^[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|[.](inf|Inf|INF)"
	"|([.][0-9]+|[0-9]+([.][0-9]*)?)([eE][-+]?[0-9]+)?)$"
	"|^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?$";

/* Numbers as a program writes them: they come back as the same text. */
static const char canonical_numbers[] = "^-?(0|[1-9][0-9]*)([.][0-9]*[1-9])?$";

static regex_t number_or_date;
static regex_t canonical_number;
static pthread_once_t compiled = PTHREAD_ONCE_INIT;

static void
compile_patterns(void)
{
	if (regcomp(&number_or_date, numbers_and_dates, REG_EXTENDED | REG_NOSUB) != 0 ||
		regcomp(&canonical_number, canonical_numbers, REG_EXTENDED | REG_NOSUB) != 0)
		abort();
}

/* The value without underscores, which may stand between digits. */
static bool
is_number_or_date(const char *value)
{
	char *bare = xstrdup(value);
	const char *from = value;
	char *to = bare;
	bool matched;

	while (*from != '\0')
	{
		if (*from != '_')
			*to++ = *from;
		from++;
	}
	*to = '\0';
	matched = regexec(&number_or_date, bare, 0, NULL, 0) == 0;
	free(bare);
	return matched;
}

/* How readers of YAML 1.2 (and Go's, which SOPS uses) take a value without quotes. */
static YamlType
plain_type(const char *value)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
	static const char *const booleans[] = {"true", "True", "TRUE", "false", "False", "FALSE"};
	static const char *const others[] = {"<<", "=", ".nan", ".NaN", ".NAN"};

	pthread_once(&compiled, compile_patterns);
	if (IS_ONE_OF(value, nulls))
		return YAML_TYPE_NULL;
	if (IS_ONE_OF(value, booleans))
		return YAML_TYPE_BOOLEAN;
	if (IS_ONE_OF(value, others))
		return YAML_TYPE_OTHER;
	if (!is_number_or_date(value))
		return YAML_TYPE_STRING;
	/* 15 digits are exact in any reader's numbers. */
	if (strlen(value) > 15 || regexec(&canonical_number, value, 0, NULL, 0) != 0)
		return YAML_TYPE_OTHER;
	return strchr(value, '.') != NULL ? YAML_TYPE_FLOAT : YAML_TYPE_INTEGER;
}

static YamlKey *
context_key(const Reading *reading)
{
	const Level *level = &reading->levels[reading->depth - 1];

	return level->map ? level->key : level->under;
}

/* A value has come to its end: in a map, a key is next. */
static void
value_done(Reading *reading)
{
	if (reading->depth > 0)
		reading->levels[reading->depth - 1].key = NULL;
}

static bool
key_is_next(const Reading *reading)
{
	const Level *level = reading->depth > 0 ? &reading->levels[reading->depth - 1] : NULL;

	return level != NULL && level->map && level->key == NULL;
}

static void
take_key(Reading *reading, const yaml_event_t *event)
{
	Level *level = &reading->levels[reading->depth - 1];
	YamlLeaves *out = reading->out;
	const char *name = (const char *) event->data.scalar.value;
	YamlKey *key;
	int i;

	if (strlen(name) != event->data.scalar.length || event->data.scalar.anchor != NULL ||
		event->data.scalar.tag != NULL)
		reading->problem = "a key has a tag or an anchor";
	else if (strcmp(name, "<<") == 0 && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		; /* its value is an alias, which is looked at when it comes */
	else if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
			 plain_type(name) != YAML_TYPE_STRING)
		reading->problem = "a key is not plain text";
	for (i = level->first_key; i < out->nkeys && reading->problem == NULL; i++)
	{
		if (out->keys[i]->parent == level->under && strcmp(out->keys[i]->name, name) == 0)
			reading->problem = "a key occurs twice";
	}
	if (out->nkeys >= MAX_KEYS || out->nkeys - level->first_key > MAX_SIBLINGS)
		reading->problem = "it has too many keys";
	if (reading->problem != NULL)
		return;
	key = xcalloc(1, sizeof(*key));
	key->name = xstrdup(name);
	key->parent = level->under;
	if ((out->nkeys & (out->nkeys - 1)) == 0)
		out->keys = xrealloc(out->keys, sizeof(YamlKey *) * (size_t) (out->nkeys + 1) * 2);
	out->keys[out->nkeys++] = key;
	level->key = key;
	if (reading->depth == 1)
	{
		if (event->start_mark.column != 0)
			reading->problem = "it does not begin at the left margin";
		out->last_key_start = (long) byte_offset(reading, event->start_mark.index);
		out->last_key = key->name;
	}
}

static YamlLeaf *
add_leaf(Reading *reading, const yaml_event_t *event)
{
	YamlLeaves *out = reading->out;
	const Level *level = &reading->levels[reading->depth - 1];
	YamlLeaf *leaf;

	if ((out->count & (out->count - 1)) == 0)
		out->leaves = xrealloc(out->leaves, sizeof(YamlLeaf) * (size_t) (out->count + 1) * 2);
	leaf = &out->leaves[out->count++];
	memset(leaf, 0, sizeof(*leaf));
	leaf->start = byte_offset(reading, event->start_mark.index);
	leaf->end = byte_offset(reading, event->end_mark.index);
	leaf->key = context_key(reading);
	leaf->in_flow = level->flow;
	leaf->anchored = level->anchored;
	return leaf;
}

static void
take_scalar(Reading *reading, const yaml_event_t *event)
{
	const char *value = (const char *) event->data.scalar.value;
	YamlLeaf *leaf;

	if (reading->depth == 0)
	{
		reading->problem = "it is not a map";
		return;
	}
	if (key_is_next(reading))
	{
		take_key(reading, event);
		return;
	}
	leaf = add_leaf(reading, event);
	leaf->length = event->data.scalar.length;
	leaf->value = xmalloc(leaf->length + 1);
	memcpy(leaf->value, value, leaf->length + 1);
	leaf->decorated = event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
	leaf->anchored = leaf->anchored || event->data.scalar.anchor != NULL;
	leaf->type = YAML_TYPE_STRING;
	switch (event->data.scalar.style)
	{
		case YAML_SINGLE_QUOTED_SCALAR_STYLE:
			leaf->style = YAML_SINGLE_QUOTED;
			break;
		case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
			leaf->style = YAML_DOUBLE_QUOTED;
			break;
		case YAML_LITERAL_SCALAR_STYLE:
		case YAML_FOLDED_SCALAR_STYLE:
			leaf->style = YAML_BLOCK;
			break;
		default:
			leaf->style = YAML_PLAIN;
			leaf->type = plain_type(leaf->value);
	}
	value_done(reading);
}

static void
take_alias(Reading *reading, const yaml_event_t *event)
{
	YamlLeaf *leaf;

	reading->out->has_alias = true;
	if (reading->depth == 0 || key_is_next(reading))
	{
		reading->problem = "a key is an alias";
		return;
	}
	leaf = add_leaf(reading, event);
	leaf->style = YAML_ALIAS;
	leaf->type = YAML_TYPE_OTHER;
	leaf->value = xstrdup((const char *) event->data.alias.anchor);
	leaf->length = strlen(leaf->value);
	value_done(reading);
}

/* A map or a list begins. */
static void
open_level(Reading *reading, bool map, bool flow, bool anchored)
{
	Level *above = reading->depth > 0 ? &reading->levels[reading->depth - 1] : NULL;
	Level *level;

	if (above == NULL && (!map || flow || anchored))
		reading->problem = "it is not a map in block style";
	else if (key_is_next(reading))
		reading->problem = "a key is a map or a list";
	else if (reading->depth == MAX_DEPTH)
		reading->problem = "it is nested too deeply";
	if (reading->problem != NULL)
		return;
	level = &reading->levels[reading->depth];
	memset(level, 0, sizeof(*level));
	level->under = above != NULL ? context_key(reading) : NULL;
	level->map = map;
	level->flow = flow || (above != NULL && above->flow);
	level->anchored = anchored || (above != NULL && above->anchored);
	level->first_key = reading->out->nkeys;
	reading->depth++;
}

static void
take_event(Reading *reading, const yaml_event_t *event)
{
	switch (event->type)
	{
		case YAML_DOCUMENT_START_EVENT:
			if (++reading->documents > 1)
				reading->problem = "it holds several documents";
			else if (event->data.document_start.version_directive != NULL ||
					 event->data.document_start.tag_directives.start !=
						 event->data.document_start.tag_directives.end)
				reading->problem = "it has directives";
			break;
		case YAML_DOCUMENT_END_EVENT:
			if (!event->data.document_end.implicit)
				reading->problem = "it has an end marker";
			break;
		case YAML_SCALAR_EVENT:
			take_scalar(reading, event);
			break;
		case YAML_ALIAS_EVENT:
			take_alias(reading, event);
			break;
		case YAML_MAPPING_START_EVENT:
			open_level(reading, true, event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE,
					   event->data.mapping_start.anchor != NULL);
			break;
		case YAML_SEQUENCE_START_EVENT:
			open_level(reading, false, event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE,
					   event->data.sequence_start.anchor != NULL);
			break;
		case YAML_MAPPING_END_EVENT:
		case YAML_SEQUENCE_END_EVENT:
			reading->depth--;
			value_done(reading);
			break;
		default:
			break;
	}
}

const char *
yaml_leaves_read(YamlLeaves *leaves, const char *text, size_t length)
{
	Reading *reading = xcalloc(1, sizeof(*reading));
	yaml_parser_t parser;
	const char *problem;
	bool ended = false;

	memset(leaves, 0, sizeof(*leaves));
	leaves->last_key_start = -1;
	reading->out = leaves;
	reading->text = text;
	reading->length = length;

	/* To libyaml, a byte order mark is not a character. */
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		reading->bytes = 3;
	if (!yaml_parser_initialize(&parser))
		reading->problem = "memory ran out";
	else
	{
		yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
		yaml_parser_set_input_string(&parser, (const unsigned char *) text + reading->bytes,
									 length - reading->bytes);
		while (!ended && reading->problem == NULL)
		{
			yaml_event_t event;

			if (!yaml_parser_parse(&parser, &event))
			{
				reading->problem = "it is not well-formed YAML";
				break;
			}
			ended = event.type == YAML_STREAM_END_EVENT;
			take_event(reading, &event);
			yaml_event_delete(&event);
		}
		yaml_parser_delete(&parser);
	}
	problem = reading->problem;
	if (problem == NULL && leaves->last_key_start < 0)
		problem = "it has no keys";
	free(reading);
	return problem;
}

void
yaml_leaves_free(YamlLeaves *leaves)
{
	int i;

	for (i = 0; i < leaves->count; i++)
	{
		explicit_bzero(leaves->leaves[i].value, leaves->leaves[i].length);
		free(leaves->leaves[i].value);
	}
	for (i = 0; i < leaves->nkeys; i++)
	{
		free(leaves->keys[i]->name);
		free(leaves->keys[i]);
	}
	free(leaves->leaves);
	free(leaves->keys);
	memset(leaves, 0, sizeof(*leaves));
}

char *
yaml_leaf_path(const YamlLeaf *leaf)
{
	const YamlKey *keys[MAX_DEPTH];
	const YamlKey *key;
	Buffer path;
	int count = 0;

	for (key = leaf->key; key != NULL && count < MAX_DEPTH; key = key->parent)
		keys[count++] = key;
	buffer_init(&path);
	while (count > 0)
	{
		buffer_append_string(&path, keys[--count]->name);
		buffer_append_char(&path, ':');
	}
	if (path.length == 0)
		buffer_append_char(&path, ':');
	return buffer_detach(&path);
}

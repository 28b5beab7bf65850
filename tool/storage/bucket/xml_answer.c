/*-------------------------------------------------------------------------
 *
 * xml_answer.c
 *	  The XML that object stores answer, by expat.
 *
 *-------------------------------------------------------------------------
 */
#include "xml_answer.h"

#include <expat.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "memory.h"

typedef struct Reading
{
	XML_Parser parser;
	const char *root;
	XmlVisitor visitor;
	void *argument;
	Buffer path;                        /* "A/B/C" */
	size_t path_lengths[XML_MAX_DEPTH]; /* of the path before each open element */
	Buffer texts[XML_MAX_DEPTH];        /* of each open element */
	int depth;
	const char *refusal; /* NULL: none so far */
} Reading;

static void
stop_reading(Reading *reading, const char *refusal)
{
	if (reading->refusal == NULL)
		reading->refusal = refusal;
	XML_StopParser(reading->parser, XML_FALSE);
}

static const char *
without_prefix(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon != NULL ? colon + 1 : name;
}

static void
element_begins(void *data, const XML_Char *name, const XML_Char **attributes)
{
	Reading *reading = data;
	const char *local = without_prefix(name);

	(void) attributes;
	if (reading->refusal != NULL)
		return;
	if (reading->depth == XML_MAX_DEPTH)
	{
		stop_reading(reading, "it is nested too deeply");
		return;
	}
	if (reading->depth == 0 && reading->root != NULL && strcmp(local, reading->root) != 0)
	{
		stop_reading(reading, "it is not what was asked for");
		return;
	}
	reading->path_lengths[reading->depth] = reading->path.length;
	if (reading->depth > 0)
		buffer_append_char(&reading->path, '/');
	buffer_append_string(&reading->path, local);
	buffer_reset(&reading->texts[reading->depth]);
	reading->depth++;
}

static void
text_comes(void *data, const XML_Char *text, int length)
{
	Reading *reading = data;
	Buffer *here;

	if (reading->refusal != NULL || reading->depth == 0)
		return;
	here = &reading->texts[reading->depth - 1];
	if (here->length + (size_t) length > XML_MAX_TEXT)
		stop_reading(reading, "one of its values is too long");
	else
		buffer_append(here, text, (size_t) length);
}

static void
element_ends(void *data, const XML_Char *name)
{
	Reading *reading = data;
	Buffer *here;

	(void) name;
	if (reading->refusal != NULL)
		return;
	here = &reading->texts[reading->depth - 1];
	if (!reading->visitor(reading->argument, reading->path.data,
						  here->length > 0 ? here->data : ""))
	{
		stop_reading(reading, "one of its values is not acceptable");
		return;
	}
	reading->depth--;
	reading->path.length = reading->path_lengths[reading->depth];
	reading->path.data[reading->path.length] = '\0';
}

static void
document_type_comes(void *data, const XML_Char *name, const XML_Char *system,
					const XML_Char *public, int subset)
{
	(void) name;
	(void) system;
	(void) public;
	(void) subset;
	stop_reading(data, "it has a document type");
}

static void
begin_reading(Reading *reading)
{
	int i;

	buffer_init(&reading->path);
	for (i = 0; i < XML_MAX_DEPTH; i++)
		buffer_init(&reading->texts[i]);
	XML_SetUserData(reading->parser, reading);
	XML_SetElementHandler(reading->parser, element_begins, element_ends);
	XML_SetCharacterDataHandler(reading->parser, text_comes);
	XML_SetStartDoctypeDeclHandler(reading->parser, document_type_comes);
}

static void
end_reading(Reading *reading)
{
	int i;

	XML_ParserFree(reading->parser);
	buffer_free(&reading->path);
	for (i = 0; i < XML_MAX_DEPTH; i++)
		buffer_free(&reading->texts[i]);
}

bool
xml_answer_read(const char *answer, size_t length, const char *root, XmlVisitor visitor,
				void *argument, char **problem)
{
	Reading reading = {.root = root, .visitor = visitor, .argument = argument};
	bool whole;

	*problem = NULL;
	reading.parser = XML_ParserCreate("UTF-8");
	if (reading.parser == NULL || length > INT_MAX)
	{
		if (reading.parser != NULL)
			XML_ParserFree(reading.parser);
		*problem = xstrdup(length > INT_MAX ? "it is too long" : "out of memory");
		return false;
	}
	begin_reading(&reading);
	whole = XML_Parse(reading.parser, answer, (int) length, XML_TRUE) == XML_STATUS_OK &&
			reading.refusal == NULL;
	if (!whole)
		*problem =
			xstrdup(reading.refusal != NULL ? reading.refusal
											: XML_ErrorString(XML_GetErrorCode(reading.parser)));
	end_reading(&reading);
	return whole;
}

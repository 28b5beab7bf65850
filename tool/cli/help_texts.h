/*-------------------------------------------------------------------------
 *
 * help_texts.h
 *	  The prose of --help: help/<command>.txt, help/overview.txt and
 *	  help/settings.txt.
 *
 * The texts are separate files, so that they can be read and changed as
 * text; scripts/help_texts.sh makes ../../build/tool/cli/help_texts.c from
 * them.  What the tables of commands and options know is not in them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_HELP_TEXTS_H
#define NEX_HELP_TEXTS_H

typedef struct HelpText
{
	const char *name; /* of the file, without .txt */
	const char *text;
} HelpText;

/* Ends with a name that is NULL. */
extern const HelpText help_texts[];

#endif /* NEX_HELP_TEXTS_H */

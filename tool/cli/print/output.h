/*-------------------------------------------------------------------------
 *
 * output.h
 *	  Results on stdout: aligned tables for people, JSON for programs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OUTPUT_H
#define NEX_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "pretty.h"

/*
 * printf() to stdout, and to stderr for a question, where control characters
 * other than newline and tab, and those that are not seen, come out as \xNN.
 * Nearly all that is shown comes from outside: what printf() shows as it is
 * somebody has to think of each time.
 */
extern void show_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void show_question(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print a JSON value and a newline to stdout; takes it over. */
extern void output_json(json_t *value);
extern bool output_json_was_called(void);

/*
 * What this command has done and nothing can undo, as a sentence: it is reported
 * if its result cannot be written, which is then an error.  The last one counts.
 */
extern void output_done(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern const char *output_done_text(void); /* NULL: nothing */

/* An aligned text table, widths measured in UTF-8 characters, control characters made harmless. */
typedef struct TextTable TextTable;
extern TextTable *text_table_create(int columns, const char *const *headings,
									const char *alignment); /* "llrr" */
extern void text_table_row(TextTable *table, const char *const *cells);
extern void text_table_print(TextTable *table); /* prints to stdout and frees */

#endif /* NEX_OUTPUT_H */

/*-------------------------------------------------------------------------
 *
 * child_output.h
 *	  What a run of the program wrote: its last 64 kB, its first error, the
 *	  last event of progress.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CHILD_OUTPUT_H
#define NEX_CHILD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#define OUTPUT_TAIL_SIZE 65536
#define OUTPUT_LINE_SIZE 16384

/* All of it is bytes as they came, without NUL. */
typedef struct ChildOutput
{
	char tail[2 * OUTPUT_TAIL_SIZE]; /* without events; moved down when it is full */
	size_t tail_length;
	char line[OUTPUT_LINE_SIZE]; /* the present one, cut off if it is longer */
	size_t line_length;
	char progress[OUTPUT_LINE_SIZE]; /* the whole event; "": none that was not taken */
	char error[OUTPUT_LINE_SIZE];    /* "": none */
} ChildOutput;

extern void child_output_init(ChildOutput *output);
extern void child_output_add(ChildOutput *output, const char *data, size_t length);

/* Nothing more comes: a last line may not have been ended. */
extern void child_output_end(ChildOutput *output);

/* Where the last 64 kB begin, and how many bytes they are. */
extern const char *child_output_tail(const ChildOutput *output, size_t *length);

#endif /* NEX_CHILD_OUTPUT_H */

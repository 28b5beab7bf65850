/*-------------------------------------------------------------------------
 *
 * row_check.h
 *	  Is the text of a data member what its manifest says?
 *
 * In pieces of any size, because a row may have a gigabyte.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ROW_CHECK_H
#define NEX_ROW_CHECK_H

#include "manifest.h"

#define ROW_CHECK_TAIL 5 /* the end-of-data marker and the byte before it */

typedef struct RowCheck
{
	const char *copy; /* NULL: no data member, only its length is looked at */
	size_t head;      /* bytes of the COPY command and its newline */
	uint64_t rows;    /* expected */
	uint64_t raw;
	uint64_t seen;
	uint64_t newlines; /* behind the head */
	bool begins;       /* with the COPY command */
	char tail[ROW_CHECK_TAIL];
} RowCheck;

extern void row_check_begin(RowCheck *check, const Manifest *manifest, const Member *member);
extern void row_check_add(RowCheck *check, const char *text, size_t length);

/* NULL when good, else what is wrong. */
extern char *row_check_end(const RowCheck *check);

#endif /* NEX_ROW_CHECK_H */

/*-------------------------------------------------------------------------
 *
 * look.h
 *	  A look at a file system that may not answer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOOK_H
#define NEX_LOOK_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "look_child.h"

/* What is said of a place that has not answered for less than a minute, and the beginning of what
 * is said later. */
#define LOOK_NO_ANSWER "does not answer"
#define LOOK_NO_ANSWER_SINCE "has not answered since "

/*
 * Have a child do that and collect what it writes.  Returns what kept it from an
 * answer, or NULL.  Interruptible, and ends in any case after some seconds.
 */
extern char *look_at_place(const char *place, LookWork work, void *argument, StringInfo answer);

#endif /* NEX_LOOK_H */

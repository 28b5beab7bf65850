/*-------------------------------------------------------------------------
 *
 * child_log.h
 *	  What a run of the tool wrote: its last 64 kB, its first error, the last
 *	  event of progress.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CHILD_LOG_H
#define NEX_CHILD_LOG_H

#include <stdbool.h>
#include <stddef.h>

#define LOG_TAIL_SIZE 65536
#define LOG_LINE_SIZE 4096

typedef struct ChildLog
{
	char tail[2 * LOG_TAIL_SIZE]; /* moved down when it is full */
	size_t tail_length;
	char line[LOG_LINE_SIZE]; /* the present one, cut off if it is longer */
	size_t line_length;
	char progress[LOG_LINE_SIZE]; /* "" if there is no new one */
	char error[LOG_LINE_SIZE];    /* "" if there is none */
} ChildLog;

extern void child_log_init(ChildLog *log);
extern void child_log_add(ChildLog *log, const char *data, size_t length);

/* Copies that are valid in the database's encoding; NULL if there is nothing. */
extern char *child_log_tail(const ChildLog *log);
extern char *child_log_error(const ChildLog *log);

/* The last event since the last call, or NULL. */
extern char *child_log_take_progress(ChildLog *log);

#endif /* NEX_CHILD_LOG_H */

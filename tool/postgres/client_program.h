/*-------------------------------------------------------------------------
 *
 * client_program.h
 *	  What PostgreSQL's client programs leave behind: their exit code, their
 *	  text, and the lines of it that a backup does not want.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CLIENT_PROGRAM_H
#define NEX_CLIENT_PROGRAM_H

#include "subprocess.h"

/* Report a child that failed, with the last words it said; true if it did not. */
extern bool client_program_check(const char *program, SubprocessResult *result);

/*
 * Run one that writes SQL to its stdout, and take all of it.  An exit code of
 * 0 does not say that it is all: the last line does.  `program` is its name,
 * for messages; `directory` as in subprocess_run_connected(), or NULL.  What
 * it said besides is in *warnings (caller frees; may be NULL).
 */
extern bool client_program_script(const char *program, const char *const *argv,
								  const char *directory, Buffer *script, char **warnings);

/* Drop a line from a script: everything from its start up to and including its newline. */
extern void script_cut_line(Buffer *script, char *line);

/*
 * Take out a script's own \restrict pair: one pair stands around the whole
 * backup, and members shall have the same content every day.
 */
extern void script_cut_restrict(Buffer *script);

/* The same, and a setting that servers before 17 do not know; the head of a backup has it. */
extern void script_clean(Buffer *script);

#endif /* NEX_CLIENT_PROGRAM_H */

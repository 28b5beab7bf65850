/*-------------------------------------------------------------------------
 *
 * tool_program.h
 *	  The program nex_backup, and what it is started with by the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TOOL_PROGRAM_H
#define NEX_TOOL_PROGRAM_H

/* Where it is: nex_backup.tool_path, or beside the server's own programs. */
extern char *tool_path(void);

/*
 * Put into an environment what it always needs, at most TOOL_ENVIRONMENT
 * variables; how many there are now.
 */
#define TOOL_ENVIRONMENT 5
extern int tool_environment(char **environment);

#endif /* NEX_TOOL_PROGRAM_H */

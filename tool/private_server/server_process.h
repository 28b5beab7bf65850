/*-------------------------------------------------------------------------
 *
 * server_process.h
 *	  A program of the server that is ours: it ends when we do.
 *
 * Not common/child.h: a server knows no control pipe, so the kernel alone tells
 * it that we are gone; what it says goes to a file, as nobody reads while it
 * works; and it gets a lock of ours.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SERVER_PROCESS_H
#define NEX_SERVER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct ServerProgram
{
	const char *const *argv; /* the first is its absolute path */
	const char *directory;   /* in which it starts */
	const char *log;         /* to which it is appended what it says */
	const char *input;       /* what it reads; NULL: nothing */
	int lock;                /* a descriptor that it keeps */
} ServerProgram;

typedef struct ServerProcess
{
	pid_t pid;  /* 0: none runs */
	int status; /* of the last one, as waitpid() gives it */
} ServerProcess;

/* From the main thread, as the program ends with the thread that started it.  False: reported. */
extern bool server_process_start(ServerProcess *process, const ServerProgram *program);

/* Has it ended?  Does not wait. */
extern bool server_process_ended(ServerProcess *process);

/* Wait for its end, for so many seconds; false if it still runs. */
extern bool server_process_wait(ServerProcess *process, int seconds);

/* Tell it to end, and see that it does. */
extern void server_process_stop(ServerProcess *process, int signal_number, int seconds);

/* The last lines of a log, at most `lines`, without those that only count; caller frees. */
extern char *server_log_tail(const char *log, int lines);

/* How often a text occurs behind position *at, which moves on. */
extern uint64_t server_log_count(const char *log, const char *text, long *at);

#endif /* NEX_SERVER_PROCESS_H */

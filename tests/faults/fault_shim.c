/*-------------------------------------------------------------------------
 *
 * fault_shim.c
 *	  Preloaded into the tool and the client programs that it starts: makes
 *	  the n-th call of a kind fail, do half of its work, or kill the process.
 *
 * Not "strace --inject": that counts for each thread by itself, says that a
 * call has failed which it did not make (so that a pipe stays open), and can
 * not do half a write.  Calls are counted over all processes of one command,
 * in a file that they share; it also says which call was hit.
 *
 *	  FAULT_STATE	the file: KINDS counters of 8 bytes, "fired", and a text
 *	  FAULT			KIND:N:WHAT, such as "write:12:ENOSPC"; "+" at the end:
 *					this call and all after it; WHAT is the name of an
 *					error, "short", or "kill"
 *
 * The streams of stdio do their calls within libc, where no wrapper is; those
 * that are opened by name, and standard output, become streams of our own
 * (fault_streams.c).
 *
 *-------------------------------------------------------------------------
 */
#include "fault_shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TEXT_SIZE 1024

typedef struct State
{
	_Atomic uint64_t calls[CALL_KINDS];
	_Atomic uint64_t fired;
	char text[TEXT_SIZE];
} State;

static const char *const kind_names[CALL_KINDS] = {
	"open", "read", "write", "sync",   "close",   "rename",  "unlink", "mkdir",
	"stat", "list", "lock",  "thread", "process", "network", "memory", "random"};

static const struct
{
	const char *name;
	int error;
} errors[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT},
			  {"EINTR", EINTR},   {"EMFILE", EMFILE}, {"EACCES", EACCES},
			  {"EROFS", EROFS},   {"ENOLCK", ENOLCK}, {"EAGAIN", EAGAIN},
			  {"ENOMEM", ENOMEM}, {"ENOSYS", ENOSYS}, {"ECONNRESET", ECONNRESET},
			  {"ESTALE", ESTALE}};

static State *state;
static CallKind wanted_kind = CALL_KINDS;
static uint64_t wanted_call;
static bool and_all_after;
static bool kills;
static Fault wanted;

void *
real_call(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* Take FAULT apart; what is not understood ends the process, so that no test runs without it. */
static void
read_wish(const char *wish)
{
	char kind[16];
	char what[16];
	unsigned long long call;
	size_t i;

	if (sscanf(wish, "%15[a-z]:%llu:%15[A-Za-z]", kind, &call, what) != 3)
		abort();
	for (i = 0; i < CALL_KINDS; i++)
	{
		if (strcmp(kind, kind_names[i]) == 0)
			wanted_kind = (CallKind) i;
	}
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
	{
		if (strcmp(what, errors[i].name) == 0)
			wanted.error = errors[i].error;
	}
	wanted_call = call;
	wanted.cut = strcmp(what, "short") == 0;
	kills = strcmp(what, "kill") == 0;
	and_all_after = wish[strlen(wish) - 1] == '+';
	if (wanted_kind == CALL_KINDS || (wanted.error == 0 && !wanted.cut && !kills))
		abort();
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("FAULT_STATE");
	const char *wish = getenv("FAULT");
	void *memory;
	int fd;

	if (path == NULL)
		return;
	fd = (int) syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	memory = mmap(NULL, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	if (memory == MAP_FAILED)
		return;
	if (wish != NULL)
		read_wish(wish);
	state = memory;
}

/* Note which call was hit, in which program, on what. */
static void
note(CallKind kind, const char *call, int fd, const char *path)
{
	char target[512] = "";
	char link[64];
	ssize_t length;

	if (path == NULL && fd >= 0)
	{
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		length = syscall(SYS_readlinkat, AT_FDCWD, link, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		path = target;
	}
	snprintf(state->text, TEXT_SIZE, "%s %s %s %s", program_invocation_short_name, kind_names[kind],
			 call, path != NULL ? path : "");
}

Fault
fault_at(CallKind kind, const char *call, int fd, const char *path)
{
	Fault none = {0, false};
	uint64_t number;

	if (state == NULL)
		return none;
	number = atomic_fetch_add(&state->calls[kind], 1) + 1;
	if (kind != wanted_kind || number < wanted_call || (number > wanted_call && !and_all_after))
		return none;
	/* Memory is noted without a format: that may need memory. */
	if (atomic_fetch_add(&state->fired, 1) == 0 && kind != CALL_MEMORY)
		note(kind, call, fd, path);
	if (kills)
	{
		syscall(SYS_kill, getpid(), SIGKILL);
		for (;;)
			pause();
	}
	return wanted;
}

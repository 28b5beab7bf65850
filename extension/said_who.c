/*-------------------------------------------------------------------------
 *
 * said_who.c
 *	  Whether what a session does is a superuser's, as it says itself.
 *
 * The guard of locks must know it of others, whatever keeps everybody from the
 * catalogs.  So each session says it, before it can wait for what it should not
 * have.
 *
 * A session is that of the role that logged in: a superuser stays one under SET
 * ROLE.  But code of others runs in it, too: in autovacuum, ANALYZE, REINDEX, or
 * REFRESH of their tables, and in their SECURITY DEFINER functions.  What such
 * code says is theirs, and the server asks for their rights; the session is a
 * superuser's again when the statement has ended.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "cut_client.h"
#include "said_who.h"

typedef struct Said
{
	pg_atomic_uint32 ordinary; /* the process, if it is not a superuser's, or 0 */
	pg_atomic_uint32 signal;   /* what makes it cut its connection; 0: nothing */
} Said;

/* Of every process. */
typedef struct SaidWho
{
	int count;
	Said places[FLEXIBLE_ARRAY_MEMBER];
} SaidWho;

static SaidWho *said = NULL;

/* Of this process. */
static uint32 of_session = 0;

Size
said_who_shared_size(void)
{
	return MAXALIGN(
		add_size(offsetof(SaidWho, places), mul_size(sizeof(Said), (Size) max_backends_compat())));
}

void
said_who_shared_start(void)
{
	bool found;
	int i;

	said = ShmemInitStruct("nex_backup said who", said_who_shared_size(), &found);
	if (found)
		return;
	said->count = max_backends_compat();
	for (i = 0; i < said->count; i++)
	{
		pg_atomic_init_u32(&said->places[i].ordinary, 0);
		pg_atomic_init_u32(&said->places[i].signal, 0);
	}
}

/* NULL for what is neither a session nor a worker. */
static Said *
place_of(const PGPROC *proc)
{
	ptrdiff_t number;

	if (said == NULL || proc == NULL)
		return NULL;
	number = proc - ProcGlobal->allProcs;
	return number >= 0 && number < said->count ? &said->places[number] : NULL;
}

static void
forget(int code, Datum argument)
{
	Said *place = place_of(MyProc);

	if (place != NULL)
		pg_atomic_write_u32(&place->ordinary, 0);
}

void
said_who_of_statement(void)
{
	static bool registered = false;
	Said *place = place_of(MyProc);
	bool others;

	if (place == NULL)
		return;
	if (!registered)
	{
		before_shmem_exit(forget, 0);
		/* Another process has had this place. */
		pg_atomic_write_u32(&place->signal, (uint32) cut_client_signal());
	}
	registered = true;
	of_session = superuser_arg(GetAuthenticatedUserId()) ? 0 : (uint32) MyProcPid;
	others =
		(InLocalUserIdChange() || InSecurityRestrictedOperation()) && !superuser_arg(GetUserId());
	pg_atomic_write_u32(&place->ordinary, others ? (uint32) MyProcPid : of_session);
}

void
said_who_of_session(void)
{
	Said *place = place_of(MyProc);

	if (place != NULL)
		pg_atomic_write_u32(&place->ordinary, of_session);
}

bool
said_who_may_be_superuser(const PGPROC *proc)
{
	Said *place = place_of(proc);

	return place == NULL || proc->pid == 0 ||
		   pg_atomic_read_u32(&place->ordinary) != (uint32) proc->pid;
}

int
said_who_cut_signal(const PGPROC *proc)
{
	Said *place = place_of(proc);

	return said_who_may_be_superuser(proc) ? 0 : (int) pg_atomic_read_u32(&place->signal);
}

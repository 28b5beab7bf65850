/*-------------------------------------------------------------------------
 *
 * test_copy_worker.c
 *	  What a server sends becomes a member only if all of it came, and no
 *	  lock is waited for.
 *
 *-------------------------------------------------------------------------
 */
#include "scripted_server.h"

#include "bad_row.h"
#include "copy_worker.h"
#include "interrupt.h"
#include "large_objects.h"
#include "log.h"

static const char *const *rows; /* that the server sends for a table */
static const char *tag;         /* how many it says it sent */
static const char *lock_state;  /* SQLSTATE with which the lock fails, or NULL */
static const char *names_moved; /* the name of another table now, or NULL */
static bool ends_early;         /* an error comes after the rows */
static int claims;
static Manifest *manifest;
static char *moved_name;

/* ---- of libpq ---- */

int
PQgetlineAsync(PGconn *pg, char *buffer, int size)
{
	(void) pg;
	(void) size;
	if (*rows == NULL)
		return -1;
	memcpy(buffer, *rows, strlen(*rows));
	return (int) strlen(*rows++);
}

char *
PQcmdTuples(PGresult *result)
{
	(void) result;
	return (char *) tag;
}

/* ---- of cut_guard.c, large_objects.c, bad_row.c ---- */

bool
cut_guard_claim(CutGuard *guard, ClaimedChunk *claim)
{
	static int tables[1];

	(void) guard;
	memset(claim, 0, sizeof(*claim));
	claim->chunk.kind = CHUNK_TABLES;
	claim->chunk.tables = tables;
	claim->chunk.ntables = 1;
	return claims++ == 0;
}

void
cut_guard_planned(CutGuard *guard, ClaimedChunk *claim)
{
	(void) guard;
	(void) claim;
}

bool
cut_guard_give_up(CutGuard *guard, ClaimedChunk *claim)
{
	(void) guard;
	(void) claim;
	return false;
}

void
cut_guard_finished(CutGuard *guard, const ClaimedChunk *claim, uint64_t count)
{
	(void) guard;
	(void) claim;
	(void) count;
}

bool
large_objects_stream(CopyStream *stream)
{
	(void) stream;
	return false;
}

const char *
bad_row_hint(const PGresult *result)
{
	(void) result;
	return NULL;
}

char *
bad_row_find(const CopyStream *stream, int table, uint64_t count)
{
	(void) stream;
	(void) table;
	(void) count;
	return NULL;
}

/* ---- the server ---- */

static PGresult *
server_answers(const char *sql, const char *const *params)
{
	(void) params;
	if (strncmp(sql, "LOCK TABLE", strlen("LOCK TABLE")) != 0)
		return strncmp(sql, "SELECT", strlen("SELECT")) == 0 ? no_rows(1) : done();
	server_queue(lock_state != NULL ? fails_with(lock_state) : done());
	server_queue(add_row(no_rows(1), NULL));
	server_queue(PQmakeEmptyPGresult(NULL, PGRES_COPY_OUT));
	server_queue(ends_early ? fails_with("58030") : done());
	server_queue(add_row(no_rows(1), names_moved));
	return done();
}

static int
set_up(void **state)
{
	static const char *const two[] = {"1\n", "2\n", NULL};

	rows = two;
	tag = "2";
	lock_state = names_moved = NULL;
	ends_early = false;
	claims = 0;
	manifest = manifest_create();
	return scratch_create(state);
}

static int
tear_down(void **state)
{
	server_forget();
	manifest_free(manifest);
	free(moved_name);
	moved_name = NULL;
	return scratch_destroy(state);
}

/* One worker over one table, into the manifest. */
static void
work(void)
{
	static char restore[] = "COPY public.t (a) FROM stdin;";
	static atomic_bool stale;
	char *statements[] = {restore};
	int32_t positions[] = {0};
	Connection *workers[] = {connection_open(NULL)};
	SourceTable table = {.schema = "public", .name = "t", .qualified = "public.t", .is_heap = true};
	SourceTables tables = {&table, 1, NULL};
	_Atomic(char *) moved = NULL;
	Repository *repository;
	ObjectStore *store;
	CopyWork job;
	bool created;

	table.condition = "";
	sql_init(&table.columns);
	sql_init(&table.restore_into);
	assert_true(repository_init(scratch_path("repo"), &created));
	repository = repository_open(scratch_path("repo"));
	store = object_store_create(repository, "", CODEC_NONE, NULL);
	memset(&job, 0, sizeof(job));
	job.tables = &tables;
	job.restore_statements = statements;
	job.manifest_tables = positions;
	job.pipeline = pipeline_start(store, CODEC_NONE, 0, 1, 3);
	job.stale = &stale;
	job.moved = &moved;
	job.workers = workers;
	copy_worker(&job);
	if (pipeline_finish(job.pipeline))
		pipeline_add_to_manifest(job.pipeline, MEMBER_DATA, manifest);
	moved_name = moved;
	pipeline_free(job.pipeline);
	object_store_free(store);
	repository_close(repository);
	sql_free(&table.columns);
	sql_free(&table.restore_into);
}

/* In a child: 99 if the worker finds nothing wrong. */
static void
work_badly(void)
{
	work();
	if (!stop_requested())
		_exit(99);
	if (manifest->nmembers > 0)
		_exit(98);
}

static void
test_rows(void **state)
{
	(void) state;
	work();
	assert_false(stop_requested());
	assert_null(moved_name);
	assert_int_equal(manifest->nmembers, 1);
	assert_int_equal(manifest->members[0].rows, 2);
	assert_int_equal(manifest->members[0].raw,
					 strlen("COPY public.t (a) FROM stdin;\n1\n2\n\\.\n\n"));
}

/* A table without rows has its member. */
static void
test_no_rows(void **state)
{
	static const char *const none[] = {NULL};

	(void) state;
	rows = none;
	tag = "0";
	work();
	assert_int_equal(manifest->nmembers, 1);
	assert_int_equal(manifest->members[0].rows, 0);
}

/* A row that comes in pieces is one. */
static void
test_pieces_of_rows(void **state)
{
	static const char *const pieces[] = {"a", "b", "c\n", "d\n", NULL};

	(void) state;
	rows = pieces;
	work();
	assert_int_equal(manifest->members[0].rows, 2);
}

static void
test_other_count(void **state)
{
	(void) state;
	tag = "3";
	assert_int_equal(exit_code_of(work_badly), EXIT_FAILED);
	tag = "1";
	assert_int_equal(exit_code_of(work_badly), EXIT_FAILED);
	tag = "";
	assert_int_equal(exit_code_of(work_badly), EXIT_FAILED);
}

static void
test_early_end(void **state)
{
	static const char *const half[] = {"1\n", "2", NULL};

	(void) state;
	ends_early = true;
	assert_int_equal(exit_code_of(work_badly), EXIT_FAILED);
	ends_early = false;
	rows = half;
	assert_int_equal(exit_code_of(work_badly), EXIT_FAILED);
}

/*
 * The leader has the table locked, so the worker's lock is there at once, or somebody queues for an
 * exclusive one behind the leader: to wait for that would be a deadlock.
 */
static void
test_locks(void **state)
{
	int lock;

	(void) state;
	work();
	lock = command_with("LOCK TABLE ONLY", 0);
	assert_true(lock >= 0);
	assert_non_null(strstr(commands[lock], " IN ACCESS SHARE MODE NOWAIT;"));
	assert_true(strstr(commands[lock], "NOWAIT") < strstr(commands[lock], "COPY "));
}

static void
test_locked(void **state)
{
	(void) state;
	lock_state = "55P03";
	assert_int_equal(exit_code_of(work_badly), EXIT_FAILED);
}

/* Text of money does not depend on the server's locale. */
static void
test_settings(void **state)
{
	(void) state;
	work();
	assert_in_range(command_with("SET lc_monetary = 'C'", 0), 0, command_with("COPY ", 0));
}

/* Rows that were read by the name of another table are no error, but no backup. */
static void
test_moved(void **state)
{
	(void) state;
	names_moved = "public.t";
	work();
	assert_string_equal(moved_name, "table public.t");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rows),        TEST(test_no_rows),   TEST(test_pieces_of_rows),
		TEST(test_other_count), TEST(test_early_end), TEST(test_locks),
		TEST(test_locked),      TEST(test_settings),  TEST(test_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

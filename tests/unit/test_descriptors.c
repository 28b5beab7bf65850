/*-------------------------------------------------------------------------
 *
 * test_descriptors.c
 *	  Descriptors that a child is not to have; files that are opened to be
 *	  written to, or that hold secrets, in the hands of somebody else.
 *
 *-------------------------------------------------------------------------
 */
#include "scratch.h"

#include <errno.h>
#include <sys/resource.h>

#include "descriptors.h"
#include "memory.h"
#include "private_file.h"
#include "shared_log.h"

/* Above what a loop to 65536 would reach, where that is allowed. */
#define HIGH 70000

/* Open two descriptors above the limit, which is lowered afterwards; the higher one. */
static int
open_high(void)
{
	struct rlimit limit = {HIGH + 1, HIGH + 1};
	struct rlimit saved;
	int fd = open("/dev/null", O_RDONLY);
	int high;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
	{
		limit = saved;
		limit.rlim_cur = limit.rlim_max;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	}
	high = (int) limit.rlim_cur - 1;
	assert_int_equal(dup2(fd, high), high);
	assert_int_equal(dup2(fd, 200), 200);
	close(fd);
	limit.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return high;
}

static void
assert_swept(bool without_call)
{
	pid_t child;
	int high = open_high();
	int status;
	int i;

	for (i = 5; i < 90; i++)
		dup2(1, i);
	descriptors_sweep(5, DESCRIPTORS_MARK, without_call);
	assert_int_equal(fcntl(high, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(200, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(5, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(1, F_GETFD), 0);
	child = fork();
	if (child == 0)
	{
		descriptors_sweep(5, DESCRIPTORS_CLOSE, without_call);
		for (i = 5; i < 90; i++)
		{
			if (fcntl(i, F_GETFD) >= 0)
				_exit(1);
		}
		_exit(fcntl(high, F_GETFD) >= 0 ? 2 : fcntl(200, F_GETFD) >= 0 ? 3 : fcntl(1, F_GETFD));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(high);
	close(200);
	for (i = 5; i < 90; i++)
		close(i);
}

static void
test_sweep(void **state)
{
	(void) state;
	assert_swept(false);
}

static void
test_sweep_by_proc(void **state)
{
	(void) state;
	assert_swept(true);
}

/* ---- logs ---- */

static void
test_appending(void **state)
{
	int ends[2];
	int fd;

	(void) state;
	fd = shared_log_open(scratch_path("log"), NULL);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	assert_int_equal(symlink("log", scratch_path("link")), 0);
	assert_int_equal(symlink(scratch_path("link"), scratch_path("second")), 0);
	fd = shared_log_open(scratch_path("second"), NULL);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	/* As /dev/stderr is one: a link of the kernel's, whose text is no path. */
	assert_int_equal(pipe(ends), 0);
	fd = shared_log_open(xasprintf("/proc/self/fd/%d", ends[1]), NULL);
	assert_true(fd >= 0);
	close(fd);

	assert_int_equal(symlink("loop", scratch_path("loop")), 0);
	assert_int_equal(shared_log_open(scratch_path("loop"), NULL), -1);
	assert_int_equal(errno, ELOOP);

	/* Nobody reads, and nobody waits. */
	assert_int_equal(mkfifo(scratch_path("pipe"), 0600), 0);
	alarm(20);
	assert_int_equal(shared_log_open(scratch_path("pipe"), NULL), -1);
	assert_int_equal(errno, ENXIO);
	alarm(0);
}

/* In place of the C library's, which the tool's parts call with large offsets: only root can make a
 * link that belongs to somebody else. */
static uid_t other_owner;

int
fstat64(int fd, struct stat64 *status)
{
	int result = fstatat64(fd, "", status, AT_EMPTY_PATH);

	if (result == 0 && S_ISLNK(status->st_mode))
		status->st_uid += other_owner;
	return result;
}

/* A link that somebody else has put there. */
static void
test_foreign_link(void **state)
{
	struct stat status;
	int fd;

	(void) state;
	fd = open(scratch_path("target"), O_WRONLY | O_CREAT, 0600);
	close(fd);
	assert_int_equal(symlink("target", scratch_path("link")), 0);
	assert_int_equal(symlink("new", scratch_path("dangling")), 0);
	other_owner = 17;
	assert_int_equal(shared_log_open(scratch_path("link"), NULL), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(shared_log_open(scratch_path("dangling"), NULL), -1);
	assert_int_not_equal(stat(scratch_path("new"), &status), 0);
	other_owner = 0;
	fd = shared_log_open(scratch_path("link"), NULL);
	assert_true(fd >= 0);
	close(fd);
}

/* ---- secrets ---- */

static void
assert_problem(uid_t owner, mode_t mode, const char *expected)
{
	struct stat status = {.st_uid = owner, .st_mode = mode};
	char *problem = secret_file_problem("identity file", "f", &status);

	if (expected == NULL)
		assert_null(problem);
	else
	{
		assert_non_null(problem);
		assert_non_null(strstr(problem, expected));
	}
	free(problem);
}

static void
test_owner(void **state)
{
	const uid_t other = geteuid() + 1 == 0 ? 2 : geteuid() + 1;

	(void) state;
	assert_problem(geteuid(), S_IFREG | 0600, NULL);
	assert_problem(geteuid(), S_IFREG | 0400, NULL);
	assert_problem(geteuid(), S_IFREG | 0644, "is open to others");
	assert_problem(0, S_IFREG | 0640, NULL);
	assert_problem(0, S_IFREG | 0660, "is open to others");
	assert_problem(other, S_IFREG | 0600, "belongs to another user");
	/* A pipe has a mode that says nothing, and an owner. */
	assert_problem(geteuid(), S_IFIFO | 0666, NULL);
	assert_problem(other, S_IFIFO | 0600, "belongs to another user");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sweep),        TEST(test_sweep_by_proc), TEST(test_appending),
		TEST(test_foreign_link), TEST(test_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

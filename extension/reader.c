/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  Files of a file system that may stop to answer, read for a statement.
 *
 * nex_backup_verify() and nex_backup_sync() read for minutes or hours.  A
 * repository whose file system dies meanwhile would take the session with it
 * (look_child.c).  So nothing of a repository is read by the session: it asks a
 * child, one question at a time, and waits for the answer where it hears of
 * cancellation, timeouts and shutdown.
 *
 * One child for a transaction, as a fork of a backend takes milliseconds and
 * there are hundreds of thousands of files.  Digests are computed there, so
 * that their files need not pass through the socket.  Nor is it a look (look.c),
 * which ends within seconds: here only silence has a limit, and the child says
 * that it is at work.
 *
 * A session that is canceled while the child hangs leaves it.  The next one does
 * not begin, as the place is looked at before.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/xact.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "look_child.h"
#include "reader.h"

/* Of a file, before the child says that it is at work. */
#define PIECE (1024 * 1024)

/* Nothing comes for so long. */
#define SILENCE_SECONDS 60

typedef enum Deed
{
	DEED_LOOK,
	DEED_DIGEST,
	DEED_CONTENT,
	DEED_NAMES
} Deed;

typedef struct Question
{
	Deed deed;
	int64 bytes;
	uint32 length; /* of the path, which follows */
	uint32 root;   /* so much of it is the repository */
} Question;

/* The child is at work: `length` bytes follow, of the content or a name; or it was the end. */
typedef struct Part
{
	bool end;
	uint32 length;
	int64 whole; /* bytes of the file, if it does not change */
} Part;

typedef struct Reader
{
	pid_t pid; /* 0: there is none */
	int socket;
	bool asked; /* and has not answered */
} Reader;

static Reader reader = {0, -1, false};
static bool registered = false;

/* ---- in the child ---- */

static void
say(int out, const void *bytes, size_t length, int64 whole)
{
	Part part;

	memset(&part, 0, sizeof(part));
	part.length = (uint32) length;
	part.whole = whole;
	look_write(out, &part, sizeof(part));
	look_write(out, bytes, length);
}

/* Read a file to its end, or this many bytes of it. */
static void
read_file(int out, int fd, Digest *digest, off_t bytes, int64 most, ReaderAnswer *answer)
{
	char *piece = malloc(PIECE);
	ssize_t got;

	if (piece == NULL)
		answer->error = ENOMEM;
	while (answer->error == 0 && answer->bytes <= most)
	{
		got = read(fd, piece, PIECE);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			answer->error = errno;
		if (got <= 0)
			break;
		answer->bytes += got;
		if (digest != NULL && !digest_update(digest, piece, (size_t) got))
			answer->error = EIO;
		say(out, piece, digest != NULL ? 0 : (size_t) got, (int64) bytes);
	}
	free(piece);
}

static void
answer_file(int out, const char *repository, const char *file, const Question *question,
			ReaderAnswer *answer)
{
	off_t bytes = 0;
	int fd = look_open(repository, file, &bytes);
	Digest *digest = NULL;

	if (fd < 0)
	{
		answer->error = errno;
		return;
	}
	if (question->deed == DEED_CONTENT && bytes > question->bytes)
		answer->error = EFBIG;
	else if (question->deed == DEED_CONTENT)
		read_file(out, fd, NULL, bytes, question->bytes, answer);
	else if (question->bytes >= 0 && bytes != question->bytes)
		answer->bytes = bytes;
	else if ((digest = digest_create()) == NULL)
		answer->error = ENOMEM;
	else
	{
		read_file(out, fd, digest, bytes, PG_INT64_MAX, answer);
		if (!digest_final(digest, answer->hex) && answer->error == 0)
			answer->error = EIO;
	}
	if (question->deed == DEED_CONTENT && answer->error == 0 && answer->bytes > question->bytes)
		answer->error = EFBIG;
	if (digest != NULL)
		digest_free(digest);
	close(fd);
}

static void
answer_directory(int out, const char *repository, const char *file, ReaderAnswer *answer)
{
	int fd = look_open_path(repository, file, O_RDONLY | O_DIRECTORY);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (directory == NULL)
	{
		answer->error = errno;
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((errno = 0, entry = readdir(directory)) != NULL)
	{
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			say(out, entry->d_name, strlen(entry->d_name), 0);
	}
	answer->error = errno;
	closedir(directory);
}

static void
answer_look(const char *repository, const char *file, ReaderAnswer *answer)
{
	struct stat status;
	int fd = look_open_path(repository, file, O_PATH);

	if (fd < 0 || fstat(fd, &status) != 0)
	{
		answer->error = errno;
		if (fd >= 0)
			close(fd);
		return;
	}
	close(fd);
	answer->mode = (uint32) status.st_mode;
	answer->inode = (uint64) status.st_ino;
	answer->changed = (int64) status.st_ctim.tv_sec;
	answer->changed_nanoseconds = (int64) status.st_ctim.tv_nsec;
}

/* Read all of it; the session is gone otherwise. */
static void
hear(int in, void *bytes, size_t length)
{
	char *position = bytes;

	while (length > 0)
	{
		ssize_t got = read(in, position, length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			_exit(0);
		position += got;
		length -= (size_t) got;
	}
}

static void
answer_questions(int socket, void *argument)
{
	for (;;)
	{
		char path[MAXPGPATH * 2];
		const char *file = path;
		ReaderAnswer answer;
		Question question;
		Part end;

		memset(&answer, 0, sizeof(answer));
		memset(&end, 0, sizeof(end));
		hear(socket, &question, sizeof(question));
		if (question.length >= sizeof(path) || question.root >= question.length)
			_exit(0);
		hear(socket, path, question.length);
		path[question.length] = '\0';
		path[question.root] = '\0';
		file += question.root + 1;
		if (question.deed == DEED_LOOK)
			answer_look(path, file, &answer);
		else if (question.deed == DEED_NAMES)
			answer_directory(socket, path, file, &answer);
		else
			answer_file(socket, path, file, &question, &answer);
		end.end = true;
		end.length = sizeof(answer);
		look_write(socket, &end, sizeof(end));
		look_write(socket, &answer, sizeof(answer));
	}
}

/* ---- in the session ---- */

/* It ends by itself; one that has not answered may hang. */
static void
end_reader(void)
{
	if (reader.pid == 0)
		return;
	close(reader.socket);
	if (reader.asked)
		look_child_leave(reader.pid);
	else
		look_child_end(reader.pid);
	reader.pid = 0;
	reader.socket = -1;
	reader.asked = false;
}

static void
at_end_of_transaction(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		end_reader();
}

static void
start_reader(void)
{
	int ends[2];

	/* An error has come in between. */
	if (reader.asked)
		end_reader();
	look_child_reap();
	if (reader.pid != 0)
		return;
	if (!registered)
		RegisterXactCallback(at_end_of_transaction, NULL);
	registered = true;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		ereport(ERROR, (errcode_for_socket_access(), errmsg("could not create a socket: %m")));
	(void) fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	(void) fcntl(ends[0], F_SETFL, O_NONBLOCK);
	reader.pid = look_child_start(ends[1], -1, answer_questions, NULL);
	close(ends[1]);
	if (reader.pid < 0)
	{
		reader.pid = 0;
		close(ends[0]);
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("could not fork: %m")));
	}
	reader.socket = ends[0];
}

/* Wait until there is something to read, or room to write. */
static void
wait_for_reader(int event, TimestampTz end, const char *path)
{
	long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);

	CHECK_FOR_INTERRUPTS();
	if (left <= 0)
		ereport(ERROR, (errcode(ERRCODE_IO_ERROR), errmsg("\"%s\" does not answer", path),
						errdetail("Nothing came for %d seconds.", SILENCE_SECONDS),
						errhint("Look whether the file system is there.")));
	(void) WaitLatchOrSocket(MyLatch, WL_LATCH_SET | event | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
							 reader.socket, left, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Send to the child, or receive from it. */
static void
pass(void *bytes, size_t length, int event, const char *path)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), SILENCE_SECONDS * 1000);
	char *position = bytes;

	while (length > 0)
	{
		ssize_t passed = event == WL_SOCKET_WRITEABLE
							 ? send(reader.socket, position, length, MSG_NOSIGNAL)
							 : recv(reader.socket, position, length, 0);

		if (passed > 0)
		{
			position += passed;
			length -= (size_t) passed;
		}
		else if (passed < 0 && errno == EINTR)
			continue;
		else if (passed < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			wait_for_reader(event, end, path);
		else
			ereport(ERROR, (errcode(ERRCODE_IO_ERROR), errmsg("could not read \"%s\"", path),
							errdetail("The process that reads it has ended.")));
	}
}

/* The full path, for messages about what follows. */
static char *
ask(Deed deed, const char *repository, const char *file, int64 bytes)
{
	char *path = psprintf("%s/%s", repository, file);
	Question question;

	start_reader();
	memset(&question, 0, sizeof(question));
	question.deed = deed;
	question.bytes = bytes;
	question.length = (uint32) strlen(path);
	question.root = (uint32) strlen(repository);
	if (question.length >= MAXPGPATH * 2)
		ereport(ERROR, (errcode(ERRCODE_NAME_TOO_LONG), errmsg("path is too long: \"%s\"", path)));
	reader.asked = true;
	pass(&question, sizeof(question), WL_SOCKET_WRITEABLE, path);
	pass(path, question.length, WL_SOCKET_WRITEABLE, path);
	return path;
}

/* The next part, and true; or the answer, and false. */
static bool
next_part(const char *path, Part *part, ReaderAnswer *answer)
{
	CHECK_FOR_INTERRUPTS();
	pass(part, sizeof(*part), WL_SOCKET_READABLE, path);
	if (!part->end)
		return true;
	pass(answer, sizeof(*answer), WL_SOCKET_READABLE, path);
	reader.asked = false;
	return false;
}

/* Of a question that has no parts but signs of life. */
static void
get_answer(const char *path, ReaderAnswer *answer)
{
	Part part;

	while (next_part(path, &part, answer))
		;
}

void
reader_look(const char *repository, const char *file, ReaderAnswer *answer)
{
	get_answer(ask(DEED_LOOK, repository, file, 0), answer);
}

void
reader_digest(const char *repository, const char *file, int64 bytes, ReaderAnswer *answer)
{
	get_answer(ask(DEED_DIGEST, repository, file, bytes), answer);
}

char *
reader_content(const char *repository, const char *file, int64 most, ReaderAnswer *answer)
{
	char *path = ask(DEED_CONTENT, repository, file, most);
	char *content = palloc(1);
	Size room = 0;
	Size used = 0;
	Part part;

	while (next_part(path, &part, answer))
	{
		if (used + part.length > room)
		{
			room = Max((Size) part.whole, used + part.length);
			content = repalloc(content, room + 1);
		}
		pass(content + used, part.length, WL_SOCKET_READABLE, path);
		used += part.length;
	}
	if (answer->error != 0)
	{
		pfree(content);
		return NULL;
	}
	content[used] = '\0';
	return content;
}

List *
reader_names(const char *repository, const char *file, ReaderAnswer *answer)
{
	char *path = ask(DEED_NAMES, repository, file, 0);
	List *names = NIL;
	Part part;

	while (next_part(path, &part, answer))
	{
		char *name = palloc((Size) part.length + 1);

		pass(name, part.length, WL_SOCKET_READABLE, path);
		name[part.length] = '\0';
		names = lappend(names, name);
	}
	return names;
}

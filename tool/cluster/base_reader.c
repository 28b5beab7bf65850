/*-------------------------------------------------------------------------
 *
 * base_reader.c
 *	  Reading the files of a server.
 *
 * The server works on.  A relation that was longer when it was listed was
 * truncated since, or dropped: the WAL says so, and what is missing is taken as
 * zeros.  No WAL says what becomes of other files, such as settings and what
 * the server keeps of replication: they are read whole, as they are then.  Of
 * those that are too long for that, as logs, what was there when they were
 * listed is taken, as far as it is still there.  A page that has a wrong
 * checksum is read again; if it stays so, and its LSN is not from the time of
 * the backup, it is damaged.
 *
 *-------------------------------------------------------------------------
 */
#include "base_reader.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cluster_file.h"
#include "control_file.h"
#include "deadline.h"
#include "file_part.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "progress.h"

#define MAX_THREADS 64

/*
 * How often what is being written is read again, as a page with a wrong checksum, and how long it
 * is waited for between.
 */
#define READ_AGAIN 3
#define READ_AGAIN_MICROSECONDS 2000

/* The same of a file that is not the server's, for a second at most; and of all of them. */
#define WAIT_LOOKS 50
#define WAIT_MICROSECONDS 20000
#define MOST_WAITS 500

/* A file is as old as the last tick of the clock, so one that is written now may seem unchanged. */
#define SETTLED_SECONDS 0.02

#define CONTROL_TRIES 100

/* Pages that are read while they are written are few. */
#define MOST_NEWER 1000000

/* A file that is read whole has grown since it was listed, but an object must hold it. */
#define WHOLE_MOST (2 * WHOLE_BYTES)

typedef struct Work
{
	const BaseReading *reading;
	_Atomic size_t next;
	_Atomic int waits; /* for files that somebody may be writing again */

	pthread_mutex_t mutex; /* for what follows, and the manifest */
	double free_at;        /* by monotonic_seconds(): when the next bytes may be read */
} Work;

/* The file that a thread has open. */
typedef struct OpenFile
{
	uint32_t file;
	int descriptor; /* -1: none */
} OpenFile;

/* ---- rate ---- */

static void
sleep_until(double when)
{
	double now;

	while ((now = monotonic_seconds()) < when && !stop_requested())
	{
		double left = when - now < 0.2 ? when - now : 0.2;
		struct timespec pause = {0, (long) (left * 1e9)};

		nanosleep(&pause, NULL);
	}
}

/* Wait for one's turn to read so many bytes. */
static void
keep_rate(Work *work, uint32_t bytes)
{
	double now = monotonic_seconds();
	double when;

	if (work->reading->rate == 0)
		return;
	pthread_mutex_lock(&work->mutex);
	when = work->free_at > now ? work->free_at : now;
	work->free_at = when + (double) bytes / (double) work->reading->rate;
	pthread_mutex_unlock(&work->mutex);
	sleep_until(when);
}

/* ---- files ---- */

static void
pause_for(long microseconds)
{
	const struct timespec pause = {0, microseconds * 1000};

	nanosleep(&pause, NULL);
}

static bool
report_unread(const BaseFile *file, int error)
{
	return report_error(EXIT_FAILED, NULL, NULL, "could not read file \"%s\" of the server: %s",
						file->path, strerror(error));
}

/*
 * Is a file worth another look, after a while?  The server does in a moment what it does with its
 * own.  Others, such as settings, are removed and written again by programs that take their time;
 * and time is given to all of them together, since there may be logs by the thousand.
 */
static bool
look_again(Work *work, const BaseFile *file, int looks)
{
	if (!file->whole || stop_requested())
		return false;
	if (looks < READ_AGAIN)
	{
		pause_for(READ_AGAIN_MICROSECONDS);
		return true;
	}
	if (cluster_is_of_server(file->path) || looks >= READ_AGAIN + WAIT_LOOKS ||
		atomic_fetch_add(&work->waits, 1) >= MOST_WAITS)
		return false;
	pause_for(WAIT_MICROSECONDS);
	return true;
}

/* Have the file open.  False (reported) on failure; one that is gone is none, unless it is back
 * in a moment, as one that an editor writes again. */
static bool
open_file(Work *work, OpenFile *open, uint32_t number)
{
	BaseFile *file = &work->reading->tree->files[number];
	int looks = 0;

	if (open->descriptor >= 0 && open->file == number)
		return true;
	if (open->descriptor >= 0)
		close(open->descriptor);
	open->file = number;
	open->descriptor = base_tree_open(work->reading->tree, file->path);
	while (open->descriptor < 0 && errno == ENOENT && look_again(work, file, looks++))
		open->descriptor = base_tree_open(work->reading->tree, file->path);
	if (open->descriptor < 0 && errno != ENOENT)
		return report_unread(file, errno);
	if (open->descriptor >= 0)
		return true;
	file->gone = true;
	if (!file->relation && !cluster_is_of_server(file->path))
		log_warning("file \"%s\" was removed before it was read, so the backup does not have it",
					file->path);
	return true;
}

/* ---- pages ---- */

static void
note_damage(Manifest *manifest, const BaseFile *file, uint32_t block)
{
	ManifestCluster *cluster = &manifest->cluster;

	cluster->damaged++;
	if (cluster->ndamage < MAX_DAMAGE)
	{
		cluster->damage =
			xrealloc(cluster->damage, (cluster->ndamage + 1) * sizeof(ManifestDamage));
		cluster->damage[cluster->ndamage++] = (ManifestDamage){xstrdup(file->path), block};
	}
	log_warning("file \"%s\": block %u has a wrong checksum", file->path, block);
}

/* False: there are too many of them for pages that were read while they were written. */
static bool
note_newer(NewerPages *newer, const NewerPage *page)
{
	if (newer->count >= MOST_NEWER)
		return false;
	if ((newer->count & (newer->count - 1)) == 0)
		newer->items =
			xrealloc(newer->items, (newer->count == 0 ? 1 : newer->count * 2) * sizeof(NewerPage));
	newer->items[newer->count++] = *page;
	return true;
}

void
base_read_judge(const BaseTree *tree, const NewerPages *newer, Manifest *manifest)
{
	size_t i;

	for (i = 0; i < newer->count; i++)
	{
		const NewerPage *page = &newer->items[i];

		if (page->lsn > manifest->cluster.stop)
			note_damage(manifest, &tree->files[page->file], page->block);
	}
}

/*
 * A page that does not look good: read it again, and keep what came last.  True if it stays
 * bad; one that the server has cut off meanwhile is not.
 */
static bool
stays_bad(const BaseReading *reading, int descriptor, char *page, uint64_t offset, uint32_t block)
{
	size_t size = reading->rules.block_size;
	char *again = xmalloc(size);
	bool bad = true;
	int i;

	for (i = 0; i < READ_AGAIN && bad; i++)
	{
		pause_for(READ_AGAIN_MICROSECONDS);
		if (file_part_read(descriptor, again, size, offset) != (ssize_t) size)
			bad = false;
		else
		{
			memcpy(page, again, size);
			bad = data_page_look(&reading->rules, page, block) == PAGE_BAD;
		}
	}
	free(again);
	return bad;
}

static void
look_at_pages(Work *work, int descriptor, const PackPart *part, char *data, size_t length)
{
	const BaseReading *reading = work->reading;
	const BaseFile *file = &reading->tree->files[part->file];
	size_t size = reading->rules.block_size;
	size_t at;

	for (at = 0; at + size <= length; at += size)
	{
		uint32_t in_file = (uint32_t) ((part->offset + at) / size);
		uint32_t block = file->segment * reading->relation_blocks + in_file;

		PageState state = data_page_look(&reading->rules, data + at, block);

		if (state == PAGE_GOOD || (state == PAGE_BAD && !stays_bad(reading, descriptor, data + at,
																   part->offset + at, block)))
			continue;
		pthread_mutex_lock(&work->mutex);
		if (state == PAGE_BAD ||
			!note_newer(reading->newer,
						&(NewerPage){part->file, in_file, data_page_lsn(data + at)}))
			note_damage(reading->manifest, file, in_file);
		pthread_mutex_unlock(&work->mutex);
	}
}

/* ---- packs ---- */

/* Has it not changed since the first look, nor just before that? */
static bool
is_settled(const struct stat *before, const struct stat *after)
{
	struct timespec now;
	double age;

	clock_gettime(CLOCK_REALTIME, &now);
	age = (double) (now.tv_sec - before->st_mtim.tv_sec) +
		  (double) (now.tv_nsec - before->st_mtim.tv_nsec) / 1e9;
	return before->st_size == after->st_size && before->st_mtim.tv_sec == after->st_mtim.tv_sec &&
		   before->st_mtim.tv_nsec == after->st_mtim.tv_nsec && (age < 0 || age > SETTLED_SECONDS);
}

/* A file that is read whole, while somebody writes it: the last of some tries is as good as any. */
static ssize_t
read_whole(Work *work, int descriptor, const BaseFile *file, Buffer *raw, off_t most)
{
	struct stat before;
	struct stat after;
	int looks = 0;
	ssize_t got;
	off_t bytes;

	do
	{
		if (fstat(descriptor, &before) != 0)
			return -1;
		bytes = before.st_size > most ? most : before.st_size;
		buffer_reserve(raw, (size_t) bytes + 1);
		got = file_part_read(descriptor, raw->data + raw->length, (size_t) bytes, 0);
		if (got < 0 || fstat(descriptor, &after) != 0)
			return -1;
	} while ((got != bytes || !is_settled(&before, &after)) && look_again(work, file, looks++));
	return got;
}

/* Of one that is empty or gone the object has a byte, too, so that none is empty. */
static bool
take_whole(Work *work, OpenFile *open, BaseFile *file, PackPart *part, Buffer *raw)
{
	off_t most = raw->length < MAP_OBJECT_MAX / 2 ? WHOLE_MOST : part->bytes;
	ssize_t got = 0;

	if (open->descriptor >= 0)
		got = read_whole(work, open->descriptor, file, raw, most);
	if (got < 0)
		return report_unread(file, errno);
	file->there = (uint64_t) got;
	buffer_reserve(raw, 1);
	if (got == 0)
		raw->data[raw->length] = '\0';
	part->bytes = got > 0 ? (uint32_t) got : 1;
	raw->length += part->bytes;
	return true;
}

/* What is missing is zero. */
static bool
take_part(Work *work, OpenFile *open, const PackPart *part, Buffer *raw)
{
	BaseFile *file = &work->reading->tree->files[part->file];
	char *data;
	ssize_t got = 0;

	buffer_reserve(raw, part->bytes);
	data = raw->data + raw->length;
	if (open->descriptor >= 0)
		got = file_part_read(open->descriptor, data, part->bytes, part->offset);
	if (got < 0)
		return report_unread(file, errno);
	memset(data + got, 0, part->bytes - (size_t) got);
	if ((size_t) got < part->bytes && !file->relation &&
		part->offset + (uint64_t) got < file->there)
		file->there = part->offset + (uint64_t) got;
	if (file->relation)
		look_at_pages(work, open->descriptor, part, data, (size_t) got);
	raw->length += part->bytes;
	return true;
}

/* Read a part to the end of a piece. */
static bool
read_part(Work *work, OpenFile *open, PackPart *part, Buffer *raw)
{
	BaseFile *file = &work->reading->tree->files[part->file];
	uint32_t planned = part->bytes;

	keep_rate(work, planned);
	if (!open_file(work, open, part->file) ||
		!(file->whole ? take_whole(work, open, file, part, raw) : take_part(work, open, part, raw)))
		return false;
	atomic_fetch_add(&progress.raw_bytes, part->bytes);
	atomic_fetch_add(&progress.weight_done, planned);
	return true;
}

static bool
read_pack(Work *work, OpenFile *open, size_t number)
{
	const BaseReading *reading = work->reading;
	const Pack *pack = &reading->plan->packs[number];
	Piece *piece = pipeline_take(reading->pipeline, (uint32_t) number, 0);
	bool good = piece != NULL;
	size_t i;

	for (i = 0; i < pack->count && good; i++)
	{
		PackPart *part = &reading->plan->parts[pack->first + i];

		if (part->new_frame && i > 0)
			piece_end_segment(piece);
		if (part->new_frame)
			piece_begin_segment(piece, MEMBER_PAGES, -1);
		good = !stop_requested() && read_part(work, open, part, &piece->raw);
	}
	if (piece == NULL)
		return false;
	if (good)
		piece_end_segment(piece);
	else
		piece->nsegments = 0;
	pipeline_submit(reading->pipeline, piece);
	return good;
}

static void *
read_packs(void *argument)
{
	Work *work = argument;
	OpenFile open = {0, -1};
	bool good = true;

	while (good && !stop_requested())
	{
		size_t number = atomic_fetch_add(&work->next, 1);

		if (number >= work->reading->plan->npacks)
			break;
		good = read_pack(work, &open, number);
		atomic_fetch_add(&progress.units_done, 1);
	}
	if (!good)
		stop_request();
	if (open.descriptor >= 0)
		close(open.descriptor);
	return NULL;
}

bool
base_read(const BaseReading *reading, int threads)
{
	Work work = {.reading = reading};
	pthread_t ids[MAX_THREADS];
	int started = 0;
	int error = 0;
	int i;

	pthread_mutex_init(&work.mutex, NULL);
	while (started < threads && started < MAX_THREADS && error == 0)
	{
		error = pthread_create(&ids[started], NULL, read_packs, &work);
		started += error == 0;
	}
	for (i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	pthread_mutex_destroy(&work.mutex);
	if (started == 0)
		return report_error(EXIT_FAILED, strerror(error), NULL, "could not start a thread");
	return pipeline_finish(reading->pipeline) && !stop_requested();
}

bool
base_read_control(const BaseTree *tree, Buffer *content)
{
	ControlFile control;
	ssize_t got = -1;
	int descriptor = base_tree_open(tree, CONTROL_FILE);
	int i;

	if (descriptor < 0)
		return report_error(EXIT_FAILED, NULL, NULL, "could not open file \"%s\" of the server: %s",
							CONTROL_FILE, strerror(errno));
	buffer_reset(content);
	buffer_reserve(content, CONTROL_BYTES);
	for (i = 0; i < CONTROL_TRIES && !stop_requested(); i++)
	{
		got = file_part_read(descriptor, content->data, CONTROL_BYTES, 0);
		if (got < 0 || control_file_read(content->data, (size_t) got, &control))
			break;
		pause_for(READ_AGAIN_MICROSECONDS);
	}
	close(descriptor);
	if (got >= 0 && i < CONTROL_TRIES)
	{
		content->length = (size_t) got;
		return !stop_requested();
	}
	return report_error(EXIT_FAILED, NULL, NULL, "could not read file \"%s\" of the server: %s",
						CONTROL_FILE, got < 0 ? strerror(errno) : "its CRC is wrong");
}

/*-------------------------------------------------------------------------
 *
 * export.c
 *	  One backup as one file of SQL.
 *
 * In the backup's own codec the stored bytes are copied as they are, since
 * concatenated objects are a valid stream; in another one each frame is
 * unpacked and packed again.  Either way every object is hashed while it
 * goes through, and a file appears under its name only when all were right.
 *
 *-------------------------------------------------------------------------
 */
#include "export.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_summary.h"
#include "bad_objects.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "object_ahead.h"
#include "object_read.h"
#include "other_places.h"
#include "progress.h"
#include "settings.h"
#include "trusted_path.h"
#include "unknown_members.h"
#include "verify.h"
#include "work_settings.h"

#define PIECE ((uint64_t) 1024 * 1024)

typedef struct Export
{
	const ExportRequest *request;
	Repository *repository; /* these four are of the request */
	const Manifest *manifest;
	Codec codec;
	const char *path; /* NULL: the caller writes */
	char *unfinished; /* path.tmp */
	TrustedPath at;   /* its directory, and its name there */
	int descriptor;
	uint64_t written;
	StoreReader *reader; /* of the object that is being exported */
	ObjectAhead *ahead;  /* … or what was read of it before; NULL: nothing */
	Digest *digest;
	Decompressor *decompressor;
	Compressor *compressor;
	Buffer stored;
	Buffer plain; /* an encrypted object, opened */
	Buffer raw;
	Buffer packed;
	bool damaged; /* an object is, and that is why the export failed */
} Export;

/* ---- the file ---- */

static bool
write_all(Export *export, const char *data, size_t length)
{
	if (export->path == NULL)
	{
		export->written += length;
		return export->request->write(data, length);
	}
	while (length > 0)
	{
		ssize_t n = write(export->descriptor, data, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return report_error(EXIT_FAILED, NULL, NULL, "could not write file \"%s\": %s",
								export->unfinished, strerror(errno));
		data += n;
		length -= (size_t) n;
		export->written += (uint64_t) n;
	}
	return true;
}

/* Of a path, what is in its directory. */
static const char *
name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* Is the locked file ours, and still the one of that name? */
static bool
check_unfinished(const Export *export, int fd)
{
	struct stat opened;
	struct stat named;
	bool locked;

	if (fstat(fd, &opened) != 0 || !S_ISREG(opened.st_mode) || opened.st_uid != geteuid() ||
		opened.st_nlink > 1)
		return report_error(EXIT_FAILED, NULL, "Remove it, or give another name with -o.",
							"\"%s\" exists and was not created by nex_backup", export->unfinished);
	locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
	if (!locked && errno != EWOULDBLOCK)
		return report_error(EXIT_FAILED, NULL, NULL, "could not lock file \"%s\": %s",
							export->unfinished, strerror(errno));
	/* Whoever has it, or had it until now and has given it its name. */
	if (!locked ||
		fstatat(export->at.directory, name_of(export->unfinished), &named, AT_SYMLINK_NOFOLLOW) !=
			0 ||
		named.st_ino != opened.st_ino || named.st_dev != opened.st_dev)
		return report_error(EXIT_LOCKED, NULL, NULL, "another export is writing file \"%s\"",
							export->unfinished);
	if (ftruncate(fd, 0) != 0)
		return report_error(EXIT_FAILED, NULL, NULL, "could not truncate file \"%s\": %s",
							export->unfinished, strerror(errno));
	return true;
}

/*
 * Open FILE.tmp.  A leftover of a killed export is overwritten; the lock
 * tells it from one that is still being written.
 */
static bool
open_file(Export *export)
{
	struct stat status;
	int fd;

	if (!trusted_path_open(&export->at, export->unfinished))
		return report_error(EXIT_FAILED, NULL, errno == ELOOP ? TRUSTED_PATH_HINT : NULL,
							"could not create file \"%s\": %s", export->unfinished,
							strerror(errno));
	if (!export->request->replace &&
		fstatat(export->at.directory, name_of(export->path), &status, AT_SYMLINK_NOFOLLOW) == 0)
		return report_error(EXIT_FAILED, NULL, "Give another name with -o, or --yes to replace it.",
							"file \"%s\" exists already", export->path);
	fd = openat(export->at.directory, name_of(export->unfinished),
				O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return report_error(EXIT_FAILED, NULL, NULL, "could not create file \"%s\": %s",
							export->unfinished, strerror(errno));
	if (!check_unfinished(export, fd))
	{
		close(fd);
		return false;
	}
	export->descriptor = fd;
	return true;
}

static bool
sync_directory(const Export *export)
{
	int fd = openat(export->at.directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);

	if (!good)
		report_error(EXIT_FAILED, NULL, NULL, "could not fsync the directory of file \"%s\": %s",
					 export->path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

/* Make the file durable and give it its name. */
static bool
finish_file(Export *export)
{
	int directory = export->at.directory;
	const char *unfinished = name_of(export->unfinished);
	const char *name = name_of(export->path);
	int result;

	if (fsync(export->descriptor) != 0)
		return report_error(EXIT_FAILED, NULL, NULL, "could not fsync file \"%s\": %s",
							export->unfinished, strerror(errno));
	if (export->request->replace)
		result = renameat(directory, unfinished, directory, name);
	else
	{
		/* Not every file system can refuse to replace; then the check at the start must do. */
		result = renameat2(directory, unfinished, directory, name, RENAME_NOREPLACE);
		if (result != 0 && (errno == EINVAL || errno == ENOSYS))
			result = renameat(directory, unfinished, directory, name);
	}
	if (result != 0)
		return report_error(EXIT_FAILED, NULL, NULL, "could not rename file \"%s\" to \"%s\": %s",
							export->unfinished, export->path, strerror(errno));
	if (sync_directory(export))
		return true;
	/* What has failed is not there, if that can be; with --yes the older file is gone already. */
	if (!export->request->replace)
		unlinkat(directory, name, 0);
	return false;
}

/* ---- the content ---- */

/* True if an object could be opened or read; else reports. */
static bool
check_read(Export *export, const char *path, const StoreResult *result)
{
	export->damaged = result->code != STORE_OK && store_blames_file(result);
	if (store_inaccessible(result))
		return repository_unreadable(export->repository, path, result);
	return result->code == STORE_OK ||
		   report_error(EXIT_INTEGRITY, NULL, "Use \"nex_backup verify\" to find all bad files.",
						"could not read file \"%s\": %s", path, result->text);
}

/* Read the next piece of an object into `stored`, and hash it. */
static bool
read_piece(Export *export, const char *path, uint64_t length)
{
	StoreResult result;

	buffer_reset(&export->stored);
	buffer_reserve(&export->stored, length);
	result = export->reader->read(export->reader, export->stored.data, length);
	if (!check_read(export, path, &result))
		return false;
	atomic_fetch_add(&progress.weight_done, length);
	return digest_update(export->digest, export->stored.data, length) ||
		   report_error(EXIT_FAILED, NULL, NULL, "could not hash file \"%s\"", path);
}

/* Copy an object as it is. */
static bool
copy_object(Export *export, const char *path, uint64_t bytes)
{
	uint64_t offset;

	for (offset = 0; offset < bytes; offset += PIECE)
	{
		uint64_t length = bytes - offset < PIECE ? bytes - offset : PIECE;

		if (interrupted() || !read_piece(export, path, length) ||
			!write_all(export, export->stored.data, length))
			return false;
	}
	return true;
}

/* Unpack one member's frame and write it in the file's codec. */
static bool
transcode_frame(Export *export, const char *path, const Member *member, const char *frame)
{
	const char *raw;
	const char *message;

	buffer_reset(&export->raw);
	buffer_reserve(&export->raw, member->raw);
	message = decompressor_frame(export->decompressor, frame, member->length, export->raw.data,
								 member->raw);
	export->damaged = message != NULL;
	if (message != NULL)
		return report_error(EXIT_INTEGRITY, NULL,
							"Use \"nex_backup verify\" to find all bad files.",
							"could not decompress file \"%s\" at offset %" PRIu64 ": %s", path,
							member->offset, message);
	raw = export->raw.data;
	atomic_fetch_add(&progress.raw_bytes, member->raw);
	if (export->codec == CODEC_NONE)
		return write_all(export, raw, member->raw);
	buffer_reset(&export->packed);
	if (!compressor_frame(export->compressor, raw, member->raw, &export->packed))
		return report_error(EXIT_FAILED, NULL, NULL, "could not compress");
	return write_all(export, export->packed.data, export->packed.length);
}

static bool
transcode_member(Export *export, const char *path, const Member *member)
{
	return !interrupted() && read_piece(export, path, member->length) &&
		   transcode_frame(export, path, member, export->stored.data);
}

static uint64_t
length_of(const Manifest *manifest, uint32_t object)
{
	return manifest->cipher != CIPHER_NONE ? manifest->objects[object].plain
										   : manifest->objects[object].bytes;
}

/* The bytes of an object that is read whole, and opened if it is encrypted; NULL and *problem. */
static const char *
read_whole(Export *export, uint32_t object, char **problem, StoreResult *result)
{
	if (export->ahead != NULL)
		return object_ahead_take(export->ahead, object, problem, result);
	*problem = object_read(export->repository, export->manifest, object, &export->plain, result);
	return *problem == NULL ? export->plain.data : NULL;
}

/* One that is read whole: copied or transcoded. */
static bool
export_whole_object(Export *export, const char *path, uint32_t object, uint32_t *member)
{
	const Manifest *manifest = export->manifest;
	char *problem;
	StoreResult result;
	const char *bytes = read_whole(export, object, &problem, &result);
	bool good = bytes != NULL;

	if (!good && store_inaccessible(&result))
		repository_unreadable(export->repository, path, &result);
	else if (!good)
		report_error(EXIT_INTEGRITY, NULL, "Use \"nex_backup verify\" to find all bad files.",
					 "file \"%s\" %s", path, problem);
	free(problem);
	atomic_fetch_add(&progress.weight_done, manifest->objects[object].bytes);
	if (good && export->codec == manifest->codec)
		good = write_all(export, bytes, length_of(manifest, object));
	else
	{
		for (; good && *member < manifest->nmembers && manifest->members[*member].object == object;
			 (*member)++)
			good = transcode_frame(export, path, &manifest->members[*member],
								   bytes + manifest->members[*member].offset);
	}
	if (export->ahead != NULL)
		object_ahead_give_back(export->ahead, object, UINT32_MAX);
	return good;
}

/* One object, whole; checks its digest at the end. */
static bool
export_object(Export *export, uint32_t object, uint32_t *member)
{
	const Manifest *manifest = export->manifest;
	Storage *storage = export->repository->storage;
	char *path = manifest_object_path(manifest, object);
	StoreResult result;
	StoreInfo info;
	DigestHex hex;
	bool good;

	if (manifest->cipher != CIPHER_NONE || repository_has_others(export->repository) ||
		export->ahead != NULL)
	{
		good = export_whole_object(export, path, object, member);
		atomic_fetch_add(&progress.units_done, 1);
		free(path);
		return good;
	}
	result = storage->get(storage, path, 0, STORE_TO_END, &export->reader, &info);
	good = check_read(export, path, &result);
	if (good && export->codec == manifest->codec)
		good = copy_object(export, path, manifest->objects[object].bytes);
	else
	{
		while (good && *member < manifest->nmembers && manifest->members[*member].object == object)
			good = transcode_member(export, path, &manifest->members[(*member)++]);
	}
	if (result.code == STORE_OK)
		export->reader->close(export->reader);
	if (good &&
		(!digest_final(export->digest, hex) || strcmp(hex, manifest->objects[object].id) != 0))
	{
		export->damaged = true;
		good =
			report_error(EXIT_INTEGRITY, NULL, "Use \"nex_backup verify\" to find all bad files.",
						 "file \"%s\" does not match its digest", path);
	}
	if (!good && export->damaged)
		bad_object_note(export->repository, manifest, object, "is damaged, as an export found");
	atomic_fetch_add(&progress.units_done, 1);
	free(path);
	return good;
}

/*
 * What pg_dump wrote begins with settings.  In backups of 0.2.0, if the
 * database or the role had it so, one is that a backslash in a literal needs
 * another one.  All else in a backup is written for the other way.
 */
static bool
undo_settings(Export *export)
{
	static const char sql[] = "SET standard_conforming_strings = on;\n";

	if (export->codec == CODEC_NONE)
		return write_all(export, sql, strlen(sql));
	buffer_reset(&export->packed);
	return compressor_frame(export->compressor, sql, strlen(sql), &export->packed)
			   ? write_all(export, export->packed.data, export->packed.length)
			   : report_error(EXIT_FAILED, NULL, NULL, "could not compress");
}

/* Behind which objects that has to be done; caller frees. */
static bool *
objects_with_settings(const Manifest *manifest)
{
	bool *objects = xcalloc((size_t) manifest->nobjects + 1, sizeof(bool));
	uint32_t i;

	for (i = 0; made_by_old_tool(manifest->tool) && i < manifest->nmembers; i++)
	{
		const Member *member = &manifest->members[i];

		if (member->kind == MEMBER_PRE_DATA || member->kind == MEMBER_POST_DATA)
			objects[member->object] = true;
	}
	return objects;
}

/* What went to a pipe cannot be taken back: look before. */
static bool
check_before_stdout(Export *export)
{
	VerifyReport report;
	bool good;

	progress_phase("checking", "objects", export->manifest->nobjects,
				   export->manifest->totals.stored_bytes);
	good = verify_objects(export->repository, export->manifest, VERIFY_DIGESTS,
						  export->request->settings->work->jobs, &report) &&
		   report.nbad == 0;
	verify_report_free(&report);
	return good;
}

/*
 * The text is for psql, which runs whatever is in it, so it must not hold SQL
 * that somebody may have planted.
 */
static bool
refuse_unknown(const Export *export)
{
	return export->manifest->kind == BACKUP_OF_FILES ||
		   unknown_members_refuse(export->request->settings, export->repository, export->manifest);
}

/* Before anything is written, as far as the members can be read; damage is found later. */
static bool
refuse_unknown_early(const Export *export)
{
	return export->manifest->kind == BACKUP_OF_FILES ||
		   unknown_members_refuse_early(export->request->settings, export->repository,
										export->manifest);
}

/* All objects, in their order. */
static ObjectAhead *
read_ahead(const Export *export)
{
	const Manifest *manifest = export->manifest;
	const Member **members = xcalloc((size_t) manifest->nmembers + 1, sizeof(Member *));
	ObjectAhead *ahead;
	uint32_t i;

	for (i = 0; i < manifest->nmembers; i++)
		members[i] = &manifest->members[i];
	ahead = object_ahead_create(export->repository, manifest, members, manifest->nmembers);
	free(members);
	return ahead;
}

static bool
export_all(Export *export)
{
	const Manifest *manifest = export->manifest;
	uint32_t member = 0;
	bool good = true;
	bool *settings;
	uint32_t i;

	if (!refuse_unknown_early(export))
		return false;
	if (export->path == NULL ? !check_before_stdout(export) || !refuse_unknown(export)
							 : !open_file(export))
		return false;
	progress_phase("exporting", "objects", manifest->nobjects, manifest->totals.stored_bytes);
	settings = objects_with_settings(manifest);
	export->ahead = read_ahead(export);
	for (i = 0; i < manifest->nobjects && good; i++)
		good = !interrupted() && export_object(export, i, &member) &&
			   (!settings[i] || undo_settings(export));
	free(settings);
	object_ahead_free(export->ahead);

	/* By now all objects were read and are undamaged. */
	return good && (export->path == NULL || (refuse_unknown(export) && finish_file(export)));
}

/* ---- set-up ---- */

/* What hashing and transcoding need. */
static bool
prepare_codecs(Export *export)
{
	const char *name = codec_name(export->codec);
	Codec codec;
	int level;

	buffer_init(&export->stored);
	buffer_init(&export->plain);
	buffer_init(&export->raw);
	buffer_init(&export->packed);
	export->digest = digest_create();
	export->decompressor = decompressor_create(export->manifest->codec);
	if (codec_parse(name, &codec, &level) == NULL)
		export->compressor = compressor_create(export->codec, level);
	return (export->digest != NULL && export->decompressor != NULL && export->compressor != NULL) ||
		   report_error(EXIT_FAILED, NULL, NULL, "could not set up SHA-256 or compression");
}

static void
clean_up(Export *export, bool good)
{
	if (export->descriptor >= 0)
	{
		if (!good)
			unlinkat(export->at.directory, name_of(export->unfinished), 0);
		close(export->descriptor);
	}
	trusted_path_close(&export->at);
	buffer_free(&export->stored);
	buffer_free(&export->plain);
	buffer_free(&export->raw);
	buffer_free(&export->packed);
	if (export->digest != NULL)
		digest_free(export->digest);
	if (export->decompressor != NULL)
		decompressor_free(export->decompressor);
	if (export->compressor != NULL)
		compressor_free(export->compressor);
	free(export->unfinished);
}

bool
export_run(const ExportRequest *request, uint64_t *written)
{
	Export export = {.request = request,
					 .repository = request->repository,
					 .manifest = request->manifest,
					 .codec = request->codec,
					 .path = request->path,
					 .at.directory = -1,
					 .descriptor = -1};
	bool good;

	if (request->path != NULL)
		export.unfinished = xasprintf("%s" EXPORT_UNFINISHED, request->path);
	good = prepare_codecs(&export) && export_all(&export);
	clean_up(&export, good);
	*written = export.written;
	return good;
}

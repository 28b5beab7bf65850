/*-------------------------------------------------------------------------
 *
 * file_source.h
 *	  Configuration files as they lie on this machine.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FILE_SOURCE_H
#define NEX_FILE_SOURCE_H

#include <stdbool.h>

#include "buffer.h"
#include "manifest.h"
#include "source_open.h"

/* More than that is not a configuration file. */
#define MAX_CONFIGURATION_FILE (64 * 1024 * 1024)

/*
 * Read a whole regular file and note its facts, all but how it is encrypted.  Symbolic links are
 * followed once, here, and the path of what they lead to is recorded; for those that are not
 * followed, and the reader, see source_open.h.  False (reported) otherwise.
 */
extern bool file_source_read(const char *path, uid_t reader, ManifestFile *facts, Buffer *content);

/* Free a buffer that held a file, overwriting it. */
extern void file_content_free(Buffer *content);

#endif /* NEX_FILE_SOURCE_H */

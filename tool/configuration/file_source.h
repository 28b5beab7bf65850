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

/* More than that is no configuration file. */
#define MAX_CONFIGURATION_FILE (64 * 1024 * 1024)

/*
 * Read a whole regular file and note its facts, all but how it is sealed.  A symbolic link is
 * followed once, here, and the path of what it leads to is recorded.  False (reported) otherwise.
 */
extern bool file_source_read(const char *path, ManifestFile *facts, Buffer *content);

/* Free a buffer that held a file, overwriting it. */
extern void file_content_free(Buffer *content);

#endif /* NEX_FILE_SOURCE_H */

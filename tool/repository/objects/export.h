/*-------------------------------------------------------------------------
 *
 * export.h
 *	  One backup as one file of SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_EXPORT_H
#define NEX_EXPORT_H

#include "repository.h"

typedef struct Settings Settings;

/* What the name of a file ends in until it is complete. */
#define EXPORT_UNFINISHED ".tmp"

typedef struct ExportRequest
{
	const Settings *settings; /* threads, and whether unknown SQL is allowed */
	Repository *repository;
	const Manifest *manifest; /* whose inside can be read */
	Codec codec;              /* of what is written */
	const char *path;         /* of the file; NULL: write() takes what would be in it */
	bool replace;             /* the file if it exists */

	/* False (reported) on failure. */
	bool (*write)(const char *data, size_t length);
} ExportRequest;

/*
 * False (reported) on failure, and then no file of that name was made; what
 * went to write() is checked before.  *written: its size.
 */
extern bool export_run(const ExportRequest *request, uint64_t *written);

#endif /* NEX_EXPORT_H */

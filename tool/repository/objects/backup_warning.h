/*-------------------------------------------------------------------------
 *
 * backup_warning.h
 *	  Warnings that go into the manifest, as many as anybody reads.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BACKUP_WARNING_H
#define NEX_BACKUP_WARNING_H

#include <stdbool.h>

#include "manifest.h"

/* Warn of something, here and in the manifest; hint may be NULL. */
extern void backup_warning(Manifest *manifest, const char *hint, const char *text);

/* The same, but nothing is said here: that has been done, or is not wanted. */
extern void backup_warning_keep(Manifest *manifest, const char *text);

/*
 * What pg_dump or pg_dumpall said, which may warn of something and still exit with 0.  Warnings of
 * the server come as several lines.  Takes the text apart.
 */
extern void backup_warning_of_program(Manifest *manifest, char *said);

/* No more will come; says how many there were too many. */
extern void backup_warning_end(const Manifest *manifest);

#endif /* NEX_BACKUP_WARNING_H */

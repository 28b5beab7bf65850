/*-------------------------------------------------------------------------
 *
 * manifest_read.h
 *	  From the text of a manifest to what it says.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MANIFEST_READ_H
#define NEX_MANIFEST_READ_H

#include "manifest.h"

/*
 * Read the bytes of a manifest file, checking seal, types, ranges and every
 * rule of the format.  NULL, with *error a message to be freed, if it breaks
 * one.  To read from a repository, use manifest_open(), which also checks
 * where it comes from.
 */
extern Manifest *manifest_parse(const char *json, size_t length, char **error);

#endif /* NEX_MANIFEST_READ_H */

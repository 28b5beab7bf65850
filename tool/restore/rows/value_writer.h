/*-------------------------------------------------------------------------
 *
 * value_writer.h
 *	  From a value's text to the binary form that its type's receive function
 *	  reads.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_VALUE_WRITER_H
#define NEX_VALUE_WRITER_H

#include <stddef.h>
#include <postgres_ext.h>

/*
 * Writes the binary form of a text (in the settings of connection_open(), not terminated) and
 * returns its end; NULL if the text is not written as the type's output function would write it, or
 * is one of the rare ones that are left to the server.  Needs room for `length` and VALUE_OVERHEAD
 * more bytes.
 */
typedef char *(*ValueWriter)(char *out, const char *text, size_t length);

#define VALUE_OVERHEAD 16

/* The writer for a built-in type; NULL: there is none. */
extern ValueWriter value_writer_of_type(Oid type);

/* Text as it is; for strings, and for the labels of enums. */
extern char *value_write_text(char *out, const char *text, size_t length);

#endif /* NEX_VALUE_WRITER_H */

/*-------------------------------------------------------------------------
 *
 * longest_comment.h
 *	  Bytes of the longest comment or security label that is backed up.
 *
 * A server takes no message of a gigabyte.  But a comment may have half a
 * gigabyte of quotes, and each takes two bytes in SQL, eight in that about the
 * database itself.  Anybody who may connect can have a large object, and such
 * a comment on it.  Longer ones than this are left out, and unrestorable.c
 * warns of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LONGEST_COMMENT_H
#define NEX_LONGEST_COMMENT_H

#include <stddef.h>

/* In SQL; and in words. */
#define LONGEST_COMMENT "16777216"
#define LONGEST_COMMENT_SAID "16 MB"

/* Where pg_dump has made the statement: twice that, and names.  And of all other statements. */
#define LONGEST_COMMENT_SQL ((size_t) (33 * 1024 * 1024))
#define LONGEST_STATEMENT ((size_t) (1023 * 1024 * 1024))

#endif /* NEX_LONGEST_COMMENT_H */

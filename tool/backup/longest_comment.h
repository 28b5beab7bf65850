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

/* In SQL; and in words. */
#define LONGEST_COMMENT "16777216"
#define LONGEST_COMMENT_SAID "16 MB"

#endif /* NEX_LONGEST_COMMENT_H */

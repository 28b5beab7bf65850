/*-------------------------------------------------------------------------
 *
 * content_md5.h
 *	  The header Content-MD5, by which servers see that a body was changed on
 *	  the way.  It protects against accidents only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CONTENT_MD5_H
#define NEX_CONTENT_MD5_H

#include <stdbool.h>
#include <stddef.h>

#define MD5_TEXT_SIZE 32

/* False if OpenSSL refuses, as by a policy. */
extern bool content_md5(const void *content, size_t length, char text[MD5_TEXT_SIZE]);

#endif /* NEX_CONTENT_MD5_H */

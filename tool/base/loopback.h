/*-------------------------------------------------------------------------
 *
 * loopback.h
 *	  Which hosts are this machine itself, so that what is sent to them needs
 *	  no encryption.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOOPBACK_H
#define NEX_LOOPBACK_H

#include <stdbool.h>
#include <stddef.h>

/* Is this the name or address of this machine's loopback interface? */
extern bool is_loopback(const char *host, size_t length);

/* Length of the host at the start of what follows "://" in a URL, brackets included. */
extern size_t url_host_length(const char *authority);

#endif /* NEX_LOOPBACK_H */

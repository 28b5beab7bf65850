/*-------------------------------------------------------------------------
 *
 * restored_domains.h
 *	  What a domain that comes with a part runs when a value of it is read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORED_DOMAINS_H
#define NEX_RESTORED_DOMAINS_H

#include "archive_toc.h"
#include "connection.h"

/*
 * Does a domain that comes with the part run what others like when a value of
 * it is read?  False (reported) on failure.
 */
extern bool restored_domain_of_others(Connection *connection, const TocEntry *domain, bool *others);

/* Likewise of the text of one of its constraints alone: what it casts to. */
extern bool restored_domain_casts(Connection *connection, const char *text, bool *others);

#endif /* NEX_RESTORED_DOMAINS_H */

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

#endif /* NEX_RESTORED_DOMAINS_H */

/*-------------------------------------------------------------------------
 *
 * libpq_environment.h
 *	  The environment without the variables by which libpq finds a server.
 *
 * PGHOSTADDR, say, counts more than the host that we name, and so would lead
 * to another server than the one that is meant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIBPQ_ENVIRONMENT_H
#define NEX_LIBPQ_ENVIRONMENT_H

typedef struct LibpqEnvironment
{
	char **before; /* NULL: it is as it was */
	char **without;
} LibpqEnvironment;

/* From here on, for this process and those that it starts. */
extern void libpq_environment_hide(LibpqEnvironment *environment);
extern void libpq_environment_show(LibpqEnvironment *environment);

#endif /* NEX_LIBPQ_ENVIRONMENT_H */

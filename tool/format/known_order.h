/*-------------------------------------------------------------------------
 *
 * known_order.h
 *	  The order of statements of known form.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_KNOWN_ORDER_H
#define NEX_KNOWN_ORDER_H

#include <stddef.h>

#include "known_statement.h"

typedef struct KnownOrder
{
	KnownSection section; /* the latest one that was begun */
	bool as_grantor;      /* between SET and RESET SESSION AUTHORIZATION */
	char **seen;          /* what may come once: a hash table of `size` places */
	size_t size;
	size_t count;
} KnownOrder;

extern void known_order_begin(KnownOrder *order);
extern void known_order_end(KnownOrder *order);

/* Take the next statement; NULL, or why it is not allowed here: static text. */
extern const char *known_order_problem(KnownOrder *order, const KnownStatement *statement);

#endif /* NEX_KNOWN_ORDER_H */

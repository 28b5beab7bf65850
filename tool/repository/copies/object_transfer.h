/*-------------------------------------------------------------------------
 *
 * object_transfer.h
 *	  Bring objects from one place to another, as they are stored.
 *
 * Each is hashed on the way, so that nothing damaged arrives, and no key is
 * needed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OBJECT_TRANSFER_H
#define NEX_OBJECT_TRANSFER_H

#include "object_set.h"
#include "repository.h"

typedef struct TransferRequest
{
	Repository *from;
	Repository *to;
	const Manifest *manifest;
	const uint32_t *positions; /* of its objects that are to be brought */
	size_t count;
	const char *hint;     /* what helps if one is damaged in `from` */
	int threads;          /* that are wanted; storages may do with more */
	const ObjectSet *bad; /* known to be damaged in `to` (bad_objects.h) */
} TransferRequest;

typedef struct TransferResult
{
	uint64_t objects; /* that were written */
	uint64_t bytes;
	bool *brought; /* by position in the request */
	bool *damaged; /* likewise: it is not as its name says; reported */
	size_t ndamaged;
	bool full;       /* the place that is written to is, which is why it failed */
	bool unreadable; /* one could not be looked at; reported */
} TransferResult;

/*
 * When this returns true, all objects but those that were reported are there and
 * durable.  False (reported): work must end.  transfer_result_free() in any case.
 */
extern bool objects_transfer(const TransferRequest *request, TransferResult *result);
extern void transfer_result_free(TransferResult *result);

#endif /* NEX_OBJECT_TRANSFER_H */

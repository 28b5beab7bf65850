/*-------------------------------------------------------------------------
 *
 * catalog_waits.h
 *	  Who waits to lock a system catalog behind this backup.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CATALOG_WAITS_H
#define NEX_CATALOG_WAITS_H

#include "connection.h"
#include "manifest.h"
#include "schema.h"

typedef struct CatalogWaits
{
	int canceled; /* statements */
	char *last;   /* "process 4711 (...), which wanted to lock pg_catalog.pg_class"; NULL: none */
} CatalogWaits;

/*
 * Look on the leader's connection, and free the way: cancel the statement, or
 * give way to it, which is reported and requests a stop.  schema is NULL as
 * long as there is no pg_dump.  False when the leader's connection is lost;
 * *failed is then the server's answer.
 */
extern bool catalog_waits_look(CatalogWaits *waits, Connection *leader, const Schema *schema,
							   PGresult **failed);

/* Enter into the manifest (NULL: none) what was canceled, and free it. */
extern void catalog_waits_end(CatalogWaits *waits, Manifest *manifest);

#endif /* NEX_CATALOG_WAITS_H */

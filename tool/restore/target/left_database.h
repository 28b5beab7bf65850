/*-------------------------------------------------------------------------
 *
 * left_database.h
 *	  Telling a database that an earlier restore has left incomplete.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LEFT_DATABASE_H
#define NEX_LEFT_DATABASE_H

#include "connection.h"
#include "repository.h"
#include "restore_mark.h"

typedef enum LeftBy
{
	LEFT_BY_OTHERS, /* not by a restore of ours, as far as can be known */
	LEFT_RUNNING,   /* a restore is filling it */
	LEFT_MADE,      /* made by a restore that has ended */
	LEFT_UNMARKED,  /* likewise, before it could say so; empty, unless it is something else */
	LEFT_TAKEN      /* was there, empty, when a restore took it that has ended */
} LeftBy;

/* Where to look, and for a restore of which backup. */
typedef struct LeftWhere
{
	Connection *maintenance;
	const ConnectionTarget *target;
	Repository *repository;
	const BackupName *backup; /* any of the same database will do */
} LeftWhere;

/*
 * What is database `name` to that restore?  False (reported) on failure; one
 * that does not exist is LEFT_BY_OTHERS.
 */
extern bool left_database_look(const LeftWhere *where, const char *name, LeftBy *left);

/* The session of the connection; false (reported) on failure. */
extern bool left_database_session(Connection *connection, MarkSession *session);

#endif /* NEX_LEFT_DATABASE_H */

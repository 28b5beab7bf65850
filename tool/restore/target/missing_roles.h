/*-------------------------------------------------------------------------
 *
 * missing_roles.h
 *	  Roles and tablespaces that a backup needs and the server does not have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MISSING_ROLES_H
#define NEX_MISSING_ROLES_H

#include "restore_plan.h"

/*
 * Before a whole database is restored: false (reported) if it names roles or
 * tablespaces that are missing, so that the restore would fail after hours.
 * With --on-object-error=skip it would not, and nothing is looked at.
 */
extern bool missing_roles_check(const RestorePlan *plan);

/* Add the roles that the statements of a text set something for, and those of grants; for tests. */
extern void missing_roles_read(const char *sql, bool grants, Lines *roles);

#endif /* NEX_MISSING_ROLES_H */

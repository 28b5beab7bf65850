/*-------------------------------------------------------------------------
 *
 * version.h
 *	  The version of both halves.
 *
 * The one place where it is changed; scripts/check_style.sh names files that
 * say another one.  A header, and not an option of the compiler: a new version
 * recompiles what prints it, and nothing else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_VERSION_H
#define NEX_VERSION_H

#define NEX_BACKUP_VERSION "0.3.0"

#endif /* NEX_VERSION_H */

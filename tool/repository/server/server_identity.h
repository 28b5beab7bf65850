/*-------------------------------------------------------------------------
 *
 * server_identity.h
 *	  Is it the same server?  The backups of a label are of one server; its
 *	  system identifier, which initdb makes, tells.
 *
 * As a rule the manifests say which server that is.  After pg_upgrade, or when
 * a server was rebuilt, its identifier is another one; that a person said it is
 * the same server is kept in servers/LABEL/server.json, so that it is asked
 * for once.
 *
 * A copy of a server, by pg_basebackup or a snapshot of its disk, has the same identifier.
 * Nothing tells for sure that it is a copy, but two servers have two histories:
 * a backup is refused whose position in the WAL is before that of the latest
 * one, and one of a server that was started before the one of the latest
 * backup was, is made with a warning, and so is the first of a new timeline.
 * A standby is held against the latest backup in the same way: its snapshots are
 * of now, but its data is that of its position.  Where a person says that it is the
 * same server all the same, another history begins, and positions of the one before are
 * no later ones any more (wal_position.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SERVER_IDENTITY_H
#define NEX_SERVER_IDENTITY_H

#include "repository.h"

/*
 * May the server of this manifest, which is being made, make a backup of the owner?  False
 * (reported) if the backups of the label are of another one, and nobody says
 * with `same_server` that it is the same.  Enters into the manifest which history of the server
 * it belongs to.  previous: the owner's latest manifest, or NULL.
 */
extern bool server_identity_check(Repository *repository, const Owner *owner, Manifest *manifest,
								  const Manifest *previous, bool same_server);

#endif /* NEX_SERVER_IDENTITY_H */

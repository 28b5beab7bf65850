/*-------------------------------------------------------------------------
 *
 * configuration_sources.c
 *	  Which files a backup of configuration files is of.
 *
 * Those of the server are not guessed from a directory: the server says
 * which it reads, includes among them.
 *
 *-------------------------------------------------------------------------
 */
#include "configuration_sources.h"

#include <glob.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <string.h>

#include "connection.h"
#include "connection_settings.h"
#include "file_settings.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "settings.h"

/* Every file that the settings of this server come from. */
static const char server_files_query[] =
	"SELECT DISTINCT file FROM ("
	" SELECT setting AS file FROM pg_catalog.pg_settings"
	"  WHERE name IN ('config_file', 'hba_file', 'ident_file')"
	" UNION ALL SELECT sourcefile FROM pg_catalog.pg_file_settings"
	" UNION ALL SELECT setting || '/postgresql.auto.conf' FROM pg_catalog.pg_settings"
	"  WHERE name = 'data_directory'"
	"%s) files WHERE file IS NOT NULL ORDER BY file";

/* From 16 on pg_hba.conf and pg_ident.conf may include others. */
static const char included_rules[] =
	" UNION ALL SELECT file_name FROM pg_catalog.pg_hba_file_rules"
	" UNION ALL SELECT file_name FROM pg_catalog.pg_ident_file_mappings";

static void
add_path(char ***paths, int *npaths, const char *path)
{
	*paths = xrealloc(*paths, sizeof(char *) * ((size_t) *npaths + 1));
	(*paths)[(*npaths)++] = xstrdup(path);
}

void
configuration_sources_free(char **paths, int npaths)
{
	int i;

	for (i = 0; i < npaths; i++)
		free(paths[i]);
	free(paths);
}

/* Expand a pattern; a plain name is one file. */
static bool
add_pattern(char ***paths, int *npaths, const char *pattern)
{
	char *shown;
	glob_t found;
	size_t i;
	int result;

	if (strpbrk(pattern, "*?[") == NULL)
	{
		add_path(paths, npaths, pattern);
		return true;
	}
	result = glob(pattern, GLOB_ERR, NULL, &found);
	for (i = 0; result == 0 && i < found.gl_pathc; i++)
		add_path(paths, npaths, found.gl_pathv[i]);
	if (result == 0)
		globfree(&found);
	if (result == 0)
		return true;
	shown = printable_name(pattern);
	report_error(EXIT_FAILED, NULL, NULL,
				 result == GLOB_NOMATCH ? "no file matches \"%s\"" : "could not expand \"%s\"",
				 shown);
	free(shown);
	return false;
}

/*
 * The server says which files are its own, and its superuser can make it say
 * anything.  Root reads only those that the server's user could read, too; the
 * kernel knows whose they are.
 */
static bool
find_reader(const Connection *connection, ServerFiles *server)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (geteuid() != 0)
		return true;
	if (connection_is_local(connection) &&
		getsockopt(PQsocket(connection->pg), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
	{
		server->reader = peer.uid;
		return true;
	}
	return report_error(
		EXIT_FAILED, NULL,
		"Connect by a socket of this machine, as with -h /var/run/postgresql, run as "
		"the server's user, or name the files one by one.",
		"root reads no files that a server on another machine names");
}

static bool
add_server_files(const Settings *settings, char ***paths, int *npaths, ServerFiles *server)
{
	ConnectionTarget *target =
		target_create(settings, settings->connection->dbname == NULL ? "postgres" : NULL);
	Connection *connection = target != NULL ? connection_open(target) : NULL;
	PGresult *result = NULL;
	char *query;
	bool good;
	int i;

	if (connection != NULL && find_reader(connection, server))
	{
		query = xasprintf(server_files_query,
						  connection_version(connection) >= 160000 ? included_rules : "");
		result = connection_query(connection, query, 0, NULL);
		free(query);
	}
	good = result != NULL;
	for (i = 0; good && i < PQntuples(result); i++)
		add_path(paths, npaths, PQgetvalue(result, i, 0));
	if (good && PQntuples(result) < 3)
		good =
			report_error(EXIT_FAILED, NULL, "Connect as a superuser, or name the files one by one.",
						 "the server does not say which configuration files it reads");
	PQclear(result);
	connection_close(connection);
	target_free(target);
	return good;
}

const FileSet *
configuration_set(const Settings *settings)
{
	int i;

	for (i = 0; i < settings->files->file_sets.count; i++)
	{
		if (strcmp(settings->files->file_sets.items[i].name, settings->files->set) == 0)
			return &settings->files->file_sets.items[i];
	}
	return NULL;
}

bool
configuration_sources(const Settings *settings, char *const *arguments, int narguments,
					  char ***paths, int *npaths, ServerFiles *server)
{
	const FileSet *set =
		narguments == 0 && !settings->files->postgres ? configuration_set(settings) : NULL;
	bool good = true;
	int i;

	if (narguments == 0 && !settings->files->postgres && (set == NULL || set->files.count == 0))
		return report_error(EXIT_USAGE, NULL,
							"Name files, use --postgres for those of the server, or list the files "
							"of the set under \"file-sets\" in the settings file.",
							"the set \"%s\" has no files", settings->files->set);
	for (i = 0; i < narguments && good; i++)
		good = add_pattern(paths, npaths, arguments[i]);
	for (i = 0; set != NULL && i < set->files.count && good; i++)
		good = add_pattern(paths, npaths, set->files.items[i]);
	server->first = *npaths;
	server->reader = READER_IS_US;
	return good &&
		   (!settings->files->postgres || add_server_files(settings, paths, npaths, server));
}

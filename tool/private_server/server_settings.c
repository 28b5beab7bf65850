/*-------------------------------------------------------------------------
 *
 * server_settings.c
 *	  The settings of a server of our own.
 *
 *-------------------------------------------------------------------------
 */
#include "server_settings.h"

#define VERSION_15 150000
#define VERSION_17 170000
#define VERSION_18 180000

/*
 * Nobody is served while it recovers (hot_standby), so it may have other limits
 * than the server had whose WAL it replays.  The states of prepared
 * transactions and of what other servers have replicated are replayed, though,
 * and need room: a thousand of each, which is more than anybody has.
 */
static const char *const always[][2] = {
	{"listen_addresses", "''"},
	{"port", SERVER_PORT},
	{"unix_socket_permissions", "0700"},
	{"external_pid_file", "''"},
	{"ssl", "off"},
	{"archive_mode", "off"},
	{"wal_level", "minimal"},
	{"max_wal_senders", "0"},
	{"max_logical_replication_workers", "0"},
	{"max_replication_slots", "1000"},
	{"max_prepared_transactions", "1000"},
	{"max_locks_per_transaction", "256"},
	{"superuser_reserved_connections", "0"},
	{"hot_standby", "off"},
	{"shared_preload_libraries", "''"},
	{"session_preload_libraries", "''"},
	{"local_preload_libraries", "''"},
	{"jit", "off"},
	{"max_worker_processes", "0"},
	{"max_parallel_workers", "0"},
	{"autovacuum", "off"},
	{"autovacuum_freeze_max_age", "2000000000"},
	{"autovacuum_multixact_freeze_max_age", "2000000000"},
	{"fsync", "off"},
	{"full_page_writes", "off"},
	{"synchronous_commit", "off"},
	{"restart_after_crash", "off"},
	{"huge_pages", "off"},
	{"logging_collector", "off"},
	{"log_destination", "'stderr'"},
	{"log_line_prefix", "''"},
	{"log_checkpoints", "off"},
	{"log_min_messages", "warning"},
	{"log_min_error_statement", "panic"},
	{"lc_messages", "'C'"},
	{"cluster_name", "'nex_backup'"},
};

/* What is read ahead may be damaged, or missing, behind the record at which the recovery ends. */
static const char *const since_15[][2] = {{"recovery_prefetch", "off"}};
static const char *const since_17[][2] = {{"event_triggers", "off"}, {"allow_alter_system", "off"}};
static const char *const since_18[][2] = {{"max_active_replication_origins", "1000"},
										  {"io_method", "sync"}};

#define COUNT(of) (sizeof(of) / sizeof((of)[0]))

static void
add(Buffer *out, const char *const (*settings)[2], size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		buffer_printf(out, "%s = %s\n", settings[i][0], settings[i][1]);
}

/* With quotes and backslashes doubled, as both kinds of files want them. */
static void
add_quoted(Buffer *out, char quote, const char *text)
{
	buffer_append_char(out, quote);
	for (; *text != '\0'; text++)
	{
		if (*text == quote || (*text == '\\' && quote == '\''))
			buffer_append_char(out, *text);
		buffer_append_char(out, *text);
	}
	buffer_append_char(out, quote);
}

/* A list of one name, in quotes of its own. */
static void
add_name(Buffer *out, const char *text)
{
	Buffer name;

	buffer_init(&name);
	add_quoted(&name, '"', text);
	add_quoted(out, '\'', name.data);
	buffer_free(&name);
}

void
server_settings_write(int version, const ServerAccess *access, Buffer *out)
{
	buffer_append_string(out, "# of a server of nex_backup's own, which is thrown away\n");
	add(out, always, COUNT(always));
	if (version >= VERSION_15)
		add(out, since_15, COUNT(since_15));
	if (version >= VERSION_17)
		add(out, since_17, COUNT(since_17));
	if (version >= VERSION_18)
		add(out, since_18, COUNT(since_18));
	buffer_printf(out, "max_connections = %d\nunix_socket_directories = ", access->sessions);
	add_name(out, access->sockets);
	buffer_append_char(out, '\n');
}

void
server_access_write(const ServerAccess *access, Buffer *hba, Buffer *ident)
{
	buffer_append_string(ident, "");
	if (access->role == NULL)
	{
		buffer_append_string(hba, "local all all reject\n");
		return;
	}
	buffer_append_string(hba, "local all ");
	add_quoted(hba, '"', access->role);
	buffer_append_string(hba, " peer map=nex_backup\n");
	buffer_append_string(ident, "nex_backup ");
	add_quoted(ident, '"', access->user);
	buffer_append_char(ident, ' ');
	add_quoted(ident, '"', access->role);
	buffer_append_char(ident, '\n');
}

#define LIBRARIES "-c session_preload_libraries= -c local_preload_libraries= -c jit=off"

const char *
server_conninfo(int version)
{
	return version >= VERSION_17 ? "options='" LIBRARIES " -c event_triggers=off'"
								 : "options='" LIBRARIES "'";
}

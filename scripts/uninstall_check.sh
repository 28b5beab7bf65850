#!/bin/bash
# uninstall_check.sh
#   Refuses "make uninstall" while a server would not start without the library:
#   one that was started with it in shared_preload_libraries, as far as /proc
#   tells, or a cluster of the distribution whose settings name it.
#
#   PG_CONFIG says which PostgreSQL; FORCE=1 goes on after the warning.
set -euo pipefail

pg_config=${PG_CONFIG:-pg_config}
library=$(readlink -f "$("$pg_config" --pkglibdir)/nex_backup.so" || true)
postgres=$(readlink -f "$("$pg_config" --bindir)/postgres" || true)
major=$("$pg_config" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
found=0

# Is the parent of a process a server, too?  Then it is not the postmaster.
is_child()
{
	local parent

	parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null || true)
	[ -n "$parent" ] && [ "$(readlink "/proc/$parent/exe" 2>/dev/null || true)" = "$postgres" ]
}

running_servers()
{
	local process pid

	for process in /proc/[0-9]*; do
		pid=${process#/proc/}
		if [ "$(readlink "$process/exe" 2>/dev/null || true)" = "$postgres" ] && ! is_child "$pid" &&
			grep -qF "$library" "$process/maps" 2>/dev/null; then
			printf 'server process %s (data directory "%s") has loaded the library at its start\n' "$pid" \
				"$(readlink "$process/cwd" 2>/dev/null || echo unknown)"
			found=1
		fi
	done
}

# Lines such as "shared_preload_libraries = 'pg_stat_statements, nex_backup'", not in a comment.
settings_files()
{
	local root=${PG_CLUSTER_CONF_ROOT:-/etc/postgresql}
	local file data
	local -a files=()

	for file in "$root/$major"/*/postgresql.conf "$root/$major"/*/conf.d/*.conf; do
		[ -f "$file" ] || continue
		files+=("$file")
		data=$(sed -n "s/^[[:space:]]*data_directory[[:space:]=]*'\([^']*\)'.*/\1/p" "$file" | tail -n 1)
		if [ -n "$data" ] && [ -f "$data/postgresql.auto.conf" ]; then
			files+=("$data/postgresql.auto.conf")
		fi
	done
	for file in ${files[@]+"${files[@]}"}; do
		if grep -qE '^[[:space:]]*(shared_preload_libraries|archive_library)[[:space:]=].*nex_backup' "$file" 2>/dev/null; then
			printf 'file "%s" names it in shared_preload_libraries or archive_library\n' "$file"
			found=1
		fi
	done
}

if [ -n "$library" ]; then
	running_servers
	settings_files
fi
if [ $found = 1 ]; then
	cat <<-'TEXT'
		A server that has nex_backup in shared_preload_libraries does not start without its files. In this order:
		  1. Take nex_backup out of shared_preload_libraries.
		  2. Restart the server.
		  3. DROP EXTENSION nex_backup, in each database that has it.
		  4. make uninstall
	TEXT
	if [ "${FORCE:-0}" != 1 ]; then
		printf 'Nothing was removed. FORCE=1 removes the files nevertheless.\n'
		exit 1
	fi
fi

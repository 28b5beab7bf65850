#!/bin/bash
# private_cluster.sh
#   Starts and stops a throwaway PostgreSQL cluster for the demo, the tests and
#   the benchmark: a directory of its own, a unix socket inside it, no TCP port,
#   nothing of the system's clusters touched.  PostgreSQL refuses to run as root,
#   so root starts it as user "postgres" (or as the owner named by CLUSTER_USER).
#
#   private_cluster.sh start [--preload] [--no-fsync] [name=value ...]
#       prints the directory; name=value are settings for postgresql.conf
#   private_cluster.sh env DIR      prints the variables that lead a client there
#   private_cluster.sh stop DIR     stops the server and removes the directory
#   private_cluster.sh restart DIR
#
#   --preload     load the nex_backup library at server start, when it is installed
#   --no-fsync    do not wait for the disk; for tests only
#
#   PG_CONFIG names the PostgreSQL to use (default: pg_config in PATH).
set -euo pipefail

PG_CONFIG=${PG_CONFIG:-pg_config}
BINDIR=$("$PG_CONFIG" --bindir)

die()
{
	printf 'private_cluster.sh: %s\n' "$1" >&2
	exit 2
}

usage()
{
	sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
}

# The user that the server runs as: never root.
server_user()
{
	if [ "$(id -u)" -ne 0 ]; then
		id -un
		return
	fi
	local name=${CLUSTER_USER:-postgres}
	id -u "$name" >/dev/null 2>&1 ||
		useradd --system --no-create-home --shell /usr/sbin/nologin "$name"
	printf '%s\n' "$name"
}

# Runs a command as the owner of a cluster directory, from a directory it may enter.
as_user()
{
	local name=$1
	shift
	if [ "$(id -un)" = "$name" ]; then
		(cd / && "$@")
	else
		(cd / && exec runuser -u "$name" -- "$@")
	fi
}

write_settings()
{
	local dir=$1
	cat <<-SETTINGS
		listen_addresses = ''
		unix_socket_directories = '$dir'
		unix_socket_permissions = 0700
		timezone = 'UTC'
		log_timezone = 'UTC'
		log_line_prefix = '%m [%p] %u@%d '
		lc_messages = 'C'
	SETTINGS
}

start()
{
	local preload=0 fsync=1 setting user dir
	local -a settings=()

	while [ $# -gt 0 ]; do
		case $1 in
			--preload) preload=1 ;;
			--no-fsync) fsync=0 ;;
			*=*) settings+=("$1") ;;
			*) die "unknown option \"$1\"" ;;
		esac
		shift
	done
	user=$(server_user)
	# Short on purpose: the path of a unix socket may not exceed 107 bytes.
	dir=$(mktemp -d "${CLUSTER_PARENT:-/tmp}/nexb.XXXXXX")
	if [ "$(id -un)" != "$user" ]; then
		chown "$user:" "$dir"
	fi
	if ! as_user "$user" "$BINDIR/initdb" -D "$dir/data" -A trust -U postgres -E UTF8 \
		--locale=C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1; then
		cat "$dir/initdb.log" >&2
		rm -rf "$dir"
		die "initdb failed"
	fi
	{
		write_settings "$dir"
		if [ $preload = 1 ] && [ -e "$("$PG_CONFIG" --pkglibdir)/nex_backup.so" ]; then
			printf "shared_preload_libraries = 'nex_backup'\n"
		fi
		if [ $fsync = 0 ]; then
			printf 'fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n'
		fi
		for setting in ${settings[@]+"${settings[@]}"}; do
			printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}"
		done
	} >>"$dir/data/postgresql.conf"
	if ! as_user "$user" "$BINDIR/pg_ctl" -D "$dir/data" -w -s -t 120 -l "$dir/server.log" start \
		</dev/null >"$dir/pg_ctl.log" 2>&1; then
		cat "$dir/pg_ctl.log" "$dir/server.log" >&2 || true
		rm -rf "$dir"
		die "the server did not start"
	fi
	printf '%s\n' "$dir"
}

check_dir()
{
	[ -n "${1:-}" ] || die "a cluster directory is needed"
	[ -f "$1/data/PG_VERSION" ] || die "\"$1\" is not a private cluster"
}

owner()
{
	stat -c %U "$1/data"
}

stop()
{
	check_dir "${1:-}"
	as_user "$(owner "$1")" "$BINDIR/pg_ctl" -D "$1/data" -w -s -m immediate stop 2>/dev/null || true
	rm -rf "$1"
}

restart()
{
	check_dir "${1:-}"
	as_user "$(owner "$1")" "$BINDIR/pg_ctl" -D "$1/data" -w -s -m fast -l "$1/server.log" restart \
		</dev/null >"$1/pg_ctl.log" 2>&1
}

print_env()
{
	check_dir "${1:-}"
	printf 'export PGHOST=%q PGPORT=5432 PGUSER=postgres PGDATABASE=postgres\n' "$1"
}

case ${1:-} in
	start) shift; start "$@" ;;
	stop) stop "${2:-}" ;;
	restart) restart "${2:-}" ;;
	env) print_env "${2:-}" ;;
	-h | --help) usage ;;
	*) usage >&2; exit 2 ;;
esac

#!/bin/bash
# demo.sh
#   nex_backup in one minute: on a throwaway server with a sample invoice
#   database, back up, list, verify, restore, compare.  Installs missing packages
#   first, leaves nothing else behind, and shows each command as a user types it.
#
#   DEMO_SCALE sets the size of the sample (default 0.05, about 50 MB).
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd -P)
export PG_CONFIG=${PG_CONFIG:-pg_config}
scale=${DEMO_SCALE:-0.05}
step=0
bold=
dim=
plain=
if [ -t 1 ]; then
	bold=$'\e[1m'
	dim=$'\e[2m'
	plain=$'\e[0m'
fi

heading()
{
	step=$((step + 1))
	printf '\n%s%d. %s%s\n' "$bold" "$step" "$1" "$plain"
}

# Prints a command as it would be typed, then runs it.
show()
{
	printf '%s$%s %s\n' "$dim" "$plain" "$1"
	eval "$1"
}

clean_up()
{
	if [ -n "${cluster:-}" ]; then
		"$top/scripts/private_cluster.sh" stop "$cluster"
	fi
	rm -rf "$work"
}

# As root: what follows runs as the user that the server runs as.
prepare()
{
	heading 'Install what is missing, build'
	"$top/scripts/install_packages.sh" build server
	make -s -C "$top" -j"$(nproc)" all PG_CONFIG="$PG_CONFIG" >"$work/build.log" 2>&1 ||
		{ tail -n 40 "$work/build.log"; exit 1; }
	private=$("$top/scripts/private_install.sh" "$work/pg")
	make -s -C "$top" install PG_CONFIG="$private" >>"$work/build.log" 2>&1 ||
		{ tail -n 40 "$work/build.log"; exit 1; }
	printf 'PostgreSQL %s and nex_backup, in %s until the demo ends\n' \
		"$("$PG_CONFIG" --version | cut -d' ' -f2)" "$work"
	cp "$top/tests/fixtures/sample_schema.sql" "$top/bench/sample_data.sql" \
		"$top/scripts/private_cluster.sh" "$top/scripts/demo.sh" "$work/"
	if [ "$(id -u)" -eq 0 ]; then
		chown -R postgres: "$work"
	fi
}

# A dump without what differs by nature: comments, the random restrict keys, the order of rows.
fingerprint()
{
	pg_dump "$1" | grep -v -e '^--' -e '^\\restrict' -e '^\\unrestrict' | LC_ALL=C sort | sha256sum |
		cut -c1-64
}

compare()
{
	local first second
	first=$(fingerprint "$1")
	second=$(fingerprint "$2")
	printf '%-20s %s\n%-20s %s\n' "$1" "$first" "$2" "$second"
	if [ "$first" != "$second" ]; then
		printf 'The restored database differs.\n' >&2
		return 1
	fi
	printf 'The restored database is the same.\n'
}

play()
{
	cd "$work"
	PATH="$(dirname "$private"):$PATH"
	export PATH PG_CONFIG=$private HOME=$work
	unset PGPASSWORD PGSERVICE PGOPTIONS
	trap 'if [ -n "${cluster:-}" ]; then ./private_cluster.sh stop "$cluster"; fi' EXIT

	heading 'Start a private server, load a sample invoice database'
	cluster=$(./private_cluster.sh start --preload)
	eval "$(./private_cluster.sh env "$cluster")"
	createuser invoice_app
	createuser invoice_report
	show 'createdb invoices'
	psql -qX -d invoices -v ON_ERROR_STOP=1 -f sample_schema.sql
	psql -qX -d invoices -v ON_ERROR_STOP=1 -v scale="$scale" -f sample_data.sql

	heading 'Create the extension: it keeps the catalogue of backups'
	show "psql -c 'CREATE EXTENSION nex_backup'"

	heading 'Back up'
	show 'nex_backup init --repo repo'
	show 'nex_backup backup --repo repo -d invoices -j 2'

	heading 'List and verify'
	show 'nex_backup list --repo repo'
	show 'nex_backup verify --repo repo'

	heading 'Restore into a new database'
	show 'nex_backup restore --repo repo invoices --to invoices_restored -j 2'

	heading 'Compare'
	compare invoices invoices_restored

	heading 'Ask the server'
	show "psql -c 'SELECT * FROM nex_backup_status()'"
}

if [ "${1:-}" = --play ]; then
	work=$2
	private=$3
	step=1
	play
	exit 0
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/nexb_demo.XXXXXX")
chmod 755 "$work"
trap clean_up EXIT
trap 'exit 130' INT TERM
prepare
if [ "$(id -u)" -eq 0 ]; then
	(cd "$work" && runuser -u postgres -- "$work/demo.sh" --play "$work" "$private")
else
	"$work/demo.sh" --play "$work" "$private"
fi
printf '\n%sNow on your own server:%s sudo make install && nex_backup init --repo /var/backups/pg && %s\n' \
	"$bold" "$plain" 'nex_backup backup --repo /var/backups/pg -d YOUR_DATABASE'

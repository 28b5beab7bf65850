#!/bin/bash
# tree_programs.sh
#   Makes a directory with the client programs of a Debian tree, each started with the
#   tree's own libraries, so that they run here: other versions of pg_dump than this
#   machine's, without installing them (check_versions.sh, bench/benchmark.pl --tree).
#
#   tree_programs.sh TREE DIRECTORY
set -euo pipefail

tree=$(cd "$1" && pwd -P)
directory=$2

die()
{
	printf 'tree_programs.sh: %s\n' "$1" >&2
	exit 1
}

loader=$(find "$tree/usr/lib" "$tree/usr/lib64" -name 'ld-linux*.so.*' 2>/dev/null | head -n 1)
[ -n "$loader" ] || die "no dynamic loader in $tree"
libpq=$(find "$tree/usr/lib" -name 'libpq.so.5' | head -n 1)
[ -n "$libpq" ] || die "no libpq in $tree"
# The newest, if there are several.
bin=$(find "$tree/usr/lib/postgresql" -path '*/bin/pg_dump' -printf '%h\n' 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || die "no pg_dump in $tree"
mkdir -p "$directory"
for program in psql pg_dump pg_dumpall pg_restore; do
	# By argv0, pg_dumpall finds the pg_dump here.
	printf '#!/bin/sh\nexec %s --library-path %s --argv0 "$0" %s "$@"\n' \
		"$loader" "$(dirname "$libpq")" "$bin/$program" >"$directory/$program"
	chmod 755 "$directory/$program"
done

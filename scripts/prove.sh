#!/bin/bash
# prove.sh
#   Runs end-to-end tests in place, for whoever changes the code and wants to know soon:
#   compiles what has changed, installs it into a copy of PostgreSQL that stays in
#   tests/tmp_check for the next time, and runs the tests from this tree.  "make check-tap"
#   copies everything first and compiles for that; it is what counts in the end.
#
#   prove.sh TEST.t [TEST.t ...]      VERBOSE=1 shows their output
#
#   As root the tests run as postgres, who must be able to read this tree.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd -P)
pg_config=${PG_CONFIG:-pg_config}
[ $# -gt 0 ] || { printf 'usage: prove.sh TEST.t [TEST.t ...]\n' >&2; exit 2; }
tests=()
for test in "$@"; do
	tests+=("$(realpath --relative-to="$top" "$test")")
done
cd "$top"

work=
clean_up()
{
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Servers and repositories: in short paths, as those of sockets must be, and with a name nobody can guess.
work=$(mktemp -d "${TMPDIR:-/tmp}/nexb_prove.XXXXXX")
mkdir "$work/tmp" "$work/clusters"
run=(env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE -u PGPASSWORD HOME="$work" TMPDIR="$work/tmp"
	NEXB_CLUSTERS="$work/clusters" TESTDIR="$work" LC_ALL=C.UTF-8)
if [ "$(id -u)" -eq 0 ]; then
	chmod 755 "$work"
	chown -R postgres: "$work"
	run=(runuser -u postgres -- "${run[@]}")
	"${run[@]}" test -r "$top/scripts/run_tap.pl" || { printf 'prove.sh: postgres cannot read %s\n' "$top" >&2; exit 2; }
fi

copy=$top/tests/tmp_check/prove/$("$pg_config" --version | tr -c 'A-Za-z0-9.\n' _)
private=$copy$("$pg_config" --bindir)/pg_config
if [ ! -e "$copy/complete" ]; then
	rm -rf "$copy"
	PG_CONFIG=$pg_config scripts/private_install.sh "$copy" >/dev/null
	touch "$copy/complete"
fi
if ! { make -s -j"$(nproc)" COPT=-Werror PG_CONFIG="$pg_config" && make -s install PG_CONFIG="$private" &&
	make -s -C tests/label_provider install PG_CONFIG="$private"; } >"$work/build.log" 2>&1; then
	tail -n 40 "$work/build.log"
	exit 1
fi
"${run[@]}" PG_CONFIG="$private" PATH="$(dirname "$private"):$PATH" VERBOSE="${VERBOSE:-}" \
	perl scripts/run_tap.pl "$work/counts" "${tests[@]}"

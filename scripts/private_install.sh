#!/bin/bash
# private_install.sh
#   Makes a copy of the installed PostgreSQL below a directory, so that demo and
#   tests can install nex_backup into it and leave the system's as it was.
#   PostgreSQL before 18 finds extensions only in its own directories, but it
#   finds those relative to its programs: a copied tree is a complete installation.
#
#   private_install.sh DIR      prints the path of the copy's pg_config
set -euo pipefail

dir=$1
pg_config=${PG_CONFIG:-pg_config}
bindir=$("$pg_config" --bindir)

mkdir -p "$dir"
dir=$(cd "$dir" && pwd -P)
for from in "$bindir" "$("$pg_config" --pkglibdir)" "$("$pg_config" --sharedir)"; do
	mkdir -p "$dir$from"
	cp -rL --preserve=mode,timestamps "$from/." "$dir$from/"
done
# Headers are only read; links are enough.
for include in "$("$pg_config" --includedir)" "$("$pg_config" --includedir-server)"; do
	[ -e "$dir$include" ] && continue
	mkdir -p "$dir$(dirname "$include")"
	ln -sfn "$include" "$dir$include"
done
printf '%s\n' "$dir$bindir/pg_config"

#!/bin/bash
# check.sh
#   Runs the tests: style, lint (cppcheck), unit (C), sanitize (the unit tests again,
#   under ASan and UBSan), installcheck (pg_regress), tap (end to end), guide (the
#   recovery guide, exercised on separate machines).
#
#   check.sh [--fresh] [style] [lint] [unit] [sanitize] [installcheck] [tap] [guide]
#                        (default: all, with a sample of the last)
#   check.sh tsan        backups and restores with the program under ThreadSanitizer
#
#   Everything happens in a copy of the source tree, with a copy of PostgreSQL to
#   install into, as a user that is not root: servers refuse to run as root, and
#   so does the system's own PostgreSQL stay untouched.
#   --fresh compiles everything anew and treats every warning as an error.
#   TESTS="tests/t/001_*.t" runs some TAP tests only; KEEP=1 keeps the copy.
set -uo pipefail

top=$(cd "$(dirname "$0")/.." && pwd -P)
export PG_CONFIG=${PG_CONFIG:-pg_config}
passed=0
failed=0
cluster=
small=

heading()
{
	printf '\n== %s\n' "$1"
}

# Published test vectors lie beside the checkout, not beside the copy of it.
if [ -z "${NEXB_VECTORS:-}" ] && [ -d "$top/../shared/vectors" ]; then
	NEXB_VECTORS=$(cd "$top/../shared/vectors" && pwd -P)
	export NEXB_VECTORS
fi

# Runs a command as the unprivileged user, with the environment that tests need.
as_tester()
{
	local -a run=(env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE -u PGPASSWORD -u MAKEFLAGS -u MAKELEVEL
		HOME="$work" TMPDIR="$work/tmp" LC_ALL=C.UTF-8 PG_CONFIG="$private" PATH="$(dirname "$private"):$PATH")
	if [ "$(id -u)" -eq 0 ]; then
		run=(runuser -u "$tester" -- "${run[@]}")
	fi
	(cd "$built" && "${run[@]}" "$@")
}

clean_up()
{
	if [ -n "$cluster" ]; then
		as_tester scripts/private_cluster.sh stop "$cluster"
	fi
	if [ -n "$small" ]; then
		$sudo umount "$small"
	fi
	if [ "${KEEP:-0}" = 1 ]; then
		printf 'kept: %s\n' "$work"
	else
		rm -rf "$work"
	fi
}

prepare()
{
	work=$(mktemp -d "${TMPDIR:-/tmp}/nexb_check.XXXXXX")
	chmod 755 "$work"
	trap clean_up EXIT
	trap 'exit 130' INT TERM
	# What tests that kill the tool leave behind goes with all else.
	mkdir "$work/src" "$work/tmp" "$work/clusters"
	built=$work/src
	export NEXB_CLUSTERS=$work/clusters
	if [ $fresh = 1 ]; then
		(cd "$top" && tar cf - --exclude=.git --exclude='*.o' --exclude='*.so' --exclude='*.d' --exclude='*.bc' \
			--exclude=./build --exclude=tool/nex_backup --exclude=tmp_check .) | tar xf - -C "$work/src"
	else
		(cd "$top" && tar cf - --exclude=.git --exclude=tmp_check .) | tar xf - -C "$work/src"
	fi
	private=$("$top/scripts/private_install.sh" "$work/pg")
	tester=$(id -un)
	if [ "$(id -u)" -eq 0 ]; then
		tester=postgres
		chown -R "$tester:" "$work"
	fi
}

# A file system of 64 MB for the tests that fill one; only root can mount it.
mount_small()
{
	[ ! -d "$work/small" ] || return 0
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		sudo='sudo -n'
	fi
	mkdir "$work/small"
	if $sudo mount -t tmpfs -o size=64m,mode=0777 tmpfs "$work/small" 2>"$work/mount.log"; then
		small=$work/small
		export NEXB_SMALL_DIR=$small
	else
		NEXB_NO_SMALL_DIR="cannot mount a tmpfs: $(tr '\n' ' ' <"$work/mount.log")"
		export NEXB_NO_SMALL_DIR
		printf 'the tests of a full repository are skipped: %s\n' "$NEXB_NO_SMALL_DIR"
	fi
}

build()
{
	heading 'build'
	# -Werror by way of COPT, which PGXS adds to the flags of either half.
	if ! as_tester make -s -j"$(nproc)" COPT="$copt" >"$work/build.log" 2>&1 ||
		! as_tester make -s install >>"$work/build.log" 2>&1 ||
		! as_tester make -s -C tests/label_provider install COPT="$copt" >>"$work/build.log" 2>&1; then
		tail -n 60 "$work/build.log"
		printf '\nthe build failed\n0 passed, 1 failed\n'
		exit 1
	fi
	printf 'ok\n'
}

add_counts()
{
	local p=0 f=1
	read -r p f <"$1" 2>/dev/null
	passed=$((passed + ${p:-0}))
	failed=$((failed + ${f:-1}))
}

check_style()
{
	heading 'style'
	if as_tester scripts/check_style.sh; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
}

check_unit()
{
	heading 'unit tests'
	rm -f "$work/counts"
	mount_small
	if as_tester make -s -j"$(nproc)" -C tests/unit COPT="$copt" >"$work/unit.log" 2>&1 &&
		as_tester make -s -j"$(nproc)" -C tests/fuzz COPT="$copt" >>"$work/unit.log" 2>&1; then
		as_tester perl scripts/run_tap.pl "$work/counts" --exec $(cd "$work/src" &&
			ls tests/unit/test_*.c tests/fuzz/fuzz_*.c | sed 's/\.c$//; s,/fuzz_,/replay_,')
	else
		tail -n 40 "$work/unit.log"
	fi
	add_counts "$work/counts"
}

check_lint()
{
	heading 'lint (cppcheck)'
	if as_tester make -s cppcheck; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
}

# The tool compiled with a sanitizer, in a copy of the copy: the other suites keep their objects.
build_sanitized()
{
	built=$work/sanitized
	mkdir "$built"
	(cd "$work/src" && tar cf - --exclude='*.o' --exclude='*.a' --exclude='*.so' --exclude=./build --exclude=tool/nex_backup --exclude=tmp_check .) |
		tar xf - -C "$built"
	[ "$(id -u)" -ne 0 ] || chown -R "$tester:" "$built"
	as_tester make -s -C tests/unit clean && as_tester make -s -j"$(nproc)" -C tool COPT="$1" >"$work/sanitized.log" 2>&1
}

check_sanitize()
{
	heading 'unit tests, under AddressSanitizer and UndefinedBehaviorSanitizer'
	rm -f "$work/counts"
	mount_small
	# Less optimization compiles faster, and shows more of a stack.
	local flags='-O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
	# What lives until the program ends (the first error, settings) is not a leak.
	if build_sanitized "$flags" &&
		as_tester make -s -j"$(nproc)" -C tests/unit COPT="$flags" >>"$work/sanitized.log" 2>&1; then
		ASAN_OPTIONS=detect_leaks=0 as_tester perl scripts/run_tap.pl "$work/counts" \
			--exec $(cd "$built" && ls tests/unit/test_*.c | sed 's/\.c$//')
	else
		tail -n 40 "$work/sanitized.log"
	fi
	add_counts "$work/counts"
	rm -rf "$built"
	built=$work/src
}

# Two threads that use the same memory without a lock are reported while it still works by luck.
check_tsan()
{
	heading 'backups and restores, under ThreadSanitizer'
	local reports
	rm -f "$work/counts"
	if ! build_sanitized '-O1 -g1 -fsanitize=thread -Wno-tsan'; then
		tail -n 40 "$work/sanitized.log"
		failed=$((failed + 1))
		return
	fi
	mkdir "$work/tsan"
	[ "$(id -u)" -ne 0 ] || chown "$tester:" "$work/tsan"
	# Exit codes are those of the program; reports go to files.
	# shellcheck disable=SC2086 # a pattern, to be expanded in the copy
	TSAN_OPTIONS="exitcode=0 log_path=$work/tsan/report history_size=4" \
		as_tester perl scripts/run_tap.pl "$work/counts" $(cd "$built" && ls ${TESTS:-tests/t/001_*.t tests/t/007_*.t tests/t/013_*.t tests/t/080_*.t})
	add_counts "$work/counts"
	reports=$(find "$work/tsan" -name 'report*' -exec grep -h '^SUMMARY' {} + | sort | uniq -c)
	if [ -z "$reports" ]; then
		printf 'no data race\n'
		passed=$((passed + 1))
	else
		find "$work/tsan" -name 'report*' -exec cat {} + | head -n 400
		printf '%s\n' "$reports"
		failed=$((failed + 1))
	fi
}

check_installcheck()
{
	heading 'installcheck (pg_regress, library preloaded)'
	local p f
	cluster=$(as_tester scripts/private_cluster.sh start --preload --no-fsync) || { failed=$((failed + 1)); return; }
	as_tester env PGHOST="$cluster" PGPORT=5432 PGUSER=postgres make -s installcheck >"$work/regress.log" 2>&1
	local status=$?
	grep -E '^(test |ok|not ok| +[a-z_0-9]+ +\.\.\.)' "$work/regress.log"
	p=$(grep -cE '\.\.\. ok|^ok ' "$work/regress.log")
	f=$(grep -cE '\.\.\. FAILED|^not ok ' "$work/regress.log")
	if [ $status -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
	fi
	if [ "$f" -ne 0 ]; then
		cat "$work/src/regression.diffs" 2>/dev/null || tail -n 40 "$work/regress.log"
	fi
	passed=$((passed + p))
	failed=$((failed + f))
	as_tester scripts/private_cluster.sh stop "$cluster"
	cluster=
}

check_tap()
{
	heading 'TAP, end to end'
	rm -f "$work/counts"
	mount_small
	if [[ ${TESTS:-} != tests/root/* ]]; then
		# shellcheck disable=SC2086 # a pattern, to be expanded in the copy
		as_tester perl scripts/run_tap.pl "$work/counts" $(cd "$work/src" && ls ${TESTS:-tests/t/*.t})
		add_counts "$work/counts"
	fi
	check_root
}

# What root runs: in directories of its own, so that nobody else owns one on the way.
check_root()
{
	[[ -z ${TESTS:-} || $TESTS == tests/root/* ]] || return 0
	local -a run=(env PG_CONFIG="$private" LC_ALL=C.UTF-8 VERBOSE="${VERBOSE:-}")
	if [ "$(id -u)" -ne 0 ]; then
		if ! sudo -n true 2>/dev/null; then
			printf 'the tests of what root runs are skipped: this user is not root, and "sudo -n" is not allowed\n'
			return 0
		fi
		run=(sudo -n "${run[@]}")
	fi
	rm -f "$work/counts"
	(cd "$work/src" && "${run[@]}" perl scripts/run_tap.pl "$work/counts" tests/root/*.t)
	add_counts "$work/counts"
}

# The recovery guide on the distribution's own clusters, in the usual places of a machine that is made for
# it: by root, who alone can make one.  Nothing of this machine is written to.
check_guide()
{
	heading 'the recovery guide, exercised'
	rm -f "$work/counts"
	local -a run=(env NEXB_GUIDE="${NEXB_GUIDE:-}" VERBOSE="${VERBOSE:-}" PG_CONFIG="$PG_CONFIG" LC_ALL=C.UTF-8)
	if [ "$(id -u)" -ne 0 ] && sudo -n true 2>/dev/null; then
		run=(sudo -n "${run[@]}")
	fi
	(cd "$work/src" && "${run[@]}" perl scripts/run_tap.pl "$work/counts" tests/guide/*.t)
	add_counts "$work/counts"
}

fresh=0
copt=
suites=()
for word in "$@"; do
	case $word in
		--fresh) fresh=1; copt=-Werror ;;
		style | lint | unit | sanitize | installcheck | tap | guide | tsan) suites+=("$word") ;;
		*) printf 'check.sh: unknown word "%s"\n' "$word" >&2; exit 2 ;;
	esac
done
if [ ${#suites[@]} -eq 0 ]; then
	suites=(style lint unit sanitize installcheck tap guide)
	export NEXB_GUIDE=${NEXB_GUIDE:-short}
fi

"$top/scripts/install_packages.sh" build server test || exit 1
prepare
build
for suite in "${suites[@]}"; do
	"check_$suite"
done
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]

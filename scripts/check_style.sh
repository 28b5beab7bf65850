#!/bin/bash
# check_style.sh
#   What the tree itself shows: formatting (clang-format 14, whose taste differs from
#   that of other versions), calls that this project does not use, knowledge of
#   PostgreSQL versions outside compat.h, files that have outgrown one concern, includes
#   that go up, words that no manual would use, lists that are out of date.
set -uo pipefail
cd "$(dirname "$0")/.."
bad=0

report()
{
	if [ -n "$2" ]; then
		printf '%s:\n%s\n' "$1" "$2"
		bad=1
	fi
}

mapfile -t sources < <(find extension common tool tests -name '*.[ch]' | sort)

formatter=$(command -v clang-format-14 || command -v clang-format || true)
if [ -n "$formatter" ] && "$formatter" --version | grep -q 'version 14\.'; then
	report 'not as clang-format has it (run "make format")' \
		"$("$formatter" --dry-run -Werror "${sources[@]}" 2>&1 | grep 'error:' | cut -d: -f1,2 | sort -u)"
else
	printf 'the formatting is not checked: clang-format 14 is not installed\n'
fi
report 'calls that start a shell, copy without a bound, or parse without a check' \
	"$(grep -nE '(^|[^_a-zA-Z])(system|popen|OpenPipeStream|strcpy|strcat|sprintf|vsprintf|atoi|gets|tmpnam|mktemp)[[:space:]]*\(' "${sources[@]}")"
# CREATE EXTENSION converts them to the encoding of the database, which need not have the character.
report 'SQL of the extension that is not plain ASCII' \
	"$(find extension -name '*.sql' -print0 | LC_ALL=C xargs -0 grep -n '[^ -~[:space:]]')"
report 'PG_VERSION_NUM outside compat.h' "$(grep -n 'PG_VERSION_NUM' "${sources[@]}" | grep -v '/compat\.h:')"
# The number is common/version.h's; CREATE EXTENSION and PGXN read theirs elsewhere.
version=$(sed -n 's/^#define NEX_BACKUP_VERSION "\(.*\)"$/\1/p' common/version.h)
report "versions other than $version of common/version.h" \
	"$(grep -nE "^default_version = " nex_backup.control | grep -v "'$version'"
	grep -nE '^ *"version": ' META.json | grep -v '"1\.0\.0"' | grep -vF "\"$version\""
	grep -nE '^ *"file": ' META.json | grep -vF "\"extension/nex_backup--$version.sql\""
	[ -n "$version" ] && grep -q "^default_version = '$version'" nex_backup.control || echo 'nex_backup.control has no default_version like that')"
report 'the check of the SQL of the extension does not find what it must' "$(perl scripts/check_extension_sql.pl --self-test 2>&1)"
report 'SQL of the extension that is made twice, or not as the rest (scripts/check_extension_sql.pl)' \
	"$(perl scripts/check_extension_sql.pl 2>&1)"
# Bounded by what a merge writes behind them, so that a rule of seven signs is none.
report 'marks of a merge that was not finished' \
	"$(grep -rnIE '^(<{7}|>{7}|[|]{7}) [^ ]' --exclude-dir=.git --exclude-dir=build --exclude-dir=tmp_check . | cut -c1-200)"
report 'leavings of patches and editors' "$(find common extension tool sql scripts tests docs bench \( -name '*.rej' -o -name '*.orig' -o -name '*~' \) -print)"
report 'files of more than 800 lines' "$(wc -l "${sources[@]}" | awk '$2 != "total" && $1 > 800')"
report 'the check of SQL text does not find what it must' "$(perl scripts/check_sql_text.pl --self-test 2>&1)"
report 'text that becomes SQL without being quoted (scripts/check_sql_text.pl)' "$(perl scripts/check_sql_text.pl 2>&1)"
report 'the check of floors does not find what it must' "$(perl scripts/check_floors.pl --self-test 2>&1)"
report 'includes that go up, or around (scripts/check_floors.pl)' "$(perl scripts/check_floors.pl 2>&1)"
report 'the check of headers does not find what it must' "$(perl scripts/check_headers.pl --self-test 2>&1)"
report 'headers of too many concern (scripts/check_headers.pl)' "$(perl scripts/check_headers.pl 2>&1)"
report 'the check of English does not find what it must' "$(perl scripts/check_english.pl --self-test 2>&1)"
report 'words that an American manual would not use (scripts/check_english.pl)' "$(perl scripts/check_english.pl 2>&1)"
report 'commands of restores over relations of others (scripts/check_live_queries.pl)' "$(perl scripts/check_live_queries.pl 2>&1)"
report 'small faults (tests/mutants) that do not fit their file any more: give them the lines of today' \
	"$(perl scripts/check_mutants.pl --lines 2>&1)"
[ $bad -eq 0 ] && printf 'ok\n'
exit $bad

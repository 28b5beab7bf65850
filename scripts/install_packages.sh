#!/bin/bash
# install_packages.sh
#   Installs what is missing of the Debian or Ubuntu packages that nex_backup
#   needs, asking nothing: as root, or with sudo.  Does nothing, not even an
#   "apt-get update", when all is there.
#
#   install_packages.sh [build] [server] [test]      (default: build server)
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
updated=0

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		printf 'install_packages.sh: must be run as root, or with sudo installed, to run: %s\n' "$*" >&2
		exit 1
	fi
}

# A machine that was just made knows no packages yet.
update_once()
{
	[ $updated = 1 ] && return
	printf 'apt-get update\n'
	as_root apt-get -qq update
	updated=1
}

# The major version to build for: that of pg_config, else the distribution's.
major_version()
{
	local version
	if version=$("${PG_CONFIG:-pg_config}" --version 2>/dev/null); then
		version=${version#PostgreSQL }
		printf '%s\n' "${version%%[!0-9]*}"
		return
	fi
	version=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p')
	printf '%s\n' "$version"
}

if ! command -v apt-get >/dev/null; then
	printf 'install_packages.sh: not a Debian or Ubuntu system; install the packages by hand (see README.md)\n' >&2
	exit 0
fi

major=$(major_version)
if [ -z "$major" ]; then
	update_once
	major=$(major_version)
fi

packages=()
[ $# -gt 0 ] || set -- build server
for group in "$@"; do
	case $group in
		build)
			packages+=(gcc make libc6-dev libpq-dev "postgresql-server-dev-$major" libzstd-dev
				libdeflate-dev libssl-dev libjansson-dev libyaml-dev libcurl4-openssl-dev
				libexpat1-dev)
			;;
		server)
			packages+=("postgresql-$major" "postgresql-client-$major" zstd gzip util-linux)
			;;
		test)
			# openssh-server: tests/t/094_sftp.t starts its own; no service is needed.
			# postgresql-common, iproute2: tests/guide makes clusters and machines as distributions do.
			packages+=(postgresql-common iproute2 openssh-client openssh-server libcmocka-dev perl libipc-run-perl libio-pty-perl zstd age pgbouncer openssl python3 python3-aiosmtpd
				python3-yaml python3-cryptography tzdata)
			# Of these versions only, as others format differently and find other things; not every release has them.
			if apt-cache show clang-format-14 >/dev/null 2>&1; then
				packages+=(clang-format-14 cppcheck)
			fi
			;;
		*)
			printf 'install_packages.sh: unknown group "%s"\n' "$group" >&2
			exit 2
			;;
	esac
done

missing=()
for package in "${packages[@]}"; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

update_once
printf 'apt-get install %s\n' "${missing[*]}"
as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
	-o Dpkg::Use-Pty=0 install "${missing[@]}" >/dev/null

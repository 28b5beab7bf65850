#!/bin/bash
# bench.sh
#   Installs what the benchmark needs, builds the tool, and measures.
#   Options are those of bench/benchmark.pl; see its --help.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install_packages.sh build server
make -s -j"$(nproc)" -C tool PG_CONFIG="${PG_CONFIG:-pg_config}"
exec bench/benchmark.pl "$@"

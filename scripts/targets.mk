# Targets for people: what a newcomer types, and what a developer does.
# Included by the top Makefile.

.PHONY: demo check check-guide check-mutants check-style check-lint check-unit check-installcheck check-tap check-sanitize check-tsan check-versions check-regression-database check-public-schemas check-settings check-faults check-azurite check-radosgw bench format lint cppcheck

demo:
	@PG_CONFIG='$(PG_CONFIG)' scripts/demo.sh

# PGXS has a "check" of its own, which only says that it cannot; ours replaces it when it is
# asked for, and otherwise make need not warn of two.
ifneq ($(if $(PGXS),,none)$(filter check,$(MAKECMDGOALS)),)
check:
	@PG_CONFIG='$(PG_CONFIG)' scripts/check.sh --fresh
endif

# check-guide: the whole recovery guide, on machines of its own; needs root.
check-style check-lint check-unit check-sanitize check-installcheck check-tap check-guide check-tsan: check-%:
	@PG_CONFIG='$(PG_CONFIG)' scripts/check.sh $*

# As root; VERSIONS="trixie" for one release only, VERSIONS="trixie 14" for a server of 14, too.
check-versions:
	@PG_CONFIG='$(PG_CONFIG)' scripts/check_versions.sh $(VERSIONS)

# Small faults that a test must see: tests/mutants/*.txt; MUTANTS="restore VF1", "unit" or "tap" for some
check-mutants: all
	@$(MAKE) -s -C tests/unit && perl scripts/check_mutants.pl $(MUTANTS)

# PostgreSQL's own regression database, made from its sources: REGRESS_DATABASE_SOURCE=DIR
check-regression-database:
	@REGRESS_DATABASE_SOURCE='$(abspath $(REGRESS_DATABASE_SOURCE))' TESTS=tests/slow/regression_database.t VERBOSE=1 \
		PG_CONFIG='$(PG_CONFIG)' scripts/check.sh tap

# Schemas of applications, from their unpacked Debian packages: PUBLIC_SCHEMAS=DIR
check-public-schemas:
	@PUBLIC_SCHEMAS='$(abspath $(PUBLIC_SCHEMAS))' TESTS=tests/slow/public_schemas.t VERBOSE=1 \
		PG_CONFIG='$(PG_CONFIG)' scripts/check.sh tap

# Every setting that a role can have, at its odd values; NEXB_SETTINGS="lc_.*|TimeZone" for some,
# NEXB_LEVELS=role,database,both,server for whose they are.
check-settings:
	@TESTS=tests/slow/settings.t PG_CONFIG='$(PG_CONFIG)' scripts/check.sh tap

# Faults of system calls, repositories, connections and servers, with a table of what came of them;
# how many, how long, which: the head of tests/slow/faults.t.
check-faults:
	@TESTS=tests/slow/faults.t NEXB_FAULTS_TABLE=1 PG_CONFIG='$(PG_CONFIG)' scripts/check.sh tap

# Azure's driver on Azurite, Microsoft's own server for developers; npm installs it once, or
# AZURITE=PROGRAM names an azurite-blob that is there.
AZURITE ?= build/azurite/node_modules/.bin/azurite-blob
build/azurite/node_modules/.bin/azurite-blob:
	npm install --no-audit --no-fund --prefix build/azurite azurite@3

check-azurite: $(AZURITE)
	@AZURITE='$(abspath $(AZURITE))' TESTS=tests/t/088_azure.t VERBOSE=1 PG_CONFIG='$(PG_CONFIG)' scripts/check.sh tap

# S3 on Ceph's object gateway, with versions and locks; packages radosgw, ceph-mon, ceph-osd, ceph-base.
check-radosgw:
	@RADOSGW=1 TESTS=tests/t/099_locked_bucket.t VERBOSE=1 PG_CONFIG='$(PG_CONFIG)' scripts/check.sh tap

# BENCH="--scale 0.1 --runs 1 --only backup"
bench:
	@PG_CONFIG='$(PG_CONFIG)' scripts/bench.sh $(BENCH)

C_FILES = $(wildcard $(addsuffix /*.[ch],extension $(FOLDERS) tests/unit tests/fuzz))

format:
	clang-format -i $(C_FILES)

lint: cppcheck
	scripts/check_style.sh

# Version 2.10, because others find other things.  It sees no system headers, so it is told what bool is.
# It takes each structure that a function returns for one that points to the arguments: the compiler knows better.
cppcheck:
	@if cppcheck --version 2>/dev/null | grep -q ' 2\.10$$'; then \
		cppcheck --quiet -j "$$(nproc)" --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
			--suppress=missingIncludeSystem --suppress=returnDanglingLifetime --std=c11 -D__cppcheck__ -Dbool=_Bool '-D__has_include(x)=1' -DPG_SYSCONFDIR='""' \
			$(addprefix -I,$(FOLDERS)) common tool && echo ok; \
	else echo 'cppcheck is not run: version 2.10 is not installed'; fi

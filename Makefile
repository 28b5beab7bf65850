# nex_backup: the server module here, the program in tool/
#
#   make                     both
#   make install             both, into the PostgreSQL that PG_CONFIG names
#   make installcheck        pg_regress against the server of PGHOST, PGPORT, …
#   make demo, check, bench  see scripts/targets.mk

TOP = .
include parts.mk

MODULE_big = nex_backup
EXTENSION = nex_backup
# extension/README.md, "Scripts", says what is in them.
NEWEST := $(shell sed -n 's/.*NEX_BACKUP_VERSION "\(.*\)"/\1/p' common/version.h)
STEP = 0.2.2--$(NEWEST)
OLD_STEPS = 0.1.0--0.2.0 0.2.0--0.2.1 0.2.1--0.2.2
DATA = extension/frozen/nex_backup--0.1.0.sql
DATA_built = $(patsubst %,extension/nex_backup--%.sql,$(OLD_STEPS) $(STEP) $(NEWEST))
PGFILEDESC = "nex_backup - schedules, catalog, status and verification of backups"

OBJS = $(patsubst %.c,%.o,$(wildcard extension/*.c common/*.c))

REGRESS = install record status restore_point privileges verify guards gate

PG_CPPFLAGS = -Iextension -Icommon
# Which headers an object needs is noted beside it; where PGXS notes that itself, that is enough.
PG_CFLAGS = -MMD -MP -ffile-prefix-map=$(CURDIR)=.
EXTRA_CLEAN = $(OBJS:.o=.d)
# timer_create() is in librt before glibc 2.34.
SHLIB_LINK = -lcrypto $(if $(filter linux,$(PORTNAME)),-lrt)
SHLIB_EXPORTS = extension/exports.txt

PG_CONFIG ?= pg_config

# The targets of scripts/targets.mk install PostgreSQL themselves if it is not there, and
# PGXS has a "check" of its own: without PGXS for those.
SELF_CONTAINED = demo check check-style check-lint check-unit check-installcheck check-tap check-guide check-sanitize check-tsan check-versions check-regression-database check-public-schemas check-settings bench format lint cppcheck
ifneq ($(filter-out $(SELF_CONTAINED),$(or $(MAKECMDGOALS),all)),)
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

all: all-tool
install: install-tool
uninstall: uninstall-tool uninstall-link
uninstall-tool uninstall-link uninstall-lib: uninstall-check
clean: clean-tool

.PHONY: uninstall-check uninstall-link

# A server that preloads the library would not start any more; FORCE=1 goes on.
uninstall-check:
	@PG_CONFIG='$(PG_CONFIG)' FORCE='$(FORCE)' scripts/uninstall_check.sh

# The link that the README makes, if it leads to this installation.
uninstall-link:
	@link='$(DESTDIR)/usr/local/bin/nex_backup'; \
	if [ "$$(readlink "$$link")" = "$$($(PG_CONFIG) --bindir)/nex_backup" ]; then rm -f "$$link"; fi

%-tool:
	$(MAKE) -C tool $* PG_CONFIG=$(PG_CONFIG)

-include $(OBJS:.o=.d)

# The bitcode of a source needs the same headers.
$(OBJS:.o=.bc): %.bc: %.o

# CREATE EXTENSION and ALTER EXTENSION UPDATE run a script for each version or step, and all of these begin and end alike.
# A new catalog and a step to this version differ in their tables alone: what can be replaced comes from the same files.
made = $(patsubst %,extension/step/%.sql,begin defaults) $1 extension/step/end.sql
updated = $(patsubst %,extension/step/%.sql,begin lock defaults look) $1 extension/step/end.sql
replaced = $(sort $(wildcard extension/sql/code/*.sql)) $(patsubst %,extension/sql/%.sql,views comments privileges finish)
write = { printf '%s\n' '/* $@, made by make */' '' '-- complain if script is sourced in psql, rather than via $1 EXTENSION' \
	'\echo Use "$1 EXTENSION nex_backup$2" to load this file. \quit' ''; sed $(AGES) $(filter %.sql,$^); } >$@
# common/ages.h, for sed
AGES := $(shell sed -n 's/^.define \([A-Z_]*\) \([0-9][0-9]*\)$$/-e s,@\1@,\2,g/p' common/ages.h)

extension/nex_backup--$(NEWEST).sql: $(call made,extension/sql/schema.sql $(sort $(wildcard extension/sql/tables/*.sql)) $(replaced)) common/ages.h
	$(call write,CREATE)

extension/nex_backup--$(STEP).sql: $(call updated,extension/upgrade/$(STEP).sql $(replaced)) common/ages.h
	$(call write,ALTER, UPDATE)

$(OLD_STEPS:%=extension/nex_backup--%.sql): extension/nex_backup--%.sql: $(call updated,extension/frozen/%.sql)
	$(call write,ALTER, UPDATE)

endif

include scripts/targets.mk

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
DATA = extension/nex_backup--0.1.0.sql
DATA_built = extension/nex_backup--0.1.0--0.2.0.sql extension/nex_backup--0.2.0--0.2.1.sql \
	extension/nex_backup--0.2.1--0.2.2.sql
PGFILEDESC = "nex_backup - schedules, catalogue, status and verification of backups"

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

# A step from version to version is written in parts, one concern each, run in the order of their names.  How it
# begins and ends is the same in each.
parts = extension/$1/00_begin.sql extension/step/begin.sql \
	$(filter-out %/00_begin.sql,$(sort $(wildcard extension/$1/*.sql)))

extension/nex_backup--0.1.0--0.2.0.sql: $(call parts,0.2.0) extension/step/end.sql
	cat $^ >$@

extension/nex_backup--0.2.0--0.2.1.sql: $(call parts,0.2.1) extension/step/end.sql
	cat $^ >$@

# A view that an earlier build of 0.2.1 made otherwise, the entries, and what a step leaves of privileges.
extension/nex_backup--0.2.1--0.2.2.sql: $(call parts,0.2.2) extension/0.2.1/57_progress.sql \
		extension/0.2.1/98_entries.sql extension/0.2.1/99_privileges.sql extension/step/end.sql
	cat $^ >$@

endif

include scripts/targets.mk

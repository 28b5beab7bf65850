# parts.mk
#   What the program nex_backup consists of.  Its makefile, those of the unit tests and of the fuzzers,
#   and "make format lint" all go by these lists, so that none of them links what another has left out.
#   TOP is the way from there to here.

# The floors: folders of tool/, each with what is in it.  A file includes from its own folder and from
# those that come before it here, never from one that comes after it; scripts/check_floors.pl says so.
FLOORS :=
# memory, bytes, times and text; knows no file, server or setting
FLOORS += base
# SQL as text: quoting, building, reading
FLOORS += sql
# this process and its surroundings: log, signals, files of its own, child programs
FLOORS += process
# age, keys, signatures, by OpenSSL alone
FLOORS += crypto
# docs/format.md in C: what manifests and members are, without any repository
FLOORS += format
# the files of a server: their pages, their names, maps of where their bytes are
FLOORS += format/cluster
# where files lie: one table of operations, a directory today
FLOORS += storage
# buckets: requests over HTTP, and all that is the same whoever keeps the bucket
FLOORS += storage/bucket
# what the providers of buckets do differently, and where their keys are
FLOORS += storage/s3
FLOORS += storage/azure
FLOORS += storage/google
# a directory on an SFTP server
FLOORS += storage/sftp
# reading a bucket with few requests: what a listing has said, and what was read before
FLOORS += storage/look
# options and where their values come from
FLOORS += settings
# which kind of storage a location is, and how it is reached
FLOORS += storage/open
# servers: connections, and the client programs of PostgreSQL
FLOORS += postgres
# a server of our own, on files of ours
FLOORS += private_server
# keys and passphrases of this run
FLOORS += keys
# which backups a repository has: opening, locks, manifests, retention
FLOORS += repository
# objects and members of a backup, read
FLOORS += repository/read
# what backups consist of: objects and members, written, read and verified; one that is being made
FLOORS += repository/objects
# which server the backups of a label are of
FLOORS += repository/server
# several places of one repository: copying backups from one to another, and mending
FLOORS += repository/copies
# WAL of servers: stored, and given back to one that recovers
FLOORS += wal
# what base backups and WAL reach together, and which of it expires
FLOORS += wal/window
# the server that is backed up: locks, snapshot, schema, settings
FLOORS += backup/source
# what is copied out of it: tables in chunks, large objects, sequences
FLOORS += backup/rows
# one backup from the first look to the manifest
FLOORS += backup
# base backups: all files of a server
FLOORS += cluster
# and what is made of them: a data directory, recovered to a moment
FLOORS += cluster/recovery
# what a restore is to do, which all of its steps know
FLOORS += restore/plan
# what pg_dump wrote, and pg_restore makes of it
FLOORS += restore/archive
# which part of a backup is meant
FLOORS += restore/selection
# databases: created, taken, marked, swapped, left behind
FLOORS += restore/target
# all that is not rows, by pg_restore or entry by entry
FLOORS += restore/schema
# rows into one table: as text, or in COPY's binary format
FLOORS += restore/rows
# whose code the live database runs, as its catalogs have it
FLOORS += restore/code
# what of a part means something else there now
FLOORS += restore/live
# who makes and fills what: owners' and authors' turns
FLOORS += restore/turns
# a part into a database that exists, in one transaction
FLOORS += restore/part
# one restore from the first look to the swap; all rows, by many connections
FLOORS += restore
# a database as it was at a moment: a backup of it, by way of a private server
FLOORS += moment
# roles and tablespaces, there and back
FLOORS += globals
# sets of configuration files, there and back
FLOORS += files
# messages about runs
FLOORS += notify
# what a run tells the catalogue and the log
FLOORS += report
# what is wrong with an installation: findings, for whoever asks
FLOORS += report/doctor
# runs of the catalogue's queue
FLOORS += agent
# what commands print, and how
FLOORS += cli/print
# restoring a whole cluster, which the command "restore" does, too
FLOORS += cli/cluster
# restoring one database, of a backup or at a moment, which the command "restore" does, too
FLOORS += cli/restore
# a source for each command
FLOORS += cli/commands
# those of them that have two places of a repository to do with
FLOORS += cli/places
# the one that a server calls, for its WAL
FLOORS += cli/wal
# the beginning, the table of commands and help
FLOORS += cli

# common/ is the ground, for the server module, too.
FOLDERS = common $(addprefix tool/,$(FLOORS))

# From the top; and their objects, which are of the program alone: the module compiles common/ by itself.
PART_SOURCES = $(patsubst $(TOP)/%,%,$(foreach folder,$(FOLDERS),$(wildcard $(TOP)/$(folder)/*.c)))
# The last of them is compiled from what tool/Makefile makes of the texts in tool/cli/help.
PART_OBJS    = $(patsubst %.c,$(TOP)/build/%.o,$(PART_SOURCES)) $(TOP)/build/tool/cli/help_texts.o

# Tests bring a main() of their own.
TESTED_SOURCES = $(filter-out tool/cli/main.c,$(PART_SOURCES))
TESTED_OBJS    = $(filter-out $(TOP)/build/tool/cli/main.o,$(PART_OBJS))

# -iquote, not -I: base/memory.h must not stand in for the system's <memory.h>.
PART_INCLUDES = $(addprefix -iquote $(TOP)/,$(FOLDERS))

# Besides libpq.
PART_LIBS = -lzstd -ldeflate -lcrypto -ljansson -lyaml -lcurl -lexpat -lpthread

/*-------------------------------------------------------------------------
 *
 * cluster_options.h
 *	  The options of base backups and of "restore --cluster": rows of the
 *	  table in options_table.c, which has become too long for one file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CLUSTER_OPTIONS_H
#define NEX_CLUSTER_OPTIONS_H

#define CLUSTER_OPTIONS                                                                            \
	{.name = "checkpoint",                                                                         \
	 .type = OPTION_CHOICE,                                                                        \
	 AT(cluster, checkpoint),                                                                      \
	 .choices = "spread fast",                                                                     \
	 .fallback = "spread",                                                                         \
	 .metavar = "HOW",                                                                             \
	 .help = "how the server's checkpoint at the beginning is made: spread over some minutes, or " \
			 "fast"},                                                                              \
		{.name = "rate",                                                                           \
		 .type = OPTION_INTEGER,                                                                   \
		 AT(cluster, rate),                                                                        \
		 .min = 0,                                                                                 \
		 .max = 1000000,                                                                           \
		 .fallback = "0",                                                                          \
		 .metavar = "MB",                                                                          \
		 .help =                                                                                   \
			 "read at most MB megabytes of the server's files a second; 0: as fast as possible"},  \
		{.name = "archive-wait",                                                                   \
		 .type = OPTION_DURATION,                                                                  \
		 AT(cluster, archive_wait),                                                                \
		 .min = 1,                                                                                 \
		 .max = 7L * 86400,                                                                        \
		 .fallback = "15min",                                                                      \
		 .metavar = "TIME",                                                                        \
		 .help = "fail if the server has not archived the WAL of the backup within TIME after "    \
				 "its end"},                                                                       \
		{.name = "cluster",                                                                        \
		 .type = OPTION_FLAG,                                                                      \
		 AT(cluster, cluster),                                                                     \
		 .help = "restore a whole cluster, from a base backup and archived WAL, to a moment"},     \
		{.name = "data-dir",                                                                       \
		 .letter = 'D',                                                                            \
		 .type = OPTION_TEXT,                                                                      \
		 AT(cluster, data_dir),                                                                    \
		 .check = check_path,                                                                      \
		 .metavar = "DIR",                                                                         \
		 .help =                                                                                   \
			 "with --cluster: the data directory to make; it must be empty, or not there yet"},    \
		{.name = "target-time",                                                                    \
		 .type = OPTION_TEXT,                                                                      \
		 AT(cluster, target_time),                                                                 \
		 .check = check_time,                                                                      \
		 .metavar = "TIME",                                                                        \
		 .help = "stop behind the last transaction that was committed until TIME: "                \
				 "\"2026-11-23 12:00:00+01\"; without an offset it is UTC"},                       \
		{.name = "target-lsn",                                                                     \
		 .type = OPTION_TEXT,                                                                      \
		 AT(cluster, target_lsn),                                                                  \
		 .check = check_lsn,                                                                       \
		 .metavar = "LSN",                                                                         \
		 .help = "stop at this position of the WAL: 1F/A0000028"},                                 \
		{.name = "target-xid",                                                                     \
		 .type = OPTION_TEXT,                                                                      \
		 AT(cluster, target_xid),                                                                  \
		 .check = check_xid,                                                                       \
		 .metavar = "XID",                                                                         \
		 .help = "stop behind the end of this transaction"},                                       \
		{.name = "target-name",                                                                    \
		 .type = OPTION_TEXT,                                                                      \
		 AT(cluster, target_name),                                                                 \
		 .metavar = "NAME",                                                                        \
		 .help = "stop at the restore point of this name "                                         \
				 "(pg_create_restore_point())"},                                                   \
		{.name = "target",                                                                         \
		 .type = OPTION_CHOICE,                                                                    \
		 AT(cluster, target),                                                                      \
		 .choices = "end immediate",                                                               \
		 .fallback = "end",                                                                        \
		 .metavar = "WHERE",                                                                       \
		 .help = "with none of the four options above: the end of the archived "                   \
				 "WAL, or "                                                                        \
				 "immediate: as soon as the base backup is consistent"},                           \
		{.name = "exclusive",                                                                      \
		 .type = OPTION_FLAG,                                                                      \
		 AT(cluster, exclusive),                                                                   \
		 .help =                                                                                   \
			 "with --target-time, --target-lsn, --target-xid: stop before the target, not behind " \
			 "it"},                                                                                \
		{.name = "timeline",                                                                       \
		 .type = OPTION_TEXT,                                                                      \
		 AT(cluster, timeline),                                                                    \
		 .check = check_xid,                                                                       \
		 .fallback_note = "the newest that can be reached",                                        \
		 .metavar = "N",                                                                           \
		 .help = "recover along this timeline"},                                                   \
		{.name = "action",                                                                         \
		 .type = OPTION_CHOICE,                                                                    \
		 AT(cluster, action),                                                                      \
		 .choices = "pause promote shutdown",                                                      \
		 .fallback = "pause",                                                                      \
		 .metavar = "ACTION",                                                                      \
		 .help =                                                                                   \
			 "with --cluster: what the server does at the target: pause, so that you can look, "   \
			 "promote, or shutdown"},                                                              \
		{.name = "base",                                                                           \
		 .type = OPTION_TEXT,                                                                      \
		 AT(cluster, base),                                                                        \
		 .fallback_note = "the one that fits",                                                     \
		 .metavar = "[SYSTEM/]ID",                                                                 \
		 .help =                                                                                   \
			 "of a database at a moment: recover from this base backup, or one of this system; "   \
			 "without a target to the end of the archived WAL"},                                   \
		{.name = "work-dir",                                                                       \
		 .type = OPTION_TEXT,                                                                      \
		 AT(cluster, work_dir),                                                                    \
		 .check = check_path,                                                                      \
		 .fallback_note = "TMPDIR, or /var/tmp",                                                   \
		 .metavar = "DIR",                                                                         \
		 .help =                                                                                   \
			 "of a database at a moment: make the private server here, which takes as much space " \
			 "as the whole cluster, and is removed again"},

#endif /* NEX_CLUSTER_OPTIONS_H */

/*-------------------------------------------------------------------------
 *
 * code_walk.h
 *	  SQL: one step from an object of a database to what it runs.
 *
 * Backups ask what planning a query over a table runs, and restores what an
 * object of the live database runs (restore/code/code_owners.h says more).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CODE_WALK_H
#define NEX_CODE_WALK_H

/*
 * Of a row `t` with the columns class and object, a subquery of the same
 * columns: what it runs, or what has to do with that.  The planner takes the
 * negator or the commutator instead of an operator; rows are compared, and sorted,
 * by the functions of the families that an operator is in; and to_jsonb(), among
 * others, looks for a cast of a type when it runs.  No dependency says so.  Of the
 * casts, those between types of superusers and the session count: in others their
 * owners can put whatever they like, so that these types count themselves.  A body
 * that the server has parsed (BEGIN ATOMIC) can read a view, and that another one:
 * what their queries call runs as whoever reads them.
 */
#define CODE_NEXT                                                                                  \
	"SELECT refclassid AS class, refobjid AS object FROM pg_catalog.pg_depend"                     \
	"  WHERE classid = t.class AND objid = t.object AND refobjid >= 12000"                         \
	"  AND (refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass,"                             \
	"    'pg_catalog.pg_type'::pg_catalog.regclass,"                                               \
	"    'pg_catalog.pg_operator'::pg_catalog.regclass,"                                           \
	"    'pg_catalog.pg_opclass'::pg_catalog.regclass,"                                            \
	"    'pg_catalog.pg_opfamily'::pg_catalog.regclass)"                                           \
	"   OR (refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"                               \
	"    AND t.class = 'pg_catalog.pg_type'::pg_catalog.regclass))"                                \
	" UNION ALL SELECT classid, objid FROM pg_catalog.pg_depend"                                   \
	"  WHERE refclassid = t.class AND refobjid = t.object AND deptype IN ('a', 'i')"               \
	"  AND t.class = 'pg_catalog.pg_type'::pg_catalog.regclass"                                    \
	"  AND classid IN ('pg_catalog.pg_constraint'::pg_catalog.regclass,"                           \
	"   'pg_catalog.pg_class'::pg_catalog.regclass)"                                               \
	" UNION ALL SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid"                        \
	"  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.refobjid"               \
	"   AND c.relkind = 'v' AND c.oid >= 16384"                                                    \
	"  JOIN pg_catalog.pg_rewrite w ON w.ev_class = c.oid AND w.ev_type = '1'"                     \
	"  WHERE d.classid = t.class AND d.objid = t.object"                                           \
	"  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"                              \
	"  AND t.class IN ('pg_catalog.pg_rewrite'::pg_catalog.regclass,"                              \
	"   'pg_catalog.pg_proc'::pg_catalog.regclass)"                                                \
	" UNION ALL SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, o.oid"                        \
	"  FROM pg_catalog.pg_opclass o WHERE o.opcintype = t.object AND t.object >= 12000"            \
	"  AND t.class = 'pg_catalog.pg_type'::pg_catalog.regclass"                                    \
	" UNION ALL SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, o.opcfamily"                 \
	"  FROM pg_catalog.pg_opclass o WHERE o.oid = t.object AND o.opcfamily >= 12000"               \
	"  AND t.class = 'pg_catalog.pg_opclass'::pg_catalog.regclass"                                 \
	" UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.amproc::pg_catalog.oid"        \
	"  FROM pg_catalog.pg_amproc p WHERE p.amprocfamily = t.object"                                \
	"  AND t.class = 'pg_catalog.pg_opfamily'::pg_catalog.regclass"                                \
	" UNION ALL SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, p.amopopr"                   \
	"  FROM pg_catalog.pg_amop p WHERE p.amopfamily = t.object"                                    \
	"  AND t.class = 'pg_catalog.pg_opfamily'::pg_catalog.regclass"                                \
	" UNION ALL SELECT t.class, l.link FROM pg_catalog.pg_operator o,"                             \
	"  LATERAL (VALUES (o.oprnegate), (o.oprcom)) l (link)"                                        \
	"  WHERE o.oid = t.object AND l.link >= 12000"                                                 \
	"  AND t.class = 'pg_catalog.pg_operator'::pg_catalog.regclass"                                \
	" UNION ALL SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, p.amopfamily"                \
	"  FROM pg_catalog.pg_amop p WHERE p.amopopr = t.object AND t.object >= 12000"                 \
	"  AND t.class = 'pg_catalog.pg_operator'::pg_catalog.regclass"                                \
	" UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, k.castfunc"                      \
	"  FROM pg_catalog.pg_cast k JOIN pg_catalog.pg_type x ON x.oid = k.castsource"                \
	"  JOIN pg_catalog.pg_type y ON y.oid = k.casttarget"                                          \
	"  WHERE t.object IN (k.castsource, k.casttarget) AND k.castfunc >= 12000"                     \
	"  AND t.class = 'pg_catalog.pg_type'::pg_catalog.regclass AND NOT EXISTS ("                   \
	"   SELECT FROM pg_catalog.pg_roles r WHERE r.oid IN (x.typowner, y.typowner)"                 \
	"   AND NOT (r.rolsuper OR r.rolname = SESSION_USER))"

/*
 * Functions of users (alias f) that PostgreSQL's own functions call on its own
 * types, without any dependency: array_eq() looks for the default operator
 * class of the elements when it runs, and types such as json have none unless a
 * user makes one.  Only those of btree and hash are looked for so.
 */
#define CODE_OF_DEFAULT_CLASSES                                                                    \
	"(SELECT k.opcfamily AS family FROM pg_catalog.pg_opclass k"                                   \
	"   WHERE k.oid >= 12000 AND k.opcdefault AND k.opcintype < 12000 AND k.opcmethod IN (403, "   \
	"405)"                                                                                         \
	"  UNION SELECT m.oid FROM pg_catalog.pg_opfamily m"                                           \
	"   WHERE m.oid < 12000 AND m.opfmethod IN (403, 405)) defaults,"                              \
	" LATERAL (SELECT p.amproc::pg_catalog.oid AS function FROM pg_catalog.pg_amproc p"            \
	"   WHERE p.amprocfamily = defaults.family"                                                    \
	"  UNION ALL SELECT o.oprcode::pg_catalog.oid FROM pg_catalog.pg_amop p"                       \
	"   JOIN pg_catalog.pg_operator o ON o.oid = p.amopopr"                                        \
	"   WHERE p.amopfamily = defaults.family) members"                                             \
	" JOIN pg_catalog.pg_proc f ON f.oid = members.function AND f.oid >= 12000"

#endif /* NEX_CODE_WALK_H */

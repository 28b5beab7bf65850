/*-------------------------------------------------------------------------
 *
 * role_powers.h
 *	  What a role can do that others cannot, in words.
 *
 * A backup notes it of the roles that have settings in the database, and a
 * restore compares: so both must ask for it in the same words.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ROLE_POWERS_H
#define NEX_ROLE_POWERS_H

/* One attribute as a word, or NULL; r is a row of pg_roles. */
#define SQL_ROLE_POWER(column, word) "(CASE WHEN r." column " THEN '" word "' END)"

/*
 * A subquery: attributes and predefined roles of the role with this OID and of
 * those that it is a member of, as "SUPERUSER, pg_monitor"; NULL if there are none.
 */
#define SQL_ROLE_POWERS(oid)                                                                       \
	"(WITH RECURSIVE reached AS (SELECT " oid "::pg_catalog.oid AS role"                           \
	"  UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN reached"                       \
	"   ON m.member = reached.role)"                                                               \
	" SELECT pg_catalog.string_agg(DISTINCT w.word, ', ')"                                         \
	" FROM reached JOIN pg_catalog.pg_roles r ON r.oid = reached.role,"                            \
	" LATERAL (VALUES " SQL_ROLE_POWER("rolsuper", "SUPERUSER") ", " SQL_ROLE_POWER(               \
		"rolcreaterole",                                                                           \
		"CREATEROLE") ", " SQL_ROLE_POWER("rolreplication",                                        \
										  "REPLICATION") ", " SQL_ROLE_POWER("rolbypassrls",       \
																			 "BYPASSRLS") ", "     \
																						  "(CASE " \
																						  "WHEN "  \
																						  "r."     \
																						  "rolnam" \
																						  "e "     \
																						  "LIKE "  \
																						  "'pg\\_" \
																						  "%' "    \
																						  "THEN "  \
																						  "r."     \
																						  "rolnam" \
																						  "e::pg_" \
																						  "catalo" \
																						  "g."     \
																						  "text "  \
																						  "END)) " \
																						  "w("     \
																						  "word))"

#endif /* NEX_ROLE_POWERS_H */

/*-------------------------------------------------------------------------
 *
 * option_checks.h
 *	  Saying what a good value of an option is: a sentence, or NULL if the
 *	  value is good.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OPTION_CHECKS_H
#define NEX_OPTION_CHECKS_H

extern const char *check_tag(const char *text);
extern const char *check_set_name(const char *text);
extern const char *check_memory(const char *text);
extern const char *check_cipher(const char *text);
extern const char *check_descriptor(const char *text);
extern const char *check_to(const char *text);
extern const char *check_kind(const char *text);
extern const char *check_time(const char *text);
extern const char *check_lsn(const char *text);
extern const char *check_xid(const char *text);
extern const char *check_mapping(const char *text);
extern const char *check_path(const char *text);
extern const char *check_known_hosts(const char *text);
extern const char *check_address(const char *text);
extern const char *check_addresses(const char *text);
extern const char *check_server(const char *text);
extern const char *check_user(const char *text);
extern const char *check_pattern(const char *text);
extern const char *check_events(const char *text);
extern const char *check_location(const char *text);
extern const char *check_endpoint(const char *text);
extern const char *check_region(const char *text);
extern const char *check_proxy(const char *text);

#endif /* NEX_OPTION_CHECKS_H */

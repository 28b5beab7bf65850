/*-------------------------------------------------------------------------
 *
 * notify_mail.h
 *	  The text of a mail, apart from its sending, so that it can be tested.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NOTIFY_MAIL_H
#define NEX_NOTIFY_MAIL_H

#include <jansson.h>

#include "buffer.h"

typedef struct Settings Settings;

/* Headers and body with CRLF; dots are libcurl's. */
extern void mail_compose(Buffer *out, const Settings *settings, const json_t *message);

/* A Subject header: control characters escaped, encoded where it is not ASCII. */
extern void mail_append_subject(Buffer *out, const char *subject);

#endif /* NEX_NOTIFY_MAIL_H */

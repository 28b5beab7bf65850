/*-------------------------------------------------------------------------
 *
 * doctor_checks.c
 *	  What the checks of an installation share.
 *
 *-------------------------------------------------------------------------
 */
#include "doctor_checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"

void
doctor_say(Doctor *doctor, CheckStatus status, const char *check, const char *hint,
		   const char *format, ...)
{
	Finding finding = {.status = status, .check = check, .hint = hint};
	va_list arguments;
	char *detail = NULL;

	va_start(arguments, format);
	if (vasprintf(&detail, format, arguments) < 0)
		detail = xstrdup("");
	va_end(arguments);
	finding.detail = detail;
	doctor->result->warnings += status == CHECK_WARNING;
	doctor->result->critical += status == CHECK_CRITICAL;
	doctor->request->found(&finding, doctor->request->argument);
	free(detail);
}

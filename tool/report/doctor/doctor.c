/*-------------------------------------------------------------------------
 *
 * doctor.c
 *	  All checks of an installation, one after the other.
 *
 *-------------------------------------------------------------------------
 */
#include "doctor.h"

#include <string.h>

#include "doctor_checks.h"
#include "doctor_leftovers.h"
#include "doctor_notify.h"
#include "doctor_repository.h"
#include "doctor_server.h"

void
doctor_run(const DoctorRequest *request, DoctorResult *result)
{
	Doctor doctor = {.request = request,
					 .settings = request->settings,
					 .repository = request->repository,
					 .fix = request->fix,
					 .result = result};

	memset(result, 0, sizeof(*result));
	if (doctor.repository != NULL)
		doctor_check_repository(&doctor);
	else
		doctor_say(&doctor, CHECK_CRITICAL, "repository", NULL, "could not be opened");
	doctor_check_temporary_files(&doctor);
	doctor_check_server(&doctor);
	doctor_check_notify(&doctor);
}

/*-------------------------------------------------------------------------
 *
 * cli_doctor.c
 *	  nex_backup doctor
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>

#include "command.h"
#include "command_settings.h"
#include "doctor.h"
#include "general_settings.h"
#include "log.h"
#include "output.h"
#include "repository_view.h"
#include "settings.h"

/* Show a finding when it comes; with --json they are shown in the end. */
static void
show(const Finding *finding, void *checks)
{
	const char *status = check_status_name(finding->status);

	if (checks != NULL)
	{
		json_array_append_new(checks,
							  json_pack("{s:o, s:s, s:o, s:o}", "name", json_text(finding->check),
										"status", status, "detail", json_text(finding->detail),
										"hint", json_text(finding->hint)));
		return;
	}
	show_text("%-9s %-15s %s\n", status, finding->check, finding->detail);
	if (finding->hint != NULL)
		show_text("%-9s %-15s -> %s\n", "", "", finding->hint);
	fflush(stdout);
}

static bool
run_doctor(const Settings *settings)
{
	json_t *checks = settings->general->json ? json_array() : NULL;
	Repository *repository = open_repository(settings);
	const DoctorRequest request = {.settings = settings,
								   .repository = repository,
								   .fix = settings->command->fix,
								   .found = show,
								   .argument = checks};
	DoctorResult result;
	CheckStatus status;

	doctor_run(&request, &result);
	status = result.critical > 0 ? CHECK_CRITICAL : result.warnings > 0 ? CHECK_WARNING : CHECK_OK;
	if (checks != NULL)
		output_json(json_pack("{s:s, s:i, s:i, s:o}", "status", check_status_name(status),
							  "warnings", result.warnings, "critical", result.critical, "checks",
							  checks));
	if (repository != NULL)
		repository_close(repository);
	if (result.critical == 0)
		return true;
	return report_error(result.damage ? EXIT_INTEGRITY : EXIT_FAILED, NULL, NULL,
						"%d critical %s found", result.critical,
						result.critical == 1 ? "problem was" : "problems were");
}

const Command command_doctor = {
	.name = "doctor",
	.summary = "find what is wrong, and say what to do",
	.arguments = "",
	.min_arguments = 0,
	.max_arguments = 0,
	.options = "fix no-server work-dir dbname host port username no-password password",
	.per_call = "fix no-server",
	.run = run_doctor,
};

/*-------------------------------------------------------------------------
 *
 * job_run.h
 *	  Are we a run of the scheduler?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_JOB_RUN_H
#define NEX_JOB_RUN_H

/*
 * The run in the catalog that an executor started us for, as its number;
 * NULL if none did.  What such a run writes to stdout and stderr goes into the
 * catalog.
 */
extern const char *job_run(void);

#endif /* NEX_JOB_RUN_H */

/*-------------------------------------------------------------------------
 *
 * other_places.h
 *	  Several places of one repository, to read from.
 *
 * A command that only reads takes each file from where it is good: an object
 * says by its name, and a manifest by its seal and signature, whether it is.  So
 * this is a matter of whoever reads a file and can tell, and not of a Storage,
 * which cannot.  A backup has its home in the first place with a good manifest
 * of it, since each place has its own retention: what another one lacks, it need
 * not have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OTHER_PLACES_H
#define NEX_OTHER_PLACES_H

#include "repository_state.h"

/* From now on, read from this place of it as well, which is taken over, and locked and closed with
 * it. */
extern void repository_add_place(Repository *repository, Repository *other);

/* Are there others? */
extern bool repository_has_others(const Repository *repository);

/*
 * The n-th place to look in for what belongs to the home of that position: first
 * the home itself, then the others in their order.  NULL: no more.
 */
extern Repository *repository_place(Repository *repository, int home, int n);

/*
 * Is this place still asked?  One of several that could not be reached is not, as each try takes
 * minutes.
 */
extern bool place_is_asked(const Repository *place);
extern void place_note_result(Repository *place, const StoreResult *result);

/* The same of its lock; true (a warning) if it is not asked then, as another one may have all. */
extern bool place_left_out(Repository *place, const StoreResult *result);

/*
 * Say that a file of a place is not good, and was read from another one: of each
 * file once, of the first few by name.  From any thread.
 */
extern void place_say_passed_over(Repository *repository, const Repository *place, const char *path,
								  const char *problem, const Repository *taken);

/* How many files were passed over until now. */
extern unsigned places_passed_over(const Repository *repository);

/* Say how many there were in all, and let go of what is known of the others; the rest is closed by
 * repository_close(). */
extern void other_places_free(Repository *repository);

#endif /* NEX_OTHER_PLACES_H */

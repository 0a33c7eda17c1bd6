/*
 * leftovers.h - what processes that were killed left behind: all of it that can
 * be told, and nothing else.
 *
 * Each thing is judged under its own lock, so that what a call is working on is
 * passed over. A disk, stemcell or snapshot that was made is never a leftover,
 * and neither is a VM that create_vm got through with, unless delete_vm had
 * removed its domain already. What may be an operator's is left alone.
 */
#ifndef CPI_LEFTOVERS_H
#define CPI_LEFTOVERS_H

#include "cpi/cpi.h"

/* What a lock is that nobody needs, which does no harm. */
#define LEFTOVER_LOCK "the lock of something that is gone"

/*
 * Finds them, and removes them if wished: [{"what", "where"}, ...], a kind in
 * words and a path or name. Owned by the caller, NULL on failure. One that
 * cannot be removed is a note in the log, and the others are removed. Where no
 * store was laid out there are none.
 */
cJSON *leftovers_find(struct cpi *cpi, bool remove, struct error *err);

#endif

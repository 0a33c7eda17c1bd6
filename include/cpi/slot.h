/*
 * slot.h - turns at heavy work: what reads and writes a whole image (qemu-img's
 * copies, a stemcell's unpacking, a live disk's copy).
 *
 * There are max_parallel of them on the host, over all processes, each a lock in
 * the store. The kernel frees that of a killed process when its last child has
 * ended. Whoever has a slot waits for no other lock, and takes none twice: so
 * nobody waits for ever.
 */
#ifndef CPI_SLOT_H
#define CPI_SLOT_H

#include "cpi/host.h"

/*
 * Takes one of the host's slots and waits for it as long as all are taken, which
 * the log tells. Without host->slots, or where no store was laid out, there is
 * nothing to wait for, and the lock is not held. Fails when we are asked to stop.
 */
int slot_take(const struct host *host, struct lock *slot, struct error *err);

#endif

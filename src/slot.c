#include "cpi/slot.h"

#include "cpi/host_ops.h"

enum { FIRST_WAIT_MS = 10, LONGEST_WAIT_MS = 250 };

/* 1: taken, 0: all are taken, LOCK_NO_DIRECTORY, -1: failed. */
static int try_each(const struct host *host, struct lock *slot, struct error *err)
{
    static const struct lock_wish wish = { .mode = LOCK_EXCLUSIVE };
    const struct host_ops *ops = host->remote ? &host_remote : &host_local;

    for (int i = 0; i < host->slots; i++) {
        cleanup_free char *path = xasprintf("%s-%d", host->slot_path, i);
        int taken = ops->lock(host, path, wish, slot, err);
        if (taken)
            return taken;
    }
    return 0;
}

int slot_take(const struct host *host, struct lock *slot, struct error *err)
{
    const long long began = clock_ms();
    long wait = FIRST_WAIT_MS;
    bool told = false;

    for (;;) {
        int taken = host->slots ? try_each(host, slot, err) : 1;
        if (taken && told)
            log_note(host->log,
                     "waited %.1f seconds for one of %d places for heavy work (max_parallel)",
                     (double)(clock_ms() - began) / 1000, host->slots);
        if (taken)
            return taken < 0 ? -1 : 0;
        if (command_interrupted())
            return fail(err, ERROR_CLOUD,
                        "this call was asked to end while it waited for one of %d places for heavy "
                        "work (max_parallel)",
                        host->slots);
        if (!told)
            log_event(host->log, "waiting for one of %d places for heavy work (max_parallel)",
                      host->slots);
        told = true;
        pause_ms(wait);
        wait = wait < LONGEST_WAIT_MS / 2 ? wait * 2 : LONGEST_WAIT_MS;
    }
}

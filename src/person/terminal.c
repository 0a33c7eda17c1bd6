#include "cpi/terminal.h"

#include "cpi/domain.h"

#include <string.h>

/* One look takes that long, for a terminal has no end; a fresh one is needed to see that the VM
 * is gone. */
#define LOOK_S "1"

enum { TIMED_OUT = 124 }; /* timeout(1) */

/* The terminal's file on the host. 1: *path is it (owned by the caller), 0: it does not run. */
static int find(struct cpi *cpi, const char *vm, char **path, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "ttyconsole", vm);
    if (virsh_play(&cpi->virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (!reply.ok) {
        int active = domain_is_active(&cpi->virsh, vm, err);
        return active > 0
                   ? virsh_fail(&reply, err, "libvirt does not tell the console of VM '%s'", vm)
                   : active;
    }
    if (reply.out[0][0] != '/')
        return fail(err, ERROR_CLOUD, "VM '%s' has no terminal as its console", vm);
    *path = xstrndup(reply.out[0], strcspn(reply.out[0], " \n"));
    return 1;
}

/* Guests do print NULs. */
static void drop_nuls(char *text, size_t length)
{
    size_t kept = 0;

    for (size_t i = 0; i < length; i++)
        if (text[i])
            text[kept++] = text[i];
    text[kept] = '\0';
}

int terminal_read(struct cpi *cpi, const char *vm, char **text, struct error *err)
{
    cleanup_free char *path = NULL;
    cleanup_outcome struct outcome outcome = { 0 };
    int found = find(cpi, vm, &path, err);

    if (found <= 0)
        return found;
    const struct command command = { .argv = ARGV("timeout", LOOK_S, "cat", path) };
    if (host_run(&cpi->host, &command, &outcome, err) < 0)
        return -1;
    /* cat fails when the container ends; then there is none the next time. */
    if (outcome.status != TIMED_OUT && outcome.status != 0 && outcome.out_length == 0 &&
        domain_is_active(&cpi->virsh, vm, err) > 0)
        return fail(err, ERROR_CLOUD, "cannot read '%s', the console of VM '%s': %s", path, vm,
                    outcome.err);
    drop_nuls(outcome.out, outcome.out_length);
    *text = steal_pointer(&outcome.out);
    return err->message ? -1 : 1;
}

#include "cpi/access.h"

#include <string.h>
#include <unistd.h>

static const char *const who[] = { "id", "-u", NULL };

/* The number of cpi's user on the host, NULL when it is root or not known. Owned by the caller. */
static char *user_there(const struct host *host)
{
    if (!host->remote)
        return geteuid() ? xasprintf("%u", (unsigned)geteuid()) : NULL;

    cleanup_outcome struct outcome outcome = { 0 };
    cleanup_error struct error ignored = { 0 };
    struct command command = { .argv = who };

    if (host_run(host, &command, &outcome, &ignored) < 0 || outcome.status != 0)
        return NULL;
    size_t length = strspn(outcome.out, "0123456789");
    if (!length || strncmp(outcome.out, "0\n", 2) == 0)
        return NULL;
    return xstrndup(outcome.out, length);
}

void access_foresee(const struct host *host)
{
    struct command command = { .argv = who };

    host_foresee_run(host, &command);
}

void access_keep(const struct host *host, const char *path)
{
    cleanup_free char *user = user_there(host);

    if (!user)
        return;
    cleanup_free char *entry = xasprintf("u:%s:rw", user);
    cleanup_free char *what = xasprintf("an access control entry for '%s'", path);
    struct command command = { .argv = ARGV("setfacl", "-m", entry, path) };
    host_attempt(host, &command, what);
}

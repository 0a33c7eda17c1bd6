#include "cpi/remote.h"

#include <stdlib.h>
#include <string.h>

char *remote_quote(const char *word)
{
    return command_quote(ARGV(word));
}

char *remote_reason(const struct session_answer *answer)
{
    cleanup_free char *copy = xstrdup(answer->outcome.err);
    cleanup_free char **lines = split_lines(copy);
    size_t count = strings_count(lines);

    if (count == 0)
        return xasprintf("it failed with status %d", answer->outcome.status);
    char *reason = lines[count - 1];
    for (char *colon; (colon = strstr(reason, ": "));)
        reason = colon + 2;
    return xstrdup(reason);
}

int remote_fail(const struct remote_question *question, const struct session_answer *answer,
                struct error *err)
{
    cleanup_free char *reason = remote_reason(answer);
    const bool full = strstr(reason, "No space left") || strstr(reason, "Disk quota exceeded");

    return fail(err, full ? ERROR_NO_DISK_SPACE : ERROR_CLOUD, "cannot %s '%s': %s", question->what,
                question->path, reason);
}

int remote_ask(const struct host *host, const struct remote_question *question,
               struct session_answer *answer, struct error *err)
{
    struct remote *remote = host->remote;
    cleanup_free char *what = xasprintf("%s '%s'", question->what, question->path);
    /* Not for long: the connection may have to be made first, which drops it. */
    const struct session_question asked = {
        .what = what,
        .script = question->script,
        .mode = question->input ? SESSION_FEED : SESSION_HERE,
        .input = question->input ? question->input->data : NULL,
        .input_length = question->input ? question->input->length : 0,
        .before = &remote->pending,
        .timeout_s = host->command_timeout,
    };

    return session_ask(&remote->session, &asked, answer, err);
}

static void explain(void *state, const char *said, struct error *err)
{
    const struct remote *remote = state;

    ssh_explain(&remote->ssh, said, err);
}

/* A new shell knows nothing of the old one's locks. */
static int opened(void *state, struct error *err)
{
    struct remote *remote = state;
    const bool first = !remote->connected;

    util_freep(&remote->pending);
    remote->pending = NULL;
    remote->connected = true;
    if (first)
        return remote->first ? remote->first(remote->state, err) : 0;
    return remote_take_again(remote, err);
}

int remote_init(struct remote *remote, struct host *host, const struct ssh_target *target,
                struct error *err)
{
    *remote = (struct remote){ .ssh = SSH_NONE, .host = host };
    if (ssh_init(&remote->ssh, target, host->log, err) < 0)
        return -1;
    cleanup_free char *line = command_quote(ARGV("exec", "/bin/sh", "-c", session_loop));
    remote->session = (struct session){ .log = host->log,
                                        .host = target->host,
                                        .argv = ssh_argv(&remote->ssh, line),
                                        /* ssh's own limit is for each connection that it makes. */
                                        .connect_s = 2 * target->connect_timeout + 5,
                                        .explain = explain,
                                        .opened = opened,
                                        .state = remote };
    host->remote = remote;
    return 0;
}

static void send_pending(struct remote *remote)
{
    const struct remote_question question = { .what = "let go of locks in",
                                              .path = "store_dir",
                                              .script = ":" };
    cleanup_answer struct session_answer answer = { 0 };
    cleanup_error struct error ignored = { 0 };

    if (remote->session.open && remote->pending && remote->must_send)
        remote_ask(remote->host, &question, &answer, &ignored);
}

void remote_release(struct remote *remote)
{
    send_pending(remote);
    session_release(&remote->session);
    ssh_release(&remote->ssh);
    for (size_t i = 0; i < REMOTE_LOCKS; i++)
        free(remote->locks[i].path);
    free(remote->pending);
}

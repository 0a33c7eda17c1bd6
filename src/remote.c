#include "cpi/remote.h"

#include <stdlib.h>
#include <string.h>

char *remote_quote(const char *word)
{
    return command_quote(ARGV(word));
}

/* Some file systems cannot do that, and who may not read the directory cannot ask for it. */
char *remote_sync_script(const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *above = xstrndup(path, slash > path ? (size_t)(slash - path) : 1);
    cleanup_free char *name = remote_quote(above);

    return xasprintf("{ [ ! -r %s ] || e=$(sync -- %s 2>&1) || case $e in *'Invalid argument') ;; "
                     "*) echo \"$e\" >&2; false ;; esac; }",
                     name, name);
}

/* Marks and claims are files, which should not come back. A tree has lost its name before. */
char *remote_remove_script(const char *path)
{
    cleanup_free char *name = remote_quote(path), *synced = remote_sync_script(path);

    return xasprintf("d=; [ ! -d %s ] || [ -L %s ] || d=1; rm -rf -- %s && { [ $d ] || %s; }", name,
                     name, name, synced);
}

char *remote_reason(const struct outcome *outcome)
{
    cleanup_free char *copy = xstrdup(outcome->err);
    cleanup_free char **lines = split_lines(copy);
    size_t count = strings_count(lines);

    if (count == 0)
        return xasprintf("it failed with status %d", outcome->status);
    char *reason = lines[count - 1];
    for (char *colon; (colon = strstr(reason, ": "));)
        reason = colon + 2;
    return xstrdup(reason);
}

bool remote_said(const struct session_answer *answer, const char *const *reasons)
{
    cleanup_free char *reason = remote_reason(&answer->outcome);

    for (; *reasons; reasons++)
        if (strcmp(reason, *reasons) == 0)
            return true;
    return false;
}

int remote_fail(const struct remote_question *question, const struct outcome *outcome,
                struct error *err)
{
    cleanup_free char *reason = remote_reason(outcome);
    const bool full = strstr(reason, "No space left") || strstr(reason, "Disk quota exceeded");

    fail(err, full ? ERROR_NO_DISK_SPACE : ERROR_CLOUD, "cannot %s '%s': %s", question->what,
         question->path, reason);
    return strcmp(reason, REMOTE_DAMAGED) == 0 ? error_retriable(err) : -1;
}

static char *line_of(const struct remote_question *question)
{
    return xasprintf("%s '%s'", question->what, question->path);
}

int remote_ask(const struct host *host, const struct remote_question *question,
               struct session_answer *answer, struct error *err)
{
    cleanup_free char *what = line_of(question);
    const struct session_question asked = {
        .what = what,
        .script = question->script,
        .mode = question->input ? SESSION_FEED : SESSION_HERE,
        .input = question->input ? question->input->data : NULL,
        .input_length = question->input ? question->input->length : 0,
        .timeout_s = host->command_timeout,
    };

    if (remote_take_known(host->remote, question->script, answer))
        return 0;
    return remote_exchange(host, &asked, answer, err);
}

static void postpone(struct remote *remote, const struct remote_question *question)
{
    struct remote_part part = { .kind = REMOTE_STEP,
                                .what = line_of(question),
                                .verb = question->what,
                                .path = xstrdup(question->path),
                                .script = xstrdup(question->script) };

    if (question->input) {
        part.input_length = question->input->length;
        part.input = xcalloc(1, part.input_length + 1);
        memcpy(part.input, question->input->data, part.input_length);
    }
    remote_add(remote, &part);
}

int remote_do(const struct host *host, const struct remote_question *question, struct error *err)
{
    struct remote *remote = host->remote;
    cleanup_answer struct session_answer answer = { 0 };

    if (!remote_take_known(remote, question->script, &answer)) {
        remote_forget_known(remote, question->path);
        if (remote->postponing && !remote->alone) {
            postpone(remote, question);
            return 0;
        }
        if (remote_ask(host, question, &answer, err) < 0)
            return -1;
    }
    return answer.outcome.status == 0 ? 0 : remote_fail(question, &answer.outcome, err);
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
    const bool before = remote->connected, alone = remote->alone;

    util_freep(&remote->pending);
    remote->pending = NULL;
    remote->connected = true;
    remote->alone = true;
    int failed = before ? remote_take_again(remote, err) : 0;
    remote->alone = alone;
    return failed;
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

void remote_release(struct remote *remote)
{
    remote_part_company(remote);
    session_release(&remote->session);
    ssh_release(&remote->ssh);
    for (size_t i = 0; i < REMOTE_LOCKS; i++)
        free(remote->locks[i].path);
    free(remote->pending);
}

#include "cpi/remote.h"

#include <stdlib.h>
#include <string.h>

static void part_release(struct remote_part *part)
{
    free(part->what);
    free(part->name);
    free(part->path);
    free(part->script);
    free(part->input);
    free((char *)part->verdict.subject);
}

void remote_parts_release(struct remote_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        part_release(&parts[i]);
    free(parts);
}

static void known_release(struct remote_known *known)
{
    free(known->script);
    free(known->path);
    session_answer_release(&known->answer);
}

void remote_add(struct remote *remote, struct remote_part *part)
{
    log_event(remote->session.log, "for %s, with what comes next: %s", remote->session.host,
              part->what);
    remote->parts = xrealloc(remote->parts, (remote->part_count + 1) * sizeof(*remote->parts));
    remote->parts[remote->part_count++] = *part;
    *part = (struct remote_part){ 0 };
}

bool remote_take_known(struct remote *remote, const char *script, struct session_answer *answer)
{
    for (size_t i = 0; i < remote->known_count; i++) {
        struct remote_known *known = &remote->known[i];
        if (strcmp(known->script, script) != 0)
            continue;
        *answer = known->answer;
        known->answer = (struct session_answer){ 0 };
        known_release(known);
        *known = remote->known[--remote->known_count];
        return true;
    }
    return false;
}

/* Is 'path' what is at 'above', or below that? */
static bool is_below(const char *path, const char *above)
{
    const size_t length = strlen(above);

    return starts_with(path, above) && (path[length] == '\0' || path[length] == '/');
}

/* A directory may be named with a slash at its end. */
static bool is_listed_in(const char *path, const char *directory)
{
    const char *slash = strrchr(path, '/');
    size_t length = strlen(directory);

    while (length > 1 && directory[length - 1] == '/')
        length--;
    return (size_t)(slash - path) == length && strncmp(path, directory, length) == 0;
}

static bool is_touched(const char *known, bool listing, const char *path)
{
    return known && (is_below(known, path) || (listing && is_listed_in(path, known)));
}

/* What is still to be asked is asked in its order, before the change. */
static void forget_foreseen(struct remote *remote, const char *path)
{
    size_t kept = 0;

    for (size_t i = 0; i < remote->part_count; i++) {
        struct remote_part *part = &remote->parts[i];
        if (part->kind == REMOTE_FORESEEN && is_touched(part->path, part->listing, path))
            part_release(part);
        else
            remote->parts[kept++] = *part;
    }
    remote->part_count = kept;
}

void remote_forget_known(struct remote *remote, const char *path)
{
    forget_foreseen(remote, path);
    for (size_t i = remote->known_count; i > 0; i--) {
        struct remote_known *known = &remote->known[i - 1];
        if (!is_touched(known->path, known->listing, path))
            continue;
        known_release(known);
        *known = remote->known[--remote->known_count];
    }
}

void remote_learn(struct remote *remote, struct remote_part *part, struct outcome *outcome)
{
    struct remote_known known = { .script = part->script,
                                  .path = part->path,
                                  .listing = part->listing,
                                  .answer = { .outcome = *outcome } };

    part->script = part->path = NULL;
    *outcome = (struct outcome){ 0 };
    remote->known = xrealloc(remote->known, (remote->known_count + 1) * sizeof(*remote->known));
    remote->known[remote->known_count++] = known;
}

int remote_flush(const struct host *host, struct error *err)
{
    const struct session_question question = { .what = "tell when that is done",
                                               .script = ":",
                                               .mode = SESSION_RUN,
                                               .timeout_s = host->command_timeout };
    cleanup_answer struct session_answer answer = { 0 };
    const struct remote *remote = host->remote;

    for (size_t i = 0; i < remote->part_count; i++)
        if (remote->parts[i].kind == REMOTE_STEP || remote->parts[i].kind == REMOTE_ATTEMPT)
            return remote_exchange(host, &question, &answer, err);
    return 0;
}

void remote_mend(struct remote *remote)
{
    remote->broken = false;
    error_release(&remote->breach);
}

/* Whoever goes on after steps were lost takes for done what is not. */
int remote_check_unbroken(const struct remote *remote, struct error *err)
{
    if (remote_check_locks(remote, err) < 0)
        return -1;
    if (!remote->broken)
        return 0;
    fail(err, remote->breach.type, "%s", remote->breach.message);
    return remote->breach.ok_to_retry ? error_retriable(err) : -1;
}

void remote_break_off(struct remote *remote, const struct error *err)
{
    remote_mend(remote);
    remote->broken = true;
    remote->breach = (struct error){ .type = err->type,
                                     .ok_to_retry = err->ok_to_retry,
                                     .message = xstrdup(err->message) };
}

int remote_settle(const struct host *host, struct error *err)
{
    struct remote *remote = host->remote;
    int failed = remote_flush(host, err);

    remote->postponing = false;
    if (!failed && remote->broken) {
        *err = remote->breach;
        remote->breach = (struct error){ 0 };
        failed = -1;
    }
    remote_mend(remote);
    return failed;
}

void remote_forget(const struct host *host)
{
    struct remote *remote = host->remote;

    remote_parts_release(remote->parts, remote->part_count);
    remote->parts = NULL;
    remote->part_count = 0;
    remote->postponing = false;
    remote_mend(remote);
}

void remote_leave(const struct host *host)
{
    struct remote *remote = host->remote;

    remote->postponing = false;
    for (size_t i = 0; i < remote->part_count; i++)
        if (remote->parts[i].kind == REMOTE_STEP)
            remote->parts[i].kind = REMOTE_ATTEMPT;
}

/* The input is text, from a command of the shell's own: nobody sees it in a list of processes. A
 * step that is still there was neither settled nor left, so something went wrong before. */
static void say_part(FILE *out, const struct remote_part *part)
{
    cleanup_free char *input = part->input ? remote_quote(part->input) : NULL;

    if (part->kind != REMOTE_ATTEMPT)
        return;
    if (input)
        fprintf(out, "printf %%s %s | ", input);
    fprintf(out, "( %s\n) || :\n", part->script);
}

void remote_part_company(struct remote *remote)
{
    const bool guarded = remote->guard.path && !remote->guard.passed;
    int wait_s;
    cleanup_free char *untaken = remote_lock_lines(remote, &wait_s), *script = NULL;
    size_t length;

    if (remote->session.open && !guarded && !untaken && (remote->part_count || remote->must_send)) {
        FILE *out = text_open(&script, &length);
        for (size_t i = 0; i < remote->part_count; i++)
            say_part(out, &remote->parts[i]);
        fprintf(out, "%s\n", remote->pending ? remote->pending : "");
        text_close(out);
        session_tell(&remote->session, "finish", script);
    }
    remote_forget(remote->host);
    for (size_t i = 0; i < remote->known_count; i++)
        known_release(&remote->known[i]);
    free(remote->known);
    remote_mend(remote);
    free(remote->guard.path);
    util_free_stringsp(&remote->guard.directories);
}

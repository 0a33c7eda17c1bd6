#include "cpi/remote.h"

#include <stdlib.h>
#include <string.h>

static const char *const taken[] = { "File exists", NULL };

/* Does what changes something at a path, of which each %s in the script is a quoted form. */
static int change(const struct host *host, struct remote_question *question, struct error *err,
                  const char *format, ...) printf_like(4, 5);

static int change(const struct host *host, struct remote_question *question, struct error *err,
                  const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    cleanup_free char *script = xvasprintf(format, arguments);
    va_end(arguments);
    question->script = script;
    int failed = remote_do(host, question, err);
    question->script = NULL;
    return failed;
}

/* The same for what may find that it cannot be, which is no failure. 1: done. */
static int attempt(const struct host *host, struct remote_question *question,
                   const char *const *refusals, struct error *err)
{
    cleanup_answer struct session_answer answer = { 0 };

    if (remote_ask(host, question, &answer, err) < 0)
        return -1;
    if (answer.outcome.status == 0)
        return 1;
    return remote_said(&answer, refusals) ? 0 : remote_fail(question, &answer.outcome, err);
}

static int remote_make_directory(const struct host *host, const char *path, mode_t mode,
                                 struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    struct remote_question question = { .what = "make the directory", .path = path };

    /* Another call may make it at the same time. */
    return change(host, &question, err, "[ -d %s ] || mkdir -m %04o -- %s || [ -d %s ]", name,
                  (unsigned)mode, name, name);
}

/* The digest is compared because a connection that ends looks like the end of the content. */
static int remote_put(const struct host *host, const char *path, struct bytes content, mode_t mode,
                      struct error *err)
{
    cleanup_free char *name = remote_quote(path), *names = remote_sync_script(path);
    struct remote_question question = { .what = "write", .path = path, .input = &content };

    char sent[DIGEST_SIZE];
    struct digest digest;

    digest_init(&digest, DIGEST_SHA256);
    digest_add(&digest, content.data, content.length);
    digest_finish(&digest, sent);
    return change(host, &question, err,
                  "t=$(mktemp -- %s.XXXXXX) || exit; cat >\"$t\" && "
                  "{ [ \"$(sha256sum <\"$t\")\" = '%s  -' ] || "
                  "{ echo '" REMOTE_DAMAGED "' >&2; false; }; } && "
                  "chmod %04o -- \"$t\" && sync -- \"$t\" && mv -fT -- \"$t\" %s && %s || "
                  "{ s=$?; rm -f -- \"$t\"; exit $s; }",
                  name, sent, (unsigned)mode, name, names);
}

static int remote_rename(const struct host *host, const char *from, const char *to,
                         struct error *err)
{
    cleanup_free char *names = command_quote(ARGV(from, to)), *synced = remote_sync_script(to);
    struct remote_question question = { .what = "rename to", .path = to };

    remote_forget_known(host->remote, from);
    return change(host, &question, err, "mv -fT -- %s && %s", names, synced);
}

static int remote_chmod(const struct host *host, const char *path, mode_t mode, struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    struct remote_question question = { .what = "set the mode of", .path = path };

    return change(host, &question, err, "chmod %04o -- %s", (unsigned)mode, name);
}

static int remote_link(const struct host *host, const char *from, const char *to, struct error *err)
{
    static const char *const refusals[] = {
        "Invalid cross-device link",
        "Operation not permitted",
        "Permission denied",
        "Too many links",
        "Operation not supported",
        "No such file or directory",
        NULL,
    };
    cleanup_free char *names = command_quote(ARGV(from, to));
    cleanup_free char *script = xasprintf("ln -LT -- %s", names);
    struct remote_question question = { .what = "make the link", .path = to, .script = script };

    return attempt(host, &question, refusals, err);
}

/* Postponed, that it is taken is a failure, for by then nobody asks by whom: who claims has looked
 * first, so somebody was quicker. */
static int judge_claim(const struct verdict *verdict, const struct outcome *outcome,
                       struct error *err)
{
    const struct session_answer answer = { .outcome = *outcome };
    const struct remote_question question = { .what = "make the link", .path = verdict->subject };

    if (outcome->status == 0)
        return 0;
    if (!remote_said(&answer, taken))
        return remote_fail(&question, outcome, err);
    fail(err, ERROR_CLOUD, "another call was quicker to take '%s'", verdict->subject);
    return error_retriable(err);
}

static void claim_later(struct remote *remote, const char *path, const char *script)
{
    struct remote_part part = {
        .kind = REMOTE_STEP,
        .what = xasprintf("make the link '%s'", path),
        .script = xstrdup(script),
        .verdict = { .judge = judge_claim, .subject = xstrdup(path) },
    };

    remote_add(remote, &part);
}

static int remote_claim(const struct host *host, const char *path, const char *text,
                        struct error *err)
{
    cleanup_free char *names = command_quote(ARGV(text, path)), *synced = remote_sync_script(path);
    cleanup_free char *script = xasprintf("ln -sT -- %s && %s", names, synced);
    struct remote_question question = { .what = "make the link", .path = path, .script = script };

    remote_forget_known(host->remote, path);
    if (host->remote->postponing && !host->remote->alone) {
        claim_later(host->remote, path, script);
        return 1;
    }
    return attempt(host, &question, taken, err);
}

/* One readlink for all of them. If they are not as many as there are names, one has gone meanwhile,
 * and each is asked about. */
static int remote_unclaim(const struct host *host, const char *directory, const char *text,
                          struct error *err)
{
    cleanup_free char *name = remote_quote(directory), *word = remote_quote(text);
    struct remote_question question = { .what = "remove links in", .path = directory };

    return change(
        host, &question, err,
        "( gone() { rm -f -- \"$1\" && sync -- \"${1%%/*}\"; }; set -- %s/*/*; "
        "[ -e \"$1\" ] || [ -L \"$1\" ] || exit 0; "
        "said=$(readlink -- \"$@\"; echo .); said=${said%%?}; "
        "if [ \"$(printf %%s \"$said\" | wc -l)\" -eq $# ]; then "
        "printf %%s \"$said\" | { for l; do read -r t && "
        "{ [ \"$t\" != %s ] || gone \"$l\" || exit; }; done; }; "
        "else for l; do [ \"$(readlink -- \"$l\")\" != %s ] || gone \"$l\" || exit; done; "
        "fi )",
        name, word, word);
}

static int remote_remove(const struct host *host, const char *path, struct error *err)
{
    cleanup_free char *script = remote_remove_script(path);
    struct remote_question question = { .what = "remove", .path = path, .script = script };

    return remote_do(host, &question, err);
}

static void remote_mark(const struct host *host, const char *directory, const char *name,
                        const char *unless)
{
    cleanup_free char *path = xasprintf("%s/%s", directory, name);
    cleanup_free char *other = xasprintf("%s/%s", directory, unless);
    cleanup_free char *where = remote_quote(directory), *mark = remote_quote(path);
    cleanup_free char *avoided = remote_quote(other), *names = remote_sync_script(path);
    struct remote_part part = {
        .kind = REMOTE_ATTEMPT,
        .what = xasprintf("mark '%s' as '%s'", directory, name),
        .script =
            xasprintf("[ ! -d %s ] || [ -e %s ] || { : >>%s && %s; }", where, avoided, mark, names),
    };

    remote_forget_known(host->remote, path);
    remote_add(host->remote, &part);
}

const struct host_ops host_remote = {
    .run = remote_run,
    .perform = remote_perform,
    .attempt = remote_attempt,
    .make_directory = remote_make_directory,
    .put = remote_put,
    .get = remote_get,
    .read = remote_read,
    .digest = remote_digest,
    .write_image = remote_write_image,
    .exists = remote_exists,
    .rename = remote_rename,
    .chmod = remote_chmod,
    .look = remote_look,
    .link = remote_link,
    .free_bytes = remote_free_bytes,
    .claim = remote_claim,
    .claimed_by = remote_claimed_by,
    .remove = remote_remove,
    .unclaim = remote_unclaim,
    .mark = remote_mark,
    .list = remote_list,
    .get_each = remote_get_each,
    .foresee = remote_foresee,
    .foresee_each = remote_foresee_each,
    .foresee_run = remote_foresee_run,
    .lock = remote_try_lock,
    .lock_later = remote_lock_later,
    .retire_lock = remote_retire_lock,
    .unlock = remote_unlock,
    .home = remote_home,
};

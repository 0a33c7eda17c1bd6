#include "cpi/remote.h"

#include <stdlib.h>
#include <string.h>

static const struct host_ops *ops_of(const struct host *host)
{
    return host && host->remote ? &host_remote : &host_local;
}

int host_run(const struct host *host, const struct command *command, struct outcome *outcome,
             struct error *err)
{
    return ops_of(host)->run(host, command, outcome, err);
}

int host_perform(const struct host *host, const struct command *command,
                 const struct verdict *verdict, struct error *err)
{
    const struct host_ops *ops = ops_of(host);
    cleanup_outcome struct outcome outcome = { 0 };

    if (ops->perform)
        return ops->perform(host, command, verdict, err);
    if (ops->run(host, command, &outcome, err) < 0)
        return -1;
    return verdict->judge(verdict, &outcome, err);
}

void host_attempt(const struct host *host, const struct command *command, const char *what)
{
    const struct host_ops *ops = ops_of(host);
    cleanup_outcome struct outcome outcome = { 0 };
    cleanup_error struct error err = { 0 };

    if (ops->attempt)
        ops->attempt(host, command, what);
    else if (ops->run(host, command, &outcome, &err) < 0)
        log_event(host->log, "%s: %s", what, err.message);
    else if (outcome.status != 0)
        log_event(host->log, "%s: %s: %s", what, command->argv[0], outcome.err);
}

int host_make_directory(const struct host *host, const char *path, mode_t mode, struct error *err)
{
    return ops_of(host)->make_directory(host, path, mode, err);
}

int host_put(const struct host *host, const char *path, struct bytes content, mode_t mode,
             struct error *err)
{
    return ops_of(host)->put(host, path, content, mode, err);
}

int host_put_unsettled(const struct host *host, const char *path, struct bytes content, mode_t mode,
                       struct error *err)
{
    const struct host_ops *ops = ops_of(host);

    return (ops->put_unsettled ? ops->put_unsettled : ops->put)(host, path, content, mode, err);
}

int host_get(const struct host *host, const char *path, char **text, struct error *err)
{
    return ops_of(host)->get(host, path, text, err);
}

int host_read(const struct host *host, const char *path, struct host_range *range,
              struct error *err)
{
    return ops_of(host)->read(host, path, range, err);
}

int host_digest(const struct host *host, const char *path, enum digest_kind kind,
                char hex[DIGEST_SIZE], struct error *err)
{
    return ops_of(host)->digest(host, path, kind, hex, err);
}

int host_write_image(const struct host *host, const char *path, const struct host_content *content,
                     struct error *err)
{
    return ops_of(host)->write_image(host, path, content, err);
}

int host_exists(const struct host *host, const char *path, struct error *err)
{
    return ops_of(host)->exists(host, path, err);
}

int host_rename(const struct host *host, const char *from, const char *to, struct error *err)
{
    return ops_of(host)->rename(host, from, to, err);
}

int host_chmod(const struct host *host, const char *path, mode_t mode, struct error *err)
{
    return ops_of(host)->chmod(host, path, mode, err);
}

int host_look(const struct host *host, const char *path, struct host_file *file, struct error *err)
{
    return ops_of(host)->look(host, path, file, err);
}

int host_link(const struct host *host, const char *from, const char *to, struct error *err)
{
    return ops_of(host)->link(host, from, to, err);
}

int host_free_bytes(const struct host *host, const char *path, uint64_t *bytes, struct error *err)
{
    return ops_of(host)->free_bytes(host, path, bytes, err);
}

int host_claim(const struct host *host, const char *path, const char *text, struct error *err)
{
    return ops_of(host)->claim(host, path, text, err);
}

int host_claimed_by(const struct host *host, const char *path, char **text, struct error *err)
{
    return ops_of(host)->claimed_by(host, path, text, err);
}

int host_remove(const struct host *host, const char *path, struct error *err)
{
    return ops_of(host)->remove(host, path, err);
}

int host_list(const struct host *host, const char *path, char ***names, struct error *err)
{
    return ops_of(host)->list(host, path, names, err);
}

static int unclaim_in(const struct host *host, const char *directory, const char *text,
                      struct error *err)
{
    cleanup_strings char **names = NULL;

    if (host_list(host, directory, &names, err) < 0)
        return -1;
    for (char **name = names; *name; name++) {
        cleanup_free char *path = xasprintf("%s/%s", directory, *name);
        cleanup_free char *said = NULL;
        int claimed = host_claimed_by(host, path, &said, err);
        if (claimed < 0 || (claimed && strcmp(said, text) == 0 && host_remove(host, path, err) < 0))
            return -1;
    }
    return 0;
}

int host_unclaim(const struct host *host, const char *directory, const char *text,
                 struct error *err)
{
    cleanup_strings char **names = NULL;

    if (ops_of(host)->unclaim)
        return ops_of(host)->unclaim(host, directory, text, err);
    if (host_list(host, directory, &names, err) < 0)
        return -1;
    for (char **name = names; *name; name++) {
        cleanup_free char *path = xasprintf("%s/%s", directory, *name);
        if (unclaim_in(host, path, text, err) < 0)
            return -1;
    }
    return 0;
}

static int mark(const struct host *host, const char *directory, const char *name,
                const char *unless, struct error *err)
{
    cleanup_free char *path = xasprintf("%s/%s", directory, name);
    cleanup_strings char **names = NULL;

    if (host_list(host, directory, &names, err) < 0)
        return -1;
    if (!*names || strings_contain(names, unless))
        return 0;
    return host_put(host, path, (struct bytes){ "", 0 }, 0600, err);
}

void host_mark(const struct host *host, const char *directory, const char *name, const char *unless)
{
    cleanup_error struct error err = { 0 };

    if (ops_of(host)->mark)
        ops_of(host)->mark(host, directory, name, unless);
    else if (mark(host, directory, name, unless, &err) < 0)
        log_event(host->log, "'%s' is not marked '%s': %s", directory, name, err.message);
}

static int get_one_by_one(const struct host *host, const char *directory, const char *file,
                          struct host_texts *texts, struct error *err)
{
    cleanup_strings char **names = NULL;

    if (host_list(host, directory, &names, err) < 0)
        return -1;
    for (char **name = names; *name; name++) {
        cleanup_free char *path = xasprintf("%s/%s/%s", directory, *name, file), *text = NULL;
        int got = **name == '.' ? 0 : host_get(host, path, &text, err);
        if (got < 0)
            return -1;
        if (got) {
            strings_add(&texts->names, *name);
            strings_add(&texts->texts, text);
        }
    }
    return 0;
}

int host_get_each(const struct host *host, const char *directory, const char *file,
                  struct host_texts *texts, struct error *err)
{
    if (ops_of(host)->get_each)
        return ops_of(host)->get_each(host, directory, file, texts, err);
    return get_one_by_one(host, directory, file, texts, err);
}

void host_texts_release(struct host_texts *texts)
{
    util_free_stringsp(&texts->names);
    util_free_stringsp(&texts->texts);
    *texts = (struct host_texts){ 0 };
}

void host_postpone(const struct host *host)
{
    if (!host->remote)
        return;
    host->remote->postponing = true;
    host->remote->step_failed = false;
    remote_mend(host->remote);
}

int host_settle(const struct host *host, struct error *err)
{
    return host->remote ? remote_settle(host, err) : 0;
}

void host_forget(const struct host *host)
{
    if (host->remote)
        remote_forget(host);
}

void host_leave(const struct host *host)
{
    if (host->remote)
        remote_leave(host);
}

bool host_step_failed(const struct host *host)
{
    return host->remote && host->remote->step_failed;
}

bool host_lacks_lock(const struct host *host)
{
    return host->remote && remote_lacks_lock(host->remote);
}

void host_foresee(const struct host *host, enum host_question question, const char *path)
{
    if (ops_of(host)->foresee)
        ops_of(host)->foresee(host, question, path);
}

void host_foresee_each(const struct host *host, const char *directory, const char *file)
{
    if (ops_of(host)->foresee_each)
        ops_of(host)->foresee_each(host, directory, file);
}

void host_foresee_run(const struct host *host, const struct command *command)
{
    if (ops_of(host)->foresee_run)
        ops_of(host)->foresee_run(host, command);
}

static const char *const home_forms[] = { "~", "$HOME", "${HOME}" };

/* What follows the home directory, NULL when the path does not start with it. */
static const char *after_home(const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(home_forms); i++) {
        const char *rest = path + strlen(home_forms[i]);
        if (starts_with(path, home_forms[i]) && (!*rest || *rest == '/'))
            return rest;
    }
    return NULL;
}

bool host_is_relative_to_home(const char *path)
{
    return after_home(path) != NULL;
}

char *host_expand(const struct host *host, const char *path, struct error *err)
{
    const char *rest = after_home(path);

    if (!rest)
        return xstrdup(path);
    cleanup_free char *home = ops_of(host)->home(host, err);
    return home ? xasprintf("%s%s", home, rest) : NULL;
}

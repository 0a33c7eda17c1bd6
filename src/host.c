#include "cpi/host_ops.h"

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

#include "cpi/remote.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_absent(const struct session_answer *answer)
{
    /* What coreutils say in the C locale. */
    return remote_said(
        answer, (const char *const[]){ "No such file or directory", "Not a directory", NULL });
}

/* Asks a question about a path with this script, which it takes. 0: done, whatever the status. */
static int ask(const struct host *host, struct remote_question *question, char *script,
               struct session_answer *answer, struct error *err)
{
    question->script = script;
    int failed = remote_ask(host, question, answer, err);
    question->script = NULL;
    free(script);
    return failed;
}

/* The end of a question that is about success alone. */
static int done(const struct remote_question *question, const struct session_answer *answer,
                struct error *err)
{
    return answer->outcome.status == 0 ? 0 : remote_fail(question, &answer->outcome, err);
}

char *remote_get_script(const char *quoted)
{
    return xasprintf("cat -- %s", quoted);
}

static char *exists_script(const char *quoted)
{
    return xasprintf("stat -c '' -- %s", quoted);
}

static char *claimed_by_script(const char *quoted)
{
    return xasprintf("readlink -nv -- %s", quoted);
}

/* Names are ended by NUL, for they may hold anything else. ls is asked first because a pattern
 * hides a directory that may not be read. */
static char *list_script(const char *quoted)
{
    return xasprintf("( ls -A -- %s >/dev/null && cd -- %s && for f in * .[!.]* ..?*; do "
                     "if [ -e \"$f\" ] || [ -L \"$f\" ]; then printf '%%s\\0' \"$f\"; fi; done )",
                     quoted, quoted);
}

void remote_foresee(const struct host *host, enum host_question question, const char *path)
{
    static char *(*const scripts[])(const char *quoted) = {
        [HOST_GET] = remote_get_script,
        [HOST_EXISTS] = exists_script,
        [HOST_LIST] = list_script,
        [HOST_CLAIMED_BY] = claimed_by_script,
    };
    cleanup_free char *name = remote_quote(path);
    struct remote_part part = { .kind = REMOTE_FORESEEN,
                                .what = xasprintf("look at '%s'", path),
                                .path = xstrdup(path),
                                .script = scripts[question](name),
                                .listing = question == HOST_LIST };

    remote_add(host->remote, &part);
}

int remote_get(const struct host *host, const char *path, char **text, struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "read", .path = path };

    if (ask(host, &question, remote_get_script(name), &answer, err) < 0)
        return -1;
    if (answer.outcome.status != 0)
        return is_absent(&answer) ? 0 : done(&question, &answer, err);
    *text = steal_pointer(&answer.outcome.out);
    return 1;
}

/* The name, a NUL, the number of bytes, a newline, so many bytes, a NUL; without the number for a
 * file that vanishes meanwhile. Both see the same file, whatever comes to its name. */
static char *get_each_script(const char *directory, const char *file)
{
    return xasprintf("( ls -A -- %s >/dev/null && cd -- %s && for d in *; do "
                     "[ -d \"$d\" ] || continue; "
                     "[ -x \"$d\" ] || { echo \"$d: Permission denied\" >&2; exit 1; }; "
                     "[ -e \"$d\"/%s ] || continue; printf '%%s\\0' \"$d\"; "
                     "{ stat -L -c %%s - && cat; } <\"$d\"/%s || [ ! -e \"$d\"/%s ] || exit; "
                     "printf '\\0'; done )",
                     directory, directory, file, file, file);
}

/* Adds the next one. False: the answer is not in that form. */
static bool cut_text(const char **at, const char *end, struct host_texts *texts)
{
    const char *name = *at, *number = name + strlen(name) + 1;
    char *content;

    if (number >= end)
        return false;
    *at = number + 1;
    if (!*number)
        return true;
    const unsigned long long size = strtoull(number, &content, 10);
    if (content == number || *content != '\n' || size >= (size_t)(end - content) - 1)
        return false;
    content++;
    /* What holds a NUL is no text, and is taken for spoilt as what is empty is. */
    cleanup_free char *text = xstrndup(content, memchr(content, '\0', size) ? 0 : (size_t)size);
    strings_add(&texts->names, name);
    strings_add(&texts->texts, text);
    *at = content + size + 1;
    return true;
}

void remote_foresee_each(const struct host *host, const char *directory, const char *file)
{
    cleanup_free char *name = remote_quote(directory), *other = remote_quote(file);
    struct remote_part part = { .kind = REMOTE_FORESEEN,
                                .what = xasprintf("read what is in '%s'", directory),
                                .path = xstrdup(directory),
                                .script = get_each_script(name, other),
                                .listing = true };

    remote_add(host->remote, &part);
}

int remote_get_each(const struct host *host, const char *directory, const char *file,
                    struct host_texts *texts, struct error *err)
{
    cleanup_free char *name = remote_quote(directory), *other = remote_quote(file);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "read what is in", .path = directory };

    if (ask(host, &question, get_each_script(name, other), &answer, err) < 0)
        return -1;
    if (answer.outcome.status != 0)
        return is_absent(&answer) ? 0 : done(&question, &answer, err);
    const char *end = answer.outcome.out + answer.outcome.out_length;
    for (const char *at = answer.outcome.out; at < end;)
        if (!cut_text(&at, end, texts))
            return fail(err, ERROR_CLOUD,
                        "the shell of host '%s' did not answer in the form that it should: '%s' "
                        "was not run",
                        host->remote->session.host, "cat");
    return 0;
}

int remote_exists(const struct host *host, const char *path, struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "look at", .path = path };

    if (ask(host, &question, exists_script(name), &answer, err) < 0)
        return -1;
    if (answer.outcome.status == 0)
        return 1;
    return is_absent(&answer) ? 0 : done(&question, &answer, err);
}

int remote_look(const struct host *host, const char *path, struct host_file *file,
                struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "look at", .path = path };
    unsigned mode;
    unsigned long long bytes;
    long long modified;

    if (ask(host, &question, xasprintf("stat -L -c '%%f %%s %%Y' -- %s", name), &answer, err) < 0)
        return -1;
    if (answer.outcome.status != 0)
        return is_absent(&answer) ? 0 : done(&question, &answer, err);
    if (sscanf(answer.outcome.out, "%x %llu %lld", &mode, &bytes, &modified) != 3)
        return fail(err, ERROR_CLOUD, "cannot look at '%s': stat says '%s'", path,
                    answer.outcome.out);
    *file = (struct host_file){ .regular = S_ISREG(mode), .bytes = bytes, .modified = modified };
    return 1;
}

int remote_claimed_by(const struct host *host, const char *path, char **text, struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "read the link", .path = path };

    if (ask(host, &question, claimed_by_script(name), &answer, err) < 0)
        return -1;
    if (answer.outcome.status != 0)
        return is_absent(&answer) ? 0 : done(&question, &answer, err);
    *text = steal_pointer(&answer.outcome.out);
    return 1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int remote_list(const struct host *host, const char *path, char ***names, struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "list", .path = path };

    *names = xcalloc(1, sizeof(**names));
    if (ask(host, &question, list_script(name), &answer, err) < 0)
        return -1;
    if (answer.outcome.status != 0)
        return is_absent(&answer) ? 0 : done(&question, &answer, err);
    const char *end = answer.outcome.out + answer.outcome.out_length;
    for (const char *entry = answer.outcome.out; entry < end; entry += strlen(entry) + 1)
        strings_add(names, entry);
    qsort(*names, strings_count(*names), sizeof(**names), by_name);
    return 0;
}

int remote_read(const struct host *host, const char *path, struct host_range *range,
                struct error *err)
{
    cleanup_free char *operand = xasprintf("if=%s", path), *name = remote_quote(operand);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "read", .path = path };

    if (ask(host, &question,
            xasprintf("dd status=none iflag=fullblock,skip_bytes,count_bytes bs=65536 skip=%llu "
                      "count=%zu %s",
                      (unsigned long long)range->offset, range->length, name),
            &answer, err) < 0 ||
        done(&question, &answer, err) < 0)
        return -1;
    range->got =
        answer.outcome.out_length < range->length ? answer.outcome.out_length : range->length;
    memcpy(range->data, answer.outcome.out, range->got);
    return 0;
}

/* A large file takes long to read. */
int remote_digest(const struct host *host, const char *path, enum digest_kind kind,
                  char hex[DIGEST_SIZE], struct error *err)
{
    static const char *const programs[] = {
        [DIGEST_SHA1] = "sha1sum", [DIGEST_SHA256] = "sha256sum", [DIGEST_SHA512] = "sha512sum"
    };
    struct command command = {
        .argv = ARGV("sh", "-c", "exec \"$1\" <\"$2\"", "sh", programs[kind], path),
    };
    struct host_file file = { 0 };
    cleanup_outcome struct outcome outcome = { 0 };

    int there = host_look(host, path, &file, err);
    if (there < 0)
        return -1;
    command.timeout_s = host->command_timeout + (int)(file.bytes / HOST_READ_A_SECOND);
    if (host_run(host, &command, &outcome, err) < 0)
        return -1;
    outcome.out[strcspn(outcome.out, " ")] = '\0';
    if (outcome.status != 0 || !digest_valid(kind, outcome.out))
        return fail(err, ERROR_CLOUD, "cannot read '%s': %s", path, outcome.err);
    memcpy(hex, outcome.out, strlen(outcome.out) + 1);
    return 0;
}

int remote_free_bytes(const struct host *host, const char *path, uint64_t *bytes, struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "ask for the free space of", .path = path };
    unsigned long long blocks, size;

    if (ask(host, &question, xasprintf("stat -f -c '%%a %%S' -- %s", name), &answer, err) < 0 ||
        done(&question, &answer, err) < 0)
        return -1;
    if (sscanf(answer.outcome.out, "%llu %llu", &blocks, &size) != 2)
        return fail(err, ERROR_CLOUD, "cannot ask for the free space of '%s': stat says '%s'", path,
                    answer.outcome.out);
    *bytes = blocks * size;
    return 0;
}

char *remote_home(const struct host *host, struct error *err)
{
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "ask for the home directory of the user at",
                                        .path = host->remote->session.host };

    if (ask(host, &question, xstrdup("printf %s \"$HOME\""), &answer, err) < 0)
        return NULL;
    if (*answer.outcome.out == '/')
        return steal_pointer(&answer.outcome.out);
    fail(err, ERROR_CPI,
         "the home directory of the user on host '%s' is not known: write absolute "
         "paths",
         host->remote->session.host);
    return NULL;
}

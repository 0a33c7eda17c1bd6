#include "cpi/remote.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What coreutils say in the C locale. */
static const char *const absent[] = { "No such file or directory", "Not a directory" };

static bool said(const struct session_answer *answer, const char *const *reasons, size_t count)
{
    cleanup_free char *reason = remote_reason(answer);

    for (size_t i = 0; i < count; i++)
        if (strcmp(reason, reasons[i]) == 0)
            return true;
    return false;
}

static bool is_absent(const struct session_answer *answer)
{
    return said(answer, absent, ARRAY_SIZE(absent));
}

/* Asks a question about a path, of which %s in the script is the quoted form. 0: done, whatever the
 * status. */
static int ask(const struct host *host, struct remote_question *question,
               struct session_answer *answer, struct error *err, const char *format, ...)
    printf_like(5, 6);

static int ask(const struct host *host, struct remote_question *question,
               struct session_answer *answer, struct error *err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    cleanup_free char *script = xvasprintf(format, arguments);
    va_end(arguments);
    question->script = script;
    int failed = remote_ask(host, question, answer, err);
    question->script = NULL;
    return failed;
}

/* The end of a question that is about success alone. */
static int done(const struct remote_question *question, const struct session_answer *answer,
                struct error *err)
{
    return answer->outcome.status == 0 ? 0 : remote_fail(question, answer, err);
}

static char *run_script(const struct command *command)
{
    cleanup_free char *line = command_quote(command->argv);

    if (!command->untrusted_input)
        return xasprintf("exec %s", line);
    return xasprintf("exec prlimit --as=%lld --cpu=%d -- %s",
                     (long long)command_memory_mib(command) << 20, command_cpu_s(command), line);
}

static int remote_run(const struct host *host, const struct command *command,
                      struct outcome *outcome, struct error *err)
{
    struct remote *remote = host->remote;
    cleanup_free char *line = command_quote(command->argv);
    cleanup_free char *script = run_script(command);
    cleanup_answer struct session_answer answer = { 0 };
    const bool reads = command->input || command->source;
    const struct session_question question = {
        .what = line,
        .name = command->argv[0],
        .before = &remote->pending,
        .script = script,
        .mode = reads ? SESSION_FEED : SESSION_RUN,
        .input = command->input,
        .input_length = command->input ? command->input_length : 0,
        .source = command->source,
        .timeout_s = command->timeout_s ? command->timeout_s : host->command_timeout,
    };

    if (session_ask(&remote->session, &question, &answer, err) < 0)
        return -1;
    /* What sh and prlimit answer; none of our commands does. */
    if (answer.outcome.status == 127)
        return fail(err, ERROR_CLOUD,
                    "cannot find the program '%s' on host '%s': install it there or configure its "
                    "path (%s)",
                    command->argv[0], remote->session.host, answer.outcome.err);
    *outcome = answer.outcome;
    answer.outcome = (struct outcome){ 0 };
    return 0;
}

static int remote_make_directory(const struct host *host, const char *path, mode_t mode,
                                 struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "make the directory", .path = path };

    /* Another call may make it at the same time. */
    if (ask(host, &question, &answer, err, "[ -d %s ] || mkdir -m %04o -- %s || [ -d %s ]", name,
            (unsigned)mode, name, name) < 0)
        return -1;
    return done(&question, &answer, err);
}

/* The length is compared because a connection that ends looks like the end of the content. */
static int remote_put(const struct host *host, const char *path, struct bytes content, mode_t mode,
                      struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "write", .path = path, .input = &content };

    char sent[DIGEST_SIZE];
    struct digest digest;

    digest_init(&digest, DIGEST_SHA256);
    digest_add(&digest, content.data, content.length);
    digest_finish(&digest, sent);
    if (ask(host, &question, &answer, err,
            "t=$(mktemp -- %s.XXXXXX) || exit; cat >\"$t\" && "
            "{ [ \"$(sha256sum <\"$t\")\" = '%s  -' ] || { echo it arrived damaged >&2; false; }; "
            "} && "
            "chmod %04o -- \"$t\" && sync -- \"$t\" && mv -fT -- \"$t\" %s || "
            "{ s=$?; rm -f -- \"$t\"; exit $s; }",
            name, sent, (unsigned)mode, name) < 0)
        return -1;
    return done(&question, &answer, err);
}

static int remote_get(const struct host *host, const char *path, char **text, struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "read", .path = path };

    if (ask(host, &question, &answer, err, "cat -- %s", name) < 0)
        return -1;
    if (answer.outcome.status != 0)
        return is_absent(&answer) ? 0 : done(&question, &answer, err);
    *text = steal_pointer(&answer.outcome.out);
    return 1;
}

static int remote_read(const struct host *host, const char *path, struct host_range *range,
                       struct error *err)
{
    cleanup_free char *operand = xasprintf("if=%s", path), *name = remote_quote(operand);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "read", .path = path };

    if (ask(host, &question, &answer, err,
            "dd status=none iflag=fullblock,skip_bytes,count_bytes bs=65536 skip=%llu count=%zu %s",
            (unsigned long long)range->offset, range->length, name) < 0 ||
        done(&question, &answer, err) < 0)
        return -1;
    range->got =
        answer.outcome.out_length < range->length ? answer.outcome.out_length : range->length;
    memcpy(range->data, answer.outcome.out, range->got);
    return 0;
}

/* A large file takes long to read. */
static int remote_digest(const struct host *host, const char *path, enum digest_kind kind,
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

static int remote_exists(const struct host *host, const char *path, struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "look at", .path = path };

    if (ask(host, &question, &answer, err, "stat -c '' -- %s", name) < 0)
        return -1;
    if (answer.outcome.status == 0)
        return 1;
    return is_absent(&answer) ? 0 : done(&question, &answer, err);
}

static int remote_rename(const struct host *host, const char *from, const char *to,
                         struct error *err)
{
    cleanup_free char *names = command_quote(ARGV(from, to));
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "rename to", .path = to };

    if (ask(host, &question, &answer, err, "mv -fT -- %s", names) < 0)
        return -1;
    return done(&question, &answer, err);
}

static int remote_chmod(const struct host *host, const char *path, mode_t mode, struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "set the mode of", .path = path };

    if (ask(host, &question, &answer, err, "chmod %04o -- %s", (unsigned)mode, name) < 0)
        return -1;
    return done(&question, &answer, err);
}

static int remote_look(const struct host *host, const char *path, struct host_file *file,
                       struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "look at", .path = path };
    unsigned mode;
    unsigned long long bytes;
    long long modified;

    if (ask(host, &question, &answer, err, "stat -L -c '%%f %%s %%Y' -- %s", name) < 0)
        return -1;
    if (answer.outcome.status != 0)
        return is_absent(&answer) ? 0 : done(&question, &answer, err);
    if (sscanf(answer.outcome.out, "%x %llu %lld", &mode, &bytes, &modified) != 3)
        return fail(err, ERROR_CLOUD, "cannot look at '%s': stat says '%s'", path,
                    answer.outcome.out);
    *file = (struct host_file){ .regular = S_ISREG(mode), .bytes = bytes, .modified = modified };
    return 1;
}

static int remote_link(const struct host *host, const char *from, const char *to, struct error *err)
{
    static const char *const refusals[] = {
        "Invalid cross-device link", "Operation not permitted",
        "Permission denied",         "Too many links",
        "Operation not supported",   "No such file or directory",
    };
    cleanup_free char *names = command_quote(ARGV(from, to));
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "make the link", .path = to };

    if (ask(host, &question, &answer, err, "ln -LT -- %s", names) < 0)
        return -1;
    if (answer.outcome.status == 0)
        return 1;
    return said(&answer, refusals, ARRAY_SIZE(refusals)) ? 0 : done(&question, &answer, err);
}

static int remote_free_bytes(const struct host *host, const char *path, uint64_t *bytes,
                             struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "ask for the free space of", .path = path };
    unsigned long long blocks, size;

    if (ask(host, &question, &answer, err, "stat -f -c '%%a %%S' -- %s", name) < 0 ||
        done(&question, &answer, err) < 0)
        return -1;
    if (sscanf(answer.outcome.out, "%llu %llu", &blocks, &size) != 2)
        return fail(err, ERROR_CLOUD, "cannot ask for the free space of '%s': stat says '%s'", path,
                    answer.outcome.out);
    *bytes = blocks * size;
    return 0;
}

static int remote_claim(const struct host *host, const char *path, const char *text,
                        struct error *err)
{
    static const char *const taken[] = { "File exists" };
    cleanup_free char *names = command_quote(ARGV(text, path));
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "make the link", .path = path };

    if (ask(host, &question, &answer, err, "ln -sT -- %s", names) < 0)
        return -1;
    if (answer.outcome.status == 0)
        return 1;
    return said(&answer, taken, 1) ? 0 : done(&question, &answer, err);
}

static int remote_claimed_by(const struct host *host, const char *path, char **text,
                             struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "read the link", .path = path };

    if (ask(host, &question, &answer, err, "readlink -nv -- %s", name) < 0)
        return -1;
    if (answer.outcome.status != 0)
        return is_absent(&answer) ? 0 : done(&question, &answer, err);
    *text = steal_pointer(&answer.outcome.out);
    return 1;
}

static int remote_remove(const struct host *host, const char *path, struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "remove", .path = path };

    if (ask(host, &question, &answer, err, "rm -rf -- %s", name) < 0)
        return -1;
    return done(&question, &answer, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names are ended by NUL, for they may hold anything else. ls is asked first because a pattern
 * hides a directory that may not be read. */
static int remote_list(const struct host *host, const char *path, char ***names, struct error *err)
{
    cleanup_free char *name = remote_quote(path);
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "list", .path = path };

    *names = xcalloc(1, sizeof(**names));
    if (ask(host, &question, &answer, err,
            "( ls -A -- %s >/dev/null && cd -- %s && for f in * .[!.]* ..?*; do "
            "if [ -e \"$f\" ] || [ -L \"$f\" ]; then printf '%%s\\0' \"$f\"; fi; done )",
            name, name) < 0)
        return -1;
    if (answer.outcome.status != 0)
        return is_absent(&answer) ? 0 : done(&question, &answer, err);
    const char *end = answer.outcome.out + answer.outcome.out_length;
    for (const char *entry = answer.outcome.out; entry < end; entry += strlen(entry) + 1)
        strings_add(names, entry);
    qsort(*names, strings_count(*names), sizeof(**names), by_name);
    return 0;
}

static char *remote_home(const struct host *host, struct error *err)
{
    cleanup_answer struct session_answer answer = { 0 };
    struct remote_question question = { .what = "ask for the home directory of the user at",
                                        .path = host->remote->session.host };

    if (ask(host, &question, &answer, err, "printf %%s \"$HOME\"") < 0)
        return NULL;
    if (*answer.outcome.out == '/')
        return steal_pointer(&answer.outcome.out);
    fail(err, ERROR_CPI,
         "the home directory of the user on host '%s' is not known: write absolute "
         "paths",
         host->remote->session.host);
    return NULL;
}

const struct host_ops host_remote = {
    .run = remote_run,
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
    .list = remote_list,
    .lock = remote_try_lock,
    .retire_lock = remote_retire_lock,
    .unlock = remote_unlock,
    .home = remote_home,
};

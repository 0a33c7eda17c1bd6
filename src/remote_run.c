#include "cpi/remote.h"

#include <stdlib.h>
#include <string.h>

/* What leaves processes behind must not leave them our locks; who waits for it holds them. */
static const char lockless[] = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; ";

static char *run_script(const struct command *command)
{
    cleanup_free char *line = command_quote(command->argv);
    const char *prefix = command->lockless ? lockless : "";

    if (!command->untrusted_input)
        return xasprintf("%sexec %s", prefix, line);
    return xasprintf("%sexec prlimit --as=%lld --cpu=%d -- %s", prefix,
                     (long long)command_memory_mib(command) << 20, command_cpu_s(command), line);
}

/* What sh and prlimit answer; none of our commands does. */
int remote_check_found(const struct host *host, const char *program, const struct outcome *outcome,
                       struct error *err)
{
    if (outcome->status != 127 || !program)
        return 0;
    return fail(err, ERROR_CLOUD,
                "cannot find the program '%s' on host '%s': install it there or configure its "
                "path (%s)",
                program, host->remote->session.host, outcome->err);
}

static void add_sequel(struct remote *remote, const char *path)
{
    struct remote_part part = { .kind = REMOTE_SEQUEL,
                                .what = xasprintf("remove '%s' then", path),
                                .script = remote_remove_script(path) };

    if (!remote->alone)
        remote_add(remote, &part);
}

/* Its input cannot be put together with others beforehand. */
static int ask_with_source(const struct host *host, const struct session_question *question,
                           struct session_answer *answer, struct error *err)
{
    return remote_flush(host, err) < 0 ? -1 : remote_exchange_apart(host, question, answer, err);
}

int remote_run(const struct host *host, const struct command *command, struct outcome *outcome,
               struct error *err)
{
    struct remote *remote = host->remote;
    cleanup_free char *line = command_quote(command->argv);
    cleanup_free char *script = run_script(command);
    cleanup_answer struct session_answer answer = { 0 };
    const bool reads = command->input || command->source;
    const struct session_question question = {
        .what = line,
        .name = command->argv[0],
        .script = script,
        .mode = reads ? SESSION_FEED : SESSION_RUN,
        .input = command->input,
        .input_length = command->input ? command->input_length : 0,
        .source = command->source,
        .timeout_s = command->timeout_s ? command->timeout_s : host->command_timeout,
    };

    if (reads || !remote_take_known(remote, script, &answer)) {
        if (command->done_mark)
            add_sequel(remote, command->done_mark);
        if ((command->source ? ask_with_source : remote_exchange)(host, &question, &answer, err) <
            0)
            return -1;
    }
    if (remote_check_found(host, command->argv[0], &answer.outcome, err) < 0)
        return -1;
    *outcome = answer.outcome;
    answer.outcome = (struct outcome){ 0 };
    return 0;
}

static struct remote_part part_of(const struct command *command, enum remote_kind kind)
{
    struct remote_part part = { .kind = kind,
                                .what = command_quote(command->argv),
                                .name = xstrdup(command->argv[0]),
                                .script = run_script(command),
                                .timeout_s = command->timeout_s };

    if (command->input) {
        part.input_length = command->input_length;
        part.input = xcalloc(1, part.input_length + 1);
        memcpy(part.input, command->input, part.input_length);
    }
    return part;
}

int remote_perform(const struct host *host, const struct command *command,
                   const struct verdict *verdict, struct error *err)
{
    struct remote *remote = host->remote;
    cleanup_outcome struct outcome outcome = { 0 };

    if (remote->postponing && !remote->alone && !command->source) {
        struct remote_part part = part_of(command, REMOTE_STEP);
        part.verdict = *verdict;
        part.verdict.subject = verdict->subject ? xstrdup(verdict->subject) : NULL;
        remote_add(remote, &part);
        return 0;
    }
    if (remote_run(host, command, &outcome, err) < 0)
        return -1;
    return verdict->judge(verdict, &outcome, err);
}

void remote_attempt(const struct host *host, const struct command *command, const char *what)
{
    struct remote_part part = part_of(command, REMOTE_ATTEMPT);

    log_event(host->log, "%s", what);
    remote_add(host->remote, &part);
}

void remote_foresee_run(const struct host *host, const struct command *command)
{
    struct remote_part part = part_of(command, REMOTE_FORESEEN);

    remote_add(host->remote, &part);
}

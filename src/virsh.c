#include "cpi/virsh.h"

#include <stdlib.h>
#include <string.h>

/* Stands between the outputs of two commands: virsh's own 'echo' prints it, without a newline
 * after it when virsh is quiet. */
static const char separator[] = "==cpi==";

/* virsh knows '...' and \ as a shell does. */
static void quote(FILE *out, const char *word)
{
    fputc('\'', out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    fputc('\'', out);
}

static bool is_plain(const char *word)
{
    return *word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789_./:@-") == strlen(word);
}

void virsh_add(struct virsh_script *script, const char *const *words)
{
    char *text = NULL;
    size_t length;
    FILE *out = text_open(&text, &length);

    if (script->text)
        fprintf(out, "%s; echo %s; ", script->text, separator);
    for (size_t i = 0; words[i]; i++) {
        if (i)
            fputc(' ', out);
        if (is_plain(words[i]))
            fputs(words[i], out);
        else
            quote(out, words[i]);
    }
    text_close(out);
    free(script->text);
    script->text = text;
    script->count++;
}

void virsh_append(struct virsh_script *script, const struct virsh_script *more)
{
    if (!more->count)
        return;
    char *text = script->text ? xasprintf("%s; echo %s; %s", script->text, separator, more->text)
                              : xstrdup(more->text);
    free(script->text);
    script->text = text;
    script->count += more->count;
}

static bool has_error(const char *text)
{
    return starts_with(text, "error:") || strstr(text, "\nerror:");
}

/* Cuts virsh's stdout into one piece for each command. False when it is not that many. */
static bool cut(char *text, int count, char ***pieces)
{
    bool complete = true;

    for (int i = 0; i < count; i++) {
        char *end = text ? strstr(text, separator) : NULL;
        if (end)
            *end = '\0';
        strings_add(pieces, text ? text : "");
        text = end ? end + strlen(separator) : NULL;
        complete = complete && (end != NULL) == (i + 1 < count);
    }
    return complete;
}

/* With no connection no command runs, and virsh says so in these words (LC_ALL=C). */
static bool no_connection(const struct outcome *outcome)
{
    return outcome->status != 0 && strstr(outcome->err, "failed to connect to the hypervisor");
}

/* What to do when there is no connection. */
static const char *advice(const char *complaints)
{
    static const struct {
        const char *said, *advice;
    } known[] = {
        { "unable to initialize VirtualBox driver API",
          "there is no VirtualBox here, or libvirt's driver does not know its version: libvirt 9 "
          "knows 5.2, 6.0 and 6.1; 'VBoxManage --version' tells which there is" },
        { "vmrun utility is missing",
          "vmrun, which comes with VMware's VIX or Workstation, must be on PATH, with vmware or "
          "vmplayer in the same directory" },
        { "libxenlight state driver is not active", "this machine does not run on Xen, or not as "
                                                    "dom0: install xen-system-amd64 and boot it" },
        { "no connection driver available", "libvirt's driver for it is missing: install "
                                            "libvirt-daemon-driver-qemu, -lxc or -xen, and "
                                            "restart libvirtd" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strstr(complaints, known[i].said))
            return known[i].advice;
    return "is libvirtd running, and may this user connect to it?";
}

static int read_reply(const struct virsh *virsh, int count, const struct outcome *outcome,
                      struct virsh_reply *reply, struct error *err)
{
    cleanup_free char *complaints = one_line(outcome->err, "error: ");

    if (no_connection(outcome)) {
        reply->untouched = true;
        fail(err, ERROR_CLOUD, "cannot reach libvirt at '%s': %s (%s)", virsh->uri, complaints,
             advice(complaints));
        return error_retriable(err);
    }
    reply->status = outcome->status;
    cleanup_free char *text = xstrdup(outcome->out);
    bool complete = cut(text, count, &reply->out);
    reply->ok = outcome->status == 0 && !has_error(outcome->err);
    reply->complaints = steal_pointer(&complaints);
    if (*reply->complaints)
        log_event(virsh->host->log, "  virsh says: %s", reply->complaints);
    /* Whoever takes silence for an empty list would remove what is in use. */
    if (outcome->status == 0 && !complete)
        return fail(err, ERROR_CLOUD, "virsh at '%s' did not answer in the form that it should",
                    virsh->uri);
    return 0;
}

int virsh_play(const struct virsh *virsh, const struct virsh_script *script, const char *input,
               struct virsh_reply *reply, struct error *err)
{
    cleanup_outcome struct outcome outcome = { 0 };
    const struct command command = {
        .argv = ARGV(virsh->program, "-q", "-c", virsh->uri, script->text),
        .input = input,
        .input_length = input ? strlen(input) : 0,
        .done_mark = script->done_mark,
    };

    if (host_run(virsh->host, &command, &outcome, err) < 0) {
        /* A far host may have run what it did not answer. */
        reply->untouched =
            virsh->host->remote ? host_step_failed(virsh->host) : outcome.out == NULL;
        return -1;
    }
    return read_reply(virsh, script->count, &outcome, reply, err);
}

void virsh_foresee(const struct virsh *virsh, const struct virsh_script *script)
{
    const struct command command = { .argv = ARGV(virsh->program, "-q", "-c", virsh->uri,
                                                  script->text) };

    host_foresee_run(virsh->host, &command);
}

/* A libvirtd that was killed as a backup began restores its job at the next start, but not what it
 * was for, so the job never ends and holds the domain even when it is off (seen with 9.0). */
static const char *job_advice(const char *complaints)
{
    return strstr(complaints, "(held by monitor=init-")
               ? " (a job from before libvirtd's last start holds the VM: recreate it, or end it "
                 "with 'virsh destroy', restart libvirtd and start the VM with reboot_vm)"
               : "";
}

int virsh_fail(const struct virsh_reply *reply, struct error *err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    cleanup_free char *what = xvasprintf(format, arguments);
    va_end(arguments);

    return fail(err, ERROR_CLOUD, "%s: %s%s", what,
                *reply->complaints ? reply->complaints : "virsh gave no reason",
                job_advice(reply->complaints));
}

void virsh_script_release(struct virsh_script *script)
{
    free(script->text);
    *script = (struct virsh_script){ 0 };
}

void virsh_reply_release(struct virsh_reply *reply)
{
    util_free_stringsp(&reply->out);
    free(reply->complaints);
    *reply = (struct virsh_reply){ 0 };
}

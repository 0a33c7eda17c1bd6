#include "cpi/backup.h"

#include "cpi/image.h"
#include "cpi/json.h"

#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 200 };

/* QEMU copies up to 64 clusters of 64 KiB at once, so it may leave as much. Bytes. */
enum { FULL = 4 << 20 };

static char *render(const struct cpi *cpi, const char *target, const char *path, struct error *err)
{
    cleanup_json cJSON *item = json_new_object();

    json_put_string(item, "target", target);
    json_put_string(item, "path", path);
    return template_render(&cpi->templates, "backup", item, err);
}

static int begin(struct cpi *cpi, const char *vm, const char *xml, struct virsh_reply *reply,
                 struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };

    VIRSH_ADD(&script, "backup-begin", vm, "--backupxml", "/dev/stdin");
    return virsh_play(&cpi->virsh, &script, xml, reply, err);
}

/* The text in a line such as "Error message:    no space left", "" where there is none. */
static char *job_text(const char *text, const char *name)
{
    cleanup_free char *copy = xstrdup(text);
    cleanup_free char **lines = split_lines(copy);

    for (char **line = lines; *line; line++) {
        if (!starts_with(*line, name))
            continue;
        const char *value = *line + strlen(name);
        value += strspn(value, " ");
        return xstrdup(value);
    }
    return xstrdup("");
}

/* The word in a line such as "Job type:         None   ". */
static char *job_field(const char *text, const char *name)
{
    char *value = job_text(text, name);

    value[strcspn(value, " ")] = '\0';
    return value;
}

static int judge_space(const char *said, struct error *err)
{
    if (image_says_no_space(said))
        err->type = ERROR_NO_DISK_SPACE;
    return -1;
}

static int abort_job(struct cpi *cpi, const char *vm, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "domjobabort", vm);
    return virsh_play(&cpi->virsh, &script, NULL, &reply, err);
}

/* Another job, such as an operator's migration or backup, is none of our business. */
static bool is_ours(const struct virsh_reply *reply)
{
    cleanup_free char *operation = job_field(reply->out[0], "Operation:");

    return strcmp(operation, "Backup") == 0 && strstr(reply->out[1], "/snapshots/.new-");
}

int backup_end_orphan(struct cpi *cpi, const char *vm, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "domjobinfo", vm);
    VIRSH_ADD(&script, "backup-dumpxml", vm);
    if (virsh_play(&cpi->virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (!is_ours(&reply))
        return 0;
    log_event(cpi->log, "ending the copy of a disk of VM '%s' whose snapshot_disk was killed", vm);
    return abort_job(cpi, vm, err) < 0 ? -1 : 1;
}

/* libvirt 9.0 does not say why a copy failed, so one that filled the disk is told by that. */
static int explain_end(struct cpi *cpi, const char *vm, const char *ended, const char *why,
                       struct error *err)
{
    cleanup_error struct error ignored = { 0 };
    uint64_t left;

    if (*why || host_free_bytes(&cpi->host, cpi->store.dir, &left, &ignored) < 0 || left > FULL) {
        fail(err, ERROR_CLOUD, "the backup of a disk of VM '%s' ended as '%s': %s", vm, ended,
             *why ? why : "virsh gave no reason");
        return judge_space(why, err);
    }
    return fail(err, ERROR_NO_DISK_SPACE,
                "the backup of a disk of VM '%s' ended as '%s', and '%s' has only %llu KiB left",
                vm, ended, cpi->store.dir, (unsigned long long)left / 1024);
}

/* What was said of a job, and since when it has been the same. */
struct watch {
    char *said;
    long long since; /* clock_ms */
};

/* Time goes on where nothing else does: a libvirtd that was killed and started again does not learn
 * that QEMU's job has ended meanwhile (seen with 9.0). */
static bool stands_still(struct watch *watch, const char *info, int limit_s)
{
    cleanup_free char *copy = xstrdup(info);
    char *time = strstr(copy, "Time elapsed:");
    char *rest = time ? strchr(time, '\n') : NULL;

    if (rest)
        memmove(time, rest, strlen(rest) + 1);
    if (!watch->said || strcmp(watch->said, copy) != 0) {
        free(watch->said);
        *watch = (struct watch){ .said = steal_pointer(&copy), .since = clock_ms() };
    }
    return clock_ms() - watch->since > limit_s * 1000LL;
}

/* Waits until no job runs, then asks how the last one ended, which libvirt tells once. */
static int watch_job(struct cpi *cpi, const char *vm, struct watch *watch, struct error *err)
{
    const int limit = cpi->config.command_timeout;

    for (;;) {
        cleanup_script struct virsh_script script = { 0 };
        cleanup_reply struct virsh_reply reply = { 0 };

        VIRSH_ADD(&script, "domjobinfo", vm);
        VIRSH_ADD(&script, "domjobinfo", vm, "--completed", "--keep-completed");
        if (virsh_play(&cpi->virsh, &script, NULL, &reply, err) < 0)
            return -1;
        cleanup_free char *running = job_field(reply.out[0], "Job type:");
        cleanup_free char *ended = job_field(reply.out[1], "Job type:");
        cleanup_free char *why = job_text(reply.out[1], "Error message:");
        if (strcmp(running, "None") == 0 && strcmp(ended, "Completed") == 0)
            return 0;
        if (strcmp(running, "None") == 0)
            return explain_end(cpi, vm, *ended ? ended : "unknown", why, err);
        if (!*running)
            return virsh_fail(&reply, err, "cannot tell how the copy of a disk of VM '%s' goes",
                              vm);
        if (command_interrupted())
            return fail(err, ERROR_CLOUD, "this call was asked to end while a disk was copied");
        if (stands_still(watch, reply.out[0], limit)) {
            fail(err, ERROR_CLOUD,
                 "the copy of a disk of VM '%s' did not get on within %d seconds (command_timeout) "
                 "and was stopped",
                 vm, limit);
            return error_retriable(err);
        }
        pause_ms(POLL_MS);
    }
}

static int wait_for_end(struct cpi *cpi, const char *vm, struct error *err)
{
    struct watch watch = { 0 };
    int ended = watch_job(cpi, vm, &watch, err);

    free(watch.said);
    return ended;
}

int backup_disk(struct cpi *cpi, const char *vm_cid, const char *target, const char *path,
                struct error *err)
{
    cleanup_free char *xml = render(cpi, target, path, err);
    cleanup_reply struct virsh_reply reply = { 0 }, second = { 0 };
    const struct virsh_reply *said = &reply;
    cleanup_error struct error ignored = { 0 };

    if (!xml || begin(cpi, vm_cid, xml, &reply, err) < 0)
        return -1;
    if (!reply.ok) {
        int ended = backup_end_orphan(cpi, vm_cid, err);
        if (ended < 0)
            return -1;
        if (ended) {
            if (host_remove(&cpi->host, path, err) < 0 || begin(cpi, vm_cid, xml, &second, err) < 0)
                return -1;
            said = &second;
        }
    }
    if (!said->ok) {
        virsh_fail(said, err, "libvirt did not copy disk '%s' of VM '%s'", target, vm_cid);
        return judge_space(said->complaints, err);
    }
    if (wait_for_end(cpi, vm_cid, err) == 0)
        return 0;
    abort_job(cpi, vm_cid, &ignored);
    return -1;
}

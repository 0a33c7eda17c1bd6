#include "cpi/lxc.h"

#include "cpi/definition.h"

#include <stdlib.h>
#include <string.h>

/* What virsh prints ends with an empty line. */
static void trim(char *text)
{
    size_t length = strlen(text);

    while (length > 0 && strchr(" \n", text[length - 1]))
        text[--length] = '\0';
}

/* The id of a container is the process id of libvirt's controller, whose child is the first process
 * inside. The kernel tells what is mounted there, whatever the container says. */
static int read_mounts(struct cpi *cpi, const char *cid, const char *id, struct lxc_mounts *mounts,
                       struct error *err)
{
    if (lxc_run(cpi, ARGV("pgrep", "--parent", id), 0, &mounts->init, err) == 0) {
        mounts->init[strcspn(mounts->init, "\n")] = '\0';
        if (lxc_run(cpi,
                    ARGV("findmnt", "--noheadings", "--raw", "--output", "MAJ:MIN,TARGET", "--task",
                         mounts->init),
                    0, &mounts->text, err) == 0)
            return 0;
    }
    return error_wrap(err,
                      "cannot tell what is mounted in VM '%s', process %s (it has just ended, or "
                      "this is not the host that it runs on)",
                      cid, id);
}

int lxc_look(struct cpi *cpi, const char *cid, char **xml, struct lxc_mounts *mounts,
             struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "domid", cid);
    VIRSH_ADD(&script, "dumpxml", cid, "--inactive");
    VIRSH_ADD(&script, "domstate", cid);
    if (virsh_play(&cpi->virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (!reply.ok)
        return domain_explain(&cpi->virsh, &reply, cid, err);
    trim(reply.out[0]);
    *xml = xstrdup(reply.out[1]);
    mounts->paused = starts_with(reply.out[2], "paused");
    if (strspn(reply.out[0], "0123456789") != strlen(reply.out[0]) || !*reply.out[0])
        return 0;
    return read_mounts(cpi, cid, reply.out[0], mounts, err);
}

/* A line is "7:1 /warden-cpi-dev/...". */
static bool next_mount(const char **text, char device[32], const char **target, size_t *length)
{
    int place = 0;

    while (**text) {
        const char *line = *text;
        *text += strcspn(*text, "\n");
        *text += **text == '\n';
        if (sscanf(line, "%31[0-9:] %n", device, &place) != 1 || place == 0)
            continue;
        *target = line + place;
        *length = strcspn(*target, "\n");
        return true;
    }
    return false;
}

char *lxc_mounted(const struct lxc_mounts *mounts, const char *target)
{
    const char *text = mounts->text ? mounts->text : "", *place;
    char device[32], *found = NULL;
    size_t length;

    /* What was mounted last hides the others. */
    while (next_mount(&text, device, &place, &length))
        if (length == strlen(target) && starts_with(place, target)) {
            free(found);
            found = xstrdup(device);
        }
    return found;
}

int lxc_count_mounts(const struct lxc_mounts *mounts, const char *device)
{
    const char *text = mounts->text ? mounts->text : "", *place;
    char current[32];
    size_t length;
    int count = 0;

    while (next_mount(&text, current, &place, &length))
        count += strcmp(current, device) == 0;
    return count;
}

void lxc_mounts_release(struct lxc_mounts *mounts)
{
    free(mounts->text);
    free(mounts->init);
    *mounts = (struct lxc_mounts){ 0 };
}

static void add(struct blocks *blocks, const char *target, const char *source)
{
    blocks->list = xrealloc(blocks->list, (blocks->count + 1) * sizeof(*blocks->list));
    blocks->list[blocks->count++] =
        (struct block){ .target = xstrdup(target), .source = xstrdup(source) };
}

/* A disk's place in a container carries its CID; all other mounts are none of ours. */
static void add_disk(const struct cpi *cpi, const char *target, struct blocks *blocks)
{
    const char *cid = target + strlen(LXC_DISKS "/");

    if (!starts_with(target, LXC_DISKS "/") || !id_valid(cid))
        return;
    cleanup_free char *source = store_path(&cpi->store, STORE_DISK, cid, "disk.raw");
    add(blocks, target, source);
}

static void add_live(const struct cpi *cpi, const struct lxc_mounts *mounts, struct blocks *blocks)
{
    const char *text = mounts->text ? mounts->text : "", *place;
    char device[32];
    size_t length;

    while (next_mount(&text, device, &place, &length)) {
        cleanup_free char *target = xstrndup(place, length);
        add_disk(cpi, target, blocks);
    }
}

static void add_config(const struct cpi *cpi, const struct domain_definition *definition,
                       struct blocks *blocks)
{
    if (definition->root)
        add(blocks, "/", definition->root);
    for (size_t i = 0; i < definition->count; i++)
        add_disk(cpi, definition->list[i].target, blocks);
}

void lxc_read_disks(const struct cpi *cpi, const char *xml, struct blocks *blocks)
{
    cleanup_definition struct domain_definition definition = { 0 };
    cleanup_error struct error ignored = { 0 };

    if (definition_read(xml, &definition, &ignored) == 0)
        add_config(cpi, &definition, blocks);
}

int lxc_inspect(struct cpi *cpi, const char *cid, struct domain_state *state, struct error *err)
{
    cleanup_free char *xml = NULL;
    cleanup_mounts struct lxc_mounts mounts = { 0 };
    cleanup_definition struct domain_definition definition = { 0 };

    if (lxc_look(cpi, cid, &xml, &mounts, err) < 0 || definition_read(xml, &definition, err) < 0)
        return -1;
    add_config(cpi, &definition, &state->config);
    state->active = mounts.text != NULL;
    add_live(cpi, &mounts, &state->live);
    return 0;
}

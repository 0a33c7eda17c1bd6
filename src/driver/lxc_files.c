#include "cpi/lxc.h"

#include "cpi/agent.h"
#include "cpi/json.h"
#include "cpi/slot.h"
#include "cpi/stemcell_tree.h"
#include "cpi/tree_check.h"
#include "cpi/usual.h"

#include <string.h>

/* A copy may take longer than other commands, by as much as a slow disk needs. Bytes. */
enum { COPIED_A_SECOND = 4 << 20 };

int lxc_patience(const struct cpi *cpi, const struct vm_plan *plan)
{
    return cpi->config.command_timeout +
           (int)(plan->stemcell.image.virtual_bytes / COPIED_A_SECOND);
}

static int copy_root(struct cpi *cpi, const struct vm_plan *plan, const char *root,
                     struct error *err)
{
    cleanup_lock struct lock slot = LOCK_NONE;

    if (slot_take(&cpi->host, &slot, err) < 0)
        return -1;
    if (lxc_run(cpi,
                ARGV("cp", "--archive", "--reflink=auto", "--no-target-directory",
                     plan->stemcell.path, root),
                lxc_patience(cpi, plan), NULL, err) < 0)
        return error_wrap(err, "cannot copy the stemcell's root file system");
    return 0;
}

static int make_directories(struct cpi *cpi, const char *root, struct error *err)
{
    static const char *const directories[] = { "var", "var/vcap", TREE_SETTINGS_DIRECTORY,
                                               TREE_EPHEMERAL, TREE_DISKS };

    /* That none of them is a link was seen when the stemcell came (tree_check.c). */
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        cleanup_free char *path = xasprintf("%s/%s", root, directories[i]);
        if (host_make_directory(&cpi->host, path, 0755, err) < 0)
            return -1;
    }
    return 0;
}

/* The agent leaves alone what libvirt has set up. It asks a DHCP server for the others itself. */
static cJSON *make_networks(const cJSON *networks)
{
    cJSON *copy = json_copy(networks), *network;

    cJSON_ArrayForEach (network, copy) {
        const char *type = json_string(network, "type");
        if (!type || strcmp(type, "dynamic") != 0)
            json_set(network, "preconfigured", cJSON_CreateTrue());
    }
    return copy;
}

static char *make_settings(struct cpi *cpi, const struct vm_request *request,
                           const struct vm_plan *plan)
{
    cleanup_json cJSON *networks = make_networks(plan->domain.nics.settings);
    const struct agent_input input = {
        .agent_id = request->agent_id,
        .vm_cid = plan->domain.cid,
        .agent = cpi->config.agent,
        .networks = networks,
        .env = request->env,
        .system_disk = "",
    };
    cleanup_json cJSON *settings = agent_settings(&input);

    return json_print(settings);
}

static int put_settings(struct cpi *cpi, const struct vm_request *request,
                        const struct vm_plan *plan, const char *root, struct error *err)
{
    cleanup_free char *text = make_settings(cpi, request, plan);
    const cJSON *name;

    cJSON_ArrayForEach (name, plan->stemcell.settings) {
        cleanup_free char *path =
            xasprintf("%s/" TREE_SETTINGS_DIRECTORY "/%s", root, cJSON_GetStringValue(name));
        if (host_put(&cpi->host, path, (struct bytes){ text, strlen(text) }, 0600, err) < 0)
            return -1;
    }
    return 0;
}

/* Not discarded first, for that would undo a preallocation. */
static int format(struct cpi *cpi, const char *path, struct error *err)
{
    return lxc_run(cpi, ARGV("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "nodiscard", path), 0, NULL,
                   err);
}

int lxc_make_image(struct cpi *cpi, const struct image_request *request, struct error *err)
{
    return image_create(&cpi->host, request, err) < 0 ? -1 : format(cpi, request->path, err);
}

/* The image may have grown before, in a call that was killed: then there is nothing to do twice. */
int lxc_grow_image(struct cpi *cpi, const struct image_request *request, struct error *err)
{
    cleanup_outcome struct outcome outcome = { 0 };
    const struct command check = { .argv = ARGV("e2fsck", "-f", "-p", request->path) };

    if (image_grow(&cpi->host, request, err) < 0 || host_run(&cpi->host, &check, &outcome, err) < 0)
        return -1;
    /* 1: something was mended. */
    if (outcome.status > 1)
        return fail(err, ERROR_CLOUD, "the file system in '%s' is damaged (e2fsck: %d): %s",
                    request->path, outcome.status, outcome.out);
    return lxc_run(cpi, ARGV("resize2fs", request->path), 0, NULL, err);
}

static int make_ephemeral(struct cpi *cpi, const struct vm_plan *plan, struct error *err)
{
    cleanup_free char *path = vm_domain_file(&plan->domain, VM_EPHEMERAL);
    const struct image_request request = {
        .path = path,
        .format = cpi->config.hypervisor->disk_format,
        .size_mib = plan->domain.properties.ephemeral_mib,
    };

    cleanup_free char *link = lxc_ephemeral_name(plan->domain.cid);
    cleanup_free char *file = xasprintf("vms/%s/ephemeral.raw", plan->domain.cid);

    if (!request.size_mib)
        return 0;
    return lxc_make_image(cpi, &request, err) < 0 ? -1 : lxc_link(cpi, link, file, err);
}

int lxc_make_files(struct cpi *cpi, const struct vm_request *request, const struct vm_plan *plan,
                   struct error *err)
{
    cleanup_free char *root = xasprintf("%s/" TREE_ROOT, plan->domain.directory);

    /* Set-user-id programs and devices are in there, which are none of the host's other users. */
    if (host_chmod(&cpi->host, plan->domain.directory, 0700, err) < 0 ||
        copy_root(cpi, plan, root, err) < 0 || make_directories(cpi, root, err) < 0 ||
        put_settings(cpi, request, plan, root, err) < 0)
        return -1;
    if (!plan->domain.properties.privileged)
        return lxc_shift(cpi, plan, root, err);
    return make_ephemeral(cpi, plan, err);
}

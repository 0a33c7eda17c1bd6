#include "cpi/person.h"

#include "cpi/json.h"
#include "cpi/leftovers.h"

static int collect(struct cpi *cpi, const struct arguments *arguments, const struct page *page,
                   struct error *err)
{
    cleanup_json cJSON *found = leftovers_find(cpi, !arguments->dry_run, err);
    const cJSON *leftover;

    if (!found)
        return -1;
    if (arguments->json) {
        page_json(page, found);
        return 0;
    }
    cJSON_ArrayForEach (leftover, found)
        page_print(page, INK_PLAIN, "%s: %s\n", json_string(leftover, "where"),
                   json_string(leftover, "what"));
    if (page->terminal)
        page_print(page, INK_DIM, "%d %s\n", cJSON_GetArraySize(found),
                   arguments->dry_run ? "found" : "removed");
    return 0;
}

static int gc(const struct arguments *arguments, const struct page *page)
{
    return person_work(arguments, page, collect);
}

const struct person_command person_gc = {
    .name = "gc",
    .synopsis = "[--dry-run] [--config FILE] [--json]",
    .summary = "Removes what killed calls left behind",
    .help =
        "It removes VMs that were half made or half removed, directories on their way in or out,\n"
        "addresses, DHCP reservations and locks of VMs that are gone, copies of disks that\n"
        "nobody waits for, and domains of VMs whose directory is gone unless they run. What a\n"
        "call is working on is passed over. Persistent disks, stemcells and snapshots stay, and\n"
        "so do VMs that create_vm was told to keep by keep_failed_vms.\n"
        "\n"
        "Where VMs of two stores are on one libvirt, a VM of the other store that is being made\n"
        "at this moment may lose its DHCP reservation.\n",
    .options = (const char *const[]){ "--dry-run", "--config", "--json", NULL },
    .run = gc,
};

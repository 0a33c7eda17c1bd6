#include "cpi/person.h"

#include "cpi/inventory.h"
#include "cpi/json.h"

#include <string.h>

/* The tables, in the order of printing. */
static const struct listing {
    const char *name, *heading;
    struct column columns[9];
} listings[] = {
    { "stemcells",
      "Stemcells",
      { { "CID", "cid" },
        { "name", "name" },
        { "version", "version" },
        { "MiB", "size_mib" },
        { "format", "format" },
        { "VMs", "vms" } } },
    { "vms",
      "VMs",
      { { "CID", "cid" },
        { "state", "state" },
        { "CPUs", "cpus" },
        { "MiB", "memory_mib" },
        { "deployment", "deployment" },
        { "instance", "instance" },
        { "addresses", "addresses" },
        { "disks", "disks" } } },
    { "disks",
      "Disks",
      { { "CID", "cid" },
        { "MiB", "size_mib" },
        { "format", "format" },
        { "attached to", "vms" },
        { "deployment", "deployment" },
        { "instance", "instance" } } },
    { "snapshots",
      "Snapshots",
      { { "CID", "cid" },
        { "MiB", "size_mib" },
        { "disk", "disk" },
        { "deployment", "deployment" },
        { "instance", "instance" } } },
    { "networks",
      "Networks",
      { { "name", "name" },
        { "state", "state" },
        { "autostart", "autostart" },
        { "VMs", "vms" } } },
};

static bool is_listing(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(listings); i++)
        if (strcmp(listings[i].name, name) == 0)
            return true;
    return false;
}

static void print_tables(const struct page *page, const cJSON *inventory, const char *only)
{
    bool printed = false;

    for (size_t i = 0; i < ARRAY_SIZE(listings); i++) {
        const struct listing *listing = &listings[i];
        const cJSON *rows = json_get(inventory, listing->name);
        if (cJSON_GetArraySize(rows) == 0 || (only && strcmp(only, listing->name) != 0))
            continue;
        if (!only)
            page_print(page, INK_GREEN, "%s%s\n", printed ? "\n" : "", listing->heading);
        page_table(page, listing->columns, rows);
        printed = true;
    }
}

static int list(struct cpi *cpi, const struct arguments *arguments, const struct page *page,
                struct error *err)
{
    const char *only = arguments->words[0];

    if (only && !is_listing(only))
        return fail(err, ERROR_CPI, "'%s' is none of stemcells, vms, disks, snapshots and networks",
                    only);
    cleanup_json cJSON *inventory = inventory_take(cpi, err);
    if (!inventory)
        return -1;
    if (arguments->json)
        page_json(page, only ? json_get(inventory, only) : inventory);
    else
        print_tables(page, inventory, only);
    return 0;
}

static int ls(const struct arguments *arguments, const struct page *page)
{
    return person_work(arguments, page, list);
}

const struct person_command person_ls = {
    .name = "ls",
    .synopsis = "[KIND] [--config FILE] [--json]",
    .summary = "Lists stemcells, VMs, disks, snapshots and networks",
    .help = "With a KIND, which is stemcells, vms, disks, snapshots or networks, those alone.\n"
            "Deployment and instance are what BOSH last said about a thing.\n",
    .options = (const char *const[]){ "--config", "--json", NULL },
    .max_words = 1,
    .run = ls,
};

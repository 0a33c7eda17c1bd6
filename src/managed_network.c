#include "cpi/managed_network.h"

#include "cpi/json.h"

#include <stdlib.h>
#include <string.h>

static void release_all(struct libvirt_networks *networks)
{
    for (size_t i = 0; i < networks->count; i++)
        libvirt_network_release(&networks->list[i]);
    free(networks->list);
    *networks = (struct libvirt_networks){ 0 };
}

#define cleanup_networks cleanup(release_all)

/* What 'net-list' printed has a blank after each name. */
static bool listed(const char *list, const char *name)
{
    cleanup_free char *text = xstrdup(list);
    cleanup_free char **lines = split_lines(text);

    for (char **line = lines; *line; line++)
        if (starts_with(*line, name) &&
            strspn(*line + strlen(name), " ") == strlen(*line + strlen(name)))
            return true;
    return false;
}

static int add_network(const char *xml, struct libvirt_networks *networks, struct error *err)
{
    networks->list = xrealloc(networks->list, (networks->count + 1) * sizeof(*networks->list));
    networks->list[networks->count] = (struct libvirt_network){ 0 };
    return libvirt_network_read(xml, &networks->list[networks->count++], err);
}

static void add_listing(struct virsh_script *script)
{
    VIRSH_ADD(script, "net-list", "--all", "--uuid");
}

/* All networks of libvirt by their uuids, for a name may hold anything. */
static int read_all(const struct virsh *virsh, struct libvirt_networks *networks, struct error *err)
{
    cleanup_script struct virsh_script listing = { 0 }, dumping = { 0 };
    cleanup_reply struct virsh_reply list = { 0 }, dumps = { 0 };

    add_listing(&listing);
    if (virsh_play(virsh, &listing, NULL, &list, err) < 0)
        return -1;
    if (!list.ok)
        return virsh_fail(&list, err, "cannot list the networks of '%s'", virsh->uri);
    cleanup_free char **uuids = split_lines(list.out[0]);
    for (char **uuid = uuids; *uuid; uuid++) {
        (*uuid)[strcspn(*uuid, " ")] = '\0';
        VIRSH_ADD(&dumping, "net-dumpxml", *uuid);
    }
    if (dumping.count == 0)
        return 0;
    if (virsh_play(virsh, &dumping, NULL, &dumps, err) < 0)
        return -1;
    /* One that was removed meanwhile is none. */
    for (char **xml = dumps.out; *xml; xml++)
        if (strchr(*xml, '<') && add_network(*xml, networks, err) < 0)
            return -1;
    return 0;
}

static int check_name(const char *name, const struct libvirt_networks *others, struct error *err)
{
    for (size_t i = 0; i < others->count; i++) {
        if (strcmp(others->list[i].name, name) != 0)
            continue;
        return others->list[i].ours
                   ? fail(err, ERROR_CLOUD,
                          "there is a network '%s' already, which create_network made: "
                          "delete_network "
                          "with the CID 'net-%s' removes it",
                          name, others->list[i].uuid)
                   : fail(err, ERROR_CLOUD, "there is a network '%s' already", name);
    }
    return 0;
}

static int prepare(struct cpi *cpi, struct network_definition *definition, struct error *err)
{
    cleanup_networks struct libvirt_networks others = { 0 };
    cleanup_free char *routes = NULL;

    if (read_all(&cpi->virsh, &others, err) < 0 || check_name(definition->name, &others, err) < 0 ||
        network_definition_check(definition, &others, err) < 0)
        return -1;
    if (!definition->netmask_bits)
        return 0;
    if (host_get(&cpi->host, "/proc/net/route", &routes, err) < 0)
        return -1;
    return network_definition_choose(definition, &others, routes, err);
}

/* Removes a network by its uuid, whatever there is of it. */
static int remove_network(const struct virsh *virsh, const char *uuid, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "net-destroy", uuid);
    VIRSH_ADD(&script, "net-undefine", uuid);
    VIRSH_ADD(&script, "net-list", "--all", "--uuid");
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (reply.status != 0 || listed(reply.out[2], uuid))
        return virsh_fail(&reply, err, "libvirt did not remove the network %s", uuid);
    return 0;
}

static int start(const struct virsh *virsh, const struct network_definition *definition,
                 const char *xml, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };
    const char *uuid = id_uuid(definition->cid);

    VIRSH_ADD(&script, "net-define", "--validate", "/dev/stdin");
    VIRSH_ADD(&script, "net-autostart", uuid);
    VIRSH_ADD(&script, "net-start", uuid);
    if (virsh_play(virsh, &script, xml, &reply, err) < 0)
        return -1;
    return reply.ok
               ? 0
               : virsh_fail(&reply, err, "libvirt did not start network '%s'", definition->name);
}

int managed_network_create(struct cpi *cpi, struct network_definition *definition,
                           struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;
    cleanup_error struct error undoing = { 0 };
    cleanup_script struct virsh_script listing = { 0 };

    add_listing(&listing);
    virsh_foresee(&cpi->virsh, &listing);
    if (store_prepare(&cpi->store, err) < 0 || store_lock_networks(&cpi->store, &lock, err) < 0 ||
        prepare(cpi, definition, err) < 0)
        return -1;
    cleanup_json cJSON *item = network_definition_item(definition);
    cleanup_free char *xml = template_render(&cpi->templates, "network", item, err);
    if (!xml)
        return -1;
    if (start(&cpi->virsh, definition, xml, err) == 0)
        return 0;
    /* The first error is the one to tell. */
    if (remove_network(&cpi->virsh, id_uuid(definition->cid), &undoing) < 0)
        log_note(cpi->log, "warning: undoing create_network left something of '%s': %s",
                 definition->cid, undoing.message);
    return -1;
}

/* Reads the network of a CID, or of that name: an operator may have one that we did not make. */
static int find(const struct virsh *virsh, const char *cid, struct libvirt_network *network,
                struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };
    const char *uuid = starts_with(cid, "net-") ? id_uuid(cid) : NULL;
    const char *id = uuid ? uuid : cid;

    VIRSH_ADD(&script, "net-dumpxml", id);
    VIRSH_ADD(&script, "net-list", "--all", uuid ? "--uuid" : "--name");
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (reply.status != 0)
        return virsh_fail(&reply, err, "cannot list the networks of '%s'", virsh->uri);
    if (!listed(reply.out[1], id))
        return fail(err, ERROR_NETWORK_NOT_FOUND, "there is no network '%s' at '%s'", cid,
                    virsh->uri);
    if (!strchr(reply.out[0], '<'))
        return virsh_fail(&reply, err, "cannot read network '%s'", cid);
    return libvirt_network_read(reply.out[0], network, err);
}

static bool is_on(const cJSON *record, const char *network)
{
    const cJSON *name;

    cJSON_ArrayForEach (name, json_get(record, "networks"))
        if (cJSON_IsString(name) && strcmp(name->valuestring, network) == 0)
            return true;
    return false;
}

/* The VMs of the store that are on a network. */
struct users {
    const char *network;
    char *names; /* "a, b"; NULL: there are none */
};

/* Of one whose record cannot be read it is not known. */
static int add_user(void *state, const char *cid, cJSON *record, struct error *err)
{
    struct users *users = state;

    (void)err;
    if (!record)
        return -1;
    if (!is_on(record, users->network))
        return 0;
    cleanup_free char *before = users->names;
    users->names = xasprintf("%s%s%s", before ? before : "", before ? ", " : "", cid);
    return 0;
}

static int check_unused(struct cpi *cpi, const struct libvirt_network *network, struct error *err)
{
    struct users users = { .network = network->name };
    const struct store_reader reader = { .each = add_user, .state = &users };
    const int failed = store_read_each(&cpi->store, STORE_VM, &reader, err);
    cleanup_free char *vms = users.names;

    if (failed)
        return -1;
    if (vms)
        return fail(err, ERROR_CLOUD, "network '%s' is in use by %s", network->name, vms);
    if (network->connections)
        return fail(err, ERROR_CLOUD,
                    "network '%s' is in use by %lu NICs of VMs that are not in this store",
                    network->name, network->connections);
    return 0;
}

int managed_network_delete(struct cpi *cpi, const char *cid, struct error *err)
{
    cleanup_libvirt_network struct libvirt_network network = { 0 };
    cleanup_lock struct lock lock = LOCK_NONE;

    store_foresee_read_each(&cpi->store, STORE_VM);
    if (store_lock_networks(&cpi->store, &lock, err) < 0 ||
        find(&cpi->virsh, cid, &network, err) < 0)
        return -1;
    if (!network.ours)
        return fail(err, ERROR_CLOUD,
                    "network '%s' was not made by create_network and is left alone", network.name);
    if (check_unused(cpi, &network, err) < 0)
        return -1;
    return remove_network(&cpi->virsh, network.uuid, err);
}

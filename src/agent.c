#include "cpi/agent.h"

#include "cpi/json.h"

cJSON *agent_disk_hint(const struct bus *bus, const char *target, const char *serial)
{
    cleanup_free char *path = bus->by_id ? xasprintf("/dev/disk/by-id/%s%s", bus->by_id, serial)
                                         : xasprintf("/dev/%s", target);
    cJSON *hint = json_new_object();

    json_put_string(hint, "path", path);
    json_put_string(hint, "id", serial);
    return hint;
}

static void put_copy(cJSON *object, const char *key, const cJSON *value)
{
    if (value)
        json_put(object, key, json_copy(value));
}

static cJSON *disks(const struct agent_input *input)
{
    cJSON *disks = json_new_object();

    /* A string: the object form of the documentation breaks the agent. */
    json_put_string(disks, "system", input->system_disk);
    put_copy(disks, "ephemeral", input->ephemeral);
    put_copy(disks, "raw_ephemeral", input->raw_ephemeral);
    json_put(disks, "persistent", json_new_object());
    return disks;
}

cJSON *agent_settings(const struct agent_input *input)
{
    cJSON *settings = json_new_object(), *vm = json_new_object();

    json_put_string(settings, "agent_id", input->agent_id);
    json_put_string(vm, "name", input->vm_cid);
    json_put(settings, "vm", vm);
    put_copy(settings, "mbus", json_get(input->agent, "mbus"));
    put_copy(settings, "ntp", json_get(input->agent, "ntp"));
    put_copy(settings, "blobstore", json_get(input->agent, "blobstore"));
    put_copy(settings, "networks", input->networks);
    json_put(settings, "disks", disks(input));
    json_put(settings, "env", input->env ? json_copy(input->env) : json_new_object());
    return settings;
}

#include "cpi/hypervisor.h"

#include "cpi/json.h"
#include "cpi/util.h"

#include <string.h>

static const struct hypervisor *const hypervisors[] = {
    &hypervisor_qemu, &hypervisor_vbox, &hypervisor_lxc, &hypervisor_xen, &hypervisor_vmware,
};

const struct hypervisor *hypervisor_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(hypervisors); i++)
        if (strcmp(hypervisors[i]->name, name) == 0)
            return hypervisors[i];
    return NULL;
}

int hypervisor_check(const struct hypervisor *hypervisor, const cJSON *cloud_properties,
                     const char *whose, struct error *err)
{
    for (const char *const *key = hypervisor->lacks; key && *key; key++)
        if (json_get(cloud_properties, *key))
            return fail(err, ERROR_NOT_SUPPORTED,
                        "%s cloud_properties.%s is for other hypervisors than '%s': take it out",
                        whose, *key, hypervisor->name);
    return 0;
}

char *hypervisor_names(void)
{
    char *names = NULL;
    size_t length;
    FILE *out = text_open(&names, &length);

    for (size_t i = 0; i < ARRAY_SIZE(hypervisors); i++)
        fprintf(out, "%s%s", i ? ", " : "", hypervisors[i]->name);
    text_close(out);
    return names;
}

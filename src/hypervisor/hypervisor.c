#include "cpi/hypervisor.h"

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

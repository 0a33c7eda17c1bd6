#include "cpi/driver.h"

#include "cpi/util.h"

static const struct {
    const struct hypervisor *hypervisor;
    const struct driver *driver;
} drivers[] = {
    { &hypervisor_qemu, &driver_qemu },     { &hypervisor_vbox, &driver_vbox },
    { &hypervisor_lxc, &driver_lxc },       { &hypervisor_xen, &driver_xen },
    { &hypervisor_vmware, &driver_vmware },
};

const struct driver *driver_of(const struct cpi *cpi)
{
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
        if (drivers[i].hypervisor == cpi->config.hypervisor)
            return drivers[i].driver;
    /* dispatch.c lets no hypervisor through that is not ready. */
    return &driver_qemu;
}

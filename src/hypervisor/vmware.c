#include "cpi/hypervisor.h"

static const struct bus scsi = { .name = "scsi", .prefix = "sd" };

const struct hypervisor hypervisor_vmware = {
    .name = "vmware",
    .default_uri = "vmware:///session",
    .uri_drivers =
        (const char *const[]){ "vmware", "vmwarews", "vmwareplayer", "vmwarefusion", NULL },
    .stemcell_formats = (const char *const[]){ "vsphere-ovf", "general-ovf", "openstack-qcow2",
                                               "openstack-raw", NULL },
    .stemcell_format = "vmdk",
    .root_format = "vmdk",
    .disk_format = "vmdk",
    .disk_formats = (const char *const[]){ "vmdk", NULL },
    .buses = { [CONTROLLER_IDE] = &scsi,
               [CONTROLLER_SCSI] = &scsi,
               [CONTROLLER_SATA] = &scsi,
               [CONTROLLER_VIRTIO] = &scsi },
    .hotplug_bus = &scsi,
    .nic_types = (const char *const[]){ "user", "bridge", NULL },
    .nic_model = "e1000",
    .lacks = hypervisor_desktop_lacks,
    .desktop = true,
    .resize = true,
};

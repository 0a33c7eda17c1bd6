#include "cpi/hypervisor.h"

static const struct bus virtio = { "virtio", "vd", "virtio-", true };
static const struct bus scsi = { "scsi", "sd", "scsi-0QEMU_QEMU_HARDDISK_", false };
static const struct bus sata = { "sata", "sd", "ata-QEMU_HARDDISK_", false };
static const struct bus ide = { "ide", "hd", "ata-QEMU_HARDDISK_", false };

const struct hypervisor hypervisor_qemu = {
    .name = "qemu",
    .default_uri = "qemu:///system",
    .uri_drivers = (const char *const[]){ "qemu", NULL },
    .stemcell_formats = (const char *const[]){ "openstack-qcow2", "openstack-raw", "vsphere-ovf",
                                               "general-ovf", "libvirt-light", NULL },
    .root_format = "qcow2",
    .disk_format = "qcow2",
    .disk_formats = (const char *const[]){ "qcow2", "raw", "qcow", "vmdk", NULL },
    .buses = { [CONTROLLER_IDE] = &ide,
               [CONTROLLER_SCSI] = &scsi,
               [CONTROLLER_SATA] = &sata,
               [CONTROLLER_VIRTIO] = &virtio },
    .hotplug_bus = &virtio,
    .overflow_bus = &scsi,
    .nic_types = (const char *const[]){ "network", "bridge", "direct", NULL },
    .undefine_flags = (const char *const[]){ "--managed-save", "--snapshots-metadata",
                                             "--checkpoints-metadata", "--nvram", NULL },
    .start_flags = (const char *const[]){ "--force-boot", NULL },
    .lacks = (const char *const[]){ "virt_type", "kernel", "ramdisk", "cmdline", "bootloader",
                                    "init", NULL },
    .has_domain_type = true,
    .hot_plug = true,
    .networks = true,
    .live_snapshot = true,
    .resize = true,
    .metadata = true,
    .autostart = true,
};

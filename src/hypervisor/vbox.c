#include "cpi/hypervisor.h"

static const struct bus scsi = { .name = "scsi", .prefix = "sd" };
static const struct bus sata = { .name = "sata", .prefix = "sd" };
static const struct bus ide = { .name = "ide", .prefix = "hd" };

const char *const hypervisor_desktop_lacks[] = {
    "machine",     "cpu_mode",   "cpu_model",  "cpu_sockets",     "cpu_cores",
    "cpu_threads", "nested",     "hugepages",  "numa_nodes",      "disk_cache",
    "disk_io",     "iothreads",  "watchdog",   "host_devices",    "virt_type",
    "kernel",      "ramdisk",    "cmdline",    "bootloader",      "init",
    "cache",       "io",         "discard",    "preallocation",   "iops",
    "iops_read",   "iops_write", "throughput", "throughput_read", "throughput_write",
    "vlan",        "mtu",        "filter",     "bandwidth",       NULL
};

const struct hypervisor hypervisor_vbox = {
    .name = "vbox",
    .default_uri = "vbox:///session",
    .uri_drivers = (const char *const[]){ "vbox", NULL },
    .stemcell_formats = (const char *const[]){ "vsphere-ovf", "general-ovf", "openstack-qcow2",
                                               "openstack-raw", NULL },
    .stemcell_format = "vmdk",
    .root_format = "vmdk",
    .disk_format = "vmdk",
    .disk_formats = (const char *const[]){ "vmdk", "vdi", "vhd", NULL },
    .buses = { [CONTROLLER_IDE] = &ide,
               [CONTROLLER_SCSI] = &scsi,
               [CONTROLLER_SATA] = &sata,
               [CONTROLLER_VIRTIO] = &sata },
    .hotplug_bus = &sata,
    .nic_types =
        (const char *const[]){ "hostonly", "nat", "natnetwork", "bridged", "internal", NULL },
    .nic_model = "82540EM",
    .default_network = "vboxnet0",
    .rdp = true,
    .desktop = true,
    .lacks = hypervisor_desktop_lacks,
    .hot_plug = true,
    .live_snapshot = true,
    .resize = true,
    .metadata = true,
    .autostart = true,
};

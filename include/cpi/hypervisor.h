/*
 * hypervisor.h - what distinguishes the hypervisors, as data.
 *
 * Each hypervisor is one const struct in a file of its own below
 * src/hypervisor/. What a hypervisor cannot do is answered NotSupported.
 */
#ifndef CPI_HYPERVISOR_H
#define CPI_HYPERVISOR_H

#include "cpi/error.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* The values of storage_controller. */
enum storage_controller {
    CONTROLLER_IDE,
    CONTROLLER_SCSI,
    CONTROLLER_SATA,
    CONTROLLER_VIRTIO,
    CONTROLLER_COUNT
};

/* A disk bus, and what a disk on it is called in the guest. */
struct bus {
    const char *name;   /* libvirt's: <target bus='...'/> */
    const char *prefix; /* of target names: "vd" for vda, vdb, ... */
    const char *by_id;  /* what udev puts before the serial below /dev/disk/by-id; NULL: guests see
                           no serials on it, and call a disk by its target name for good */
    bool any_target;    /* does the target name mean nothing, neither an address nor a name? */
};

struct hypervisor {
    const char *name;
    const char *default_uri;
    const char *const *uri_drivers;      /* drivers a uri may name, ended by NULL */
    const char *const *stemcell_formats; /* that run here, ended by NULL */
    const char *stemcell_format;         /* that their images are kept in; NULL: as they came */
    const char *root_format;             /* of a VM's root: "directory", or as disk_format */
    const char *disk_format;             /* of new disks: image.h's name and our file extension */
    const char *const *disk_formats;     /* that new disks can have, ended by NULL */
    const struct bus *buses[CONTROLLER_COUNT]; /* of root and ephemeral disk; NULL: none */
    const struct bus *hotplug_bus;             /* of persistent disks; NULL: none */
    const struct bus *overflow_bus;            /* of persistent disks when that one is full */
    unsigned first_target;        /* the number of the first target name ("xvde": 4) that extra and
                                     persistent disks may have; those before it are the VM's own */
    const char *const *nic_types; /* as cloud_properties call them, the usual first; NULL ends */
    const char *nic_model;        /* the usual; NULL: virtio */
    const char *default_network;  /* where the configuration names none; NULL: "default" */
    const char *const *undefine_flags; /* of 'virsh undefine': what there may be beside a domain */
    const char *const *start_flags;    /* of 'virsh start', for a start from power-off */
    const char *const *lacks;          /* cloud_properties of VMs, disks and NICs that are for other
                                          hypervisors, ended by NULL; NULL: none */
    bool has_domain_type;              /* is there a choice of kvm and emulation? */
    bool networks;                     /* does libvirt make networks there? */
    bool desktop;       /* is libvirt's driver a part of virsh, without a libvirtd, and
                           does ours know more of a VM than it? */
    bool rdp;           /* can a VM have a screen by RDP? */
    bool trees;         /* are stemcells root file systems, and no disk images? */
    bool hot_plug;      /* do disks come to and leave a running VM? */
    bool live_snapshot; /* can a disk of a running VM be copied? */
    bool resize;        /* can a detached disk grow? */
    bool metadata;      /* does a domain keep a title, a description and metadata? */
    bool autostart;     /* can a domain start with the host? */
};

/* What the desktops lack, ended by NULL. */
extern const char *const hypervisor_desktop_lacks[];

/* The hypervisor of that name, NULL when there is none. */
const struct hypervisor *hypervisor_find(const char *name);

/* ERROR_NOT_SUPPORTED if the cloud_properties (NULL: none) have a key that the hypervisor lacks;
 * 'whose' is "the VM's" or the like. */
int hypervisor_check(const struct hypervisor *hypervisor, const cJSON *cloud_properties,
                     const char *whose, struct error *err);

/* Their names, such as "qemu, lxc", for messages. Owned by the caller. */
char *hypervisor_names(void);

extern const struct hypervisor hypervisor_qemu, hypervisor_vbox, hypervisor_lxc, hypervisor_xen,
    hypervisor_vmware;

#endif

/*
 * vm_domain.h - a VM as domain XML, through the template "domain".
 */
#ifndef CPI_VM_DOMAIN_H
#define CPI_VM_DOMAIN_H

#include "cpi/hypervisor.h"
#include "cpi/id.h"
#include "cpi/network.h"
#include "cpi/template.h"
#include "cpi/vm_properties.h"

/* The namespace of what set_vm_metadata and the tags leave at the domain. */
#define VM_METADATA_URI "https://bosh.io/xmlns/libvirt-cpi/1"

/* A further disk that lives and dies with the VM. */
struct vm_extra {
    char serial[ID_SIZE];
    uint64_t size_mib;
};

struct vm_domain {
    const struct hypervisor *hypervisor;
    enum storage_controller controller;
    const struct bus *bus; /* of root, ephemeral and extra disks */
    char cid[ID_SIZE];
    char root_serial[ID_SIZE], ephemeral_serial[ID_SIZE];
    char *directory;       /* where the VM's files are; owned by whoever set it */
    const char *arch;      /* libvirt's name, such as "aarch64"; NULL: the host's own, an x86 */
    const char *firmware;  /* "bios", "efi" or "efi-secure" */
    const char *password;  /* of the graphics, NULL: no graphics */
    const char *virt_type; /* Xen's: "pv", "pvh" or "hvm"; NULL on other hypervisors */
    const char *kernel;    /* that Xen starts in a domain without firmware; NULL: none */
    const char *nesting;   /* the CPU feature that nested virtualisation needs, "vmx" or "svm" */
    bool kvm;
    struct vm_properties properties;
    struct vm_extra *extras; /* owned by whoever set it */
    size_t extra_count;
    const cJSON *tags; /* shown at the domain from the start; NULL: none */
    struct nics nics;
};

/*
 * Fits controller and bus to what the machine has, before anything is made. A
 * note in the log says where another bus was taken. ERROR_CPI for what cannot
 * be: IDE on q35.
 */
int vm_domain_fit(struct vm_domain *domain, struct log *log, struct error *err);

enum vm_file { VM_ROOT, VM_EPHEMERAL, VM_SETTINGS, VM_CONSOLE };

/* The path of one of the VM's files. Owned by the caller. */
char *vm_domain_file(const struct vm_domain *domain, enum vm_file file);

/* The path of an extra disk, from 0. Owned by the caller. */
char *vm_domain_extra_file(const struct vm_domain *domain, size_t index);

/* The target names of a VM's own disks; the extra ones count from 0. Owned by the caller. */
char *vm_domain_ephemeral_target(const struct vm_domain *domain);
char *vm_domain_extra_target(const struct vm_domain *domain, size_t index);

/* vda, ..., vdz, vdaa, ... for a prefix and a number from 0. Owned by the caller. */
char *target_name(const char *prefix, unsigned index);

/* All that the template "domain" may want to know. Owned by the caller. */
cJSON *vm_domain_item(const struct vm_domain *domain);

/* Owned by the caller; NULL and an error when the template fails. */
char *vm_domain_render(const struct templates *templates, const struct vm_domain *domain,
                       struct error *err);

/* [{"key", "value"}, ...] of an object's members, for a template. Owned by the caller. */
cJSON *vm_metadata_entries(const cJSON *metadata);

/* The same with the namespace, for the template "domain"; false for no members. Owned by the
 * caller. */
cJSON *vm_metadata_item(const cJSON *metadata);

#endif

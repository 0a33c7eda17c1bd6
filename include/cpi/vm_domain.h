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

struct vm_domain {
    const struct hypervisor *hypervisor;
    enum storage_controller controller;
    const struct bus *bus; /* of root and ephemeral disk */
    char cid[ID_SIZE];
    char root_serial[ID_SIZE], ephemeral_serial[ID_SIZE];
    char *directory; /* where the VM's files are; owned by whoever set it */
    bool kvm;
    struct vm_properties properties;
    struct nics nics;
};

enum vm_file { VM_ROOT, VM_EPHEMERAL, VM_SETTINGS, VM_CONSOLE };

/* The path of one of the VM's files. Owned by the caller. */
char *vm_domain_file(const struct vm_domain *domain, enum vm_file file);

/* Owned by the caller; NULL and an error when the template fails. */
char *vm_domain_render(const struct templates *templates, const struct vm_domain *domain,
                       struct error *err);

#endif

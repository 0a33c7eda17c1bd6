/*
 * vm.h - VMs: made, removed, restarted, described.
 */
#ifndef CPI_VM_H
#define CPI_VM_H

#include "cpi/cpi.h"
#include "cpi/id.h"

struct vm_request {
    const char *agent_id, *stemcell_cid;
    const cJSON *cloud_properties, *networks, *env;
};

struct vm_created {
    char cid[ID_SIZE];
    cJSON *networks; /* as given, with the MACs; owned by the caller */
};

/*
 * Makes a VM and starts it. What is wrong with the request is found before
 * anything is changed; what fails after that is undone and is an
 * ERROR_VM_CREATION_FAILED.
 */
int vm_create(struct cpi *cpi, const struct vm_request *request, struct vm_created *created,
              struct error *err);

/* Removes a VM and all that it owns, whatever state it is in; its persistent disks stay. An absent
 * one is success. */
int vm_delete(struct cpi *cpi, const char *cid, struct error *err);

/* The same for a caller that holds the VM's lock. */
int vm_delete_locked(struct cpi *cpi, const char *cid, struct error *err);

/* 1: there is such a VM, 0: there is none, -1: cannot tell. */
int vm_exists(struct cpi *cpi, const char *cid, struct error *err);

/* Leaves the VM freshly started, from power-off. ERROR_VM_NOT_FOUND. */
int vm_reboot(struct cpi *cpi, const char *cid, struct error *err);

/* Shows the metadata of set_vm_metadata at the domain. ERROR_VM_NOT_FOUND, and
 * ERROR_NOT_IMPLEMENTED where the hypervisor keeps none. */
int vm_describe(struct cpi *cpi, const char *cid, const cJSON *metadata, struct error *err);

/* An empty file of this name stands in a VM's directory until create_vm is through. */
#define VM_CREATING "creating"

/* One of this name from the moment on at which delete_vm begins to remove it. */
#define VM_DELETING "deleting"

/*
 * Is the VM in the store, and neither half made nor half removed? libvirt may
 * not know it all the same: where several hosts or hypervisors share a store, or
 * where its definitions were lost. 1: yes, 0: no, -1: cannot tell. What
 * keep_failed_vms has left counts as whole.
 */
int vm_is_whole(const struct cpi *cpi, const char *cid, struct error *err);

#endif

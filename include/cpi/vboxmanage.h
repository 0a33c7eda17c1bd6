/*
 * vboxmanage.h - what VirtualBox can do and libvirt's driver for it cannot,
 * through VBoxManage on the host. No other room knows its argv and answers.
 *
 * libvirt's driver defines, starts, stops, lists and snapshots VMs. Disks of a VM
 * that exists, extra data, autostart and the size of a medium are none of its
 * verbs (libvirt 9.0, src/vbox). Answers are read from '--machinereadable' forms
 * (https://www.virtualbox.org/manual/, seen with VirtualBox 7.2).
 *
 * Failures are ERROR_CLOUD with VBoxManage's own words, a full disk is
 * ERROR_NO_DISK_SPACE.
 */
#ifndef CPI_VBOXMANAGE_H
#define CPI_VBOXMANAGE_H

#include "cpi/host.h"
#include "cpi/vbox_answer.h"

/* Looks at a VM, which must be there. */
int vbox_look(const struct host *host, const char *vm, struct vbox_machine *machine,
              struct error *err);

/* Gives an image that no VM has its UUID. */
int vbox_set_uuid(const struct host *host, const char *path, const char *uuid, struct error *err);

/* Puts the image into a place of the VM, under its own UUID. A VM that runs gets it at once. */
int vbox_attach(const struct host *host, const char *vm, const struct vbox_disk *place,
                struct error *err);

/* Empties a place. */
int vbox_detach(const struct host *host, const char *vm, const struct vbox_disk *place,
                struct error *err);

/* Takes an image that no VM has out of VirtualBox's list of media. It must exist. */
int vbox_close(const struct host *host, const char *path, struct error *err);

/* Makes an image that no VM has larger. */
int vbox_resize(const struct host *host, const char *path, uint64_t size_mib, struct error *err);

/* 'modifyvm' with these words; the VM must be off. */
int vbox_modify(const struct host *host, const char *vm, const char *const *words,
                struct error *err);

/* Sets the password of the VM's VNC screen by way of 'file', which nobody else can read and which
 * is gone afterwards. */
int vbox_set_vnc_password(const struct host *host, const char *vm, const char *password,
                          const char *file, struct error *err);

int vbox_set_extra_data(const struct host *host, const char *vm, const char *key, const char *value,
                        struct error *err);

/* Deletes a snapshot; the VM goes on and keeps its disks as they are now. */
int vbox_delete_snapshot(const struct host *host, const char *vm, const char *name,
                         struct error *err);

/* The names of 'list KIND': "hostonlyifs", "natnets", "bridgedifs". Owned by the caller. */
int vbox_names(const struct host *host, const char *kind, char ***names, struct error *err);

#endif

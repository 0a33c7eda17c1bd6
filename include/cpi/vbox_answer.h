/*
 * vbox_answer.h - what VBoxManage answers, read; and the names that VirtualBox
 * gives to media. Seen with VirtualBox 7.2.
 */
#ifndef CPI_VBOX_ANSWER_H
#define CPI_VBOX_ANSWER_H

#include "cpi/error.h"

enum { VBOX_UUID_SIZE = 37 };

/* A place for a disk, and the medium in it. */
struct vbox_disk {
    char *controller; /* its name in the VM */
    unsigned port, device;
    char *path; /* of the medium */
    char *uuid; /* likewise; NULL when unknown */
};

struct vbox_machine {
    struct vbox_disk *disks; /* and CD-ROMs; empty places are not listed */
    size_t count;
    char *sata; /* the name of the controller that disks can be hot-plugged to; NULL: none */
    unsigned sata_ports;
    char *snapshot;  /* the name of the current snapshot, NULL when there is none */
    char *directory; /* where its settings are, NULL when unknown */
};

#define cleanup_machine cleanup(vbox_machine_release)

/* Reads 'showvminfo --machinereadable'. False when it is nothing of that kind. */
bool vbox_read_machine(const char *text, struct vbox_machine *machine);

/* The path of the base of the medium with that UUID in 'list hdds', NULL when it is not there.
 * Owned by the caller. */
char *vbox_read_base(const char *text, const char *uuid);

/* The names in another 'list'; NULL when there are none. Owned by the caller. */
char **vbox_read_names(const char *text);

void vbox_machine_release(struct vbox_machine *machine);

/* The lowest SATA port that is empty. ERROR_CLOUD when there is none. */
int vbox_free_port(const struct vbox_machine *machine, unsigned *port, struct error *err);

/* The UUID of the medium whose serial number in the guest vbox_serial tells: made of the CPI's own
 * serial, so that a disk has the same one always and everywhere. */
void vbox_uuid(const char *serial, char uuid[VBOX_UUID_SIZE]);

/* The serial number that VirtualBox shows the guest for a medium: "VB12345678-9abcdef0". Owned by
 * the caller. */
char *vbox_serial(const char *uuid);

#endif

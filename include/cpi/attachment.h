/*
 * attachment.h - a disk, the VM that it comes to or leaves, and what libvirt
 * knows of the two: what the drivers' attach and detach work on. disk.h has the
 * functions that open one.
 */
#ifndef CPI_ATTACHMENT_H
#define CPI_ATTACHMENT_H

#include "cpi/cpi.h"
#include "cpi/disk_properties.h"
#include "cpi/domain.h"

struct attachment {
    struct cpi *cpi;
    const char *vm, *disk;             /* CIDs */
    char *directory;                   /* the disk's */
    cJSON *record;                     /* the disk's; NULL when there is none */
    const struct block *live, *config; /* where it is attached; part of state */
    struct disk_properties properties;
    struct domain_state state;
    struct lock vm_lock, disk_lock;
    bool untouched; /* after attach_at_once has failed: it is certain that it changed nothing */
};

/* Asks anew where the disk is. */
int attachment_look(struct attachment *a, struct error *err);

/* The same without asking: looks into a->state for where the disk is. */
void attachment_find(struct attachment *a);

#endif

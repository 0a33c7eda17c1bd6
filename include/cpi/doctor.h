/*
 * doctor.h - what is wrong with a host, in plain words and with what mends it.
 *
 * A check looks at one thing, changes nothing and adds what it finds. A finding
 * is an error when calls fail for it, or a warning when something will go wrong
 * later or slower. A healthy host has none.
 */
#ifndef CPI_DOCTOR_H
#define CPI_DOCTOR_H

#include "cpi/cpi.h"

/* One examination. */
struct doctor {
    struct cpi *cpi;
    cJSON *findings; /* [{"level": "error" or "warning", "what", "fix"}, ...] */
    /* What the checks find out for those after them: */
    bool virsh;         /* there is one that runs */
    bool connected;     /* libvirt answers */
    bool laid_out;      /* there is a store */
    char *capabilities; /* virsh's, NULL when it is not connected */
    cJSON *vms;         /* as inventory_vms has them, NULL likewise */
};

#define cleanup_doctor cleanup(doctor_release)

/* What the configuration alone tells; cpi->config must be there. */
void doctor_examine_config(struct doctor *doctor);

/* All the rest, of the host that cpi is open on. */
void doctor_examine_host(struct doctor *doctor);

void doctor_release(struct doctor *doctor);

/* Add a finding: the text's first line is what is wrong, the next ones are what mends it. */
void doctor_error(struct doctor *doctor, const char *format, ...) printf_like(2, 3);
void doctor_warn(struct doctor *doctor, const char *format, ...) printf_like(2, 3);

/* Runs a command on the host. NULL when it cannot be run or fails, else its stdout (owned by the
 * caller). */
char *doctor_ask(struct doctor *doctor, const char *const *argv);

/* The checks of doctor_examine_host, in their order. */
void doctor_check_tools(struct doctor *doctor);
void doctor_check_connection(struct doctor *doctor);
void doctor_check_containers(struct doctor *doctor);
void doctor_check_kvm(struct doctor *doctor);
void doctor_check_own(struct doctor *doctor); /* what the hypervisor needs beside libvirt */
void doctor_check_network(struct doctor *doctor);
void doctor_check_layout(struct doctor *doctor);
void doctor_check_mount(struct doctor *doctor);
void doctor_check_path(struct doctor *doctor);
void doctor_check_space(struct doctor *doctor);
void doctor_check_modes(struct doctor *doctor);
void doctor_check_vms(struct doctor *doctor);
void doctor_check_stemcells(struct doctor *doctor);
void doctor_check_records(struct doctor *doctor);
void doctor_check_leftovers(struct doctor *doctor);

#endif

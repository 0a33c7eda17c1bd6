/*
 * survey.h - what create_vm must know of the host before it changes anything,
 * asked in one virsh.
 */
#ifndef CPI_SURVEY_H
#define CPI_SURVEY_H

#include "cpi/virsh.h"

struct survey {
    char **networks, **active, **autostart; /* names of libvirt networks */
    bool kvm;                               /* does libvirt offer kvm? */
};

#define cleanup_survey cleanup(survey_release)

struct survey_wish {
    bool networks, kvm;
};

/* Asks for what is wished; nothing wished costs nothing. */
int survey_take(const struct virsh *virsh, struct survey_wish wish, struct survey *survey,
                struct error *err);

/* Starts a network and sets it to start with the host. */
int network_enable(const struct virsh *virsh, const char *name, struct error *err);

void survey_release(struct survey *survey);

#endif

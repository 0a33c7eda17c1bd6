/*
 * survey.h - what create_vm must know of the host before it changes anything,
 * asked in one virsh.
 */
#ifndef CPI_SURVEY_H
#define CPI_SURVEY_H

#include "cpi/libvirt_network.h"
#include "cpi/virsh.h"

struct survey {
    char **networks, **active, **autostart; /* names of libvirt networks */
    bool kvm;                               /* does libvirt offer kvm? */
    struct libvirt_network *details;        /* of those that were wished and exist */
    size_t count;
};

#define cleanup_survey cleanup(survey_release)

struct survey_wish {
    char *const *networks; /* whose details are wished; NULL: nothing about networks */
    bool kvm;
};

/* Asks for what is wished; nothing wished costs nothing. */
/* Says that survey_take is about to be called (host_foresee). */
void survey_foresee(const struct virsh *virsh, struct survey_wish wish);

int survey_take(const struct virsh *virsh, struct survey_wish wish, struct survey *survey,
                struct error *err);

/* What the survey found out about a network, NULL when there is none of that name. */
const struct libvirt_network *survey_network(const struct survey *survey, const char *name);

/* Starts a network and sets it to start with the host. */
int network_enable(const struct virsh *virsh, const char *name, struct error *err);

void survey_release(struct survey *survey);

#endif

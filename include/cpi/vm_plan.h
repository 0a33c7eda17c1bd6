/*
 * vm_plan.h - what a VM will be: all that create_vm can find out and decide
 * before its first side effect.
 */
#ifndef CPI_VM_PLAN_H
#define CPI_VM_PLAN_H

#include "cpi/stemcell.h"
#include "cpi/survey.h"
#include "cpi/vm.h"
#include "cpi/vm_domain.h"

struct vm_plan {
    struct vm_domain domain; /* all that its domain XML says */
    struct stemcell stemcell;
    struct survey survey;
    bool unseen; /* the host was not looked at: it is taken for granted that the networks are active
                    and that there is kvm where it is to be tried */
    cJSON *reservations; /* of DHCP, as in the VM's record */
    cJSON *tags;
    char *password; /* of the graphics; NULL: none */
};

/*
 * Plans a VM. The stemcell's lock must be held. What is wrong with the request
 * is said here: ERROR_CPI, ERROR_CLOUD for an unknown stemcell or an address
 * that another VM has, ERROR_NETWORK_NOT_FOUND, ERROR_NOT_SUPPORTED. Where all
 * that is asked of the host is the usual, it is not looked at (unseen). The plan
 * must be released after a failure too, and points into the request.
 */
int vm_plan_make(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
                 struct error *err);

/*
 * Looks at the host after all, because a VM planned unseen did not start. 1: things are not as the
 * plan took them for, 0: they are, -1: the host cannot be asked. The networks are not checked.
 */
int vm_plan_look(struct cpi *cpi, struct vm_plan *plan, struct error *err);

/* The path of the VM's mark VM_CREATING (vm.h). Owned by the caller. */
char *vm_plan_mark(const struct vm_plan *plan);

void vm_plan_release(struct vm_plan *plan);

#endif

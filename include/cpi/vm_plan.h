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
    cJSON *reservations; /* of DHCP, as in the VM's record */
    cJSON *tags;
    char *password; /* of the graphics; NULL: none */
};

/*
 * Plans a VM. The stemcell's lock must be held. What is wrong with the request
 * is said here: ERROR_CPI, ERROR_CLOUD for an unknown stemcell or an address
 * that another VM has, ERROR_NETWORK_NOT_FOUND, ERROR_NOT_SUPPORTED. The plan
 * must be released after a failure too, and points into the request.
 */
int vm_plan_make(struct cpi *cpi, const struct vm_request *request, struct vm_plan *plan,
                 struct error *err);

void vm_plan_release(struct vm_plan *plan);

#endif

/*
 * agent.h - the settings document that the BOSH agent in a VM reads
 * (contract section 1.7; bosh-agent's settings/settings.go).
 */
#ifndef CPI_AGENT_H
#define CPI_AGENT_H

#include "cpi/hypervisor.h"

#include <cjson/cJSON.h>

struct agent_input {
    const char *agent_id, *vm_cid;
    const cJSON *agent;         /* the config's: mbus, ntp, blobstore */
    const cJSON *networks;      /* with MACs */
    const cJSON *env;           /* passed on as it is; NULL: {} */
    const char *system_disk;    /* any string */
    const cJSON *raw_ephemeral; /* hints of further disks, an array; NULL: none */
    const cJSON *ephemeral;     /* a disk's hint, NULL when the VM has none */
};

/* The document, which holds secrets. Owned by the caller. */
cJSON *agent_settings(const struct agent_input *input);

/*
 * How the agent finds a disk: {"path": ..., "id": ...}, true on whatever letter
 * the guest gives it; where it sees no serials, "path" is made of the target
 * name, which it uses as it is. The virtio and identity resolvers read "path",
 * the scsi resolver "id". Owned by the caller.
 */
cJSON *agent_disk_hint(const struct bus *bus, const char *target, const char *serial);

#endif

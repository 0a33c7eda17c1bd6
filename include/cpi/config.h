/*
 * config.h - cpi.json and what the request's context overrides in it.
 *
 * docs/configuration.md describes every key. A struct config is complete and
 * valid or it does not exist: all complaints come together in one ERROR_CPI.
 */
#ifndef CPI_CONFIG_H
#define CPI_CONFIG_H

#include "cpi/error.h"
#include "cpi/hypervisor.h"
#include "cpi/log.h"
#include "cpi/ssh.h"

#include <cjson/cJSON.h>

enum domain_type { DOMAIN_AUTO, DOMAIN_KVM, DOMAIN_QEMU };

struct config {
    const struct hypervisor *hypervisor;
    enum storage_controller storage_controller;
    enum domain_type domain_type;
    const char *uri; /* as the host's own virsh takes it */
    const char *bin_path;
    /* Absolute, no slash at its end. On another host it may start with the home directory there, as
     * bin_path may (host_expand). */
    const char *store_dir;
    const char *template_dir;    /* NULL: the built-in templates only */
    const char *default_network; /* of NICs whose cloud_properties name none */
    struct ssh_target ssh;       /* its host is NULL: this machine */
    char **host_keys;
    bool auto_enable_networks;
    bool keep_failed_vms;   /* leave what create_vm made when it fails, for diagnosis */
    bool stemcell_compress; /* are images stored as compressed qcow2? */
    int command_timeout, detach_timeout, lock_timeout; /* seconds */
    int max_parallel;   /* heavy works at once, over all processes; 0: no limit */
    const cJSON *agent; /* mbus, and perhaps ntp and blobstore */
    cJSON *document;    /* owns all of the above */
};

/*
 * Reads the file 'path', or with NULL the first that exists of $CPI_CONFIG,
 * ${BOSH_JOBS_DIR:-/var/vcap/jobs}/libvirt_cpi/config/cpi.json and
 * /etc/cpi/cpi.json, and puts over it the context's keys that are config keys
 * (contract section 1.2: a cpi-config entry's properties are flat in context).
 * Unknown keys become notes in the log. 'context' may be NULL.
 */
int config_load(struct config *config, const char *path, const cJSON *context, struct log *log,
                struct error *err);

/* The file that config_load reads. Owned by the caller; NULL when there is none. */
char *config_find(const char *path);

/* The same over a document that is in memory; takes ownership of it. */
int config_from(struct config *config, cJSON *document, const cJSON *context, struct log *log,
                struct error *err);

/*
 * The stemcell formats of the hypervisor that config and context name, also
 * when nothing else in them is any good (info needs no valid config). With no
 * or a nonsensical name: qemu's.
 */
const char *const *config_stemcell_formats(const char *path, const cJSON *context);

void config_release(struct config *config);

#endif

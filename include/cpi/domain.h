/*
 * domain.h - a VM as libvirt knows it: a domain named after the VM's CID.
 */
#ifndef CPI_DOMAIN_H
#define CPI_DOMAIN_H

#include "cpi/virsh.h"

/* Says why a command on the domain failed: ERROR_VM_NOT_FOUND when that is why, else virsh's own
 * words. Returns -1. */
int domain_explain(const struct virsh *virsh, const struct virsh_reply *reply, const char *name,
                   struct error *err);

/* 1: defined or running, 0: libvirt says there is none, -1: cannot tell. */
int domain_exists(const struct virsh *virsh, const char *name, struct error *err);

struct definition_request {
    const char *name, *xml;
    bool autostart;                   /* with the host */
    const struct virsh_script *first; /* what the same virsh does before; NULL: nothing */
    const char *done_mark;            /* as in struct command; NULL: none */
};

/* Defines the domain and starts it. 'reply' (NULL if there is no 'first') gets the answers, those
 * to 'first' before the others; whether its commands succeeded is the caller's to judge. */
int domain_create(const struct virsh *virsh, const struct definition_request *request,
                  struct virsh_reply *reply, struct error *err);

/* The same, one after the other. */
int domain_define(const struct virsh *virsh, const char *name, const char *xml, struct error *err);
int domain_start(const struct virsh *virsh, const char *name, struct error *err);

/* Ends the domain, as hard as the hypervisor's driver does. 1: it still runs, 0: it does not. */
int domain_destroy(const struct virsh *virsh, const char *name, struct error *err);

/* Ends the domain and removes its definition and what the flags of 'virsh undefine' name; its
 * disks stay. An absent domain is success. */
int domain_delete(const struct virsh *virsh, const char *name, const char *const *flags,
                  struct error *err);

/* Leaves the domain freshly started, with these flags of 'virsh start', whatever it was doing.
 * ERROR_VM_NOT_FOUND. */
int domain_restart(const struct virsh *virsh, const char *name, const char *const *flags,
                   struct error *err);

struct description {
    const char *title;    /* one line, for 'virsh list --title' */
    const char *text;     /* for 'virsh desc' */
    const char *metadata; /* an XML element, for 'virsh metadata' */
    const char *uri;      /* the element's namespace */
};

/* ERROR_VM_NOT_FOUND. */
int domain_describe(const struct virsh *virsh, const char *name,
                    const struct description *description, struct error *err);

/* One disk of a domain. */
struct block {
    char *target; /* "vda" */
    char *source; /* its file, "-" when it has none */
};

struct blocks {
    struct block *list;
    size_t count;
};

/* Adds the lines "type device target source" of 'domblklist --details'. */
void blocks_read(const char *text, struct blocks *blocks);

void blocks_release(struct blocks *blocks);

struct domain_state {
    bool active;                /* running, paused, ...: there is a live definition */
    struct blocks live, config; /* the disks of the live and the persistent definition */
};

/* Adds a block; takes ownership of both strings. */
void blocks_add(struct blocks *blocks, char *target, char *source);

/* 1: running or paused, 0: off, -1: failed. ERROR_VM_NOT_FOUND. */
int domain_is_active(const struct virsh *virsh, const char *name, struct error *err);

/* The names of the running domains. Owned by the caller. */
int domain_list_active(const struct virsh *virsh, char ***names, struct error *err);

#define cleanup_state cleanup(domain_state_release)

/* ERROR_VM_NOT_FOUND. */
int domain_inspect(const struct virsh *virsh, const char *name, struct domain_state *state,
                   struct error *err);

/* How many commands domain_look adds. */
enum { DOMAIN_LOOK = 3 };

/* domain_inspect as a part of a larger script: its commands, and what they printed. */
void domain_look(struct virsh_script *script, const char *name);
void domain_seen(char *const out[DOMAIN_LOOK], struct domain_state *state);

/* Is the block's file in that directory? */
bool block_is_in(const struct block *block, const char *directory);

/* The first block whose file is in that directory, NULL when there is none. */
const struct block *blocks_find(const struct blocks *blocks, const char *directory);

/* Puts the device into the persistent definition, and into the live one if there is one. */
int domain_attach(const struct virsh *virsh, const char *name, bool live, const char *xml,
                  struct error *err);

enum definition { DEFINITION_LIVE, DEFINITION_CONFIG };

/* Asks for the removal of a disk from one definition; a live guest may take its time. 'reply' gets
 * what libvirt said. */
int domain_detach(const struct virsh *virsh, const char *name, const char *target,
                  enum definition definition, struct virsh_reply *reply, struct error *err);

void blocks_release(struct blocks *blocks);
void domain_state_release(struct domain_state *state);

#endif

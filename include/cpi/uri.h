/*
 * uri.h - the parts of a libvirt connection URI,
 * driver[+transport]://[user@][host][:port][/path][?parameters]
 * (https://libvirt.org/uri.html).
 */
#ifndef CPI_URI_H
#define CPI_URI_H

#include "cpi/util.h"

struct uri {
    char *driver, *path;                   /* never NULL after uri_parse */
    char *transport, *user, *host, *query; /* NULL when absent; in query, %xx is as it came */
    int port;                              /* 0 when absent */
};

#define cleanup_uri cleanup(uri_release)

/* False when text has not the form of a URI. */
bool uri_parse(const char *text, struct uri *uri);

/* Does it lead to another machine? */
bool uri_is_remote(const struct uri *uri);

/* libvirt's scheme for a product of VMware ("workstation", "player" or "fusion"; NULL:
 * workstation), NULL for any other word. */
const char *uri_vmware_scheme(const char *product);

/* The value of one of the parameters, NULL when there is none. Owned by the caller. */
char *uri_parameter(const struct uri *uri, const char *name);

void uri_release(struct uri *uri);

#endif

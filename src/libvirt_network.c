#include "cpi/libvirt_network.h"

#include <arpa/inet.h>
#include <expat.h>
#include <stdlib.h>
#include <string.h>

/* The namespace and the element of create_network's mark, as expat joins them. */
#define OUR_MARK "https://bosh.io/xmlns/libvirt-cpi/1|network"

struct reader {
    struct libvirt_network *network;
    int depth;
    char **text; /* where the text of the present element goes, NULL: nowhere */
    bool in_metadata;
};

static const char *attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}

static char *copy_attribute(const char **attributes, const char *name)
{
    const char *value = attribute(attributes, name);

    return xstrdup(value ? value : "");
}

/* libvirt gives an <ip> that says nothing else the prefix of its class. */
static unsigned default_prefix(const struct ip *ip)
{
    if (ip->family == AF_INET6)
        return 64;
    return ip->bytes[0] < 128 ? 8 : ip->bytes[0] < 192 ? 16 : 24;
}

static void add_subnet(struct libvirt_network *network, const char **attributes)
{
    const char *address = attribute(attributes, "address");
    const char *netmask = attribute(attributes, "netmask");
    const char *prefix = attribute(attributes, "prefix");
    struct network_subnet subnet = { 0 };

    /* One that cannot be read keeps its place in the order and contains nothing. */
    if (address && ip_parse(address, &subnet.subnet.ip)) {
        int given = netmask ? subnet_prefix_of(netmask) : prefix ? atoi(prefix) : -1;
        bool fits = given >= 0 && (unsigned)given <= ip_bits(subnet.subnet.ip.family);
        subnet.subnet.prefix = fits ? (unsigned)given : default_prefix(&subnet.subnet.ip);
    } else {
        subnet.subnet = (struct subnet){ 0 };
    }
    network->subnets = xrealloc(network->subnets, (network->count + 1) * sizeof(*network->subnets));
    network->subnets[network->count++] = subnet;
}

static void add_host(struct network_subnet *subnet, const char **attributes)
{
    subnet->hosts = xrealloc(subnet->hosts, (subnet->host_count + 1) * sizeof(*subnet->hosts));
    subnet->hosts[subnet->host_count++] = (struct dhcp_host){
        .mac = copy_attribute(attributes, "mac"),
        .name = copy_attribute(attributes, "name"),
        .ip = copy_attribute(attributes, "ip"),
    };
}

static void start_network(struct reader *r, const char *name, const char **attributes)
{
    const char *connections = attribute(attributes, "connections");

    if (strcmp(name, "network") == 0)
        r->network->connections = connections ? strtoul(connections, NULL, 10) : 0;
}

static void XMLCALL start_element(void *user, const char *name, const char **attributes)
{
    struct reader *r = user;
    struct libvirt_network *network = r->network;
    struct network_subnet *last = network->count ? &network->subnets[network->count - 1] : NULL;

    r->text = NULL;
    switch (++r->depth) {
    case 1:
        start_network(r, name, attributes);
        break;
    case 2:
        r->in_metadata = strcmp(name, "metadata") == 0;
        if (strcmp(name, "name") == 0)
            r->text = &network->name;
        else if (strcmp(name, "uuid") == 0)
            r->text = &network->uuid;
        else if (strcmp(name, "ip") == 0)
            add_subnet(network, attributes);
        break;
    case 3:
        if (r->in_metadata && strcmp(name, OUR_MARK) == 0)
            network->ours = true;
        else if (last && strcmp(name, "dhcp") == 0)
            last->dhcp = true;
        break;
    case 4:
        if (last && last->dhcp && strcmp(name, "host") == 0)
            add_host(last, attributes);
        break;
    default:
        break;
    }
}

static void XMLCALL end_element(void *user, const char *name)
{
    struct reader *r = user;

    (void)name;
    r->text = NULL;
    r->depth--;
}

static void XMLCALL add_text(void *user, const char *text, int length)
{
    struct reader *r = user;

    if (!r->text)
        return;
    cleanup_free char *before = *r->text;
    *r->text = xasprintf("%s%.*s", before, length, text);
}

int libvirt_network_read(const char *xml, struct libvirt_network *network, struct error *err)
{
    struct reader reader = { .network = network };
    XML_Parser parser = XML_ParserCreateNS(NULL, '|');

    if (!parser)
        abort();
    network->name = xstrdup("");
    network->uuid = xstrdup("");
    XML_SetUserData(parser, &reader);
    XML_SetElementHandler(parser, start_element, end_element);
    XML_SetCharacterDataHandler(parser, add_text);
    bool good = XML_Parse(parser, xml, (int)strlen(xml), 1) == XML_STATUS_OK;
    enum XML_Error code = XML_GetErrorCode(parser);
    XML_ParserFree(parser);
    if (!good || !*network->name)
        return fail(err, ERROR_CLOUD, "libvirt's description of a network cannot be read: %s",
                    good ? "it has no name" : XML_ErrorString(code));
    return 0;
}

const struct network_subnet *libvirt_network_subnet(const struct libvirt_network *network,
                                                    const struct ip *ip)
{
    for (size_t i = 0; i < network->count; i++)
        if (subnet_contains(&network->subnets[i].subnet, ip))
            return &network->subnets[i];
    return NULL;
}

char *libvirt_network_subnets(const struct libvirt_network *network)
{
    char *text = NULL;
    size_t length;
    FILE *out = text_open(&text, &length);

    for (size_t i = 0; i < network->count; i++) {
        cleanup_free char *subnet = subnet_text(&network->subnets[i].subnet);
        fprintf(out, "%s%s", i ? " and " : "", subnet);
    }
    text_close(out);
    return text;
}

void libvirt_network_release(struct libvirt_network *network)
{
    for (size_t i = 0; i < network->count; i++) {
        for (size_t j = 0; j < network->subnets[i].host_count; j++) {
            free(network->subnets[i].hosts[j].mac);
            free(network->subnets[i].hosts[j].name);
            free(network->subnets[i].hosts[j].ip);
        }
        free(network->subnets[i].hosts);
    }
    free(network->subnets);
    free(network->name);
    free(network->uuid);
    *network = (struct libvirt_network){ 0 };
}

#include "cpi/subnet.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

unsigned ip_bits(int family)
{
    return family == AF_INET ? 32 : 128;
}

bool ip_parse(const char *text, struct ip *ip)
{
    *ip = (struct ip){ .family = strchr(text, ':') ? AF_INET6 : AF_INET };
    return inet_pton(ip->family, text, ip->bytes) == 1;
}

char *ip_text(const struct ip *ip)
{
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(ip->family, ip->bytes, text, sizeof(text));
    return xstrdup(text);
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool subnet_parse(const char *text, struct subnet *subnet)
{
    const char *slash = strchr(text, '/');
    size_t digits = slash ? strspn(slash + 1, "0123456789") : 0;

    if (digits == 0 || digits > 3 || slash[1 + digits])
        return false;
    cleanup_free char *address = xstrndup(text, (size_t)(slash - text));
    if (!ip_parse(address, &subnet->ip))
        return false;
    subnet->prefix = (unsigned)strtoul(slash + 1, NULL, 10);
    return subnet->prefix <= ip_bits(subnet->ip.family);
}

int subnet_prefix_of(const char *netmask)
{
    struct ip ip;
    int prefix = 0;

    if (!ip_parse(netmask, &ip) || ip.family != AF_INET)
        return -1;
    while (prefix < 32 && ip.bytes[prefix / 8] & 0x80 >> prefix % 8)
        prefix++;
    for (int bit = prefix; bit < 32; bit++)
        if (ip.bytes[bit / 8] & 0x80 >> bit % 8)
            return -1;
    return prefix;
}

/* The address with the bits after the prefix all off, or all on. */
static struct ip fill(const struct subnet *subnet, bool on)
{
    struct ip ip = subnet->ip;

    for (unsigned bit = subnet->prefix; bit < ip_bits(ip.family); bit++) {
        unsigned char mask = (unsigned char)(0x80 >> bit % 8);
        if (on)
            ip.bytes[bit / 8] |= mask;
        else
            ip.bytes[bit / 8] &= (unsigned char)~mask;
    }
    return ip;
}

char *subnet_text(const struct subnet *subnet)
{
    struct ip first = fill(subnet, false);
    cleanup_free char *text = ip_text(&first);

    return xasprintf("%s/%u", text, subnet->prefix);
}

bool subnet_contains(const struct subnet *subnet, const struct ip *ip)
{
    struct subnet same = { *ip, subnet->prefix };
    struct ip first = fill(subnet, false), theirs;

    if (ip->family != subnet->ip.family)
        return false;
    theirs = fill(&same, false);
    return ip_equal(&first, &theirs);
}

bool subnet_overlaps(const struct subnet *a, const struct subnet *b)
{
    return a->prefix < b->prefix ? subnet_contains(a, &b->ip) : subnet_contains(b, &a->ip);
}

struct ip subnet_address(const struct subnet *subnet, uint64_t number)
{
    struct ip ip = fill(subnet, false);

    for (int i = (int)ip_bits(ip.family) / 8 - 1; i >= 0 && number; i--) {
        number += ip.bytes[i];
        ip.bytes[i] = (unsigned char)(number & 0xff);
        number >>= 8;
    }
    return ip;
}

struct ip subnet_last(const struct subnet *subnet)
{
    return fill(subnet, true);
}

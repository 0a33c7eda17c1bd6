/*
 * subnet.h - IP addresses and subnets, of both families.
 */
#ifndef CPI_SUBNET_H
#define CPI_SUBNET_H

#include "cpi/util.h"

#include <stdint.h>

struct ip {
    int family;              /* AF_INET or AF_INET6; 0: no address */
    unsigned char bytes[16]; /* in network order; an IPv4 address has 4 */
};

struct subnet {
    struct ip ip;    /* an address in it, not always the first */
    unsigned prefix; /* bits */
};

/* False when text is no address. */
bool ip_parse(const char *text, struct ip *ip);

/* In its usual form. Owned by the caller. */
char *ip_text(const struct ip *ip);

bool ip_equal(const struct ip *a, const struct ip *b);

/* How many bits an address of this family has. */
unsigned ip_bits(int family);

/* Reads "10.0.0.0/24". False when text is none, or its prefix too long. */
bool subnet_parse(const char *text, struct subnet *subnet);

/* The prefix that a netmask such as 255.255.255.0 means, -1 when it means none. */
int subnet_prefix_of(const char *netmask);

/* As "10.0.0.0/24", with the address of the subnet itself. Owned by the caller. */
char *subnet_text(const struct subnet *subnet);

bool subnet_contains(const struct subnet *subnet, const struct ip *ip);
bool subnet_overlaps(const struct subnet *a, const struct subnet *b);

/* The address so many after the subnet's own, which is number 0. */
struct ip subnet_address(const struct subnet *subnet, uint64_t number);

/* The subnet's last address: in IPv4 the broadcast address. */
struct ip subnet_last(const struct subnet *subnet);

#endif

/*
 * id.h - the identifiers ("CIDs") that we hand out and those that come back.
 */
#ifndef CPI_ID_H
#define CPI_ID_H

#include <stdbool.h>

enum { ID_SIZE = 64, SERIAL_LENGTH = 20 };

/* Writes "<prefix>-<random uuid>", such as a VM's or a stemcell's CID. */
void id_new(char id[ID_SIZE], const char *prefix);

/*
 * Writes a random serial: exactly 20 characters of [0-9a-z], the first a
 * letter. A persistent disk's CID is one, because virtio-blk cuts serials at 20
 * bytes and the agent finds a disk by a by-id name that ends in its whole CID
 * (contract section 1.7).
 */
void id_new_serial(char id[ID_SIZE]);

/* Is this the form of a CID, and so safe as a file name and a domain name?
 * ^[A-Za-z][A-Za-z0-9._-]{0,127}$ */
bool id_valid(const char *id);

/* The uuid in a CID made by id_new, NULL when it holds none. Part of id. */
const char *id_uuid(const char *id);

#endif

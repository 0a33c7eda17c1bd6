/*
 * tree_stream.h - a stemcell's root file system on its way to the tar that
 * unpacks it on the host.
 *
 * What tar gets is written anew from what was read and checked (tree_check.h),
 * so that there are no two opinions about what the bytes of a stranger's archive
 * mean. Owners, modes, times, hard links, devices, extended attributes and ACLs
 * come through; names of users and groups and file flags do not.
 */
#ifndef CPI_TREE_STREAM_H
#define CPI_TREE_STREAM_H

#include "cpi/command.h"
#include "cpi/digest.h"

#include <stdint.h>

/* What the tree was found to hold. */
struct tree_facts {
    uint64_t bytes; /* of all its files */
    uint64_t entries;
    const char *init;         /* the path of its first program, a constant; NULL: none was found */
    char *agent;              /* its agent.json, NULL: none */
    char *top;                /* the first member that no root file system has; NULL: none */
    char sha256[DIGEST_SIZE]; /* of the image file, all of it */
};

struct tree_stream;

/* Opens the stemcell's image file, on this machine. NULL and ERROR_CLOUD. */
struct tree_stream *tree_stream_open(const char *image, struct error *err);

/* For struct command_source: a block of the new archive. 0 at its end, when all of the image file
 * was read and its checksum was right. */
ssize_t tree_stream_read(void *stream, const char **block, struct error *err);

/* Valid once the end was read; what it points to belongs to the stream. */
const struct tree_facts *tree_stream_facts(const struct tree_stream *stream);

void tree_stream_close(struct tree_stream **stream);

#define cleanup_tree_stream cleanup(tree_stream_close)

#endif

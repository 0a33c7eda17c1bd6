#include "cpi/lxc.h"

#include "cpi/stemcell_tree.h"

#include <stdlib.h>
#include <string.h>

/* The ranges of LXC_IDS ids that systemd keeps for containers, too, 524288 to 1879048191
 * (https://systemd.io/UIDS-GIDS/, "Container UID Ranges"). */
enum { FIRST_RANGE = 8, RANGES = 0x6fff - FIRST_RANGE + 1 };

/* Files of the tree with the same owner. A mode that chown takes something from (chown(2): the
 * set-user-id bit and the set-group-id bit of files) is that of one kind of its own; else 0. */
struct owner {
    unsigned uid, gid, mode;
};

struct owners {
    struct owner *list;
    size_t count;
};

static void add_owner(struct owners *owners, struct owner owner)
{
    for (size_t i = 0; i < owners->count; i++)
        if (memcmp(&owners->list[i], &owner, sizeof(owner)) == 0)
            return;
    owners->list = xrealloc(owners->list, (owners->count + 1) * sizeof(owner));
    owners->list[owners->count++] = owner;
}

static int read_owner(const char *line, struct owner *owner, struct error *err)
{
    char type;

    if (sscanf(line, "%u %u %c %o", &owner->uid, &owner->gid, &type, &owner->mode) != 4)
        return fail(err, ERROR_CLOUD, "find does not tell the owners of the root file system");
    if (owner->uid >= LXC_IDS || owner->gid >= LXC_IDS)
        return fail(err, ERROR_NOT_SUPPORTED,
                    "cloud_properties.privileged: the stemcell has files of user %u and group %u, "
                    "and a container with an id map has %d of each",
                    owner->uid, owner->gid, LXC_IDS);
    if (type != 'f' || !(owner->mode & 06000))
        owner->mode = 0;
    return 0;
}

static int find_owners(struct cpi *cpi, const char *root, int timeout_s, struct owners *owners,
                       struct error *err)
{
    cleanup_free char *out = NULL;

    if (lxc_run(cpi, ARGV("find", root, "-mindepth", "1", "-printf", "%U %G %y %m\\n"), timeout_s,
                &out, err) < 0)
        return -1;
    cleanup_free char **lines = split_lines(out);
    for (char **line = lines; *line; line++) {
        struct owner owner = { 0 };
        if (read_owner(*line, &owner, err) < 0)
            return -1;
        add_owner(owners, owner);
    }
    return owners->count ? 0 : fail(err, ERROR_CLOUD, "find finds nothing in '%s'", root);
}

static void add_words(char ***words, const char *const *more)
{
    for (; *more; more++)
        strings_add(words, *more);
}

/* Its files with that mode one by one, for chmod must come after chown; that one of the two failed
 * is told by find only for what ends with "+". */
static void add_special(char ***words, const struct owner *owner, const char *new_owner)
{
    cleanup_free char *mode = xasprintf("%04o", owner->mode);

    add_words(words,
              ARGV("-type", "f", "-perm", mode, "(", "-exec", "chown", new_owner, "{}", ";",
                   "-exec", "chmod", mode, "{}", ";", "-o", "-exec", "false", "{}", "+", ")"));
}

static void add_rule(char ***words, const struct owner *owner, unsigned first)
{
    cleanup_free char *uid = xasprintf("%u", owner->uid), *gid = xasprintf("%u", owner->gid);
    cleanup_free char *new_owner = xasprintf("%u:%u", first + owner->uid, first + owner->gid);

    add_words(words, ARGV("-o", "-uid", uid, "-gid", gid));
    if (owner->mode)
        add_special(words, owner, new_owner);
    else
        add_words(words, ARGV("-exec", "chown", "--no-dereference", new_owner, "{}", "+"));
}

/* One walk for all: the first rule that fits a file is its own, and special modes come first. */
static char **make_walk(const char *root, const struct owners *owners, unsigned first)
{
    char **words = NULL;

    add_words(&words, ARGV("find", root, "-mindepth", "1", "(", "-false"));
    for (int special = 1; special >= 0; special--)
        for (size_t i = 0; i < owners->count; i++)
            if (special == (owners->list[i].mode != 0))
                add_rule(&words, &owners->list[i], first);
    add_words(&words, ARGV(")"));
    return words;
}

/* The first ids of all containers here, as text lines. */
static int find_taken(struct cpi *cpi, char ***taken, struct error *err)
{
    cleanup_free char *vms = store_path(&cpi->store, STORE_VM, "", NULL);
    cleanup_free char *out = NULL;

    if (lxc_run(cpi,
                ARGV("find", vms, "-mindepth", "2", "-maxdepth", "2", "-name", TREE_ROOT, "-printf",
                     "%U\\n"),
                0, &out, err) < 0)
        return -1;
    cleanup_free char **lines = split_lines(out);
    for (char **line = lines; *line; line++)
        strings_add(taken, *line);
    return *taken ? 0 : fail(err, ERROR_CLOUD, "find finds no container in '%s'", vms);
}

/* Where a CID begins to look for a free range. */
static unsigned range_of(const char *cid)
{
    const char *uuid = id_uuid(cid);

    return uuid ? (unsigned)(strtoul(uuid, NULL, 16) % RANGES) : 0;
}

/* The owner of a container's root directory says which ids it has, so it is the claim, too. */
static int claim_ids(struct cpi *cpi, const char *cid, const char *root, unsigned *first,
                     struct error *err)
{
    cleanup_lock struct lock lock = LOCK_NONE;
    cleanup_strings char **taken = NULL;
    const unsigned begin = range_of(cid);

    if (lxc_lock(cpi, &lock, err) < 0 || find_taken(cpi, &taken, err) < 0)
        return -1;
    for (unsigned i = 0; i < RANGES; i++) {
        *first = (FIRST_RANGE + (begin + i) % RANGES) * LXC_IDS;
        cleanup_free char *uid = xasprintf("%u", *first);
        cleanup_free char *owner = xasprintf("%u:%u", *first, *first);
        if (!strings_contain(taken, uid))
            return lxc_run(cpi, ARGV("chown", owner, root), 0, NULL, err);
    }
    return fail(err, ERROR_CLOUD, "all ids for containers are taken");
}

/* Only the container's root passes through the VM's directory. */
static int let_through(struct cpi *cpi, const char *directory, unsigned first, struct error *err)
{
    cleanup_free char *owner = xasprintf("0:%u", first);

    if (lxc_run(cpi, ARGV("chown", owner, directory), 0, NULL, err) < 0)
        return -1;
    return host_chmod(&cpi->host, directory, 0710, err);
}

int lxc_shift(struct cpi *cpi, const struct vm_plan *plan, const char *root, struct error *err)
{
    const int timeout_s = lxc_patience(cpi, plan);
    struct owners owners = { 0 };
    unsigned first = 0;
    int failed = find_owners(cpi, root, timeout_s, &owners, err);

    if (!failed)
        failed = claim_ids(cpi, plan->domain.cid, root, &first, err);
    if (!failed) {
        cleanup_strings char **words = make_walk(root, &owners, first);
        failed = lxc_run(cpi, (const char *const *)words, timeout_s, NULL, err);
    }
    free(owners.list);
    return failed ? -1 : let_through(cpi, plan->domain.directory, first, err);
}

int lxc_first_id(struct cpi *cpi, const char *root, unsigned *first, struct error *err)
{
    cleanup_free char *out = NULL;

    if (lxc_run(cpi, ARGV("stat", "--format=%u", root), 0, &out, err) < 0)
        return -1;
    if (sscanf(out, "%u", first) == 1 && *first >= FIRST_RANGE * LXC_IDS)
        return 0;
    return fail(err, ERROR_CLOUD, "'%s' does not belong to a container's root", root);
}

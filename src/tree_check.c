#include "cpi/tree_check.h"

#include "cpi/util.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* "./usr//bin/" is "usr/bin"; NULL for a path that leads out. Owned by the caller. */
static char *plain(const char *path)
{
    char *result = xcalloc(strlen(path) + 1, 1), *end = result;

    if (*path == '/') {
        free(result);
        return NULL;
    }
    while (*path) {
        size_t length = strcspn(path, "/");
        if (length == 2 && starts_with(path, "..")) {
            free(result);
            return NULL;
        }
        if (length > 0 && !(length == 1 && *path == '.')) {
            if (end != result)
                *end++ = '/';
            memcpy(end, path, length);
            end += length;
        }
        path += length + (path[length] == '/');
    }
    return result;
}

/* Is a directory on the way to path, or with 'itself' path, a link? */
static bool through_link(const struct tree_check *check, const char *path, bool itself)
{
    cleanup_free char *part = xstrdup(path);

    if (itself && tfind(part, &check->links, by_text))
        return true;
    for (char *slash; (slash = strrchr(part, '/'));) {
        *slash = '\0';
        if (tfind(part, &check->links, by_text))
            return true;
    }
    return false;
}

static bool is_or_leads_to(const char *path, const char *place)
{
    size_t length = strlen(path);

    return length > 0 && starts_with(place, path) && (place[length] == '/' || !place[length]);
}

/* What is written there is written on the host, where a link would mean something else. */
static bool is_place_of_ours(const char *path)
{
    static const char *const places[] = { TREE_SETTINGS_DIRECTORY, TREE_EPHEMERAL, TREE_DISKS };

    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if (is_or_leads_to(path, places[i]))
            return true;
    return false;
}

static int check_links(struct tree_check *check, struct archive_entry *entry, const char *path,
                       const char *image, struct error *err)
{
    const char *target = archive_entry_hardlink(entry);

    if (target) {
        cleanup_free char *linked = plain(target);
        if (!linked || through_link(check, linked, true))
            return fail(err, ERROR_CLOUD,
                        "the stemcell image '%s' holds '%s', a hard link that leads out of it: "
                        "refused",
                        image, path);
        return 0;
    }
    if (is_place_of_ours(path) && archive_entry_filetype(entry) != AE_IFDIR)
        return fail(err, ERROR_CLOUD,
                    "the stemcell image '%s' holds '%s', which is no directory: the agent's "
                    "settings or disks could not be put there",
                    image, path);
    if (archive_entry_filetype(entry) != AE_IFLNK || tfind(path, &check->links, by_text))
        return 0;
    tsearch(xstrdup(path), &check->links, by_text);
    return 0;
}

int tree_check_entry(struct tree_check *check, struct archive_entry *entry, const char *image,
                     char **path, struct error *err)
{
    const char *given = archive_entry_pathname(entry);

    *path = given && *given ? plain(given) : NULL;
    if (!*path)
        return fail(err, ERROR_CLOUD,
                    "the stemcell image '%s' holds a path that leads out of it or that cannot be "
                    "read: refused",
                    image);
    if (through_link(check, *path, false))
        return fail(err, ERROR_CLOUD,
                    "the stemcell image '%s' holds '%s', the way to which goes through a link: "
                    "refused",
                    image, *path);
    if (!**path && archive_entry_filetype(entry) != AE_IFDIR)
        return fail(err, ERROR_CLOUD, "the root of the stemcell image '%s' is no directory", image);
    return check_links(check, entry, *path, image, err);
}

void tree_check_release(struct tree_check *check)
{
    tdestroy(check->links, free);
    check->links = NULL;
}

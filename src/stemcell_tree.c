#include "cpi/stemcell_tree.h"

#include "cpi/json.h"
#include "cpi/slot.h"
#include "cpi/tree_check.h"
#include "cpi/tree_stream.h"

#include <string.h>

/* Where the warden line's agent looks: bosh-agent's agent.json of the linux-stemcell-builder. */
static const char usual_settings[] = "warden-cpi-agent-env.json";

static int judge(const struct outcome *outcome, const char *root, struct error *err)
{
    cleanup_free char *text = xstrdup(outcome->err);
    cleanup_free char **lines = split_lines(text);
    const char *said = lines[0] ? lines[0] : "it said nothing";

    if (outcome->status == 0)
        return 0;
    for (char **line = lines; *line; line++)
        if (strstr(*line, "No space left on device") || strstr(*line, "Disk quota exceeded"))
            return fail(err, ERROR_NO_DISK_SPACE, "no space for '%s': %s", root, *line);
    return fail(err, ERROR_CLOUD, "the stemcell could not be unpacked to '%s' (status %d): %s",
                root, outcome->status, said);
}

static int unpack(struct cpi *cpi, struct tree_stream *stream, const char *root, struct error *err)
{
    cleanup_outcome struct outcome outcome = { 0 };
    cleanup_lock struct lock slot = LOCK_NONE;
    const struct command_source source = { .read = tree_stream_read, .state = stream };
    const struct command command = {
        .argv = ARGV("tar", "--extract", "--file=-", "--directory", root, "--numeric-owner",
                     "--same-owner", "--preserve-permissions", "--xattrs", "--xattrs-include=*",
                     "--acls", "--warning=no-unknown-keyword", "--warning=no-timestamp"),
        .source = &source,
    };

    if (slot_take(&cpi->host, &slot, err) < 0 || host_run(&cpi->host, &command, &outcome, err) < 0)
        return -1;
    return judge(&outcome, root, err);
}

static int check_kind(const char *image, const struct tree_facts *facts, struct error *err)
{
    if (facts->top && (strcmp(facts->top, "root.img") == 0 || ends_with(facts->top, ".ovf") ||
                       ends_with(facts->top, ".vmdk")))
        return fail(
            err, ERROR_CLOUD,
            "the stemcell image '%s' holds %s, a VM's disk: a container needs a stemcell of "
            "the warden line, which holds a root file system",
            image, facts->top);
    if (facts->bytes == 0 || !*facts->sha256)
        return fail(err, ERROR_CLOUD,
                    "the stemcell image '%s' holds no root file system: is it a stemcell of the "
                    "warden line?",
                    image);
    return 0;
}

/* What stands in agent.json says "/var/vcap/bosh/<name>"; NULL for a file elsewhere. */
static const char *name_of(const char *path)
{
    static const char directory[] = "/" TREE_SETTINGS_DIRECTORY "/";
    const char *name = path && starts_with(path, directory) ? path + strlen(directory) : NULL;

    return name && *name && *name != '.' && !strchr(name, '/') ? name : NULL;
}

static cJSON *find_settings(const struct tree_facts *facts)
{
    cleanup_error struct error ignored = { 0 };
    cleanup_json cJSON *agent = facts->agent ? json_parse(facts->agent, strlen(facts->agent),
                                                          "the stemcell's agent.json", &ignored)
                                             : NULL;
    const cJSON *sources =
        json_get(json_get(json_get(agent, "Infrastructure"), "Settings"), "Sources");
    const cJSON *source;
    cJSON *names = json_new_array();

    json_put_string(names, NULL, usual_settings);
    cJSON_ArrayForEach (source, sources) {
        const char *name = name_of(json_string(source, "SettingsPath"));
        if (name && strcmp(name, usual_settings) != 0)
            json_put_string(names, NULL, name);
    }
    return names;
}

static cJSON *make_facts(const struct tree_facts *found)
{
    cJSON *facts = json_new_object();

    json_put_string(facts, "format", "directory");
    json_put_number(facts, "virtual_bytes", (double)found->bytes);
    json_put_string(facts, "line", "warden");
    json_put_string(facts, "sha256", found->sha256);
    if (found->init) {
        cleanup_free char *init = xasprintf("/%s", found->init);
        json_put_string(facts, "init", init);
    }
    json_put(facts, "settings", find_settings(found));
    return facts;
}

int stemcell_import_tree(struct cpi *cpi, const char *image, const char *staged, cJSON **facts,
                         struct error *err)
{
    cleanup_free char *root = xasprintf("%s/" TREE_ROOT, staged);
    cleanup_tree_stream struct tree_stream *stream = tree_stream_open(image, err);

    /* Set-user-id programs and devices are in there, which are none of the host's other users. */
    if (!stream || host_chmod(&cpi->host, staged, 0700, err) < 0 ||
        host_make_directory(&cpi->host, root, 0755, err) < 0 || unpack(cpi, stream, root, err) < 0)
        return -1;
    const struct tree_facts *found = tree_stream_facts(stream);
    if (check_kind(image, found, err) < 0)
        return -1;
    *facts = make_facts(found);
    return 0;
}

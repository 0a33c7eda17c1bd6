/* The agent's settings as an ISO: what is on it is what was to be. */
#include "fuzz.h"

#include "cpi/config_drive.h"
#include "cpi/json.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

static void check(const char *iso, size_t length, const char *name, const char *text)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    const size_t wanted = strlen(text);
    cleanup_free char *found = xcalloc(wanted + 1, 1);
    int files = 0;

    archive_read_support_format_iso9660(archive);
    fuzz_must(archive_read_open_memory(archive, iso, length) == ARCHIVE_OK);
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
        if (strcmp(archive_entry_pathname(entry), name) != 0)
            continue;
        files++;
        fuzz_must(archive_entry_size(entry) == (la_int64_t)wanted);
        fuzz_must(archive_read_data(archive, found, wanted) == (la_ssize_t)wanted);
    }
    archive_read_free(archive);
    fuzz_must(files == 1 && memcmp(found, text, wanted) == 0);
}

static void build(const cJSON *settings, enum drive_layout layout, const char *name)
{
    cleanup_error struct error err = { 0 };
    cleanup_free char *iso = NULL, *text = json_print(settings);
    size_t length = 0;

    fuzz_must(config_drive_build(settings, layout, &iso, &length, &err) == 0);
    check(iso, length, name, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_error struct error ignored = { 0 };
    cleanup_json cJSON *settings = json_parse((const char *)data, size, "the settings", &ignored);

    if (!cJSON_IsObject(settings))
        return 0;
    build(settings, DRIVE_CONFIG_2, "ec2/latest/user-data");
    build(settings, DRIVE_ENV, "env");
    return 0;
}

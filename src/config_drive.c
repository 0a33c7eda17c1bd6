#include "cpi/config_drive.h"

#include "cpi/json.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

struct drive {
    struct archive *archive;
    FILE *out;
};

static la_ssize_t write_block(struct archive *archive, void *data, const void *block, size_t length)
{
    struct drive *drive = data;

    (void)archive;
    return fwrite(block, 1, length, drive->out) == length ? (la_ssize_t)length : -1;
}

static int add(const struct drive *drive, const char *path, const char *content)
{
    struct archive_entry *entry = archive_entry_new();
    const size_t length = content ? strlen(content) : 0;

    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, content ? AE_IFREG : AE_IFDIR);
    archive_entry_set_perm(entry, content ? 0400 : 0500);
    archive_entry_set_size(entry, (la_int64_t)length);
    int status = archive_write_header(drive->archive, entry);
    if (status == ARCHIVE_OK && length &&
        archive_write_data(drive->archive, content, length) != (la_ssize_t)length)
        status = ARCHIVE_FATAL;
    archive_entry_free(entry);
    return status;
}

static int add_env(const struct drive *drive, const char *settings)
{
    return add(drive, "env", settings);
}

static int add_config_2(const struct drive *drive, const char *settings)
{
    if (add(drive, "ec2", NULL) != ARCHIVE_OK || add(drive, "ec2/latest", NULL) != ARCHIVE_OK ||
        add(drive, "ec2/latest/meta-data.json", "{\"public-keys\":{}}") != ARCHIVE_OK)
        return ARCHIVE_FATAL;
    return add(drive, "ec2/latest/user-data", settings);
}

/* Rock Ridge keeps the names in lower case, Joliet the volume's name, which blkid prefers. */
static const struct {
    const char *volume, *options;
    int (*add_files)(const struct drive *drive, const char *settings);
} layouts[] = {
    [DRIVE_CONFIG_2] = { "config-2",
                         "iso9660:volume-id=config-2,iso9660:joliet,"
                         "iso9660:rockridge=useful,iso9660:!pad",
                         add_config_2 },
    [DRIVE_ENV] = { "bosh-env",
                    "iso9660:volume-id=bosh-env,iso9660:joliet,"
                    "iso9660:rockridge=useful,iso9660:!pad",
                    add_env },
};

static int write_drive(struct drive *drive, enum drive_layout layout, const char *settings)
{
    struct archive *archive = drive->archive;

    if (archive_write_set_format_iso9660(archive) != ARCHIVE_OK ||
        archive_write_set_options(archive, layouts[layout].options) != ARCHIVE_OK ||
        archive_write_open(archive, drive, NULL, write_block, NULL) != ARCHIVE_OK)
        return -1;
    if (layouts[layout].add_files(drive, settings) != ARCHIVE_OK)
        return -1;
    return archive_write_close(archive) == ARCHIVE_OK ? 0 : -1;
}

/* libarchive writes CONFIG_2 as the standard demands, but a reader that knows no Joliet must find
 * the name too. The volume identifier is at byte 40 of sector 16 (ECMA-119, 8.4.7). */
static void name_volume(const char *volume, char *iso, size_t length)
{
    const size_t position = 16 * 2048 + 40;

    /* Its end is a blank like those that follow. */
    for (size_t i = 0; volume[i] && position + i < length; i++)
        iso[position + i] = volume[i];
}

int config_drive_build(const cJSON *settings, enum drive_layout layout, char **iso, size_t *length,
                       struct error *err)
{
    cleanup_free char *text = json_print(settings);
    struct drive drive = { .archive = archive_write_new() };
    int failed = 0;

    *iso = NULL;
    drive.out = text_open(iso, length);
    if (write_drive(&drive, layout, text) < 0)
        failed = fail(err, ERROR_CLOUD, "cannot make the settings ISO: %s",
                      archive_error_string(drive.archive));
    archive_write_free(drive.archive);
    text_close(drive.out);
    name_volume(layouts[layout].volume, *iso, *length);
    return failed;
}

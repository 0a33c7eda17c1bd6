#include "cpi/stemcell_light.h"

#include "cpi/digest.h"
#include "cpi/image.h"
#include "cpi/json.h"

#include <string.h>
#include <strings.h>

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

int stemcell_light_read(const cJSON *cloud_properties, struct stemcell_light *light,
                        struct error *err)
{
    const cJSON *image = json_get(cloud_properties, "image_path");
    const cJSON *sha256 = json_get(cloud_properties, "image_sha256");
    const char *infrastructure = json_string(cloud_properties, "infrastructure");

    light->image = cJSON_GetStringValue(image);
    light->sha256 = cJSON_GetStringValue(sha256);
    light->vsphere = infrastructure && strcmp(infrastructure, "vsphere") == 0;
    if (image && (!light->image || *light->image != '/' || has_control(light->image)))
        return fail(err, ERROR_CPI,
                    "cloud_properties.image_path must be the absolute path of a disk image on the "
                    "host");
    if (sha256 && (!light->sha256 || !digest_valid(DIGEST_SHA256, light->sha256)))
        return fail(err, ERROR_CPI, "cloud_properties.image_sha256 must be 64 hex digits");
    if (sha256 && !image)
        return fail(err, ERROR_CPI, "cloud_properties.image_sha256 needs an image_path");
    return 0;
}

static int check_digest(const struct host *host, const struct stemcell_light *light,
                        const char *path, struct error *err)
{
    char got[DIGEST_SIZE];

    if (!light->sha256)
        return 0;
    if (host_digest(host, path, DIGEST_SHA256, got, err) < 0)
        return -1;
    if (strcasecmp(got, light->sha256) == 0)
        return 0;
    return fail(err, ERROR_CLOUD,
                "the image '%s' has the SHA-256 %s, but cloud_properties.image_sha256 is %s",
                light->image, got, light->sha256);
}

static cJSON *make_facts(const struct stemcell_light *light, const struct image_info *info,
                         const char *firmware)
{
    cJSON *facts = json_new_object();

    json_put_string(facts, "format", info->format);
    json_put_number(facts, "virtual_bytes", (double)info->virtual_bytes);
    json_put_string(facts, "line", light->vsphere ? "vsphere" : "openstack");
    json_put_string(facts, "firmware", firmware);
    json_put_bool(facts, "light", true);
    return facts;
}

/* By whatever name, it is the file that was checked. */
static int settle(struct cpi *cpi, const char *staged, const char *link,
                  const struct host_file *file, cJSON *facts, struct error *err)
{
    const char *path = json_string(facts, "path");
    cleanup_free char *named = image_path(staged, json_string(facts, "format"));

    if (!path)
        return host_rename(&cpi->host, link, named, err);
    json_put_number(facts, "bytes", (double)file->bytes);
    json_put_number(facts, "modified", (double)file->modified);
    log_note(cpi->log, "the image '%s' cannot be linked into the store: it must stay where it is",
             path);
    return 0;
}

int stemcell_light_take(struct cpi *cpi, const struct stemcell_light *light, const char *staged,
                        cJSON **facts, struct error *err)
{
    cleanup_free char *link = xasprintf("%s/light", staged);
    struct host_file file = { 0 };
    cleanup_free char *scratch = xasprintf("%s/head", staged);
    struct image_info info = { 0 };
    const char *firmware = NULL;

    int there = host_look(&cpi->host, light->image, &file, err);
    if (there < 0)
        return -1;
    if (!there || !file.regular)
        return fail(err, ERROR_CLOUD, "there is no file '%s' on the host (image_path)",
                    light->image);
    /* Linked first, so that what is checked is what is used, whatever becomes of its path. */
    int linked = host_link(&cpi->host, light->image, link, err);
    const char *path = linked ? link : light->image;
    if (linked < 0 || image_recognise(&cpi->host, path, &info, err) < 0 ||
        check_digest(&cpi->host, light, path, err) < 0 ||
        image_firmware(&cpi->host, &info, path, scratch, &firmware, err) < 0)
        return -1;
    *facts = make_facts(light, &info, firmware);
    if (!linked)
        json_put_string(*facts, "path", light->image);
    return settle(cpi, staged, link, &file, *facts, err);
}

const char *stemcell_light_path(const cJSON *record)
{
    return json_string(record, "path");
}

int stemcell_light_check(struct cpi *cpi, const cJSON *record, struct error *err)
{
    const char *path = stemcell_light_path(record);
    struct host_file file = { 0 };

    int there = host_look(&cpi->host, path, &file, err);
    if (there < 0)
        return -1;
    if (there && (double)file.bytes == cJSON_GetNumberValue(json_get(record, "bytes")) &&
        (double)file.modified == cJSON_GetNumberValue(json_get(record, "modified")))
        return 0;
    return fail(err, ERROR_CLOUD,
                "the stemcell's image '%s' %s since it was imported: import it again", path,
                there ? "was changed" : "is gone");
}

#include "cpi/stemcell_import.h"

#include "cpi/image.h"
#include "cpi/json.h"
#include "cpi/ovf.h"
#include "cpi/unpack.h"

#include <string.h>
#include <strings.h>

struct import {
    struct cpi *cpi;
    const char *image, *staged;
    char *disk; /* the path of the disk as it came, in staged */
    struct unpacked unpacked;
    struct image_info info; /* of the image as it is stored */
    char *ovf_firmware;
    const char *firmware;
};

static int convert(struct import *im, struct error *err)
{
    const char *wanted = im->cpi->config.hypervisor->stemcell_format;
    const char *format = wanted ? wanted : "qcow2";
    cleanup_free char *named = image_path(im->staged, format);
    const struct conversion conversion = { .from = im->disk,
                                           .from_format = im->info.format,
                                           .to = named,
                                           .to_format = format,
                                           .virtual_bytes = im->info.virtual_bytes,
                                           .compress = !wanted && im->cpi->config.stemcell_compress,
                                           .untrusted = true };

    if (image_convert(&im->cpi->host, &conversion, err) < 0)
        return -1;
    im->info.format = format;
    return host_remove(&im->cpi->host, im->disk, err);
}

static int check_size(const struct import *im, struct error *err)
{
    if (im->info.virtual_bytes <= UNPACK_LIMIT)
        return 0;
    return fail(err, ERROR_CLOUD,
                "the disk of the stemcell image has %llu bytes; it may have at most %llu",
                (unsigned long long)im->info.virtual_bytes, UNPACK_LIMIT);
}

static int take_root(struct import *im, struct error *err)
{
    if (image_recognise(&im->cpi->host, im->disk, &im->info, err) < 0 || check_size(im, err) < 0)
        return -1;
    if (im->cpi->config.stemcell_compress || im->cpi->config.hypervisor->stemcell_format)
        return convert(im, err);
    cleanup_free char *named = image_path(im->staged, im->info.format);
    return host_rename(&im->cpi->host, im->disk, named, err);
}

static int compare(const char *name, const char *wanted, const char *got, struct error *err)
{
    if (strcasecmp(wanted, got) == 0)
        return 0;
    return fail(err, ERROR_CLOUD,
                "%s in the stemcell image has not the digest that its manifest says: it was "
                "damaged or changed",
                name);
}

static int check_description(const struct import *im, struct error *err)
{
    char wanted[DIGEST_SIZE], got[DIGEST_SIZE];
    enum digest_kind kind;
    struct digest digest;

    /* Every tool that makes a stemcell calls it so. */
    if (!ovf_manifest_find(im->unpacked.manifest, "image.ovf", &kind, wanted))
        return 0;
    digest_init(&digest, kind);
    digest_add(&digest, im->unpacked.ovf, strlen(im->unpacked.ovf));
    digest_finish(&digest, got);
    return compare("image.ovf", wanted, got, err);
}

static int check_manifest(const struct import *im, struct error *err)
{
    char wanted[DIGEST_SIZE], got[DIGEST_SIZE];
    enum digest_kind kind;

    if (!im->unpacked.manifest)
        return 0;
    if (check_description(im, err) < 0)
        return -1;
    if (!ovf_manifest_find(im->unpacked.manifest, im->unpacked.disk, &kind, wanted))
        return 0;
    if (host_digest(&im->cpi->host, im->disk, kind, got, err) < 0)
        return -1;
    return compare(im->unpacked.disk, wanted, got, err);
}

static int take_ovf(struct import *im, struct error *err)
{
    cleanup_ovf struct ovf ovf = { 0 };

    if (ovf_read(im->unpacked.ovf, &ovf, err) < 0)
        return -1;
    if (strcmp(ovf.disk, im->unpacked.disk) != 0)
        return fail(err, ERROR_CLOUD,
                    "the stemcell's OVF refers to the disk '%s', but the stemcell image has '%s'",
                    ovf.disk, im->unpacked.disk);
    if (check_manifest(im, err) < 0 ||
        image_recognise_vmdk(&im->cpi->host, im->disk, &im->info, err) < 0 ||
        check_size(im, err) < 0)
        return -1;
    im->ovf_firmware = steal_pointer(&ovf.firmware);
    return convert(im, err);
}

static cJSON *make_facts(const struct import *im)
{
    cJSON *facts = json_new_object();

    json_put_string(facts, "format", im->info.format);
    json_put_number(facts, "virtual_bytes", (double)im->info.virtual_bytes);
    json_put_string(facts, "line", im->unpacked.ovf ? "vsphere" : "openstack");
    json_put_string(facts, "sha256", im->unpacked.sha256);
    json_put_string(facts, "firmware", im->firmware);
    return facts;
}

/* What the OVF says, else what the disk looks like. */
static int find_firmware(struct import *im, const char *path, struct error *err)
{
    cleanup_free char *scratch = xasprintf("%s/head", im->staged);

    if (!im->ovf_firmware)
        return image_firmware(&im->cpi->host, &im->info, path, scratch, &im->firmware, err);
    im->firmware = im->ovf_firmware;
    return 0;
}

static int take(struct import *im, struct error *err)
{
    if (unpack_image(&im->cpi->host, im->image, im->disk, &im->unpacked, err) < 0 ||
        (im->unpacked.ovf ? take_ovf(im, err) : take_root(im, err)) < 0)
        return -1;
    cleanup_free char *named = image_path(im->staged, im->info.format);
    if (find_firmware(im, named, err) < 0)
        return -1;
    /* The hypervisor's user reads it too; nothing in it is secret. */
    return host_chmod(&im->cpi->host, named, 0644, err);
}

int stemcell_import(struct cpi *cpi, const char *image, const char *staged, cJSON **facts,
                    struct error *err)
{
    cleanup_free char *disk = xasprintf("%s/disk", staged);
    struct import im = { .cpi = cpi, .image = image, .staged = staged, .disk = disk };

    int failed = take(&im, err);
    if (!failed)
        *facts = make_facts(&im);
    unpacked_release(&im.unpacked);
    util_freep(&im.ovf_firmware);
    return failed;
}

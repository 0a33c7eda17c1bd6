/* A stemcell's image file: a tar, perhaps gzip'd. */
#include "fuzz.h"

#include "cpi/unpack.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The archive and what was asked for: nothing else may appear. */
static void check_directory(void)
{
    DIR *directory = opendir(fuzz_directory());

    fuzz_must(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        fuzz_must(*entry->d_name == '.' || strcmp(entry->d_name, "archive") == 0 ||
                  strcmp(entry->d_name, "target") == 0);
    closedir(directory);
}

static void check(const struct unpacked *unpacked, const char *target)
{
    struct stat status;

    fuzz_must(unpacked->disk && !strchr(unpacked->disk, '/'));
    fuzz_must(strlen(unpacked->sha256) == 64);
    fuzz_must(lstat(target, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0);
    fuzz_must((status.st_mode & 07777) == 0600);
    fuzz_must((unsigned long long)status.st_size <= UNPACK_LIMIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *archive = fuzz_file("archive", data, size);
    cleanup_free char *target = xasprintf("%s/target", fuzz_directory());
    cleanup_unpacked struct unpacked unpacked = { 0 };
    cleanup_error struct error err = { 0 };
    struct log log = { 0 };
    const struct host host = { .log = &log };

    if (unpack_image(&host, archive, target, &unpacked, &err) == 0)
        check(&unpacked, target);
    else
        fuzz_must((err.type == ERROR_CLOUD || err.type == ERROR_NO_DISK_SPACE) && err.message);
    check_directory();
    unlink(target);
    log_release(&log);
    return 0;
}

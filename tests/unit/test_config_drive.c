#include "unit.h"

#include "cpi/config_drive.h"
#include "cpi/host.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/wait.h>

enum { SECTOR = 2048, FIRST_DESCRIPTOR = 16 };

struct drive {
    char *iso;
    size_t length;
};

static void release(struct drive *drive)
{
    free(drive->iso);
}

#define cleanup_drive cleanup(release)

static struct drive build(const char *settings)
{
    cleanup_json cJSON *document = unit_json(settings);
    struct drive drive = { 0 };
    struct error err = { 0 };
    int result = config_drive_build(document, DRIVE_CONFIG_2, &drive.iso, &drive.length, &err);

    if (result < 0)
        print_error("%s\n", err.message);
    assert_int_equal(result, 0);
    expect_no_error(&err);
    return drive;
}

/* "path=content\n" of all files and "path/\n" of all directories, as a reader with these options
 * finds them. */
static char *list(const struct drive *drive, const char *options)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    char *text = NULL;
    size_t length;
    FILE *out = text_open(&text, &length);

    archive_read_support_format_iso9660(archive);
    assert_int_equal(archive_read_set_options(archive, options), ARCHIVE_OK);
    assert_int_equal(archive_read_open_memory(archive, drive->iso, drive->length), ARCHIVE_OK);
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
        char block[4096];
        la_ssize_t got;

        fputs(archive_entry_pathname(entry), out);
        fputc(archive_entry_filetype(entry) == AE_IFDIR ? '/' : '=', out);
        while ((got = archive_read_data(archive, block, sizeof(block))) > 0)
            fwrite(block, 1, (size_t)got, out);
        fputc('\n', out);
    }
    archive_read_free(archive);
    text_close(out);
    return text;
}

#define ROCK_RIDGE "iso9660:!joliet"
#define JOLIET "iso9660:!rockridge"

static void expect_contents(const char *text)
{
    static const char *const lines[] = {
        "ec2/\n",
        "ec2/latest/\n",
        "ec2/latest/meta-data.json={\"public-keys\":{}}\n",
        "ec2/latest/user-data={\"agent_id\":\"a\",\"s\":\"\xc3\xa9'\\\"\"}\n",
    };
    size_t length = strlen("./\n");

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        expect_part(text, lines[i]);
        length += strlen(lines[i]);
    }
    /* And nothing else but the root. */
    expect_part(text, "./\n");
    assert_int_equal(strlen(text), length);
}

static void the_agents_files_are_there_by_rock_ridge_and_joliet(void **state)
{
    cleanup_drive struct drive drive = build("{\"agent_id\":\"a\",\"s\":\"\xc3\xa9'\\\"\"}");
    cleanup_free char *rock_ridge = list(&drive, ROCK_RIDGE);
    cleanup_free char *joliet = list(&drive, JOLIET);

    (void)state;
    expect_contents(rock_ridge);
    expect_contents(joliet);
}

static void big_settings_come_back_whole(void **state)
{
    const size_t length = 1 << 20;
    cleanup_free char *secret = xcalloc(length + 1, 1);

    (void)state;
    for (size_t i = 0; i < length; i++)
        secret[i] = (char)('a' + i * 7 % 26);
    cleanup_free char *settings = xasprintf("{\"env\":\"%s\"}", secret);
    cleanup_free char *line = xasprintf("ec2/latest/user-data=%s\n", settings);
    cleanup_drive struct drive drive = build(settings);
    cleanup_free char *text = list(&drive, ROCK_RIDGE);
    assert_non_null(strstr(text, line));
}

/* The volume descriptor of this type (ECMA-119, 8.1). */
static const char *descriptor(const struct drive *drive, char type)
{
    for (size_t at = FIRST_DESCRIPTOR * SECTOR; at + SECTOR <= drive->length; at += SECTOR) {
        assert_memory_equal(drive->iso + at + 1, "CD001", 5);
        if (drive->iso[at] == type)
            return drive->iso + at;
        if (drive->iso[at] == (char)0xff)
            break;
    }
    return NULL;
}

/* The agent looks for the label in lower and upper case, but not with an underscore. */
static void the_primary_descriptor_has_the_label(void **state)
{
    cleanup_drive struct drive drive = build("{}");
    const char *primary = descriptor(&drive, 1);

    (void)state;
    assert_ptr_equal(primary, drive.iso + 32768);
    assert_memory_equal(drive.iso + 32808, "config-2                        ", 32);
}

static void the_joliet_descriptor_has_the_label(void **state)
{
    static const char label[32] = "\0c\0o\0n\0f\0i\0g\0-\0002\0 \0 \0 \0 \0 \0 \0 \0 ";
    cleanup_drive struct drive drive = build("{}");
    const char *joliet = descriptor(&drive, 2);

    (void)state;
    assert_non_null(joliet);
    assert_memory_equal(joliet + 40, label, 32);
}

static void it_is_whole_sectors_of_a_cd(void **state)
{
    cleanup_drive struct drive drive = build("{}");

    (void)state;
    assert_int_equal(drive.length % SECTOR, 0);
    assert_non_null(descriptor(&drive, (char)0xff));
}

static void no_secret_is_left_in_tmpdir(void **state)
{
    const struct host host = { 0 };
    cleanup_strings char **names = NULL;
    struct error err = { 0 };

    assert_int_equal(setenv("TMPDIR", *state, 1), 0);
    cleanup_drive struct drive drive = build("{\"mbus\":\"hunter2\"}");
    assert_int_equal(unsetenv("TMPDIR"), 0);
    assert_true(drive.length > 0);
    assert_int_equal(host_list(&host, *state, &names, &err), 0);
    assert_int_equal(strings_count(names), 0);
}

/* In a process of its own, for libarchive 3.6 loses its buffer when it cannot make its file. */
static void a_tmpdir_that_is_not_there_is_an_error(void **state)
{
    cleanup_free char *nowhere = xasprintf("%s/nowhere", (char *)*state);
    cleanup_free char *told = xasprintf("%s/told", (char *)*state);
    cleanup_json cJSON *settings = unit_json("{\"mbus\":\"hunter2\"}");
    int status;

    pid_t child = fork();
    if (child == 0) {
        struct drive drive = { 0 };
        struct error err = { 0 };

        setenv("TMPDIR", nowhere, 1);
        int result = config_drive_build(settings, DRIVE_CONFIG_2, &drive.iso, &drive.length, &err);
        unit_write_text(told, err.message ? err.message : "");
        _exit(result == -1 && err.type == ERROR_CLOUD ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    cleanup_free char *message = unit_read(told, NULL);
    expect_part(message, "cannot make the settings ISO: ");
    expect_absent(message, "hunter2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_agents_files_are_there_by_rock_ridge_and_joliet),
        cmocka_unit_test(big_settings_come_back_whole),
        cmocka_unit_test(the_primary_descriptor_has_the_label),
        cmocka_unit_test(the_joliet_descriptor_has_the_label),
        cmocka_unit_test(it_is_whole_sectors_of_a_cd),
        IN_DIRECTORY(no_secret_is_left_in_tmpdir),
        IN_DIRECTORY(a_tmpdir_that_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests_name("config_drive", tests, NULL, NULL);
}

#include "unit.h"

#include "cpi/store.h"

/* A store below the test's directory, not laid out yet. */
struct fixture {
    struct log log;
    struct host host;
    struct store store;
    void *directory;
    char *dir;
};

static int enter(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    *state = f;
    if (unit_enter(&f->directory) < 0)
        return -1;
    f->dir = xasprintf("%s/a/store", (char *)f->directory);
    f->host = (struct host){ .log = &f->log, .command_timeout = 60, .lock_timeout = 1 };
    f->store = (struct store){ .host = &f->host, .dir = f->dir };
    return 0;
}

static int leave(void **state)
{
    struct fixture *f = *state;
    int failed = unit_leave(&f->directory);

    log_release(&f->log);
    free(f->dir);
    free(f);
    return failed;
}

static struct store *laid_out(void **state)
{
    struct fixture *f = *state;
    struct error err = { 0 };

    assert_int_equal(store_prepare(&f->store, &err), 0);
    expect_no_error(&err);
    return &f->store;
}

static char *below(const struct store *store, const char *name)
{
    return xasprintf("%s/%s", store->dir, name);
}

static void expect_there(const struct store *store, const char *name, bool there)
{
    cleanup_free char *path = below(store, name);

    if (unit_exists(path) != there)
        print_error("%s\n", path);
    assert_int_equal(unit_exists(path), there);
}

static void make_directory(const struct store *store, const char *name)
{
    cleanup_free char *path = below(store, name);

    assert_int_equal(mkdir(path, 0700), 0);
}

/* Makes a disk with one file beside its record. */
static void publish_disk(const struct store *store, const char *cid, const char *record)
{
    struct error err = { 0 };
    cleanup_json cJSON *json = unit_json(record);
    cleanup_free char *staged = store_stage(store, STORE_DISK, cid, &err);

    assert_non_null(staged);
    cleanup_free char *file = xasprintf("%s/disk.qcow2", staged);
    unit_write_text(file, "data");
    assert_int_equal(store_publish(store, STORE_DISK, cid, json, &err), 0);
    expect_no_error(&err);
}

static void prepare_gives_each_directory_its_mode(void **state)
{
    static const struct {
        const char *name;
        mode_t mode;
    } rows[] = { { "", 0711 },         { "vms", 0711 },   { "disks", 0711 },  { "stemcells", 0711 },
                 { "networks", 0700 }, { ".lock", 0700 }, { "version", 0644 } };
    static const mode_t masks[] = { 0, 077 };

    for (size_t m = 0; m < ARRAY_SIZE(masks); m++) {
        struct fixture *f = *state;
        struct error err = { 0 };
        mode_t before = umask(masks[m]);
        assert_int_equal(store_prepare(&f->store, &err), 0);
        umask(before);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            cleanup_free char *path = below(&f->store, rows[i].name);
            assert_int_equal(unit_mode(path), rows[i].mode);
        }
        cleanup_free char *parent = xasprintf("%s/a", (char *)f->directory);
        assert_int_equal(unit_mode(parent), 0755);
        assert_int_equal(host_remove(&f->host, parent, &err), 0);
    }
}

static void prepare_writes_the_version(void **state)
{
    const struct store *store = laid_out(state);
    cleanup_free char *path = below(store, "version");

    expect_file(path, "1\n");
}

static void prepare_leaves_what_is_there_as_it_is(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *vms = below(store, "vms");

    assert_int_equal(chmod(vms, 0755), 0);
    publish_disk(store, "disk1", "{}");
    assert_int_equal(store_prepare(store, &err), 0);
    assert_int_equal(unit_mode(vms), 0755);
    expect_there(store, "disks/disk1/disk.qcow2", true);
}

/* The version comes last, so its absence tells that a process was killed in between. */
static void prepare_goes_on_where_a_killed_process_stopped(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *version = below(store, "version");
    cleanup_free char *locks = below(store, ".lock");

    assert_int_equal(unlink(version), 0);
    assert_int_equal(rmdir(locks), 0);
    assert_int_equal(store_prepare(store, &err), 0);
    expect_file(version, "1\n");
    assert_int_equal(unit_mode(locks), 0700);
}

static void prepare_below_a_file_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct error err = { 0 };
    cleanup_free char *file = xasprintf("%s/a", (char *)f->directory);

    unit_write_text(file, "x");
    assert_int_equal(store_prepare(&f->store, &err), -1);
    expect_error(&err, ERROR_CLOUD, f->dir);
}

static void check_of_no_store_is_fine_and_makes_nothing(void **state)
{
    struct fixture *f = *state;
    struct error err = { 0 };
    cleanup_free char *parent = xasprintf("%s/a", (char *)f->directory);

    assert_int_equal(store_check(&f->store, &err), 0);
    assert_false(unit_exists(parent));
    expect_no_error(&err);
}

static void check_of_our_own_store_is_fine(void **state)
{
    struct error err = { 0 };

    assert_int_equal(store_check(laid_out(state), &err), 0);
    expect_no_error(&err);
}

static void a_store_of_a_newer_cpi_is_refused(void **state)
{
    struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *version = below(store, "version");
    cleanup_free char *part = xasprintf(
        "'%s' was laid out by a newer cpi (version 2, this one knows 1): use that one", store->dir);

    unit_write_text(version, "2\n");
    assert_int_equal(store_check(store, &err), -1);
    expect_error(&err, ERROR_CLOUD, part);
}

static void paths_are_below_the_kinds_directory(void **state)
{
    static const struct {
        enum store_kind kind;
        const char *file, *path;
    } rows[] = {
        { STORE_VM, NULL, "vms/x-1" },
        { STORE_DISK, NULL, "disks/x-1" },
        { STORE_STEMCELL, NULL, "stemcells/x-1" },
        { STORE_VM, "root.qcow2", "vms/x-1/root.qcow2" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *path = store_path(&f->store, rows[i].kind, "x-1", rows[i].file);
        cleanup_free char *expected = below(&f->store, rows[i].path);
        assert_string_equal(path, expected);
    }
}

static void a_lock_excludes_the_others_of_the_same_thing_only(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_lock struct lock first = LOCK_NONE, same = LOCK_NONE, kind = LOCK_NONE, cid = LOCK_NONE;

    assert_int_equal(store_lock(store, STORE_VM, "x", LOCK_EXCLUSIVE, &first, &err), 0);
    assert_true(first.fd >= 0);
    assert_int_equal(store_try_lock(store, STORE_VM, "x", &same, &err), 0);
    assert_int_equal(store_try_lock(store, STORE_DISK, "x", &kind, &err), 1);
    assert_int_equal(store_try_lock(store, STORE_VM, "y", &cid, &err), 1);
    expect_no_error(&err);
}

static void a_shared_lock_can_be_had_twice(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_lock struct lock first = LOCK_NONE, second = LOCK_NONE, third = LOCK_NONE;

    assert_int_equal(store_lock(store, STORE_STEMCELL, "x", LOCK_SHARED, &first, &err), 0);
    assert_int_equal(store_lock(store, STORE_STEMCELL, "x", LOCK_SHARED, &second, &err), 0);
    assert_true(second.fd >= 0);
    assert_int_equal(store_try_lock(store, STORE_STEMCELL, "x", &third, &err), 0);
}

static void a_lock_is_waited_for_as_long_as_lock_timeout(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_lock struct lock first = LOCK_NONE, second = LOCK_NONE;

    assert_int_equal(store_lock(store, STORE_VM, "x", LOCK_EXCLUSIVE, &first, &err), 0);
    assert_int_equal(store_lock(store, STORE_VM, "x", LOCK_EXCLUSIVE, &second, &err), -1);
    assert_true(err.ok_to_retry);
    expect_error(&err, ERROR_CLOUD, "for 1 seconds (lock_timeout)");
}

static void where_there_is_no_store_there_is_nothing_to_lock(void **state)
{
    struct fixture *f = *state;
    struct error err = { 0 };
    struct lock lock = LOCK_NONE;
    cleanup_free char *parent = xasprintf("%s/a", (char *)f->directory);

    assert_int_equal(store_lock(&f->store, STORE_VM, "x", LOCK_EXCLUSIVE, &lock, &err), 0);
    assert_int_equal(lock.fd, -1);
    assert_false(unit_exists(parent));
    expect_no_error(&err);
}

static void what_is_staged_is_not_there_yet(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *staged = store_stage(store, STORE_DISK, "disk1", &err);
    cleanup_strings char **cids = NULL;

    assert_non_null(staged);
    assert_int_equal(unit_mode(staged), 0711);
    assert_int_equal(store_has(store, STORE_DISK, "disk1", &err), 0);
    assert_int_equal(store_list(store, STORE_DISK, &cids, &err), 0);
    assert_int_equal(strings_count(cids), 0);
    assert_int_equal(strncmp(strrchr(staged, '/'), "/.", 2), 0);
}

static void staging_in_no_store_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct error err = { 0 };

    assert_null(store_stage(&f->store, STORE_DISK, "disk1", &err));
    expect_error(&err, ERROR_CLOUD, "disks/");
}

static void what_is_published_is_there_complete(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *disks = below(store, "disks");
    cleanup_free char *record = below(store, "disks/disk1/disk.json");
    cleanup_strings char **names = NULL;

    publish_disk(store, "disk1", "{\"size_mib\": 5}");
    assert_int_equal(store_has(store, STORE_DISK, "disk1", &err), 1);
    expect_file(record, "{\"size_mib\":5}");
    assert_int_equal(unit_mode(record), 0600);
    expect_there(store, "disks/disk1/disk.qcow2", true);
    /* Nothing else is left of the way in. */
    assert_int_equal(host_list(store->host, disks, &names, &err), 0);
    assert_int_equal(strings_count(names), 1);
}

static void what_was_never_staged_is_not_published(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_json cJSON *record = unit_json("{}");

    assert_int_equal(store_publish(store, STORE_DISK, "disk1", record, &err), -1);
    expect_error(&err, ERROR_CLOUD, "disk1");
    assert_int_equal(store_has(store, STORE_DISK, "disk1", &err), 0);
}

static void publishing_does_not_replace_what_is_there(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_json cJSON *record = unit_json("{\"new\":true}");
    cleanup_free char *old = below(store, "disks/disk1/disk.json");

    publish_disk(store, "disk1", "{\"old\":true}");
    cleanup_free char *staged = store_stage(store, STORE_DISK, "disk1", &err);
    assert_non_null(staged);
    assert_int_equal(store_publish(store, STORE_DISK, "disk1", record, &err), -1);
    expect_error(&err, ERROR_CLOUD, "disk1");
    expect_file(old, "{\"old\":true}");
}

static void list_is_sorted_and_leaves_out_what_is_no_cid(void **state)
{
    static const char *const names[] = { "vm-b",       "vm-a", ".new-vm-c",
                                         ".gone-vm-d", "1x",   "lost+found" };
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_strings char **cids = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        cleanup_free char *name = xasprintf("vms/%s", names[i]);
        make_directory(store, name);
    }
    assert_int_equal(store_list(store, STORE_VM, &cids, &err), 0);
    assert_int_equal(strings_count(cids), 2);
    assert_string_equal(cids[0], "vm-a");
    assert_string_equal(cids[1], "vm-b");
}

static void list_of_no_store_is_empty(void **state)
{
    struct fixture *f = *state;
    struct error err = { 0 };
    cleanup_strings char **cids = NULL;

    assert_int_equal(store_list(&f->store, STORE_VM, &cids, &err), 0);
    assert_non_null(cids);
    assert_null(cids[0]);
    expect_no_error(&err);
}

static void a_record_is_read_as_it_was_written(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_json cJSON *before = unit_json("{\"a\":[1,\"\xc3\xa9\"],\"b\":null}");
    cleanup_json cJSON *after = NULL;
    cleanup_free char *path = below(store, "vms/vm-1/vm.json");

    make_directory(store, "vms/vm-1");
    assert_int_equal(store_write(store, STORE_VM, "vm-1", before, &err), 0);
    assert_int_equal(unit_mode(path), 0600);
    assert_int_equal(store_read(store, STORE_VM, "vm-1", &after, &err), 1);
    assert_true(cJSON_Compare(before, after, true));
    expect_no_error(&err);
}

static void no_record_is_zero_and_no_error(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cJSON *record = NULL;

    assert_int_equal(store_read(store, STORE_VM, "vm-1", &record, &err), 0);
    make_directory(store, "vms/vm-1");
    assert_int_equal(store_read(store, STORE_VM, "vm-1", &record, &err), 0);
    assert_null(record);
    expect_no_error(&err);
}

static void a_broken_record_is_named_but_not_shown(void **state)
{
    const struct store *store = laid_out(state);
    cleanup_error struct error err = { 0 };
    cJSON *record = NULL;
    cleanup_free char *path = below(store, "vms/vm-1/vm.json");

    make_directory(store, "vms/vm-1");
    unit_write_text(path, "{\"secret\":\"hunter2\"");
    assert_int_equal(store_read(store, STORE_VM, "vm-1", &record, &err), -1);
    assert_null(record);
    assert_int_equal(err.type, ERROR_CLOUD);
    expect_part(err.message, path);
    expect_absent(err.message, "hunter2");
}

static void remove_takes_all_of_it_and_can_be_repeated(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *disks = below(store, "disks");
    cleanup_strings char **names = NULL;

    publish_disk(store, "disk1", "{}");
    publish_disk(store, "disk2", "{}");
    for (int i = 0; i < 2; i++)
        assert_int_equal(store_remove(store, STORE_DISK, "disk1", &err), 0);
    assert_int_equal(host_list(store->host, disks, &names, &err), 0);
    assert_int_equal(strings_count(names), 1);
    assert_string_equal(names[0], "disk2");
    expect_no_error(&err);
}

static void remove_takes_what_is_only_staged(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *staged = store_stage(store, STORE_DISK, "disk1", &err);

    assert_non_null(staged);
    assert_int_equal(store_remove(store, STORE_DISK, "disk1", &err), 0);
    assert_false(unit_exists(staged));
}

static void remove_goes_on_where_a_killed_process_stopped(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *left = below(store, "disks/.gone-disk1/disk.qcow2");

    make_directory(store, "disks/.gone-disk1");
    unit_write_text(left, "x");
    publish_disk(store, "disk1", "{}");
    assert_int_equal(store_remove(store, STORE_DISK, "disk1", &err), 0);
    expect_there(store, "disks/.gone-disk1", false);
    expect_there(store, "disks/disk1", false);
}

static void nothing_can_be_removed_where_there_is_no_store(void **state)
{
    struct fixture *f = *state;
    struct error err = { 0 };

    assert_int_equal(store_remove(&f->store, STORE_DISK, "disk1", &err), -1);
    expect_error(&err, ERROR_CLOUD, "is its file system mounted?");
}

static void sweep_removes_what_no_process_holds(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *locks = below(store, ".lock");
    cleanup_free char *file = below(store, "disks/.new-disk1/disk.qcow2");
    cleanup_strings char **names = NULL;

    make_directory(store, "disks/.new-disk1");
    unit_write_text(file, "x");
    make_directory(store, "disks/.gone-disk2");
    assert_int_equal(store_sweep(store, STORE_DISK, &err), 0);
    expect_there(store, "disks/.new-disk1", false);
    expect_there(store, "disks/.gone-disk2", false);
    assert_int_equal(host_list(store->host, locks, &names, &err), 0);
    assert_int_equal(strings_count(names), 0);
}

static void sweep_leaves_what_a_process_holds(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_lock struct lock coming = LOCK_NONE, going = LOCK_NONE;

    make_directory(store, "disks/.new-disk1");
    make_directory(store, "disks/.gone-disk2");
    assert_int_equal(store_lock(store, STORE_DISK, "disk1", LOCK_EXCLUSIVE, &coming, &err), 0);
    assert_int_equal(store_lock(store, STORE_DISK, "disk2", LOCK_EXCLUSIVE, &going, &err), 0);
    assert_int_equal(store_sweep(store, STORE_DISK, &err), 0);
    expect_there(store, "disks/.new-disk1", true);
    expect_there(store, "disks/.gone-disk2", true);
    expect_there(store, ".lock/disk-disk1", true);
    expect_no_error(&err);
}

static void sweep_leaves_what_is_published_and_what_it_does_not_know(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };

    publish_disk(store, "disk1", "{}");
    make_directory(store, "disks/.other");
    make_directory(store, "stemcells/.new-sc");
    assert_int_equal(store_sweep(store, STORE_DISK, &err), 0);
    expect_there(store, "disks/disk1/disk.qcow2", true);
    expect_there(store, "disks/.other", true);
    expect_there(store, "stemcells/.new-sc", true);
}

/* A success that leaves an error behind answers the request with both. */
static void sweep_of_what_cannot_be_locked_fails_or_leaves_the_error_alone(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };

    make_directory(store, "disks/.new-disk1");
    make_directory(store, ".lock/disk-disk1");
    int result = store_sweep(store, STORE_DISK, &err);
    int expected = err.type == ERROR_NONE ? 0 : -1;
    error_release(&err);
    assert_int_equal(result, expected);
}

static void sweep_of_no_store_is_success(void **state)
{
    struct fixture *f = *state;
    struct error err = { 0 };

    assert_int_equal(store_sweep(&f->store, STORE_DISK, &err), 0);
    expect_no_error(&err);
}

static void an_address_is_given_to_one_vm(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *holder = NULL;
    char *none = NULL;

    assert_int_equal(store_claim_ip(store, "net", "10.0.0.1", "vm-1", &none, &err), 1);
    assert_int_equal(store_claim_ip(store, "net", "10.0.0.1", "vm-2", &holder, &err), 0);
    assert_string_equal(holder, "vm-1");
    expect_no_error(&err);
}

static void an_address_can_be_claimed_again_by_its_vm(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *first = NULL, *second = NULL;

    assert_int_equal(store_claim_ip(store, "net", "10.0.0.1", "vm-1", &first, &err), 1);
    assert_int_equal(store_claim_ip(store, "net", "10.0.0.1", "vm-1", &second, &err), 1);
}

static void the_same_address_on_another_network_is_another(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *first = NULL, *second = NULL;

    assert_int_equal(store_claim_ip(store, "net", "10.0.0.1", "vm-1", &first, &err), 1);
    assert_int_equal(store_claim_ip(store, "net2", "10.0.0.1", "vm-2", &second, &err), 1);
}

static void an_ipv6_address_can_be_claimed(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *holder = NULL, *other = NULL;

    assert_int_equal(store_claim_ip(store, "net", "fd00::1", "vm-1", &other, &err), 1);
    assert_int_equal(store_ip_holder(store, "net", "fd00::1", &holder, &err), 1);
    assert_string_equal(holder, "vm-1");
}

static void an_address_that_nobody_has_has_no_holder(void **state)
{
    struct fixture *f = *state;
    struct error err = { 0 };
    char *holder = NULL;

    assert_int_equal(store_ip_holder(&f->store, "net", "10.0.0.1", &holder, &err), 0);
    laid_out(state);
    assert_int_equal(store_ip_holder(&f->store, "net", "10.0.0.1", &holder, &err), 0);
    assert_null(holder);
    expect_no_error(&err);
}

static void only_its_vm_gives_an_address_back(void **state)
{
    const struct store *store = laid_out(state);
    struct error err = { 0 };
    cleanup_free char *first = NULL, *holder = NULL, *second = NULL;

    assert_int_equal(store_claim_ip(store, "net", "10.0.0.1", "vm-1", &first, &err), 1);
    assert_int_equal(store_release_ip(store, "net", "10.0.0.1", "vm-2", &err), 0);
    assert_int_equal(store_ip_holder(store, "net", "10.0.0.1", &holder, &err), 1);
    assert_string_equal(holder, "vm-1");
    assert_int_equal(store_release_ip(store, "net", "10.0.0.1", "vm-1", &err), 0);
    assert_int_equal(store_claim_ip(store, "net", "10.0.0.1", "vm-2", &second, &err), 1);
    expect_no_error(&err);
}

static void giving_back_what_nobody_has_is_success(void **state)
{
    struct fixture *f = *state;
    struct error err = { 0 };

    assert_int_equal(store_release_ip(&f->store, "net", "10.0.0.1", "vm-1", &err), 0);
    laid_out(state);
    assert_int_equal(store_release_ip(&f->store, "net", "10.0.0.1", "vm-1", &err), 0);
    expect_no_error(&err);
}

#define IN_STORE(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static void the_cid_of_a_path_is_that_of_the_thing_it_lies_in(void **state)
{
    const struct store *store = &((struct fixture *)*state)->store;
    static const struct {
        const char *path, *cid;
    } cases[] = {
        { "disks/abc/disk.qcow2", "abc" },
        { "disks/abc", "abc" },
        { "disks/.new-abc/disk.qcow2", NULL },
        { "disks/", NULL },
        { "disks", NULL },
        { "vms/abc/root.qcow2", NULL },
        { "disksabc/x", NULL },
        { "disks/a b/x", NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *path = below(store, cases[i].path);
        cleanup_free char *cid = store_cid_of(store, STORE_DISK, path);
        if (cases[i].cid)
            assert_string_equal(cid, cases[i].cid);
        else
            assert_null(cid);
    }
    assert_null(store_cid_of(store, STORE_DISK, "-"));
}

static void the_locks_of_a_kind_are_listed_with_what_they_are_for(void **state)
{
    const struct store *store = laid_out(state);
    cleanup_lock struct lock disk = LOCK_NONE, vm = LOCK_NONE, networks = LOCK_NONE;
    cleanup_strings char **cids = NULL, **none = NULL;
    struct error err = { 0 };

    assert_int_equal(store_try_lock(store, STORE_DISK, "abc", &disk, &err), 1);
    assert_int_equal(store_try_lock(store, STORE_VM, "vm-1", &vm, &err), 1);
    assert_int_equal(store_lock_networks(store, &networks, &err), 0);
    assert_int_equal(store_list_locks(store, STORE_DISK, &cids, &err), 0);
    assert_int_equal(strings_count(cids), 1);
    assert_string_equal(cids[0], "abc");
    assert_int_equal(store_list_locks(store, STORE_SNAPSHOT, &none, &err), 0);
    assert_int_equal(strings_count(none), 0);
    expect_no_error(&err);
}

static void a_store_is_laid_out_once_it_is_prepared(void **state)
{
    const struct store *store = &((struct fixture *)*state)->store;
    struct error err = { 0 };

    assert_int_equal(store_is_laid_out(store, &err), 0);
    laid_out(state);
    assert_int_equal(store_is_laid_out(store, &err), 1);
    expect_no_error(&err);
}

static void addresses_are_listed_by_network(void **state)
{
    const struct store *store = laid_out(state);
    cleanup_strings char **networks = NULL, **ips = NULL, **none = NULL;
    cleanup_free char *holder = NULL;
    struct error err = { 0 };

    assert_int_equal(store_claim_ip(store, "b", "10.0.0.2", "vm-1", &holder, &err), 1);
    assert_int_equal(store_claim_ip(store, "b", "10.0.0.1", "vm-2", &holder, &err), 1);
    assert_int_equal(store_claim_ip(store, "a", "10.0.0.1", "vm-1", &holder, &err), 1);
    assert_int_equal(store_list_networks(store, &networks, &err), 0);
    assert_int_equal(strings_count(networks), 2);
    assert_string_equal(networks[0], "a");
    assert_int_equal(store_list_ips(store, "b", &ips, &err), 0);
    assert_int_equal(strings_count(ips), 2);
    assert_string_equal(ips[0], "10.0.0.1");
    assert_int_equal(store_list_ips(store, "c", &none, &err), 0);
    assert_int_equal(strings_count(none), 0);
    expect_no_error(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_STORE(prepare_gives_each_directory_its_mode),
        IN_STORE(prepare_writes_the_version),
        IN_STORE(prepare_leaves_what_is_there_as_it_is),
        IN_STORE(prepare_goes_on_where_a_killed_process_stopped),
        IN_STORE(prepare_below_a_file_is_an_error),
        IN_STORE(check_of_no_store_is_fine_and_makes_nothing),
        IN_STORE(check_of_our_own_store_is_fine),
        IN_STORE(a_store_of_a_newer_cpi_is_refused),
        IN_STORE(paths_are_below_the_kinds_directory),
        IN_STORE(a_lock_excludes_the_others_of_the_same_thing_only),
        IN_STORE(a_shared_lock_can_be_had_twice),
        IN_STORE(a_lock_is_waited_for_as_long_as_lock_timeout),
        IN_STORE(where_there_is_no_store_there_is_nothing_to_lock),
        IN_STORE(what_is_staged_is_not_there_yet),
        IN_STORE(staging_in_no_store_is_an_error),
        IN_STORE(what_is_published_is_there_complete),
        IN_STORE(what_was_never_staged_is_not_published),
        IN_STORE(publishing_does_not_replace_what_is_there),
        IN_STORE(list_is_sorted_and_leaves_out_what_is_no_cid),
        IN_STORE(list_of_no_store_is_empty),
        IN_STORE(a_record_is_read_as_it_was_written),
        IN_STORE(no_record_is_zero_and_no_error),
        IN_STORE(a_broken_record_is_named_but_not_shown),
        IN_STORE(remove_takes_all_of_it_and_can_be_repeated),
        IN_STORE(remove_takes_what_is_only_staged),
        IN_STORE(remove_goes_on_where_a_killed_process_stopped),
        IN_STORE(nothing_can_be_removed_where_there_is_no_store),
        IN_STORE(sweep_removes_what_no_process_holds),
        IN_STORE(sweep_leaves_what_a_process_holds),
        IN_STORE(sweep_leaves_what_is_published_and_what_it_does_not_know),
        IN_STORE(sweep_of_what_cannot_be_locked_fails_or_leaves_the_error_alone),
        IN_STORE(sweep_of_no_store_is_success),
        IN_STORE(an_address_is_given_to_one_vm),
        IN_STORE(an_address_can_be_claimed_again_by_its_vm),
        IN_STORE(the_same_address_on_another_network_is_another),
        IN_STORE(an_ipv6_address_can_be_claimed),
        IN_STORE(an_address_that_nobody_has_has_no_holder),
        IN_STORE(only_its_vm_gives_an_address_back),
        IN_STORE(giving_back_what_nobody_has_is_success),
        IN_STORE(the_cid_of_a_path_is_that_of_the_thing_it_lies_in),
        IN_STORE(the_locks_of_a_kind_are_listed_with_what_they_are_for),
        IN_STORE(a_store_is_laid_out_once_it_is_prepared),
        IN_STORE(addresses_are_listed_by_network),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}

#include "unit.h"

#include "cpi/firmware.h"

static unsigned char disk[FIRMWARE_HEAD];

static void blank(void)
{
    memset(disk, 0, sizeof(disk));
    disk[510] = 0x55;
    disk[511] = 0xaa;
}

static void put_gpt(size_t entry)
{
    static const unsigned char esp[] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                         0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };

    disk[446 + 4] = 0xee;
    memcpy(disk + 512, "EFI PART", 8);
    memcpy(disk + 1024 + entry * 128, esp, sizeof(esp));
}

static void boot_code_means_bios(void **state)
{
    (void)state;
    blank();
    disk[0] = 0xeb;
    assert_string_equal(firmware_of(disk, sizeof(disk)), "bios");
}

static void an_mbr_system_partition_without_boot_code_means_efi(void **state)
{
    (void)state;
    for (size_t entry = 0; entry < 4; entry++) {
        blank();
        disk[446 + 16 * entry + 4] = 0xef;
        assert_string_equal(firmware_of(disk, sizeof(disk)), "efi");
    }
}

static void a_gpt_system_partition_without_boot_code_means_efi(void **state)
{
    (void)state;
    blank();
    put_gpt(0);
    assert_string_equal(firmware_of(disk, sizeof(disk)), "efi");
    blank();
    put_gpt(127);
    assert_string_equal(firmware_of(disk, sizeof(disk)), "efi");
}

/* Stemcells that boot both ways keep booting as they always did. */
static void both_means_bios(void **state)
{
    (void)state;
    blank();
    put_gpt(2);
    disk[3] = 0x90;
    assert_string_equal(firmware_of(disk, sizeof(disk)), "bios");
}

static void no_system_partition_means_bios(void **state)
{
    (void)state;
    blank();
    assert_string_equal(firmware_of(disk, sizeof(disk)), "bios");
    memcpy(disk + 512, "EFI PART", 8);
    assert_string_equal(firmware_of(disk, sizeof(disk)), "bios");
}

static void a_short_head_is_not_read_beyond_its_end(void **state)
{
    (void)state;
    blank();
    put_gpt(20);
    assert_string_equal(firmware_of(disk, 512), "bios");
    assert_string_equal(firmware_of(disk, 1024 + 128), "bios");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boot_code_means_bios),
        cmocka_unit_test(an_mbr_system_partition_without_boot_code_means_efi),
        cmocka_unit_test(a_gpt_system_partition_without_boot_code_means_efi),
        cmocka_unit_test(both_means_bios),
        cmocka_unit_test(no_system_partition_means_bios),
        cmocka_unit_test(a_short_head_is_not_read_beyond_its_end),
    };

    return cmocka_run_group_tests_name("firmware", tests, NULL, NULL);
}

#include "cpi/firmware.h"

#include <stdbool.h>
#include <string.h>

enum { SECTOR = 512, BOOT_CODE = 440, MBR_TABLE = 446, MBR_ENTRY = 16, MBR_ENTRIES = 4 };
enum { GPT_ENTRIES_AT = 2 * SECTOR, GPT_ENTRY = 128, GPT_ENTRIES = 128, EFI_SYSTEM = 0xef };

static bool has_boot_code(const unsigned char *head)
{
    for (size_t i = 0; i < BOOT_CODE; i++)
        if (head[i])
            return true;
    return false;
}

static bool mbr_has_system_partition(const unsigned char *head)
{
    for (size_t i = 0; i < MBR_ENTRIES; i++)
        if (head[MBR_TABLE + i * MBR_ENTRY + 4] == EFI_SYSTEM)
            return true;
    return false;
}

static bool gpt_has_system_partition(const unsigned char *head, size_t length)
{
    /* c12a7328-f81f-11d2-ba4b-00a0c93ec93b as it is stored */
    static const unsigned char type[16] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                            0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };

    if (memcmp(head + SECTOR, "EFI PART", 8) != 0)
        return false;
    for (size_t i = 0; i < GPT_ENTRIES; i++) {
        const size_t at = GPT_ENTRIES_AT + i * GPT_ENTRY;
        if (at + sizeof(type) <= length && memcmp(head + at, type, sizeof(type)) == 0)
            return true;
    }
    return false;
}

const char *firmware_of(const unsigned char *head, size_t length)
{
    if (length < GPT_ENTRIES_AT || has_boot_code(head))
        return "bios";
    return mbr_has_system_partition(head) || gpt_has_system_partition(head, length) ? "efi"
                                                                                    : "bios";
}

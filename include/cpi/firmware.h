/*
 * firmware.h - which firmware can boot a disk, told from its first sectors.
 */
#ifndef CPI_FIRMWARE_H
#define CPI_FIRMWARE_H

#include <stddef.h>

/* How much of a disk must be seen: the boot sector, a GPT's header and its entries. Bytes. */
enum { FIRMWARE_HEAD = 1 << 20 };

/* "efi" for a disk with an EFI system partition (MBR type 0xEF, or in a GPT; UEFI 2.10, 5.2 and
 * 5.3) and without BIOS boot code, else "bios". A constant. */
const char *firmware_of(const unsigned char *head, size_t length);

#endif

#include "cpi/vmx.h"

#include <stdlib.h>
#include <string.h>

enum { OWN_UNIT = 7 };

static int hex(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = c ? strchr(digits, c) : NULL;

    return found ? (int)((found - digits) % 16) : -1;
}

/* The value of 'key = "value"'. Owned by the caller. */
static char *value_of(const char *line)
{
    const char *from = strchr(line, '"'), *end = from ? strrchr(from + 1, '"') : NULL;

    if (!end)
        return NULL;
    char *value = xstrndup(from + 1, (size_t)(end - from - 1)), *to = value;
    for (const char *c = value; *c; c++) {
        int high = *c == '|' ? hex(c[1]) : -1, low = high >= 0 ? hex(c[2]) : -1;
        *to++ = low >= 0 ? (char)(high * 16 + low) : *c;
        c += low >= 0 ? 2 : 0;
    }
    *to = '\0';
    return value;
}

void vmx_read_disks(const char *text, struct blocks *blocks)
{
    cleanup_free char *copy = xstrdup(text);
    cleanup_free char **lines = split_lines(copy);

    for (char **line = lines; *line; line++) {
        unsigned unit;
        int end = 0;
        if (sscanf(*line, "scsi0:%u.fileName %n", &unit, &end) != 1 || end == 0 || unit > 15)
            continue;
        char *path = value_of(*line);
        if (path)
            blocks_add(blocks, vmx_target(unit), path);
    }
}

unsigned vmx_unit(const char *target)
{
    unsigned index = strlen(target) == 3 ? (unsigned)(target[2] - 'a') : 0;

    return index < OWN_UNIT ? index : index + 1;
}

char *vmx_target(unsigned unit)
{
    return xasprintf("sd%c", (char)('a' + (unit > OWN_UNIT ? unit - 1 : unit)));
}

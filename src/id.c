#include "cpi/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uuid/uuid.h>

static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyz";

void id_new(char id[ID_SIZE], const char *prefix)
{
    uuid_t uuid;
    char text[UUID_STR_LEN];

    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, text);
    snprintf(id, ID_SIZE, "%s-%s", prefix, text);
}

static unsigned random_below(unsigned limit)
{
    unsigned char byte;

    /* A byte above the largest multiple of the limit would make some characters likelier. */
    do {
        if (getrandom(&byte, 1, 0) != 1)
            abort();
    } while (byte >= 256 - 256 % limit);
    return byte % limit;
}

void id_new_serial(char id[ID_SIZE])
{
    id[0] = alphabet[10 + random_below(26)];
    for (int i = 1; i < SERIAL_LENGTH; i++)
        id[i] = alphabet[random_below(36)];
    id[SERIAL_LENGTH] = '\0';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool id_valid(const char *id)
{
    size_t length = 0;

    if (!is_letter(id[0]))
        return false;
    while (is_letter(id[length]) || (id[length] && strchr("0123456789._-", id[length])))
        length++;
    return length <= 128 && id[length] == '\0';
}

const char *id_uuid(const char *id)
{
    const char *dash = strchr(id, '-');
    uuid_t uuid;

    return dash && uuid_parse(dash + 1, uuid) == 0 ? dash + 1 : NULL;
}

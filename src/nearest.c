#include "cpi/nearest.h"

#include <string.h>

enum { LONGEST_WORD = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be changed, added, removed or swapped with their neighbour. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][LONGEST_WORD + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    const size_t width = strlen(b);

    for (size_t j = 0; j <= width; j++)
        last[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        now[0] = i;
        for (size_t j = 1; j <= width; j++) {
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[width];
}

const char *nearest(const char *word, const char *const *known)
{
    const char *found = NULL;
    const size_t length = strlen(word);
    /* A third of the word may be wrong; of a short one, a letter. */
    size_t limit = length < 6 ? 1 : length / 3;

    if (length < 2 || length > LONGEST_WORD)
        return NULL;
    for (; *known; known++) {
        if (strlen(*known) > LONGEST_WORD)
            continue;
        size_t d = distance(word, *known);
        if (d <= limit) {
            found = *known;
            /* Only what is nearer still replaces it. */
            limit = d ? d - 1 : 0;
            if (d == 0)
                break;
        }
    }
    return found;
}

static bool is_known(const char *key, const char *const *known)
{
    for (; *known; known++)
        if (strcmp(*known, key) == 0)
            return true;
    return false;
}

void note_unknown_keys(const cJSON *object, const char *what, const char *const *known,
                       struct log *log)
{
    const cJSON *member;

    if (!log || !cJSON_IsObject(object))
        return;
    cJSON_ArrayForEach (member, object) {
        if (is_known(member->string, known))
            continue;
        const char *meant = nearest(member->string, known);
        log_note(log, "warning: %s.%s is not known: it is ignored%s%s%s", what, member->string,
                 meant ? " (is '" : "", meant ? meant : "", meant ? "' meant?)" : "");
    }
}

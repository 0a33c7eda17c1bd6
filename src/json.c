#include "cpi/json.h"

#include "cpi/json_syntax.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The length of the valid UTF-8 sequence at s, 0 when there is none. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
    static const struct {
        unsigned char first, last, second_min, second_max, length;
    } rows[] = {
        { 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };

    for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
        if (*s < rows[row].first || *s > rows[row].last)
            continue;
        if (rows[row].length > left)
            return 0;
        for (size_t i = 1; i < rows[row].length; i++) {
            unsigned char min = i == 1 ? rows[row].second_min : 0x80;
            unsigned char max = i == 1 ? rows[row].second_max : 0xbf;
            if (s[i] < min || s[i] > max)
                return 0;
        }
        return rows[row].length;
    }
    return 0;
}

static size_t line_of(const char *text, const char *position)
{
    size_t line = 1;

    for (; text < position; text++)
        line += *text == '\n';
    return line;
}

static int check_bytes(const char *text, size_t length, const char *what, struct error *err)
{
    for (size_t i = 0; i < length;) {
        size_t step = utf8_length((const unsigned char *)text + i, length - i);
        if (!step)
            return fail(err, ERROR_CPI, "%s is not valid UTF-8 (line %zu)", what,
                        line_of(text, text + i));
        if (text[i] == '\\' && i + 1 < length) {
            if (length - i >= 6 && memcmp(text + i, "\\u0000", 6) == 0)
                return fail(err, ERROR_CPI, "%s holds a NUL character (line %zu)", what,
                            line_of(text, text + i));
            step = text[i + 1] & 0x80 ? 1 : 2;
        }
        i += step;
    }
    return 0;
}

cJSON *json_parse(const char *text, size_t length, const char *what, struct error *err)
{
    const char *end = NULL;

    if (check_bytes(text, length, what, err) < 0)
        return NULL;
    const size_t fault = json_syntax_fault(text, length);
    if (fault < length) {
        fail(err, ERROR_CPI, "%s is not valid JSON (line %zu)", what, line_of(text, text + fault));
        return NULL;
    }
    cleanup_json cJSON *value = cJSON_ParseWithLengthOpts(text, length, &end, false);
    if (!value) {
        fail(err, ERROR_CPI, "%s is not valid JSON (line %zu)", what,
             end ? line_of(text, end) : (size_t)1);
        return NULL;
    }
    while (end < text + length && *end && strchr(" \t\r\n", *end))
        end++;
    if (end < text + length) {
        fail(err, ERROR_CPI, "%s holds more than one JSON value (line %zu)", what,
             line_of(text, end));
        return NULL;
    }
    return steal_pointer(&value);
}

/* The end of the comment or string that starts at text, or text when none does. */
static char *skip_token(char *text, const char *end, bool *comment)
{
    char *p = text;

    *comment = false;
    if (*p == '"') {
        for (p++; p < end && *p != '"'; p++)
            p += *p == '\\' && p + 1 < end;
        return p < end ? p + 1 : p;
    }
    if (*p != '/' || p + 1 >= end)
        return text;
    *comment = p[1] == '/' || p[1] == '*';
    if (p[1] == '/')
        while (p < end && *p != '\n')
            p++;
    else if (p[1] == '*')
        for (p += 2; p < end && !(p[-1] == '/' && p[-2] == '*' && p - text > 3); p++)
            ;
    return p;
}

void json_blank_comments(char *text, size_t length)
{
    const char *end = text + length;

    while (text < end) {
        bool comment;
        char *next = skip_token(text, end, &comment);
        for (; comment && text < next; text++)
            if (*text != '\n')
                *text = ' ';
        text = next > text ? next : text + (next == text && !comment);
    }
}

const cJSON *json_get(const cJSON *object, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsNull(value) ? NULL : value;
}

const char *json_string(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(json_get(object, key));
}

static bool read_digits(const char *text, uint64_t *number)
{
    size_t length = strspn(text, "0123456789");

    if (length == 0 || length > 19 || text[length])
        return false;
    *number = strtoull(text, NULL, 10);
    return true;
}

int json_whole(const cJSON *value, const char *what, const uint64_t range[2], uint64_t *number,
               struct error *err)
{
    uint64_t whole = 0;
    bool is_whole = false;

    if (cJSON_IsNumber(value)) {
        double d = value->valuedouble;
        is_whole = d >= 0 && d <= 9007199254740992.0 && floor(d) == d;
        whole = is_whole ? (uint64_t)d : 0;
    } else if (cJSON_IsString(value)) {
        is_whole = read_digits(value->valuestring, &whole);
    }
    if (!is_whole || whole < range[0] || whole > range[1])
        return fail(err, ERROR_CPI, "%s must be a whole number from %llu to %llu", what,
                    (unsigned long long)range[0], (unsigned long long)range[1]);
    *number = whole;
    return 0;
}

char *json_clean_utf8(const char *text)
{
    char *clean = NULL;
    size_t length, left = strlen(text);
    FILE *out = text_open(&clean, &length);

    while (left > 0) {
        size_t step = utf8_length((const unsigned char *)text, left);
        if (step)
            fwrite(text, 1, step, out);
        else
            fputs("\xef\xbf\xbd", out);
        text += step ? step : 1;
        left -= step ? step : 1;
    }
    text_close(out);
    return clean;
}

static void *check(void *value)
{
    if (!value)
        abort();
    return value;
}

char *json_print(const cJSON *value)
{
    return check(cJSON_PrintUnformatted(value));
}

cJSON *json_new_object(void)
{
    return check(cJSON_CreateObject());
}

cJSON *json_new_array(void)
{
    return check(cJSON_CreateArray());
}

cJSON *json_copy(const cJSON *value)
{
    return check(cJSON_Duplicate(value, true));
}

void json_put(cJSON *object, const char *key, cJSON *value)
{
    check(value);
    if (!(key ? cJSON_AddItemToObject(object, key, value) : cJSON_AddItemToArray(object, value)))
        abort();
}

void json_put_string(cJSON *object, const char *key, const char *text)
{
    json_put(object, key, cJSON_CreateString(text));
}

void json_put_number(cJSON *object, const char *key, double number)
{
    json_put(object, key, cJSON_CreateNumber(number));
}

void json_put_bool(cJSON *object, const char *key, bool value)
{
    json_put(object, key, cJSON_CreateBool(value));
}

void json_set(cJSON *object, const char *key, cJSON *value)
{
    if (!cJSON_ReplaceItemInObjectCaseSensitive(object, key, value))
        json_put(object, key, value);
}

void json_deletep(cJSON **value)
{
    cJSON_Delete(*value);
}

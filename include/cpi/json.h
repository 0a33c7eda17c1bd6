/*
 * json.h - strict reading of JSON over cJSON.
 *
 * Keys are compared with their case. Numbers may come as JSON numbers or as
 * strings of digits: the Director and the CLI send both.
 */
#ifndef CPI_JSON_H
#define CPI_JSON_H

#include "cpi/error.h"

#include <cjson/cJSON.h>
#include <stdint.h>

#define cleanup_json cleanup(json_deletep)

/*
 * Parses one JSON value with nothing but white space around it, as strictly as
 * RFC 8259 says, and without a byte order mark. The text must be valid UTF-8
 * without NUL, in the escaped form too: C strings end there. Fails with
 * ERROR_CPI; the message starts with 'what' and names the line, never the
 * text, which may hold secrets.
 */
cJSON *json_parse(const char *text, size_t length, const char *what, struct error *err);

/* Overwrites // and C comments outside strings with blanks; line numbers stay true. */
void json_blank_comments(char *text, size_t length);

/* The member, or NULL when it is absent or JSON null. */
const cJSON *json_get(const cJSON *object, const char *key);

/* The string member's value (owned by object), or NULL when it is absent or no string. */
const char *json_string(const cJSON *object, const char *key);

/*
 * Reads a whole number from min to max out of a JSON number or a string of
 * digits. 'what' names the value in the message of the ERROR_CPI.
 */
int json_whole(const cJSON *value, const char *what, const uint64_t range[2], uint64_t *number,
               struct error *err);

/* A copy of text in which every byte that is not valid UTF-8 became U+FFFD. Owned by the caller. */
char *json_clean_utf8(const char *text);

/* The value as JSON text without white space. Owned by the caller. */
char *json_print(const cJSON *value);

/* Never NULL, unlike cJSON's own. */
cJSON *json_new_object(void);
cJSON *json_new_array(void);
cJSON *json_copy(const cJSON *value);

/* Adds to an object, or to an array when key is NULL; 'value' is owned by it afterwards. */
void json_put(cJSON *object, const char *key, cJSON *value);
void json_put_string(cJSON *object, const char *key, const char *text);
void json_put_number(cJSON *object, const char *key, double number);
void json_put_bool(cJSON *object, const char *key, bool value);

/* Puts a member in place of the one that may be there; 'value' is owned by the object afterwards.
 */
void json_set(cJSON *object, const char *key, cJSON *value);

void json_deletep(cJSON **value);

#endif

#include "cpi/json_syntax.h"

#include "cpi/util.h"

#include <string.h>

/* What is left of the text. */
struct rest {
    const char *at, *end;
};

static bool is_one_of(const struct rest *rest, const char *characters)
{
    return rest->at < rest->end && *rest->at && strchr(characters, *rest->at);
}

static bool skip_digits(struct rest *rest)
{
    const char *from = rest->at;

    while (is_one_of(rest, "0123456789"))
        rest->at++;
    return rest->at > from;
}

/* False when a number begins here that is none (RFC 8259, section 6). */
static bool skip_number(struct rest *rest)
{
    rest->at += *rest->at == '-';
    if (is_one_of(rest, "0"))
        rest->at++;
    else if (!skip_digits(rest))
        return false;
    if (is_one_of(rest, ".")) {
        rest->at++;
        if (!skip_digits(rest))
            return false;
    }
    if (is_one_of(rest, "eE")) {
        rest->at++;
        rest->at += is_one_of(rest, "+-");
        if (!skip_digits(rest))
            return false;
    }
    return !is_one_of(rest, "0123456789.+-eE");
}

/* False at a control character, of which a string may hold none. */
static bool skip_string(struct rest *rest)
{
    for (rest->at++; rest->at < rest->end && *rest->at != '"'; rest->at++) {
        rest->at += *rest->at == '\\' && rest->at + 1 < rest->end;
        if ((unsigned char)*rest->at < 0x20)
            return false;
    }
    rest->at += rest->at < rest->end;
    return true;
}

static bool skip_token(struct rest *rest)
{
    if (*rest->at == '"')
        return skip_string(rest);
    if (is_one_of(rest, "+-.0123456789"))
        return skip_number(rest);
    if ((unsigned char)*rest->at < 0x20 && !is_one_of(rest, "\t\r\n"))
        return false;
    rest->at++;
    return true;
}

size_t json_syntax_fault(const char *text, size_t length)
{
    static const char mark[] = "\xef\xbb\xbf";
    struct rest rest = { text, text + length };

    if (length >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0)
        return 0;
    while (rest.at < rest.end)
        if (!skip_token(&rest))
            return (size_t)(rest.at - text) - (rest.at == rest.end);
    return length;
}

#include "cpi/uri.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static char *part(const char *from, const char *to)
{
    return to > from ? xstrndup(from, (size_t)(to - from)) : NULL;
}

static int hex_digit(char c)
{
    const char *const digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Replaces %xx by what it stands for, but NUL. */
static char *decode(char *text)
{
    char *to = text;

    for (const char *from = text; from && *from; from++) {
        int high = *from == '%' ? hex_digit(from[1]) : -1;
        int low = high < 0 ? -1 : hex_digit(from[2]);
        const bool coded = low >= 0 && (high || low);
        *to++ = coded ? (char)(high << 4 | low) : *from;
        from += coded ? 2 : 0;
    }
    if (to)
        *to = '\0';
    return text;
}

/* "[user@][host][:port]", where a host in brackets is an IPv6 address. */
static bool parse_authority(const char *from, const char *to, struct uri *uri)
{
    const char *at = memchr(from, '@', (size_t)(to - from));
    const char *colon;

    if (at) {
        uri->user = decode(part(from, at));
        from = at + 1;
    }
    if (from < to && *from == '[') {
        const char *bracket = memchr(from, ']', (size_t)(to - from));
        if (!bracket)
            return false;
        uri->host = part(from + 1, bracket);
        colon = bracket + 1 < to ? bracket + 1 : NULL;
    } else {
        colon = memchr(from, ':', (size_t)(to - from));
        uri->host = part(from, colon ? colon : to);
    }
    if (!colon)
        return true;
    char *end;
    long port = strtol(colon + 1, &end, 10);
    uri->port = (int)port;
    return *colon == ':' && end == to && port > 0 && port < 65536;
}

bool uri_parse(const char *text, struct uri *uri)
{
    const char *separator = strstr(text, "://");

    *uri = (struct uri){ 0 };
    if (!separator || separator == text)
        return false;
    const char *plus = memchr(text, '+', (size_t)(separator - text));
    if (plus == text)
        return false;
    uri->driver = xstrndup(text, (size_t)((plus ? plus : separator) - text));
    uri->transport = plus ? part(plus + 1, separator) : NULL;

    const char *authority = separator + 3;
    const char *path = authority + strcspn(authority, "/?");
    const char *query = path + strcspn(path, "?");
    uri->path = xstrndup(path, (size_t)(query - path));
    uri->query = *query ? part(query + 1, query + strlen(query)) : NULL;
    return parse_authority(authority, path, uri);
}

const char *uri_vmware_scheme(const char *product)
{
    static const char *const products[] = { "workstation",  "vmwarews", "player",
                                            "vmwareplayer", "fusion",   "vmwarefusion" };

    for (size_t i = 0; i < ARRAY_SIZE(products); i += 2)
        if (strcmp(product ? product : products[0], products[i]) == 0)
            return products[i + 1];
    return NULL;
}

char *uri_parameter(const struct uri *uri, const char *name)
{
    const size_t length = strlen(name);

    for (const char *p = uri->query; p && *p; p += *p != '\0') {
        const char *end = p + strcspn(p, "&;");
        if (strncmp(p, name, length) == 0 && p[length] == '=')
            return decode(xstrndup(p + length + 1, (size_t)(end - p) - length - 1));
        p = end;
    }
    return NULL;
}

bool uri_is_remote(const struct uri *uri)
{
    return uri->host && *uri->host;
}

void uri_release(struct uri *uri)
{
    free(uri->driver);
    free(uri->transport);
    free(uri->user);
    free(uri->host);
    free(uri->path);
    free(uri->query);
    *uri = (struct uri){ 0 };
}

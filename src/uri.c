#include "cpi/uri.h"

#include <stdlib.h>
#include <string.h>

static char *part(const char *from, const char *to)
{
    return to > from ? xstrndup(from, (size_t)(to - from)) : NULL;
}

/* "[user@][host][:port]", where a host in brackets is an IPv6 address. */
static bool parse_authority(const char *from, const char *to, struct uri *uri)
{
    const char *at = memchr(from, '@', (size_t)(to - from));
    const char *colon;

    if (at) {
        uri->user = part(from, at);
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

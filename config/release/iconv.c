/*
 * iconv.c - the C library's character conversion, for the static binary: there is none.
 *
 * glibc's own iconv_open loads a shared object of the machine it runs on, and with it that
 * machine's C library, even in a static binary: where that is another version than the one that was
 * linked, the process dies of it (on Debian 13, of what Debian 12 built). libarchive asks for it
 * when it makes a settings ISO, and knows UTF-16 itself where it gets none.
 */
#include <errno.h>
#include <iconv.h>

iconv_t iconv_open(const char *to, const char *from)
{
    (void)to;
    (void)from;
    errno = EINVAL;
    return (iconv_t)-1;
}

size_t iconv(iconv_t conversion, char **in, size_t *in_left, char **out, size_t *out_left)
{
    (void)conversion;
    (void)in;
    (void)in_left;
    (void)out;
    (void)out_left;
    errno = EBADF;
    return (size_t)-1;
}

int iconv_close(iconv_t conversion)
{
    (void)conversion;
    return 0;
}

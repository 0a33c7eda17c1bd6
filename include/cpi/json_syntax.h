/*
 * json_syntax.h - what JSON may look like (RFC 8259), where cJSON is laxer.
 */
#ifndef CPI_JSON_SYNTAX_H
#define CPI_JSON_SYNTAX_H

#include <stddef.h>

/*
 * Where the first thing stands that RFC 8259 forbids and cJSON lets pass: a
 * byte order mark, a control character, a number such as 01, 1. or +1. The
 * text's length when there is none: it need not be JSON then, but cJSON knows.
 */
size_t json_syntax_fault(const char *text, size_t length);

#endif

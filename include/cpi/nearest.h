/*
 * nearest.h - what somebody probably meant who wrote a word that is not known.
 */
#ifndef CPI_NEAREST_H
#define CPI_NEAREST_H

#include "cpi/log.h"

#include <cjson/cJSON.h>

/* The known word that is most like the given one, NULL when none is near. 'known' ends with NULL;
 * the result is one of its words. */
const char *nearest(const char *word, const char *const *known);

/* Notes each member of the object whose key is not known, as "what.key"; with no log nothing. */
void note_unknown_keys(const cJSON *object, const char *what, const char *const *known,
                       struct log *log);

#endif

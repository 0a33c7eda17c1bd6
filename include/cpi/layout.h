/*
 * layout.h - how an older store becomes one of today's.
 *
 * store_dir/version says how the store is laid out. A step makes layout n into
 * n+1; it may be killed anywhere and is then run again from its beginning, so it
 * must go on with what it finds half done. What it moves it takes the locks of,
 * for calls of an older cpi may still be at work.
 */
#ifndef CPI_LAYOUT_H
#define CPI_LAYOUT_H

#include "cpi/store.h"

struct layout {
    long version; /* the newest that is known */
    /* 'oldest' to oldest+1 first, and so on to 'version'. */
    int (*const *steps)(const struct store *store, struct error *err);
    long oldest;
};

/* Today's. */
extern const struct layout layout_today;

/* The store's version. 1: read, 0: there is no store, -1: there is, and it is not one that these
 * layouts know, or cannot be read. */
int layout_read(const struct store *store, const struct layout *layout, long *version,
                struct error *err);

/* Brings the store to the newest layout, step by step, each noted in the log and in the store; one
 * process at a time. Nothing is done to a store that is there already. */
int layout_upgrade(const struct store *store, const struct layout *layout, struct error *err);

/* Makes what is missing of store_dir and its directories, be it of a new store or of one that lost
 * some. */
int layout_make_directories(const struct store *store, struct error *err);

/* Makes a new store. */
int layout_make(const struct store *store, const struct layout *layout, struct error *err);

#endif

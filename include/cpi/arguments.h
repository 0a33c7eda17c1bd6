/*
 * arguments.h - the command line of a person's command.
 */
#ifndef CPI_ARGUMENTS_H
#define CPI_ARGUMENTS_H

#include "cpi/error.h"

struct arguments {
    const char *config; /* --config, NULL: the usual places */
    int api_version;    /* --api-version, 0: not given */
    int lines;          /* --lines, -1: not given */
    bool json, offline, dry_run, no_follow, verbose, help;
    char *const *words; /* what is no option, ended by NULL; owned by the arguments */
    int count;          /* of words */
};

#define cleanup_arguments cleanup(arguments_release)

/*
 * Reads the words after the command's name. 'taken' names the options that it takes, ended by NULL;
 * --help and --verbose are always taken. What follows "--" is no option. ERROR_CPI for an option
 * that is not known here, saying which one may be meant.
 */
int arguments_read(char *const *argv, const char *const *taken, struct arguments *arguments,
                   struct error *err);

/* The line of help of an option such as "--json": what it takes and does. NULL: no such option. */
const char *arguments_help(const char *option);

void arguments_release(struct arguments *arguments);

#endif

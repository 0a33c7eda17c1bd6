/*
 * person.h - what people say to cpi: "cpi doctor", "cpi ls" and the like.
 *
 * Each command is one const struct in a file of its own below src/person/. The
 * result goes to stdout, what is wrong to stderr.
 */
#ifndef CPI_PERSON_H
#define CPI_PERSON_H

#include "cpi/arguments.h"
#include "cpi/cpi.h"
#include "cpi/page.h"

/* The exit statuses. */
enum { PERSON_DONE = 0, PERSON_FAILED = 1, PERSON_MISUSED = 2 };

struct person_command {
    const char *name;
    const char *synopsis;                  /* what follows the name: "VM [--no-follow]" */
    const char *summary;                   /* one line */
    const char *help;                      /* more of it; lines end with a newline */
    void (*tell)(const struct page *page); /* what follows the help; NULL: nothing */
    const char *const *options;            /* that it takes, ended by NULL */
    int min_words, max_words;              /* beside the options */
    int (*run)(const struct arguments *arguments, const struct page *page);
};

/* Runs the command that argv[1] names and returns the exit status. */
int person_main(char *const *argv);

/* What 'cpi --help' prints. Owned by the caller. */
char *person_usage(void);

/* Tells the error on stderr. Returns PERSON_FAILED. */
int person_fail(const struct error *err);

/*
 * What commands work with on the host that the configuration names. 'work' gets an open cpi; its
 * notes and then its error are told on stderr. Returns the exit status.
 */
int person_work(const struct arguments *arguments, const struct page *page,
                int (*work)(struct cpi *cpi, const struct arguments *arguments,
                            const struct page *page, struct error *err));

extern const struct person_command person_call, person_doctor, person_ls, person_gc, person_console,
    person_template, person_help;

#endif

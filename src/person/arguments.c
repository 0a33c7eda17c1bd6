#include "cpi/arguments.h"

#include "cpi/json.h"
#include "cpi/nearest.h"

#include <stdlib.h>
#include <string.h>

enum kind { FLAG, TEXT, NUMBER };

static const struct option {
    const char *name;
    enum kind kind;
    size_t offset; /* of the member of struct arguments */
    uint64_t range[2];
    const char *help;
} options[] = {
    { "--config",
      TEXT,
      offsetof(struct arguments, config),
      { 0 },
      "--config FILE     the configuration; without it the usual places" },
    { "--api-version",
      NUMBER,
      offsetof(struct arguments, api_version),
      { 1, 1000 },
      "--api-version N   speak this version of the CPI API; without it the newest" },
    { "--json",
      FLAG,
      offsetof(struct arguments, json),
      { 0 },
      "--json            print JSON, for programs" },
    { "--offline",
      FLAG,
      offsetof(struct arguments, offline),
      { 0 },
      "--offline         read the configuration file and look at nothing else" },
    { "--dry-run",
      FLAG,
      offsetof(struct arguments, dry_run),
      { 0 },
      "--dry-run         tell what would be removed, and remove nothing" },
    { "--no-follow",
      FLAG,
      offsetof(struct arguments, no_follow),
      { 0 },
      "--no-follow       print what there is and end" },
    { "--lines",
      NUMBER,
      offsetof(struct arguments, lines),
      { 0, 1000000 },
      "--lines N         begin with the last N lines; without it 40" },
    { "--verbose",
      FLAG,
      offsetof(struct arguments, verbose),
      { 0 },
      "--verbose         show each command that is run, on stderr" },
    { "--help", FLAG, offsetof(struct arguments, help), { 0 }, "--help            print this" },
};

static const struct option *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

const char *arguments_help(const char *name)
{
    const struct option *option = find(name);

    return option ? option->help : NULL;
}

static bool is_taken(const char *name, const char *const *taken)
{
    static const char *const always[] = { "--help", "--verbose", NULL };

    return strings_contain((char *const *)always, name) ||
           strings_contain((char *const *)taken, name);
}

static int refuse(const char *word, const char *const *taken, struct error *err)
{
    const char *meant = nearest(word, taken);

    return fail(err, ERROR_CPI, "option '%s' is not known here%s%s%s", word, meant ? ": is '" : "",
                meant ? meant : "", meant ? "' meant?" : "");
}

static int read_number(const struct option *option, const char *text, int *number,
                       struct error *err)
{
    cleanup_json cJSON *value = cJSON_CreateString(text);
    uint64_t whole = 0;

    if (json_whole(value, option->name, option->range, &whole, err) < 0)
        return -1;
    *number = (int)whole;
    return 0;
}

/* 'value' is the word after the option, NULL where there is none. 1: it was used. */
static int set(struct arguments *arguments, const struct option *option, const char *value,
               struct error *err)
{
    void *member = (char *)arguments + option->offset;

    if (option->kind == FLAG) {
        *(bool *)member = true;
        return 0;
    }
    if (!value)
        return fail(err, ERROR_CPI, "option '%s' needs a value", option->name);
    if (option->kind == NUMBER)
        return read_number(option, value, member, err) < 0 ? -1 : 1;
    *(const char **)member = value;
    return 1;
}

int arguments_read(char *const *argv, const char *const *taken, struct arguments *arguments,
                   struct error *err)
{
    bool options_end = false;
    char **words = NULL;

    *arguments = (struct arguments){ .lines = -1 };
    strings_add(&words, "");
    free(words[0]);
    words[0] = NULL;
    arguments->words = words;
    for (; *argv; argv++) {
        if (options_end || argv[0][0] != '-' || !argv[0][1]) {
            strings_add(&words, *argv);
            arguments->words = words;
            arguments->count++;
            continue;
        }
        if (strcmp(*argv, "--") == 0) {
            options_end = true;
            continue;
        }
        const char *name = strcmp(*argv, "-h") == 0 ? "--help" : *argv;
        const struct option *option = find(name);
        if (!option || !is_taken(name, taken))
            return refuse(*argv, taken, err);
        int used = set(arguments, option, argv[1], err);
        if (used < 0)
            return -1;
        argv += used;
    }
    return 0;
}

void arguments_release(struct arguments *arguments)
{
    char **words = (char **)arguments->words;

    util_free_stringsp(&words);
    *arguments = (struct arguments){ 0 };
}

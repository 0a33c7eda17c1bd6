#include "cpi/person.h"

#include "cpi/dispatch.h"
#include "cpi/json.h"
#include "cpi/nearest.h"

#include <stdlib.h>
#include <string.h>

static const struct person_command *const commands[] = {
    &person_call,    &person_doctor,   &person_ls,   &person_gc,
    &person_console, &person_template, &person_help,
};

static const struct person_command *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

int person_fail(const struct error *err)
{
    const struct page page = page_on(stderr);

    page_error(&page, err->message, NULL, false);
    return PERSON_FAILED;
}

static int misuse(const struct error *err)
{
    person_fail(err);
    return PERSON_MISUSED;
}

static int refuse(const char *name)
{
    const char *names[ARRAY_SIZE(commands) + 1] = { NULL };
    cleanup_error struct error err = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        names[i] = commands[i]->name;
    const char *meant = nearest(name, names);
    fail(&err, ERROR_CPI, "there is no command '%s'%s%s%s (see 'cpi help')", name,
         meant ? ": is '" : "", meant ? meant : "", meant ? "' meant?" : "");
    return misuse(&err);
}

static void print_help(const struct page *page, const struct person_command *command)
{
    page_print(page, INK_BOLD, "cpi %s%s%s\n", command->name, *command->synopsis ? " " : "",
               command->synopsis);
    page_print(page, INK_PLAIN, "\n%s.\n\n%s\n", command->summary, command->help);
    if (command->tell)
        command->tell(page);
    for (const char *const *option = command->options; *option; option++)
        page_print(page, INK_PLAIN, "  %s\n", arguments_help(*option));
    page_print(page, INK_PLAIN, "  %s\n  %s\n", arguments_help("--verbose"),
               arguments_help("--help"));
}

char *person_usage(void)
{
    char *text = NULL;
    size_t length;
    FILE *out = text_open(&text, &length);

    fputs(
        "cpi - the libvirt CPI of BOSH\n"
        "\n"
        "For BOSH: reads one CPI request (JSON) on stdin and writes one response on stdout.\n"
        "\n"
        "    echo '{\"method\":\"info\",\"arguments\":[],\"context\":{}}' | cpi --config cpi.json\n"
        "\n"
        "  --config FILE   the configuration (also: -configPath FILE); without it $CPI_CONFIG,\n"
        "                  ${BOSH_JOBS_DIR:-/var/vcap/jobs}/libvirt_cpi/config/cpi.json and\n"
        "                  /etc/cpi/cpi.json are looked for\n"
        "  --trace FILE    write where the call's time goes, for ui.perfetto.dev\n"
        "  --version       print the version\n"
        "  --help          print this\n"
        "\n"
        "The exit status is 0 whenever a response was written; the response tells what happened.\n"
        "\n"
        "For people:\n"
        "\n",
        out);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        fprintf(out, "  cpi %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n'cpi help COMMAND' tells more. The exit status is 0 for success, 1 for failure and 2 "
          "for\n"
          "a command line that is wrong.\n",
          out);
    text_close(out);
    return text;
}

static int check_words(const struct person_command *command, const struct arguments *arguments,
                       struct error *err)
{
    if (arguments->count >= command->min_words && arguments->count <= command->max_words)
        return 0;
    return fail(err, ERROR_CPI, "this is used as 'cpi %s %s' (see 'cpi help %s')", command->name,
                command->synopsis, command->name);
}

static int run(const struct person_command *command, char *const *argv)
{
    const struct page page = page_on(stdout);
    cleanup_arguments struct arguments arguments = { 0 };
    cleanup_error struct error err = { 0 };

    if (arguments_read(argv, command->options, &arguments, &err) < 0)
        return misuse(&err);
    if (arguments.help) {
        print_help(&page, command);
        return PERSON_DONE;
    }
    if (check_words(command, &arguments, &err) < 0)
        return misuse(&err);
    return command->run(&arguments, &page);
}

int person_main(char *const *argv)
{
    const struct person_command *command = find(argv[1]);
    cleanup_error struct error err = { 0 };

    if (!command)
        return refuse(argv[1]);
    int status = run(command, argv + 2);
    /* What did not get there was not told. */
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fail(&err, ERROR_CPI, "cannot write to stdout");
    return person_fail(&err);
}

static void tell_notes(const struct log *log)
{
    const struct page page = page_on(stderr);

    if (log->text)
        page_print(&page, INK_YELLOW, "%s", log->text);
}

int person_work(const struct arguments *arguments, const struct page *page,
                int (*work)(struct cpi *cpi, const struct arguments *arguments,
                            const struct page *page, struct error *err))
{
    struct log log = { .stream = arguments->verbose ? stderr : NULL };
    struct cpi cpi = { .log = &log, .config_path = arguments->config };
    cleanup_error struct error err = { 0 };

    int failed = dispatch_open(&cpi, &err);
    if (!failed)
        failed = work(&cpi, arguments, page, &err);
    dispatch_close(&cpi);
    if (!arguments->verbose)
        tell_notes(&log);
    log_release(&log);
    return failed ? person_fail(&err) : PERSON_DONE;
}

static int help(const struct arguments *arguments, const struct page *page)
{
    if (arguments->count == 0) {
        cleanup_free char *text = person_usage();
        page_print(page, INK_PLAIN, "%s", text);
        return PERSON_DONE;
    }
    const struct person_command *command = find(arguments->words[0]);
    if (!command)
        return refuse(arguments->words[0]);
    print_help(page, command);
    return PERSON_DONE;
}

const struct person_command person_help = {
    .name = "help",
    .synopsis = "[COMMAND]",
    .summary = "Tells how a command is used",
    .help = "",
    .options = (const char *const[]){ NULL },
    .max_words = 1,
    .run = help,
};

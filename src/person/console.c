#include "cpi/id.h"
#include "cpi/person.h"
#include "cpi/terminal.h"

#include <stdlib.h>
#include <string.h>

enum { LINES = 40, POLL_MS = 500 };

/* Where the last lines of the text begin. */
static const char *tail(const char *text, int lines)
{
    const char *begin = text + strlen(text);

    /* The newline at the end ends a line and begins none. */
    if (begin > text && begin[-1] == '\n' && lines > 0)
        begin--;
    for (; begin > text; begin--)
        if (begin[-1] == '\n' && lines-- <= 1)
            break;
    return lines < 0 ? text + strlen(text) : begin;
}

/* Reads the log without its NULs, which guests do print. 1: read, 0: there is none, -1: failed. */
static int read_log(struct cpi *cpi, const char *path, char **text, struct error *err)
{
    const struct command command = { .argv = ARGV("sed", "s/\\x00//g", path) };
    cleanup_outcome struct outcome outcome = { 0 };
    int there = host_exists(&cpi->host, path, err);

    if (there <= 0)
        return there;
    if (host_run(&cpi->host, &command, &outcome, err) < 0)
        return -1;
    if (outcome.status != 0)
        return fail(err, ERROR_CLOUD, "cannot read '%s': %s", path, outcome.err);
    *text = steal_pointer(&outcome.out);
    return 1;
}

/* Prints what is new. libvirt begins a new file when the old one is large. */
static int print_news(struct cpi *cpi, const struct page *page, const char *path, size_t *printed,
                      struct error *err)
{
    cleanup_free char *text = NULL;
    int got = read_log(cpi, path, &text, err);

    if (got < 0)
        return -1;
    const size_t length = got ? strlen(text) : 0;
    if (length < *printed)
        *printed = 0;
    if (got)
        page_print_safely(page, text + *printed);
    *printed = length;
    return got;
}

/* Until somebody interrupts it or the VM goes. The file alone goes when a new one is begun. */
static int follow(struct cpi *cpi, const struct page *page, const char *vm, size_t printed,
                  struct error *err)
{
    cleanup_free char *path = store_path(&cpi->store, STORE_VM, vm, "console.log");
    struct host_file before = { 0 }, now = { 0 };

    while (!command_interrupted()) {
        int there = host_look(&cpi->host, path, &now, err);
        if (there == 0)
            there = store_has(&cpi->store, STORE_VM, vm, err);
        if (there <= 0)
            return there;
        if (now.bytes != before.bytes || now.modified != before.modified) {
            if (print_news(cpi, page, path, &printed, err) < 0)
                return -1;
            if (fflush(page->out) != 0)
                return 0;
        }
        before = now;
        pause_ms(POLL_MS);
    }
    return 0;
}

static int show_log(struct cpi *cpi, const struct arguments *arguments, const struct page *page,
                    struct error *err)
{
    const char *vm = arguments->words[0];
    cleanup_free char *path = store_path(&cpi->store, STORE_VM, vm, "console.log");
    cleanup_free char *text = NULL;

    int got = read_log(cpi, path, &text, err);
    if (got == 0)
        return fail(err, ERROR_VM_NOT_FOUND,
                    "VM '%s' has no console log '%s' ('cpi ls vms' lists the VMs)", vm, path);
    if (!text)
        return -1;
    page_print_safely(page, tail(text, arguments->lines < 0 ? LINES : arguments->lines));
    fflush(page->out);
    return arguments->no_follow ? 0 : follow(cpi, page, vm, strlen(text), err);
}

/* Until somebody interrupts it or the VM ends. */
static int show_terminal(struct cpi *cpi, const struct arguments *arguments,
                         const struct page *page, struct error *err)
{
    const char *vm = arguments->words[0];
    int lines = arguments->lines < 0 ? LINES : arguments->lines;

    for (bool first = true; first || !(arguments->no_follow || command_interrupted());
         first = false) {
        cleanup_free char *text = NULL;
        int got = terminal_read(cpi, vm, &text, err);
        if (got == 0 && first)
            return fail(err, ERROR_VM_NOT_FOUND, "VM '%s' does not run", vm);
        if (got < 0 && strstr(err->message, COMMAND_STOPPED)) {
            error_release(err);
            return 0;
        }
        if (got <= 0)
            return got;
        page_print_safely(page, first ? tail(text, lines) : text);
        if (fflush(page->out) != 0)
            return 0;
    }
    return 0;
}

static int show(struct cpi *cpi, const struct arguments *arguments, const struct page *page,
                struct error *err)
{
    const char *vm = arguments->words[0];

    if (!id_valid(vm))
        return fail(err, ERROR_CPI, "'%s' is no CID of a VM ('cpi ls vms' lists them)", vm);
    return cpi->config.hypervisor->trees ? show_terminal(cpi, arguments, page, err)
                                         : show_log(cpi, arguments, page, err);
}

static int console(const struct arguments *arguments, const struct page *page)
{
    return person_work(arguments, page, show);
}

const struct person_command person_console = {
    .name = "console",
    .synopsis = "VM [--no-follow] [--lines N] [--config FILE]",
    .summary = "Shows what a VM prints on its serial console",
    .help =
        "It begins with the last lines and goes on until it is interrupted. What would control a\n"
        "terminal is left out on one. To type into the console, use 'virsh console VM'.\n",
    .options = (const char *const[]){ "--no-follow", "--lines", "--config", NULL },
    .min_words = 1,
    .max_words = 1,
    .run = console,
};

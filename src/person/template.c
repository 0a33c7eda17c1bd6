#include "cpi/person.h"

#include <string.h>

/* Does 'path', such as "qemu/domain.xml", belong to the hypervisor? With a name: is it that one? */
static bool is_wanted(const char *path, const char *hypervisor, const char *name)
{
    const size_t length = strlen(hypervisor);
    const char *file = path + length + 1;

    if (!starts_with(path, hypervisor) || path[length] != '/')
        return false;
    return !name || (starts_with(file, name) &&
                     (strcmp(file + strlen(name), ".xml") == 0 || strcmp(file, name) == 0));
}

static int refuse(const char *hypervisor, const char *name)
{
    cleanup_error struct error err = { 0 };
    char *list = NULL;
    size_t length;
    FILE *out = text_open(&list, &length);

    for (const struct template_file *file = template_files; file->path; file++)
        if (name ? is_wanted(file->path, hypervisor, NULL) : true)
            fprintf(out, " %s", file->path);
    text_close(out);
    cleanup_free char *known = list;
    fail(&err, ERROR_CPI, "there is no built-in template '%s%s%s': there are%s", hypervisor,
         name ? "/" : "", name ? name : "", *known ? known : " none");
    person_fail(&err);
    return PERSON_MISUSED;
}

static int print_template(const struct arguments *arguments, const struct page *page)
{
    const char *hypervisor = arguments->words[0], *name = arguments->words[1];
    int printed = 0;

    for (const struct template_file *file = template_files; file->path; file++) {
        if (!is_wanted(file->path, hypervisor, name))
            continue;
        if (!name)
            page_print(page, INK_BOLD, "%s==> %s <==\n", printed ? "\n" : "", file->path);
        fputs(file->text, page->out);
        printed++;
    }
    return printed ? PERSON_DONE : refuse(hypervisor, name);
}

const struct person_command person_template = {
    .name = "template",
    .synopsis = "HYPERVISOR [NAME]",
    .summary = "Prints the built-in templates of libvirt XML",
    .help = "With a NAME that one alone, to begin one of your own in template_dir with:\n"
            "\n"
            "    mkdir -p templates/qemu\n"
            "    cpi template qemu domain >templates/qemu/domain.xml\n"
            "\n"
            "A file there stands in for the built-in template of the same name.\n",
    .options = (const char *const[]){ NULL },
    .min_words = 1,
    .max_words = 2,
    .run = print_template,
};

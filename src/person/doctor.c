#include "cpi/doctor.h"

#include "cpi/dispatch.h"
#include "cpi/json.h"
#include "cpi/person.h"
#include "cpi/progress.h"

#include <string.h>
#include <sys/stat.h>

/* The notes of the configuration's reading, one a line. */
static void add_notes(struct doctor *doctor, const struct log *log)
{
    static const char prefix[] = "warning: ";
    cleanup_free char *copy = xstrdup(log->text ? log->text : "");
    cleanup_free char **lines = split_lines(copy);

    for (char **line = lines; *line; line++)
        doctor_warn(doctor, "%s\nsee docs/configuration.md",
                    *line + (starts_with(*line, prefix) ? strlen(prefix) : 0));
}

/* The file is on this machine, wherever the host is. */
static void check_file(struct doctor *doctor)
{
    cleanup_free char *path = config_find(doctor->cpi->config_path);
    struct stat status;

    if (path && stat(path, &status) == 0 && (status.st_mode & 0007))
        doctor_error(doctor,
                     "everybody on this machine can read '%s' (mode %04o), which has secrets\n"
                     "'chmod o-rwx %s', and change the secrets",
                     path, (unsigned)status.st_mode & 07777U, path);
}

static void examine(struct doctor *doctor, bool offline)
{
    struct cpi *cpi = doctor->cpi;
    cleanup_error struct error err = { 0 };
    int failed = offline ? config_load(&cpi->config, cpi->config_path, NULL, cpi->log, &err)
                         : dispatch_open(cpi, &err);

    add_notes(doctor, cpi->log);
    if (!offline)
        check_file(doctor);
    if (cpi->config.document)
        doctor_examine_config(doctor);
    /* A store that only a newer cpi knows is found again by the check of its layout. */
    if (!offline && cpi->virsh.host)
        doctor_examine_host(doctor);
    else if (failed)
        doctor_error(doctor, "%s\nsee docs/configuration.md", err.message);
}

static void print_findings(const struct page *page, const cJSON *findings)
{
    const cJSON *finding;

    cJSON_ArrayForEach (finding, findings) {
        const char *level = json_string(finding, "level");
        page_print(page, strcmp(level, "error") == 0 ? INK_RED : INK_YELLOW, "%s:", level);
        page_print(page, INK_PLAIN, " %s\n", json_string(finding, "what"));
        page_print(page, INK_DIM, "  fix: %s\n", json_string(finding, "fix"));
    }
    if (page->terminal && cJSON_GetArraySize(findings) == 0)
        page_print(page, INK_GREEN, "nothing is wrong\n");
}

static bool has_error(const cJSON *findings)
{
    const cJSON *finding;

    cJSON_ArrayForEach (finding, findings)
        if (strcmp(json_string(finding, "level"), "error") == 0)
            return true;
    return false;
}

static int doctor(const struct arguments *arguments, const struct page *page)
{
    FILE *progress = arguments->verbose ? NULL : progress_open();
    struct log log = { .stream = arguments->verbose ? stderr : progress };
    struct cpi cpi = { .log = &log, .config_path = arguments->config };
    cleanup_doctor struct doctor patient = { .cpi = &cpi, .findings = json_new_array() };

    examine(&patient, arguments->offline);
    log.stream = NULL;
    progress_close(progress);
    if (arguments->json)
        page_json(page, patient.findings);
    else
        print_findings(page, patient.findings);
    dispatch_close(&cpi);
    log_release(&log);
    return has_error(patient.findings) ? PERSON_FAILED : PERSON_DONE;
}

const struct person_command person_doctor = {
    .name = "doctor",
    .synopsis = "[--offline] [--config FILE] [--json]",
    .summary = "Looks for what is wrong with the host, and tells what mends it",
    .help =
        "It looks at the configuration, the tools and their versions, the connection to libvirt,\n"
        "kvm, the default network, the store's place, mount, room and permissions, at VMs and\n"
        "stemcells that are not whole, and at what killed calls left. It changes nothing, and\n"
        "says nothing about a healthy host. The exit status is 1 when there is an error, and 0\n"
        "when there are warnings alone.\n",
    .options = (const char *const[]){ "--offline", "--config", "--json", NULL },
    .run = doctor,
};

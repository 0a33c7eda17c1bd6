#include "cpi/doctor.h"

#include "cpi/driver.h"
#include "cpi/json.h"

#include <stdlib.h>
#include <string.h>

static void add(struct doctor *doctor, const char *level, const char *format, va_list arguments)
    printf_like(3, 0);

static void add(struct doctor *doctor, const char *level, const char *format, va_list arguments)
{
    cleanup_free char *text = xvasprintf(format, arguments);
    char *fix = strchr(text, '\n');
    cJSON *finding = json_new_object();

    if (fix)
        *fix++ = '\0';
    json_put_string(finding, "level", level);
    json_put_string(finding, "what", text);
    json_put_string(finding, "fix", fix ? fix : "");
    json_put(doctor->findings, NULL, finding);
}

void doctor_error(struct doctor *doctor, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(doctor, "error", format, arguments);
    va_end(arguments);
}

void doctor_warn(struct doctor *doctor, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(doctor, "warning", format, arguments);
    va_end(arguments);
}

char *doctor_ask(struct doctor *doctor, const char *const *argv)
{
    const struct command command = { .argv = argv, .timeout_s = 30 };
    cleanup_outcome struct outcome outcome = { 0 };
    cleanup_error struct error failure = { 0 };

    if (host_run(&doctor->cpi->host, &command, &outcome, &failure) < 0 || outcome.status != 0)
        return NULL;
    return steal_pointer(&outcome.out);
}

/* AppArmor's helper refuses a path with a hidden directory in a home. */
static bool is_hidden(const char *path)
{
    return strstr(path, "/.") != NULL;
}

void doctor_examine_config(struct doctor *doctor)
{
    const struct config *config = &doctor->cpi->config;
    const struct driver *driver = driver_of(doctor->cpi);
    cleanup_error struct error failure = { 0 };

    if (is_hidden(config->store_dir))
        doctor_warn(doctor,
                    "store_dir '%s' is below a directory whose name starts with a dot\n"
                    "move the store: where AppArmor is on, libvirt starts no VM from such a place",
                    config->store_dir);
    if (driver->check_store && !host_is_relative_to_home(config->store_dir) &&
        driver->check_store(config->store_dir, &failure) < 0)
        doctor_error(doctor, "%s\nset store_dir to a shorter path, such as /var/lib/cpi",
                     failure.message);
}

/* Where the host cannot be reached, nothing else can be found out. */
static bool reaches_host(struct doctor *doctor)
{
    cleanup_error struct error failure = { 0 };

    if (host_exists(&doctor->cpi->host, "/", &failure) >= 0)
        return true;
    doctor_error(doctor, "%s\nsee docs/multi-host.md", failure.message);
    return false;
}

void doctor_examine_host(struct doctor *doctor)
{
    static void (*const checks[])(struct doctor * doctor) = {
        doctor_check_tools,     doctor_check_containers, doctor_check_connection,
        doctor_check_kvm,       doctor_check_own,        doctor_check_network,
        doctor_check_layout,    doctor_check_mount,      doctor_check_path,
        doctor_check_space,     doctor_check_modes,      doctor_check_vms,
        doctor_check_stemcells, doctor_check_records,    doctor_check_leftovers,
    };

    for (size_t i = 0; i < ARRAY_SIZE(checks) && (i > 0 || reaches_host(doctor)); i++)
        checks[i](doctor);
}

void doctor_release(struct doctor *doctor)
{
    cJSON_Delete(doctor->findings);
    cJSON_Delete(doctor->vms);
    free(doctor->capabilities);
    *doctor = (struct doctor){ 0 };
}

#include "cpi/doctor.h"

#include "cpi/driver.h"
#include "cpi/inventory.h"
#include "cpi/survey.h"

#include <stdlib.h>
#include <string.h>

/* The oldest that have what the CPI uses: the push backups behind snapshot_disk
 * (https://libvirt.org/formatbackup.html). */
#define OLDEST_LIBVIRT "6.0.0"
#define OLDEST_QEMU "4.2.0"

/* "9.0.0" as 9000000, 0 for what is no version. */
static long version_number(const char *text)
{
    int major, minor = 0, release = 0;

    if (!text || sscanf(text, "%d.%d.%d", &major, &minor, &release) < 1)
        return 0;
    return major * 1000000L + minor * 1000L + release;
}

static bool is_older(const char *text, const char *oldest)
{
    long number = version_number(text);

    return number > 0 && number < version_number(oldest);
}

/* What follows 'label' in the text, up to the line's end. Owned by the caller, NULL: nothing. */
static char *after(const char *text, const char *label)
{
    const char *found = text ? strstr(text, label) : NULL;

    if (!found)
        return NULL;
    found += strlen(label);
    return xstrndup(found, strcspn(found, "\n"));
}

void doctor_check_tools(struct doctor *doctor)
{
    const char *program = doctor->cpi->config.bin_path;
    cleanup_free char *virsh = doctor_ask(doctor, ARGV(program, "--version"));
    cleanup_free char *image = doctor_ask(doctor, ARGV("qemu-img", "--version"));
    cleanup_free char *version = after(image, "qemu-img version ");

    doctor->virsh = virsh != NULL;
    if (!virsh)
        doctor_error(doctor,
                     "'%s' cannot be run\n"
                     "install libvirt's clients (libvirt-clients), or set bin_path",
                     program);
    else if (is_older(virsh, OLDEST_LIBVIRT))
        doctor_error(doctor, "'%s' is of libvirt %.*s\ninstall " OLDEST_LIBVIRT " or newer",
                     program, (int)strcspn(virsh, "\n"), virsh);
    if (!image)
        doctor_error(doctor, "'qemu-img' cannot be run\ninstall it (qemu-utils)");
    else if (is_older(version, OLDEST_QEMU))
        doctor_error(doctor, "'qemu-img' is of QEMU %s\ninstall " OLDEST_QEMU " or newer", version);
}

/* What is to be done where libvirt does not answer. */
static const char *how_to_connect(const struct doctor *doctor)
{
    if (doctor->cpi->config.hypervisor->desktop)
        return "run cpi as the user whose VMs they are; docs/hypervisors.md says which versions "
               "libvirt speaks to, and with which programs";
    return "start libvirtd, and put this user into the group libvirt: "
           "'systemctl enable --now libvirtd', 'usermod -aG libvirt USER'";
}

static void check_daemon(struct doctor *doctor, const char *text)
{
    cleanup_free char *libvirt = after(text, "Running against daemon: ");
    cleanup_free char *qemu = after(text, "Running hypervisor: QEMU ");

    if (is_older(libvirt, OLDEST_LIBVIRT))
        doctor_error(doctor, "libvirt at '%s' is %s\ninstall " OLDEST_LIBVIRT " or newer",
                     doctor->cpi->virsh.uri, libvirt);
    if (is_older(qemu, OLDEST_QEMU))
        doctor_error(doctor, "QEMU at '%s' is %s\ninstall " OLDEST_QEMU " or newer",
                     doctor->cpi->virsh.uri, qemu);
}

void doctor_check_connection(struct doctor *doctor)
{
    const struct virsh *virsh = &doctor->cpi->virsh;
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };
    cleanup_error struct error failure = { 0 };

    if (!doctor->virsh)
        return;
    VIRSH_ADD(&script, "version", "--daemon");
    VIRSH_ADD(&script, "capabilities");
    if (virsh_play(virsh, &script, NULL, &reply, &failure) < 0) {
        doctor_error(doctor, "%s\n%s", failure.message, how_to_connect(doctor));
        return;
    }
    doctor->connected = true;
    doctor->capabilities = xstrdup(reply.out[1]);
    check_daemon(doctor, reply.out[0]);
    doctor->vms = inventory_vms(doctor->cpi, &failure);
    if (!doctor->vms)
        doctor_error(doctor, "the VMs cannot be listed: %s\nsee docs/troubleshooting.md",
                     failure.message);
}

/* Does an x86 have vmx or svm? What is no x86 needs neither. */
static bool cpu_virtualises(struct doctor *doctor)
{
    cleanup_free char *text = NULL;
    cleanup_error struct error ignored = { 0 };

    if (host_get(&doctor->cpi->host, "/proc/cpuinfo", &text, &ignored) <= 0 ||
        !strstr(text, "vendor_id"))
        return true;
    return strstr(text, " vmx") || strstr(text, " svm");
}

static const char *why_no_kvm(struct doctor *doctor)
{
    cleanup_error struct error ignored = { 0 };

    if (!cpu_virtualises(doctor))
        return "the CPU has neither vmx nor svm: switch virtualisation on in the firmware, or "
               "nested virtualisation on the host of this VM";
    if (host_exists(&doctor->cpi->host, "/dev/kvm", &ignored) == 0)
        return "there is no /dev/kvm: 'modprobe kvm_intel' or 'modprobe kvm_amd'";
    return "libvirt does not offer it: is /dev/kvm open to the hypervisor's user, and "
           "qemu-system installed?";
}

void doctor_check_kvm(struct doctor *doctor)
{
    const struct config *config = &doctor->cpi->config;
    cleanup_survey struct survey survey = { 0 };
    cleanup_error struct error failure = { 0 };

    if (!doctor->connected || !config->hypervisor->has_domain_type ||
        config->domain_type == DOMAIN_QEMU ||
        survey_take(&doctor->cpi->virsh, (struct survey_wish){ .kvm = true }, &survey, &failure) <
            0)
        return;
    if (survey.kvm && (config->domain_type == DOMAIN_KVM || cpu_virtualises(doctor)))
        return;
    if (config->domain_type == DOMAIN_KVM)
        doctor_error(doctor, "domain_type is kvm, and this host has none\n%s", why_no_kvm(doctor));
    else
        doctor_warn(
            doctor,
            "VMs are emulated, which is many times slower: this host has no kvm\n%s; or set "
            "domain_type to qemu if that is what you want",
            why_no_kvm(doctor));
}

void doctor_check_own(struct doctor *doctor)
{
    const struct driver *driver = driver_of(doctor->cpi);
    cleanup_error struct error failure = { 0 };

    if (!driver->check_host || driver->check_host(doctor->cpi, &failure) == 0)
        return;
    if (failure.type == ERROR_NETWORK_NOT_FOUND)
        doctor_warn(doctor, "%s\nmake it, or set default_network", failure.message);
    else
        doctor_error(doctor, "%s\nsee docs/hypervisors.md", failure.message);
}

void doctor_check_network(struct doctor *doctor)
{
    const struct config *config = &doctor->cpi->config;
    const char *name = config->default_network, *uri = doctor->cpi->virsh.uri;
    char *none[] = { NULL };
    cleanup_survey struct survey survey = { 0 };
    cleanup_error struct error failure = { 0 };

    if (!doctor->connected || !config->hypervisor->networks)
        return;
    if (survey_take(&doctor->cpi->virsh, (struct survey_wish){ .networks = none }, &survey,
                    &failure) < 0)
        doctor_error(doctor, "%s\nsee docs/troubleshooting.md", failure.message);
    else if (!strings_contain(survey.networks, name))
        doctor_warn(doctor,
                    "there is no network '%s' at '%s', which NICs get whose cloud_properties name "
                    "none\ndefine it with 'virsh -c %s net-define', or set default_network",
                    name, config->uri, uri);
    else if (!strings_contain(survey.active, name) && !config->auto_enable_networks)
        doctor_error(doctor,
                     "network '%s' is not active\n'virsh -c %s net-start %s', or set "
                     "auto_enable_networks",
                     name, uri, name);
    else if (strings_contain(survey.active, name) && !strings_contain(survey.autostart, name))
        doctor_warn(doctor,
                    "network '%s' does not start with the host, and then its VMs do not either\n"
                    "'virsh -c %s net-autostart %s'",
                    name, uri, name);
}

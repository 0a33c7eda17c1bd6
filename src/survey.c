#include "cpi/survey.h"

#include <stdlib.h>
#include <string.h>

static void add_commands(struct virsh_script *script, struct survey_wish wish)
{
    /* First, for these may fail without harm: there is no kvm then, or no such network. */
    if (wish.kvm)
        VIRSH_ADD(script, "domcapabilities", "--virttype", "kvm");
    for (char *const *name = wish.networks; name && *name; name++)
        VIRSH_ADD(script, "net-dumpxml", *name);
    VIRSH_ADD(script, "net-list", "--all", "--name");
    VIRSH_ADD(script, "net-list", "--name");
    VIRSH_ADD(script, "net-list", "--all", "--autostart", "--name");
}

void survey_foresee(const struct virsh *virsh, struct survey_wish wish)
{
    cleanup_script struct virsh_script script = { 0 };

    if (!wish.networks && !wish.kvm)
        return;
    add_commands(&script, wish);
    virsh_foresee(virsh, &script);
}

static int read_details(const char *xml, struct survey *survey, struct error *err)
{
    struct libvirt_network network = { 0 };

    if (!strchr(xml, '<'))
        return 0;
    if (libvirt_network_read(xml, &network, err) < 0) {
        libvirt_network_release(&network);
        return -1;
    }
    survey->details = xrealloc(survey->details, (survey->count + 1) * sizeof(*survey->details));
    survey->details[survey->count++] = network;
    return 0;
}

/* A network that is there but was not told would go without its checks and reservations. */
static int check_details(const struct virsh_reply *reply, struct survey_wish wish,
                         const struct survey *survey, struct error *err)
{
    for (char *const *name = wish.networks; name && *name; name++)
        if (strings_contain(survey->networks, *name) && !survey_network(survey, *name))
            return virsh_fail(reply, err, "cannot read network '%s'", *name);
    return 0;
}

int survey_take(const struct virsh *virsh, struct survey_wish wish, struct survey *survey,
                struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    if (!wish.networks && !wish.kvm)
        return 0;
    add_commands(&script, wish);
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (reply.status != 0)
        return virsh_fail(&reply, err, "cannot list the networks of '%s'", virsh->uri);

    char **out = reply.out;
    if (wish.kvm)
        survey->kvm = starts_with(*out++, "<domainCapabilities");
    for (char *const *name = wish.networks; name && *name; name++)
        if (read_details(*out++, survey, err) < 0)
            return -1;
    survey->networks = trimmed_lines(out[0]);
    survey->active = trimmed_lines(out[1]);
    survey->autostart = trimmed_lines(out[2]);
    return check_details(&reply, wish, survey, err);
}

const struct libvirt_network *survey_network(const struct survey *survey, const char *name)
{
    for (size_t i = 0; i < survey->count; i++)
        if (strcmp(survey->details[i].name, name) == 0)
            return &survey->details[i];
    return NULL;
}

int network_enable(const struct virsh *virsh, const char *name, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "net-start", name);
    VIRSH_ADD(&script, "net-autostart", name);
    VIRSH_ADD(&script, "net-list", "--name");
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    /* Another process may have started it just before us. */
    cleanup_strings char **active = trimmed_lines(reply.out[2]);
    if (!strings_contain(active, name))
        return virsh_fail(&reply, err, "network '%s' did not start", name);
    return 0;
}

void survey_release(struct survey *survey)
{
    util_free_stringsp(&survey->networks);
    util_free_stringsp(&survey->active);
    util_free_stringsp(&survey->autostart);
    for (size_t i = 0; i < survey->count; i++)
        libvirt_network_release(&survey->details[i]);
    free(survey->details);
    *survey = (struct survey){ 0 };
}

#include "cpi/domain_disk.h"

/* Is it certain what there is? A command that failed has printed nothing, while every VM has a root
 * disk. */
static bool tells(char *const out[DOMAIN_LOOK])
{
    return *out[0] && *out[2] && (*out[1] || starts_with(out[0], "shut off"));
}

/* The script's last commands are a domain_look. */
static bool told_afterwards(const struct virsh_reply *reply, const struct virsh_script *script)
{
    return reply->status == 0 && tells(reply->out + script->count - DOMAIN_LOOK);
}

int domain_attach_at_once(const struct virsh *virsh, const char *name, const char *xml,
                          struct domain_change *change, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "attach-device", name, "/dev/stdin", "--persistent");
    domain_look(&script, name);
    if (virsh_play(virsh, &script, xml, &reply, err) < 0) {
        change->untouched = reply.untouched;
        return -1;
    }
    if (!told_afterwards(&reply, &script))
        return 0;
    domain_seen(reply.out + 1, &change->after);
    return 1;
}

/* One definition after the other: libvirt would look for the target of the one in the other. */
int domain_detach_at_once(const struct virsh *virsh, const char *name, const char *file,
                          struct domain_change *change, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    domain_look(&script, name);
    VIRSH_ADD(&script, "detach-disk", name, file, "--live");
    VIRSH_ADD(&script, "detach-disk", name, file, "--config");
    domain_look(&script, name);
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (!tells(reply.out) || !told_afterwards(&reply, &script))
        return 0;
    domain_seen(reply.out, &change->before);
    domain_seen(reply.out + script.count - DOMAIN_LOOK, &change->after);
    return 1;
}

#include "cpi/domain.h"

#include <stdlib.h>
#include <string.h>

/* Finds a line in the output of a '... list --name'. */
static bool listed(const char *names, const char *name)
{
    cleanup_free char *text = xstrdup(names);
    cleanup_free char **lines = split_lines(text);

    return strings_contain(lines, name);
}

static int play_one(const struct virsh *virsh, const char *const *words, const char *input,
                    const char *what, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    virsh_add(&script, words);
    if (virsh_play(virsh, &script, input, &reply, err) < 0)
        return -1;
    return reply.ok ? 0 : virsh_fail(&reply, err, "%s", what);
}

int domain_define(const struct virsh *virsh, const char *name, const char *xml, struct error *err)
{
    cleanup_free char *what = xasprintf("libvirt did not define VM '%s'", name);

    return play_one(virsh, ARGV("define", "--validate", "/dev/stdin"), xml, what, err);
}

int domain_start(const struct virsh *virsh, const char *name, struct error *err)
{
    cleanup_free char *what = xasprintf("libvirt did not start VM '%s'", name);

    return play_one(virsh, ARGV("start", name), NULL, what, err);
}

/* Whether the command failed does not matter, only what it left. */
int domain_destroy(const struct virsh *virsh, const char *name, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "destroy", name);
    VIRSH_ADD(&script, "list", "--name");
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (reply.status != 0)
        return virsh_fail(&reply, err, "cannot list the VMs of '%s'", virsh->uri);
    return listed(reply.out[1], name);
}

/* That a command of a hypervisor has at most. */
enum { FLAGS = 8 };

/* A failed look-up hides libvirt's own error, so only the list tells "not found". */
static int look_for(const struct virsh *virsh, const char *name, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "list", "--all", "--name");
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (!reply.ok)
        return virsh_fail(&reply, err, "cannot list the VMs of '%s'", virsh->uri);
    return listed(reply.out[0], name);
}

int domain_explain(const struct virsh *virsh, const struct virsh_reply *reply, const char *name,
                   struct error *err)
{
    int there = look_for(virsh, name, err);

    if (there < 0)
        return -1;
    if (!there)
        return fail(err, ERROR_VM_NOT_FOUND, "there is no VM '%s' at '%s'", name, virsh->uri);
    return virsh_fail(reply, err, "VM '%s'", name);
}

int domain_exists(const struct virsh *virsh, const char *name, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "domstate", name);
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    return reply.ok ? 1 : look_for(virsh, name, err);
}

/* Of several commands that complained it is not known which: the one that matters is repeated. */
static int make_sure_of_autostart(const struct virsh *virsh, const char *name, struct error *err)
{
    cleanup_free char *what = xasprintf("libvirt did not set VM '%s' to autostart", name);

    return play_one(virsh, ARGV("autostart", name), NULL, what, err);
}

static int create(const struct virsh *virsh, const struct definition_request *request,
                  struct virsh_reply *reply, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };

    if (request->first)
        virsh_append(&script, request->first);
    VIRSH_ADD(&script, "define", "--validate", "/dev/stdin");
    if (request->autostart)
        VIRSH_ADD(&script, "autostart", request->name);
    VIRSH_ADD(&script, "start", request->name);
    script.done_mark = request->done_mark;
    if (virsh_play(virsh, &script, request->xml, reply, err) < 0)
        return -1;
    if (reply->ok)
        return 0;
    if (reply->status != 0 || !request->first)
        return virsh_fail(reply, err, "libvirt did not start VM '%s'", request->name);
    return request->autostart ? make_sure_of_autostart(virsh, request->name, err) : 0;
}

int domain_create(const struct virsh *virsh, const struct definition_request *request,
                  struct virsh_reply *reply, struct error *err)
{
    cleanup_reply struct virsh_reply own = { 0 };

    return create(virsh, request, reply ? reply : &own, err);
}

static void add_flagged(struct virsh_script *script, const char *command, const char *name,
                        const char *const *flags)
{
    const char *words[2 + FLAGS + 1] = { command, name };

    for (size_t i = 0; i < FLAGS && flags && flags[i]; i++)
        words[2 + i] = flags[i];
    virsh_add(script, words);
}

/* The commands fail where there is nothing to do; what counts is that the name is gone. */
int domain_delete(const struct virsh *virsh, const char *name, const char *const *flags,
                  struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "destroy", name);
    add_flagged(&script, "undefine", name, flags);
    VIRSH_ADD(&script, "list", "--all", "--name");
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (reply.status != 0 || listed(reply.out[2], name))
        return virsh_fail(&reply, err, "libvirt did not remove VM '%s'", name);
    return 0;
}

/* From power-off even if memory was saved, for a reboot is asked when the guest's state is bad. */
int domain_restart(const struct virsh *virsh, const char *name, const char *const *flags,
                   struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "destroy", name);
    add_flagged(&script, "start", name, flags);
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    return reply.status == 0 ? 0 : domain_explain(virsh, &reply, name, err);
}

static int describe(const struct virsh *virsh, const char *name, const struct description *d,
                    bool live, struct virsh_reply *reply, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    /* The NULL of the last word ends a command early. */
    const char *also = live ? "--live" : NULL;

    VIRSH_ADD(&script, "desc", name, "--title", "--new-desc", d->title, "--config", also);
    VIRSH_ADD(&script, "desc", name, "--new-desc", d->text, "--config", also);
    VIRSH_ADD(&script, "metadata", name, d->uri, "--key", "bosh", "--set", d->metadata, "--config",
              also);
    return virsh_play(virsh, &script, NULL, reply, err);
}

int domain_describe(const struct virsh *virsh, const char *name,
                    const struct description *description, struct error *err)
{
    cleanup_reply struct virsh_reply reply = { 0 }, second = { 0 };
    cleanup_state struct domain_state state = { 0 };

    if (describe(virsh, name, description, true, &reply, err) < 0)
        return -1;
    if (reply.ok)
        return 0;
    if (domain_inspect(virsh, name, &state, err) < 0)
        return -1;
    if (state.active)
        return virsh_fail(&reply, err, "cannot describe VM '%s'", name);
    if (describe(virsh, name, description, false, &second, err) < 0)
        return -1;
    return second.ok ? 0 : virsh_fail(&second, err, "cannot describe VM '%s'", name);
}

void blocks_add(struct blocks *blocks, char *target, char *source)
{
    blocks->list = xrealloc(blocks->list, (blocks->count + 1) * sizeof(*blocks->list));
    blocks->list[blocks->count++] = (struct block){ .target = target, .source = source };
}

int domain_is_active(const struct virsh *virsh, const char *name, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    VIRSH_ADD(&script, "domstate", name);
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (!reply.ok)
        return domain_explain(virsh, &reply, name, err);
    return !starts_with(reply.out[0], "shut off");
}

int domain_list_active(const struct virsh *virsh, char ***names, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    *names = NULL;
    /* Of two commands virsh_play sees whether both have answered; no name is an answer too. */
    VIRSH_ADD(&script, "uri");
    VIRSH_ADD(&script, "list", "--name");
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (!reply.ok)
        return virsh_fail(&reply, err, "cannot list the VMs of '%s'", virsh->uri);
    cleanup_free char **lines = split_lines(reply.out[1]);
    for (char **line = lines; *line; line++)
        strings_add(names, *line);
    return 0;
}

void blocks_read(const char *text, struct blocks *blocks)
{
    cleanup_free char *copy = xstrdup(text);
    cleanup_free char **lines = split_lines(copy);

    for (char **line = lines; *line; line++) {
        char target[64];
        int source = 0;

        if (sscanf(*line, " %*s %*s %63s %n", target, &source) != 1 || source == 0)
            continue;
        blocks_add(blocks, xstrdup(target), xstrdup(*line + source));
    }
}

void domain_look(struct virsh_script *script, const char *name)
{
    VIRSH_ADD(script, "domstate", name);
    VIRSH_ADD(script, "domblklist", name, "--details");
    VIRSH_ADD(script, "domblklist", name, "--details", "--inactive");
}

void domain_seen(char *const out[DOMAIN_LOOK], struct domain_state *state)
{
    state->active = !starts_with(out[0], "shut off");
    if (state->active)
        blocks_read(out[1], &state->live);
    blocks_read(out[2], &state->config);
}

int domain_inspect(const struct virsh *virsh, const char *name, struct domain_state *state,
                   struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    domain_look(&script, name);
    if (virsh_play(virsh, &script, NULL, &reply, err) < 0)
        return -1;
    if (!reply.ok)
        return domain_explain(virsh, &reply, name, err);
    domain_seen(reply.out, state);
    return 0;
}

bool block_is_in(const struct block *block, const char *directory)
{
    return starts_with(block->source, directory) && block->source[strlen(directory)] == '/';
}

const struct block *blocks_find(const struct blocks *blocks, const char *directory)
{
    for (size_t i = 0; i < blocks->count; i++)
        if (block_is_in(&blocks->list[i], directory))
            return &blocks->list[i];
    return NULL;
}

int domain_attach(const struct virsh *virsh, const char *name, bool live, const char *xml,
                  struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };
    cleanup_reply struct virsh_reply reply = { 0 };

    /* The NULL of the last word ends the command early. */
    VIRSH_ADD(&script, "attach-device", name, "/dev/stdin", "--config", live ? "--live" : NULL);
    if (virsh_play(virsh, &script, xml, &reply, err) < 0)
        return -1;
    return reply.ok ? 0
                    : virsh_fail(&reply, err, "libvirt did not attach the disk to VM '%s'", name);
}

int domain_detach(const struct virsh *virsh, const char *name, const char *target,
                  enum definition definition, struct virsh_reply *reply, struct error *err)
{
    cleanup_script struct virsh_script script = { 0 };

    VIRSH_ADD(&script, "detach-disk", name, target,
              definition == DEFINITION_LIVE ? "--live" : "--config");
    return virsh_play(virsh, &script, NULL, reply, err);
}

void blocks_release(struct blocks *blocks)
{
    for (size_t i = 0; i < blocks->count; i++) {
        free(blocks->list[i].target);
        free(blocks->list[i].source);
    }
    free(blocks->list);
    *blocks = (struct blocks){ 0 };
}

void domain_state_release(struct domain_state *state)
{
    blocks_release(&state->live);
    blocks_release(&state->config);
    *state = (struct domain_state){ 0 };
}

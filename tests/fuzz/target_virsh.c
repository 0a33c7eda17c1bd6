/* A letter that says what is asked for, and then what virsh answers. */
#include "fuzz.h"

#include "cpi/domain.h"
#include "cpi/survey.h"

#include <string.h>

static int inspect(const struct virsh *virsh, struct error *err)
{
    cleanup_state struct domain_state state = { 0 };
    int failed = domain_inspect(virsh, "vm-1", &state, err);

    blocks_find(&state.live, "/store/disks/d");
    for (size_t i = 0; i < state.config.count; i++)
        fuzz_must(*state.config.list[i].target && state.config.list[i].source);
    return failed;
}

static int survey(const struct virsh *virsh, struct error *err)
{
    char first[] = "default", second[] = "other";
    char *networks[] = { first, second, NULL };
    const struct survey_wish wish = { .networks = networks, .kvm = true };
    cleanup_survey struct survey survey = { 0 };
    int failed = survey_take(virsh, wish, &survey, err);

    for (char **name = networks; failed == 0 && *name; name++)
        fuzz_must(!strings_contain(survey.networks, *name) || survey_network(&survey, *name));
    return failed;
}

static int detach(const struct virsh *virsh, struct error *err)
{
    cleanup_reply struct virsh_reply reply = { 0 };

    return domain_detach(virsh, "vm-1", "vdb", DEFINITION_LIVE, &reply, err);
}

static int describe(const struct virsh *virsh, struct error *err)
{
    static const struct description description = { "t", "d", "<m/>", "http://u" };

    return domain_describe(virsh, "vm-1", &description, err);
}

/* Silence is no proof that the domain is gone. */
static int delete (const struct virsh *virsh, const char *answer, struct error *err)
{
    int failed = domain_delete(virsh, "vm-1", ARGV("--nvram"), err);
    const char *first = strstr(answer, "==cpi==");

    fuzz_must(failed || (first && strstr(first + 1, "==cpi==")));
    return failed;
}

static int ask(char letter, const struct virsh *virsh, const char *answer, struct error *err)
{
    switch (letter) {
    case 'e': {
        int there = domain_exists(virsh, "vm-1", err);
        return there > 0 ? 0 : there;
    }
    case 'd':
        return delete (virsh, answer, err);
    case 'r':
        return domain_restart(virsh, "vm-1", ARGV("--force-boot"), err);
    case 's':
        return survey(virsh, err);
    case 'n':
        return network_enable(virsh, "default", err);
    case 'x':
        return detach(virsh, err);
    case 't':
        return describe(virsh, err);
    default:
        return inspect(virsh, err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_parts struct fuzz_parts parts = { .text = NULL };
    cleanup_error struct error err = { 0 };
    struct log log = { 0 };
    const struct host host = { .log = &log, .command_timeout = 60, .lock_timeout = 1 };
    const struct virsh virsh = { .host = &host, .program = "virsh", .uri = "qemu:///system" };

    if (size == 0)
        return 0;
    fuzz_split(data + 1, size - 1, &parts);
    fuzz_replies(parts.part);
    if (ask((char)*data, &virsh, parts.part[0], &err) < 0)
        fuzz_must(err.type == ERROR_CLOUD || err.type == ERROR_VM_NOT_FOUND);
    else
        fuzz_must(err.type == ERROR_NONE && !err.message);
    log_release(&log);
    return 0;
}

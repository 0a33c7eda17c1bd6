#include "cpi/error.h"

#include <stdlib.h>

static const char *const type_names[] = {
    [ERROR_NONE] = "Bosh::Clouds::CpiError",
    [ERROR_CPI] = "Bosh::Clouds::CpiError",
    [ERROR_CLOUD] = "Bosh::Clouds::CloudError",
    [ERROR_NOT_SUPPORTED] = "Bosh::Clouds::NotSupported",
    [ERROR_NOT_IMPLEMENTED] = "Bosh::Clouds::NotImplemented",
    [ERROR_VM_NOT_FOUND] = "Bosh::Clouds::VMNotFound",
    [ERROR_NETWORK_NOT_FOUND] = "Bosh::Clouds::NetworkNotFound",
    [ERROR_NO_DISK_SPACE] = "Bosh::Clouds::NoDiskSpace",
    [ERROR_DISK_NOT_ATTACHED] = "Bosh::Clouds::DiskNotAttached",
    [ERROR_DISK_NOT_FOUND] = "Bosh::Clouds::DiskNotFound",
    [ERROR_VM_CREATION_FAILED] = "Bosh::Clouds::VMCreationFailed",
};

void error_set(struct error *err, enum error_type type, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *message = xvasprintf(format, arguments);
    va_end(arguments);

    free(err->message);
    *err = (struct error){ .type = type, .message = message };
}

int error_wrap(struct error *err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    cleanup_free char *context = xvasprintf(format, arguments);
    va_end(arguments);

    char *message = xasprintf("%s: %s", context, err->message ? err->message : "unknown failure");
    free(err->message);
    err->message = message;
    return -1;
}

int error_retriable(struct error *err)
{
    err->ok_to_retry = true;
    return -1;
}

const char *error_type_name(enum error_type type)
{
    return type_names[type];
}

void error_release(struct error *err)
{
    free(err->message);
    *err = (struct error){ 0 };
}

#include "cpi/trace.h"

#include "cpi/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static long long clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

int trace_open(struct trace *trace, const char *path, struct error *err)
{
    *trace = (struct trace){ .stream = fopen(path, "we"), .began = clock_us() };
    if (!trace->stream)
        return fail(err, ERROR_CPI, "cannot write the trace to '%s': %s", path, strerror(errno));
    fputc('[', trace->stream);
    return 0;
}

long long trace_now(const struct trace *trace)
{
    return trace && trace->stream ? clock_us() - trace->began : 0;
}

/* A complete event ("ph": "X") from 'began' until now. Takes the arguments over. */
static void add(const struct trace *trace, const char *name, long long began, cJSON *arguments)
{
    cleanup_json cJSON *event = json_new_object();

    json_put_string(event, "name", name);
    json_put_string(event, "ph", "X");
    json_put_number(event, "ts", (double)began);
    json_put_number(event, "dur", (double)(trace_now(trace) - began));
    json_put_number(event, "pid", 1);
    json_put_number(event, "tid", 1);
    json_put(event, "args", arguments);
    cleanup_free char *text = json_print(event);
    fputs(text, trace->stream);
}

void trace_child(struct trace *trace, const char *const *argv, long long began, int status)
{
    if (!trace || !trace->stream)
        return;
    cJSON *arguments = json_new_object(), *words = json_new_array();
    for (size_t i = 0; argv[i]; i++)
        json_put_string(words, NULL, argv[i]);
    json_put(arguments, "argv", words);
    json_put_number(arguments, "status", status);
    add(trace, argv[0], began, arguments);
    fputs(",\n", trace->stream);
    trace->children++;
}

void trace_question(struct trace *trace, const char *host, const char *what, long long began,
                    int status)
{
    if (!trace || !trace->stream)
        return;
    cJSON *arguments = json_new_object();
    json_put_string(arguments, "host", host);
    json_put_string(arguments, "what", what);
    json_put_number(arguments, "status", status);
    add(trace, "question", began, arguments);
    fputs(",\n", trace->stream);
    trace->questions++;
}

static double cpu_us(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e6 +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

/* The most memory that the program itself had. What getrusage knows includes what the parent had
 * when it forked. */
static double peak_kib(const struct rusage *own)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    long kib = 0;

    while (status && kib == 0 && fgets(line, sizeof(line), status))
        if (starts_with(line, "VmHWM:"))
            kib = strtol(line + strlen("VmHWM:"), NULL, 10);
    if (status)
        fclose(status);
    return kib > 0 ? (double)kib : (double)own->ru_maxrss;
}

void trace_close(struct trace *trace)
{
    struct rusage own, children;

    if (!trace->stream)
        return;
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &children);
    cJSON *arguments = json_new_object();
    json_put_number(arguments, "children", trace->children);
    json_put_number(arguments, "questions", trace->questions);
    json_put_number(arguments, "own_cpu_us", cpu_us(&own));
    json_put_number(arguments, "children_cpu_us", cpu_us(&children));
    json_put_number(arguments, "peak_kib", peak_kib(&own));
    add(trace, "cpi", 0, arguments);
    fputs("]\n", trace->stream);
    fclose(trace->stream);
    trace->stream = NULL;
}

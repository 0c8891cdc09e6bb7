#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static double clock_read(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct bench_time bench_now(void)
{
    return (struct bench_time){clock_read(CLOCK_MONOTONIC), clock_read(CLOCK_PROCESS_CPUTIME_ID)};
}

struct bench_time bench_since(struct bench_time start)
{
    struct bench_time now = bench_now();
    return (struct bench_time){now.wall_s - start.wall_s, now.cpu_s - start.cpu_s};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median_of(const double *values, size_t count)
{
    double sorted[BENCH_REPEAT_MAX];
    if (count > BENCH_REPEAT_MAX)
        count = BENCH_REPEAT_MAX;
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_value);
    return sorted[count / 2];
}

struct bench_time bench_median(const struct bench_time *times, size_t count)
{
    double wall[BENCH_REPEAT_MAX], cpu[BENCH_REPEAT_MAX];
    if (count > BENCH_REPEAT_MAX)
        count = BENCH_REPEAT_MAX;
    for (size_t i = 0; i < count; i++)
        wall[i] = times[i].wall_s, cpu[i] = times[i].cpu_s;
    return (struct bench_time){bench_median_of(wall, count), bench_median_of(cpu, count)};
}

void bench_one_thread(char *const *argv)
{
    static const char *const names[] = {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"};
    bool is_set = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value == NULL || strcmp(value, "1") != 0) {
            setenv(names[i], "1", 1);
            is_set = false;
        }
    }
    if (!is_set)
        execv("/proc/self/exe", argv); /* comes back only on failure; then the run is merely not serial */
}

void bench_print_machine(void)
{
    char line[256], model[200] = "processor unknown";
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (file != NULL) {
        while (fgets(line, sizeof line, file) != NULL)
            if (sscanf(line, "model name : %199[^\n]", model) == 1)
                break;
        fclose(file);
    }
    struct utsname system = {0};
    uname(&system);
    printf("machine: %s, %ld processors, %s %s; compiler %s; one thread\n", model, sysconf(_SC_NPROCESSORS_ONLN),
           system.sysname, system.machine, __VERSION__);
}

static int failures;
const char *bench_holds(bool holds)
{
    failures += !holds;
    return holds ? "pass" : "FAIL";
}
const char *bench_at_most(double measured, double bar)
{
    return bench_holds(measured <= bar); /* false for NaN */
}
const char *bench_at_least(double measured, double bar)
{
    return bench_holds(measured >= bar);
}
int bench_failures(void)
{
    return failures;
}

const char *bench_option(int argc, char *const *argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}
bool bench_flag(int argc, char *const *argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}
const char *bench_shared_dir(int argc, char *const *argv)
{
    const char *given = bench_option(argc, argv, "--shared");
    if (given == NULL)
        given = getenv("FG_SHARED_DIR");
    return given != NULL ? given : FG_SHARED_DIR;
}

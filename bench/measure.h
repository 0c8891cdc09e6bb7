/* Measuring: wall and processor time, medians, and the machine's description for the head of a table.
 *
 * Processor time is that of the whole process (all threads); on a quiet machine it equals wall time for the serial
 * programs here, and on a shared one it is the steadier of the two. Thread rule: one thread. */
#ifndef FG_BENCH_MEASURE_H
#define FG_BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

struct bench_time {
    double wall_s, cpu_s;
};
struct bench_time bench_now(void);
struct bench_time bench_since(struct bench_time start);

/* Median of each of the two clocks on its own; count >= 1, at most BENCH_REPEAT_MAX. */
#define BENCH_REPEAT_MAX 15
struct bench_time bench_median(const struct bench_time *times, size_t count);
double bench_median_of(const double *values, size_t count);

/* Restart the program with one BLAS thread when the environment does not ask for that already: libraries read the
 * setting before main. Call first thing in main. */
void bench_one_thread(char *const *argv);

/* Print processor, kernel and compiler. */
void bench_print_machine(void);

/* "pass" or "FAIL", counted for the exit code: for a condition, measured <= bar, measured >= bar. */
const char *bench_holds(bool holds);
const char *bench_at_most(double measured, double bar);
const char *bench_at_least(double measured, double bar);
int bench_failures(void);

/* The folder with the cases: --shared DIR, else the environment's FG_SHARED_DIR, else the build's default. */
const char *bench_shared_dir(int argc, char *const *argv);
/* --name given / the value after --name, or NULL. */
bool bench_flag(int argc, char *const *argv, const char *name);
const char *bench_option(int argc, char *const *argv, const char *name);

#endif

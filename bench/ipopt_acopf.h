/* Reference for the optimal power flow: Ipopt (A. Waechter, L. T. Biegler, Mathematical Programming 106, 2006) through
 * its C interface, with the linear solver MUMPS, exact first and second derivatives, and no output. */
#ifndef FG_BENCH_IPOPT_ACOPF_H
#define FG_BENCH_IPOPT_ACOPF_H

#include "ipopt_model.h"
#include "measure.h"

struct ipopt_result {
    bool is_solved;     /* to the tolerance asked for */
    const char *status; /* of Ipopt, in words */
    int iterations;
    double objective;
    struct bench_time time; /* of IpoptSolve alone */
};

/* False where the program was built without Ipopt; then ipopt_solve fails with FG_ERR_UNSUPPORTED. */
bool ipopt_is_available(void);
const char *ipopt_version(void); /* "Ipopt 3.11.9, MUMPS 5.5.1, ..." */

/* Solve from the flat start. `time_limit_s` in processor seconds. `check_derivatives`: let Ipopt compare first and
 * second derivatives with finite differences and print what differs. */
enum fg_code ipopt_solve(const struct bench_problem *problem, enum ipopt_formulation formulation, double tolerance,
                         double time_limit_s, bool check_derivatives, struct ipopt_result *result,
                         struct fg_error *err);

/* The better of both formulations: each solved `repeat` times, median time; an unsolved one loses. */
enum fg_code ipopt_solve_better(const struct bench_problem *problem, double tolerance, double time_limit_s, int repeat,
                                struct ipopt_result *result, enum ipopt_formulation *which, struct fg_error *err);

#endif

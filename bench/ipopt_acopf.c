#include "ipopt_acopf.h"

#include <stdio.h>

#ifdef FG_IPOPT_VERSION
#include "base/memory.h"

#include <IpStdCInterface.h>
#include <string.h>

bool ipopt_is_available(void)
{
    return true;
}
const char *ipopt_version(void)
{
    return "Ipopt " FG_IPOPT_VERSION " with MUMPS (Debian packages: " FG_IPOPT_PACKAGES ")";
}

/* FG_IPOPT_BOOL: int before Ipopt 3.14, bool from then on. */
static FG_IPOPT_BOOL on_objective(int n, double *x, FG_IPOPT_BOOL is_new, double *value, void *user)
{
    (void)n, (void)is_new;
    *value = ipopt_model_objective(user, x);
    return 1;
}
static FG_IPOPT_BOOL on_gradient(int n, double *x, FG_IPOPT_BOOL is_new, double *gradient, void *user)
{
    (void)n, (void)is_new;
    ipopt_model_gradient(user, x, gradient);
    return 1;
}
static FG_IPOPT_BOOL on_rows(int n, double *x, FG_IPOPT_BOOL is_new, int m, double *g, void *user)
{
    (void)n, (void)is_new, (void)m;
    ipopt_model_rows(user, x, g);
    return 1;
}
static FG_IPOPT_BOOL on_jacobian(int n, double *x, FG_IPOPT_BOOL is_new, int m, int count, int *row, int *column,
                                 double *values, void *user)
{
    (void)n, (void)is_new, (void)m;
    struct ipopt_model *model = user;
    if (values != NULL) {
        ipopt_model_jacobian(model, x, values);
    } else {
        memcpy(row, model->jacobian.row, (size_t)count * sizeof *row);
        memcpy(column, model->jacobian.column, (size_t)count * sizeof *column);
    }
    return 1;
}
static FG_IPOPT_BOOL on_hessian(int n, double *x, FG_IPOPT_BOOL is_new, double factor, int m, double *multiplier,
                                FG_IPOPT_BOOL is_new_multiplier, int count, int *row, int *column, double *values,
                                void *user)
{
    (void)n, (void)is_new, (void)m, (void)is_new_multiplier;
    struct ipopt_model *model = user;
    if (values != NULL) {
        ipopt_model_hessian(model, x, factor, multiplier, values);
    } else {
        memcpy(row, model->hessian.row, (size_t)count * sizeof *row);
        memcpy(column, model->hessian.column, (size_t)count * sizeof *column);
    }
    return 1;
}

/* Ipopt hands one user pointer to all callbacks; the iteration count comes through the only global. */
static int last_iteration;
static FG_IPOPT_BOOL on_iteration(int mode, int iteration, double objective, double primal, double dual, double mu,
                                  double step, double regularization, double alpha_dual, double alpha_primal,
                                  int trials, void *user)
{
    (void)mode, (void)objective, (void)primal, (void)dual, (void)mu, (void)step, (void)regularization;
    (void)alpha_dual, (void)alpha_primal, (void)trials, (void)user;
    last_iteration = iteration;
    return 1;
}

static const char *status_text(enum ApplicationReturnStatus status)
{
    switch (status) {
    case Solve_Succeeded: return "solved";
    case Solved_To_Acceptable_Level: return "acceptable";
    case Infeasible_Problem_Detected: return "infeasible";
    case Search_Direction_Becomes_Too_Small: return "step too small";
    case Diverging_Iterates: return "diverging";
    case Maximum_Iterations_Exceeded: return "iteration limit";
    case Restoration_Failed: return "restoration failed";
    case Error_In_Step_Computation: return "step failed";
    case Maximum_CpuTime_Exceeded: return "time limit";
    case Not_Enough_Degrees_Of_Freedom: return "too few degrees of freedom";
    case Invalid_Number_Detected: return "invalid number";
    case Insufficient_Memory: return "out of memory";
    default: return "failed";
    }
}

/* The C interface takes char * without writing through it. */
static void option_text(IpoptProblem ipopt, const char *name, const char *value)
{
    AddIpoptStrOption(ipopt, (char *)name, (char *)value);
}
static void option_number(IpoptProblem ipopt, const char *name, double value)
{
    AddIpoptNumOption(ipopt, (char *)name, value);
}
static void option_integer(IpoptProblem ipopt, const char *name, int value)
{
    AddIpoptIntOption(ipopt, (char *)name, value);
}

enum fg_code ipopt_solve(const struct bench_problem *problem, enum ipopt_formulation formulation, double tolerance,
                         double time_limit_s, bool check_derivatives, struct ipopt_result *result,
                         struct fg_error *err)
{
    *result = (struct ipopt_result){.status = "failed"};
    struct ipopt_model *model;
    enum fg_code code = ipopt_model_create(problem, formulation, &model, err);
    if (code != FG_OK)
        return code;
    double *x = fg_alloc((size_t)model->variable_count, sizeof *x);
    IpoptProblem ipopt = CreateIpoptProblem(model->variable_count, model->lower, model->upper, model->row_count,
                                            model->row_lower, model->row_upper, model->jacobian.count,
                                            model->hessian.count, 0, on_objective, on_rows, on_gradient, on_jacobian,
                                            on_hessian);
    if (x == NULL || ipopt == NULL) {
        code = fg_fail_memory(err);
        goto done;
    }
    memcpy(x, model->start, (size_t)model->variable_count * sizeof *x);
    option_text(ipopt, "linear_solver", "mumps");
    option_text(ipopt, "hessian_approximation", "exact");
    option_text(ipopt, "sb", "yes");
    option_integer(ipopt, "print_level", check_derivatives ? 4 : 0);
    option_integer(ipopt, "max_iter", 1000);
    option_number(ipopt, "tol", tolerance);
    option_number(ipopt, "max_cpu_time", time_limit_s);
    if (check_derivatives)
        option_text(ipopt, "derivative_test", "second-order");
    SetIntermediateCallback(ipopt, on_iteration);
    last_iteration = 0;
    struct bench_time start = bench_now();
    enum ApplicationReturnStatus status = IpoptSolve(ipopt, x, NULL, &result->objective, NULL, NULL, NULL, model);
    result->time = bench_since(start);
    result->iterations = last_iteration;
    result->status = status_text(status);
    result->is_solved = status == Solve_Succeeded;
done:
    if (ipopt != NULL)
        FreeIpoptProblem(ipopt);
    fg_free(x);
    ipopt_model_destroy(model);
    return code;
}

#else

bool ipopt_is_available(void)
{
    return false;
}
const char *ipopt_version(void)
{
    return "built without Ipopt (Debian package coinor-libipopt-dev)";
}
enum fg_code ipopt_solve(const struct bench_problem *problem, enum ipopt_formulation formulation, double tolerance,
                         double time_limit_s, bool check_derivatives, struct ipopt_result *result,
                         struct fg_error *err)
{
    (void)problem, (void)formulation, (void)tolerance, (void)time_limit_s, (void)check_derivatives;
    *result = (struct ipopt_result){.status = "absent"};
    return fg_fail(err, FG_ERR_UNSUPPORTED, "Ipopt", "%s; install it and build again", ipopt_version());
}

#endif

enum fg_code ipopt_solve_better(const struct bench_problem *problem, double tolerance, double time_limit_s, int repeat,
                                struct ipopt_result *result, enum ipopt_formulation *which, struct fg_error *err)
{
    struct ipopt_result best = {.status = "absent"};
    *which = IPOPT_POWER_BALANCE;
    for (int f = 0; f < 2; f++) {
        enum ipopt_formulation formulation = f == 0 ? IPOPT_POWER_BALANCE : IPOPT_BRANCH_FLOWS;
        struct bench_time times[BENCH_REPEAT_MAX];
        struct ipopt_result now;
        for (int r = 0; r < repeat; r++) {
            enum fg_code code = ipopt_solve(problem, formulation, tolerance, time_limit_s, false, &now, err);
            if (code != FG_OK)
                return code;
            times[r] = now.time;
        }
        now.time = bench_median(times, (size_t)repeat);
        bool is_better = now.is_solved && (!best.is_solved || now.time.cpu_s < best.time.cpu_s);
        if (f == 0 || is_better) {
            best = now;
            *which = formulation;
        }
    }
    *result = best;
    return FG_OK;
}

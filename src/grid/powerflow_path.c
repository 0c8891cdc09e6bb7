/* Paths to a solution: continuation from a state where the answer is known, in steps that stay on its branch.
 *
 *   from nominal:  F(x) = (1 - t) F(x0)        x0: nominal voltages, angles of the direct-current power flow
 *   of loading:    F(x; t S) = 0               from the network without injections (itself found as above) to all of S
 *
 * Newton's first step from a point of the path is its tangent; the following ones correct. A step is taken when Newton
 * converges quickly, no voltage moves far, and det J keeps its sign: as long as the Jacobian is not singular in between,
 * the state stays on the branch of solutions of x0, which is the operable one (voltages rise with reactive support).
 * Otherwise the step is halved. Where even small ones fail, the path has come to its nose.
 *
 * H. B. Keller, "Global homotopies and Newton methods", in: Recent Advances in Numerical Analysis, 1978.
 * V. Ajjarapu, C. Christy, "The continuation power flow", IEEE Trans. Power Systems 7(1), 1992.
 * J. Thorp, S. Naqavi, "Load flow fractals", Proc. 28th IEEE CDC, 1989 (why plain Newton may end anywhere). */
#include "grid/powerflow_internal.h"

#include <math.h>
#include <string.h>

enum { CORRECTIONS = 8, FEW_CORRECTIONS = 4 };
static const double SMALLEST_STEP = 1.0 / 512, LARGEST_MOVE_PU = 0.15, PATH_TOLERANCE_PU = 1e-4;
static const double NOMINAL_ANGLE_RAD = 0.785398163397448309616; /* 45 degrees */

void fg_path_go_to_nominal(struct fg_powerflow *powerflow, double scale)
{
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        powerflow->vm[i] = powerflow->kind[i] == FG_NODE_PQ ? 1 : powerflow->vm_set[i];
        powerflow->va[i] = powerflow->kind[i] == FG_NODE_REFERENCE ? powerflow->va_set[i] : powerflow->start_va[i];
    }
    fg_newton_set_linear_angles(powerflow, scale, NOMINAL_ANGLE_RAD);
    fg_newton_set_linear_voltages(powerflow, scale);
}

static bool has_moved_far(const struct fg_powerflow *powerflow, const double *vm)
{
    for (int32_t i = 0; i < powerflow->node_count; i++)
        if (!(fabs(powerflow->vm[i] - vm[i]) <= LARGEST_MOVE_PU))
            return true;
    return false;
}

static struct fg_newton_target between(const struct fg_newton_target *from, const struct fg_newton_target *to, double t)
{
    return (struct fg_newton_target){
        .scale = from->scale + t * (to->scale - from->scale),
        .remaining = from->remaining + t * (to->remaining - from->remaining),
        .tolerance_pu = t < 1 ? PATH_TOLERANCE_PU : 0,
    };
}

/* From a state that solves `from` toward `to`; `sign` is that of the branch (0: taken from the first step). */
static struct fg_attempt follow(struct fg_powerflow *powerflow, const struct fg_newton_target *from,
                                const struct fg_newton_target *to, int *sign, double *reached)
{
    size_t nodes = (size_t)powerflow->node_count;
    double *vm = powerflow->scratch, *va = vm + nodes, step = 0.5;
    struct fg_attempt total = {.status = FG_POWERFLOW_DIVERGED};
    *reached = 0;
    while (step >= SMALLEST_STEP) {
        memcpy(vm, powerflow->vm, nodes * sizeof *vm);
        memcpy(va, powerflow->va, nodes * sizeof *va);
        double next = fmin(1, *reached + step);
        struct fg_newton_target target = between(from, to, next);
        struct fg_attempt attempt = fg_newton_solve(powerflow, &target, false, CORRECTIONS);
        total.iterations += attempt.iterations;
        total.mismatch_pu = attempt.mismatch_pu;
        total.worst_node = attempt.worst_node;
        if (*sign == 0)
            *sign = attempt.first_sign;
        bool is_same_branch = attempt.sign == *sign && attempt.first_sign == *sign;
        if (attempt.status == FG_POWERFLOW_CONVERGED && (is_same_branch || attempt.sign == 0) &&
            !has_moved_far(powerflow, vm)) {
            *reached = next;
            if (next == 1) {
                total.status = FG_POWERFLOW_CONVERGED;
                total.sign = *sign;
                break;
            }
            if (attempt.iterations <= FEW_CORRECTIONS)
                step *= 2;
            continue;
        }
        memcpy(powerflow->vm, vm, nodes * sizeof *vm);
        memcpy(powerflow->va, va, nodes * sizeof *va);
        step *= 0.5;
    }
    return total;
}

struct fg_attempt fg_path_from_nominal(struct fg_powerflow *powerflow, double scale)
{
    const struct fg_newton_target from = {.scale = scale, .remaining = 1}, to = {.scale = scale};
    double reached;
    int sign = 0;
    fg_path_go_to_nominal(powerflow, scale);
    fg_newton_set_offset(powerflow, scale);
    return follow(powerflow, &from, &to, &sign, &reached);
}

struct fg_attempt fg_path_of_loading(struct fg_powerflow *powerflow, double *reached)
{
    const struct fg_newton_target from = {.scale = 0}, to = {.scale = 1};
    *reached = 0;
    struct fg_attempt without = fg_path_from_nominal(powerflow, 0);
    if (without.status != FG_POWERFLOW_CONVERGED)
        return without;
    int sign = without.sign;
    struct fg_attempt attempt = follow(powerflow, &from, &to, &sign, reached);
    attempt.iterations += without.iterations;
    return attempt;
}

/* Backward/forward sweep on trees: current summation with the constant admittances eliminated.
 *
 * Below each node everything linear (line charging, shunts, constant-impedance loads, further branches) is one Norton
 * equivalent: the node draws Y V + K. For the branch between parent p and child c, with the child's total shunt
 * y = y_c + Y_c and d = ys + y,
 *
 *   backward   K_p += B K_c,   Y_p += A           B = ys / d / conj(t)      A = (y_p + ys y / d) / |t|^2   (p at from)
 *   forward    V_c = C V_p + D K_c                C = ys / d / t            D = -1 / d
 *
 * and with the child at the from side  B = conj(t) ys / d,  A = y_p + ys y / d,  C = t ys / d,  D = -|t|^2 / d, where
 * y = y_c + |t|^2 Y_c. A, B, C, D are computed once; an iteration updates only the currents of the constant-power and
 * constant-current injections, K = -conj(S / V), and passes twice over the tree. Without admittances to ground this is
 * the classic method (D. Shirmohammadi, H. W. Hong, A. Semlyen, G. X. Luo, IEEE Trans. Power Systems 3(2), 1988); with
 * them it is the fixed point of the implicit Zbus method (T.-H. Chen et al., IEEE Trans. Power Delivery 6(3), 1991),
 * which long cables and capacitors do not disturb.
 *
 * Arithmetic is written out in real and imaginary parts: C's complex product tests for NaN and is several times slower.
 */
#include "base/kernel.h"
#include "grid/powerflow_internal.h"

#include <complex.h>
#include <math.h>
#include <string.h>

/* One node in sweep order and the branch to its parent. A root is its own parent, with edge -1, B = D = 0 and C = 1, so
 * that the passes need no case for it. */
struct link {
    int32_t parent; /* position in sweep order */
    int32_t node, edge;
    bool is_child_at_from;
};
struct coefficients {
    double b_re, b_im, c_re, c_im, d_re, d_im;
};

struct fg_sweep {
    int32_t count;
    struct link *links; /* parents before children */
    int32_t *root;      /* positions of the roots */
    int32_t root_count;
    int32_t *parent; /* the links' parents once more, beside the coefficients */
    struct coefficients *coefficients;
    double *g, *b;             /* per position: admittance to ground, as eliminated */
    double complex *below;     /* per position: Y of the elimination */
    double *p0, *p1, *q0, *q1; /* injections in sweep order */
    double *p_now, *q_now;     /* with the constant-current share at the present voltage */
    double *v_re, *v_im, *injected_re, *injected_im, *k_re, *k_im, *error;
    bool is_eliminated, has_currents; /* has_currents: some injection has a constant-current share */
};

void fg_sweep_destroy(struct fg_sweep *sweep)
{
    if (sweep == NULL)
        return;
    void *blocks[] = {sweep->links, sweep->g,    sweep->b,     sweep->below,  sweep->p0,          sweep->p1,
                      sweep->q0,    sweep->q1,   sweep->v_re,  sweep->v_im,   sweep->injected_re, sweep->injected_im,
                      sweep->k_re,  sweep->k_im, sweep->error, sweep->parent, sweep->root,        sweep->coefficients,
                      sweep->p_now, sweep->q_now};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        fg_free(blocks[i]);
    fg_free(sweep);
}

void fg_sweep_branch_changed(struct fg_sweep *sweep)
{
    sweep->is_eliminated = false;
}

/* Edges at each node, in compressed form. */
struct incidence {
    int32_t *start, *edge;
};

static enum fg_code incidence_create(const struct fg_topology *topology, struct incidence *incidence,
                                     struct fg_error *err)
{
    size_t nodes = (size_t)topology->node_count, edges = (size_t)topology->edge_count;
    incidence->start = fg_alloc(nodes + 2, sizeof *incidence->start);
    incidence->edge = fg_alloc(2 * edges, sizeof *incidence->edge);
    if (!incidence->start || !incidence->edge)
        return fg_fail_memory(err);
    for (size_t k = 0; k < edges; k++) {
        incidence->start[topology->edges[k].from + 2]++;
        incidence->start[topology->edges[k].to + 2]++;
    }
    for (size_t i = 2; i < nodes + 2; i++)
        incidence->start[i] += incidence->start[i - 1];
    for (size_t k = 0; k < edges; k++) { /* start[i + 1] runs from the list's begin to its end */
        incidence->edge[incidence->start[topology->edges[k].from + 1]++] = (int32_t)k;
        incidence->edge[incidence->start[topology->edges[k].to + 1]++] = (int32_t)k;
    }
    return FG_OK;
}

/* What the sweep cannot treat, by name. */
static enum fg_code check_held_voltages(const struct fg_powerflow *powerflow, struct fg_error *err)
{
    const struct fg_topology *topology = powerflow->topology;
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        if (powerflow->own_kind[i] == FG_NODE_PQ || topology->reference_of_island[topology->island_of_node[i]] == i)
            continue;
        return fg_fail(
            err, FG_ERR_UNSUPPORTED, powerflow->network->name,
            "the sweep cannot hold the voltage of bus %s beside the source of its feeder; use Newton's method, "
            "or give the generator a fixed reactive power",
            powerflow->network->buses[topology->bus_of_node[i]].id);
    }
    return FG_OK;
}

static enum fg_code fail_loop(const struct fg_powerflow *powerflow, int32_t edge, struct fg_error *err)
{
    return fg_fail(
        err, FG_ERR_UNSUPPORTED, powerflow->network->name,
        "the sweep needs a radial network, and branch %s closes a loop; use Newton's method, or open the loop",
        powerflow->network->branches[powerflow->topology->edges[edge].branch].id);
}

/* Breadth-first order from each reference; an edge that meets a node a second time closes a loop. */
static enum fg_code order_nodes(const struct fg_powerflow *powerflow, struct fg_sweep *sweep,
                                const struct incidence *incidence, int32_t *position, struct fg_error *err)
{
    const struct fg_topology *topology = powerflow->topology;
    for (int32_t i = 0; i < powerflow->node_count; i++)
        position[i] = -1;
    for (int32_t island = 0; island < topology->island_count; island++) {
        int32_t root = topology->reference_of_island[island], next = sweep->count;
        position[root] = sweep->root[sweep->root_count++] = sweep->count;
        sweep->links[sweep->count++] = (struct link){.parent = next, .node = root, .edge = -1};
        for (; next < sweep->count; next++) {
            int32_t node = sweep->links[next].node;
            for (int32_t k = incidence->start[node]; k < incidence->start[node + 1]; k++) {
                int32_t edge = incidence->edge[k];
                if (edge == sweep->links[next].edge)
                    continue;
                bool is_child_at_from = topology->edges[edge].to == node;
                int32_t child = is_child_at_from ? topology->edges[edge].from : topology->edges[edge].to;
                if (position[child] >= 0)
                    return fail_loop(powerflow, edge, err);
                position[child] = sweep->count;
                sweep->links[sweep->count++] =
                    (struct link){.parent = next, .node = child, .edge = edge, .is_child_at_from = is_child_at_from};
            }
        }
    }
    return FG_OK;
}

enum fg_code fg_sweep_create(const struct fg_powerflow *powerflow, struct fg_sweep **result, struct fg_error *err)
{
    *result = NULL;
    enum fg_code code = check_held_voltages(powerflow, err);
    if (code != FG_OK)
        return code;
    struct fg_sweep *sweep = fg_alloc(1, sizeof *sweep);
    if (sweep == NULL)
        return fg_fail_memory(err);
    size_t nodes = (size_t)powerflow->node_count;
    sweep->links = fg_alloc(nodes, sizeof *sweep->links);
    sweep->below = fg_alloc(nodes, sizeof *sweep->below);
    sweep->parent = fg_alloc(nodes, sizeof *sweep->parent);
    sweep->coefficients = fg_alloc(nodes, sizeof *sweep->coefficients);
    sweep->root = fg_alloc((size_t)powerflow->topology->island_count, sizeof *sweep->root);
    bool is_complete = sweep->root && sweep->links && sweep->below && sweep->parent && sweep->coefficients;
    double **doubles[] = {&sweep->g,    &sweep->b,    &sweep->p0,   &sweep->p1,          &sweep->q0,
                          &sweep->q1,   &sweep->v_re, &sweep->v_im, &sweep->injected_re, &sweep->injected_im,
                          &sweep->k_re, &sweep->k_im, &sweep->error, &sweep->p_now, &sweep->q_now};
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
        is_complete = (*doubles[i] = fg_alloc(nodes, sizeof(double))) != NULL && is_complete;
    int32_t *position = fg_alloc(nodes, sizeof *position);
    struct incidence incidence = {0};
    code = is_complete && position ? incidence_create(powerflow->topology, &incidence, err) : fg_fail_memory(err);
    if (code == FG_OK)
        code = order_nodes(powerflow, sweep, &incidence, position, err);
    fg_free(position);
    fg_free(incidence.start);
    fg_free(incidence.edge);
    if (code != FG_OK) {
        fg_sweep_destroy(sweep);
        return code;
    }
    *result = sweep;
    return FG_OK;
}

/* Injections into sweep order; false when an admittance to ground differs from the eliminated one. */
static bool gather(const struct fg_powerflow *powerflow, struct fg_sweep *sweep)
{
    const struct fg_topology *topology = powerflow->topology;
    bool is_same = true;
    sweep->has_currents = false;
    for (int32_t i = 0; i < sweep->count; i++) {
        int32_t node = sweep->links[i].node;
        const struct fg_node_power *power = &powerflow->power[node];
        double g = topology->g_shunt_pu[node] - power->p2, b = topology->b_shunt_pu[node] + power->q2;
        is_same = is_same && sweep->g[i] == g && sweep->b[i] == b;
        sweep->g[i] = g;
        sweep->b[i] = b;
        sweep->p0[i] = power->p0;
        sweep->p1[i] = power->p1;
        sweep->q0[i] = power->q0;
        sweep->q1[i] = power->q1;
        sweep->has_currents = sweep->has_currents || power->p1 != 0 || power->q1 != 0;
    }
    return is_same;
}

/* A, B, C, D of every link, from the leaves up. False when a series connection resonates with what lies below. */
static bool eliminate(const struct fg_powerflow *powerflow, struct fg_sweep *sweep)
{
    for (int32_t i = 0; i < sweep->count; i++)
        sweep->below[i] = CMPLX(sweep->g[i], sweep->b[i]);
    for (int32_t i = sweep->count - 1; i >= 0; i--) {
        const struct link *link = &sweep->links[i];
        sweep->parent[i] = link->parent;
        sweep->coefficients[i] = (struct coefficients){.c_re = 1};
        if (link->edge < 0)
            continue;
        const struct fg_branch *branch = &powerflow->branches[powerflow->topology->edges[link->edge].branch];
        double complex ys = 1 / CMPLX(branch->r_pu, branch->x_pu),
                       t = branch->ratio * cexp(CMPLX(0, branch->shift_rad));
        double complex y_from = CMPLX(branch->g_from_pu, branch->b_from_pu),
                       y_to = CMPLX(branch->g_to_pu, branch->b_to_pu);
        double t2 = branch->ratio * branch->ratio;
        double complex y = link->is_child_at_from ? y_from + t2 * sweep->below[i] : y_to + sweep->below[i], d = ys + y;
        double complex up, down, self;
        if (link->is_child_at_from) {
            up = conj(t) * ys / d, down = t * ys / d, self = -t2 / d;
            sweep->below[link->parent] += y_to + ys * y / d;
        } else {
            up = ys / d / conj(t), down = ys / d / t, self = -1 / d;
            sweep->below[link->parent] += (y_from + ys * y / d) / t2;
        }
        sweep->coefficients[i] =
            (struct coefficients){creal(up), cimag(up), creal(down), cimag(down), creal(self), cimag(self)};
        if (!isfinite(cabs(up) + cabs(down) + cabs(self)))
            return false;
    }
    return true;
}

static void set_start(const struct fg_powerflow *powerflow, struct fg_sweep *sweep, bool from_state)
{
    for (int32_t i = 0; i < sweep->count; i++) {
        const struct link *link = &sweep->links[i];
        sweep->injected_re[i] = sweep->injected_im[i] = 0;
        if (link->edge < 0) {
            sweep->v_re[i] = powerflow->vm_set[link->node] * cos(powerflow->va_set[link->node]);
            sweep->v_im[i] = powerflow->vm_set[link->node] * sin(powerflow->va_set[link->node]);
        } else if (from_state) {
            sweep->v_re[i] = powerflow->re[link->node];
            sweep->v_im[i] = powerflow->im[link->node];
        } else { /* no load */
            double re = sweep->v_re[link->parent], im = sweep->v_im[link->parent];
            const struct coefficients *c = &sweep->coefficients[i];
            sweep->v_re[i] = c->c_re * re - c->c_im * im;
            sweep->v_im[i] = c->c_re * im + c->c_im * re;
        }
    }
}

/* conj(S / V) and what it changes: the error of the power that the old current delivers at the new voltage; K begins with
 * its negative. A straight loop over plain arrays, which the compiler turns into vector instructions. */
FG_KERNEL static void currents_of(int32_t count, const double *restrict p, const double *restrict q, const double *restrict v_re,
                        const double *restrict v_im, double *restrict injected_re, double *restrict injected_im,
                        double *restrict k_re, double *restrict k_im, double *restrict error)
{
    for (int32_t i = 0; i < count; i++) {
        double re = v_re[i], im = v_im[i], old_re = injected_re[i], old_im = injected_im[i];
        double inverse = 1 / (re * re + im * im);
        double p_error = p[i] - (re * old_re + im * old_im), q_error = q[i] - (im * old_re - re * old_im);
        error[i] = fabs(p_error) + fabs(q_error);
        injected_re[i] = (p[i] * re + q[i] * im) * inverse;
        injected_im[i] = (p[i] * im - q[i] * re) * inverse;
        k_re[i] = -injected_re[i];
        k_im[i] = -injected_im[i];
    }
}

/* Mismatch of the present voltages with the currents they were computed from, then new currents: the network equations
 * hold exactly after a forward pass, so the only error is that of the injections. */
static void update_currents(struct fg_sweep *sweep)
{
    const double *p = sweep->p0, *q = sweep->q0;
    if (sweep->has_currents) {
        for (int32_t i = 0; i < sweep->count; i++) {
            double vm = sqrt(sweep->v_re[i] * sweep->v_re[i] + sweep->v_im[i] * sweep->v_im[i]);
            sweep->p_now[i] = sweep->p0[i] + sweep->p1[i] * vm;
            sweep->q_now[i] = sweep->q0[i] + sweep->q1[i] * vm;
        }
        p = sweep->p_now;
        q = sweep->q_now;
    }
    currents_of(sweep->count, p, q, sweep->v_re, sweep->v_im, sweep->injected_re, sweep->injected_im, sweep->k_re,
                sweep->k_im, sweep->error);
    for (int32_t i = 0; i < sweep->root_count; i++)
        sweep->error[sweep->root[i]] = 0; /* they balance */
}

/* Sum of the errors in four fixed strands, the same on every machine. */
static double error_sum(const struct fg_sweep *sweep)
{
    double strand[4] = {0};
    int32_t whole = sweep->count / 4 * 4;
    for (int32_t i = 0; i < whole; i += 4)
        for (int k = 0; k < 4; k++)
            strand[k] += sweep->error[i + k];
    for (int32_t i = whole; i < sweep->count; i++)
        strand[i - whole] += sweep->error[i];
    return (strand[0] + strand[1]) + (strand[2] + strand[3]);
}

static double largest_error(const struct fg_sweep *sweep, int32_t *worst)
{
    double largest = 0;
    for (int32_t i = 0; i < sweep->count; i++)
        if (!(sweep->error[i] <= largest)) {
            largest = sweep->error[i];
            *worst = i;
        }
    return largest;
}

FG_KERNEL static void pass_backward_and_forward(struct fg_sweep *sweep)
{
    int32_t count = sweep->count;
    const int32_t *restrict parent = sweep->parent;
    const struct coefficients *restrict coefficients = sweep->coefficients;
    double *restrict k_re = sweep->k_re, *restrict k_im = sweep->k_im;
    double *restrict v_re = sweep->v_re, *restrict v_im = sweep->v_im;
    for (int32_t i = count - 1; i >= 0; i--) {
        const struct coefficients *c = &coefficients[i];
        double re = c->b_re * k_re[i] - c->b_im * k_im[i], im = c->b_re * k_im[i] + c->b_im * k_re[i];
        k_re[parent[i]] += re;
        k_im[parent[i]] += im;
    }
    for (int32_t i = 0; i < count; i++) {
        const struct coefficients *c = &coefficients[i];
        double re = v_re[parent[i]], im = v_im[parent[i]];
        v_re[i] = c->c_re * re - c->c_im * im + c->d_re * k_re[i] - c->d_im * k_im[i];
        v_im[i] = c->c_re * im + c->c_im * re + c->d_re * k_im[i] + c->d_im * k_re[i];
    }
}

/* Back to node order. */
static void scatter(struct fg_powerflow *powerflow, const struct fg_sweep *sweep)
{
    for (int32_t i = 0; i < sweep->count; i++) {
        int32_t node = sweep->links[i].node;
        double re = sweep->v_re[i], im = sweep->v_im[i];
        powerflow->re[node] = re;
        powerflow->im[node] = im;
        powerflow->vm[node] = sqrt(re * re + im * im);
        powerflow->va[node] = re > 0 ? atan(im / re) : atan2(im, re); /* the first is much the faster */
    }
}

/* The method gains about one digit an iteration and its errors all point the same way, so it goes on until the sum of
 * the mismatches is a tenth of the tolerance (or stops falling, at the limit of arithmetic): then losses agree with
 * Newton's to the digits that are printed. */
struct fg_attempt fg_sweep_solve(struct fg_powerflow *powerflow, bool from_state)
{
    struct fg_sweep *sweep = powerflow->sweep;
    struct fg_attempt attempt = {.status = FG_POWERFLOW_ITERATION_LIMIT};
    int32_t worst = 0;
    double sum = INFINITY, tolerance = powerflow->options.tolerance_pu;
    bool is_same = gather(powerflow, sweep);
    if (!is_same || !sweep->is_eliminated)
        sweep->is_eliminated = eliminate(powerflow, sweep);
    if (!sweep->is_eliminated)
        attempt.status = FG_POWERFLOW_SINGULAR;
    set_start(powerflow, sweep, from_state);
    while (attempt.status == FG_POWERFLOW_ITERATION_LIMIT) {
        double sum_before = sum;
        update_currents(sweep);
        sum = error_sum(sweep);
        bool has_settled =
            sum <= 0.1 * tolerance || (sum >= 0.9 * sum_before && largest_error(sweep, &worst) <= tolerance);
        if (has_settled && attempt.iterations > 0) {
            attempt.status = FG_POWERFLOW_CONVERGED;
        } else if (!(sum < 1e12)) {
            attempt.status = FG_POWERFLOW_DIVERGED;
        } else if (attempt.iterations >= powerflow->options.max_iterations) {
            break;
        } else {
            pass_backward_and_forward(sweep);
            attempt.iterations++;
        }
    }
    attempt.mismatch_pu = largest_error(sweep, &worst);
    attempt.worst_node = sweep->links[worst].node;
    scatter(powerflow, sweep);
    return attempt;
}

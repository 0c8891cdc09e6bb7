/* Blocks in the second-order-cone relaxation. Variables: w_i ~ Vm_i^2 per node, and per pair of nodes with at least one
 * branch P + jQ, the power that enters the series impedance z = r + jx of one of its branches, the one of least impedance.
 * With u = w_from / ratio^2 behind its ideal transformer, everything else is linear in (w_from, w_to, P, Q):
 *
 *   product of voltages   V_f conj(V_t) = ratio e^{j shift} (u - rP - xQ + j (xP - rQ)) = wr + j wi
 *   squared current       l = (w_t - u + 2 (r P + x Q)) / |z|^2
 *   flows                 Pf = P + g_from u,  Qf = Q - b_from u,  Pt = r l - P + g_to w_t,  Qt = x l - Q - b_to w_t;
 *                         of a parallel branch S_f = conj(Yff) w_f + conj(Yft) (wr + j wi), S_t likewise
 *   cone                  (P^2 + Q^2) / u <= l                     (convex, u > 0; the same set as wr^2 + wi^2 <= w_f w_t)
 *   angles                tan(min) wr <= wi <= tan(max) wr, and the box of (wr, wi) that voltage and angle limits imply
 *
 * Flow variables keep their size on short branches, where differences of w would cancel; with l and the parallel branches
 * eliminated the linear system is as small as that in (w, wr, wi), and every inequality has at most four entries. The
 * relaxation is that of R. A. Jabr (2006), PowerModels' SOCWRPowerModel; that both forms agree is shown by S. Bose,
 * S. H. Low, T. Teeraratkul, B. Hassibi, "Equivalent relaxations of optimal power flow" (2015).
 *
 * Everything is convex, so the optimum is a lower bound for the exact block with the same limits and prices. Elastic
 * limits are priced from below: a band violation through w by the chord of the square root, a current rating through
 * the apparent power at the highest voltage. */
#include "grid/opf_internal.h"

#include <complex.h>
#include <math.h>

/* Series impedance and shunts of an edge on the composition's base, from its two-port. */
struct series {
    double r, x, ratio, shift, g_from, b_from, g_to, b_to;
};

static struct series series_of(const struct opf_block *block, int32_t k)
{
    const struct fg_edge *e = &block->edges[k];
    const struct fg_branch *branch = &block->topology->network->branches[e->branch];
    double complex t = branch->ratio * cexp(I * branch->shift_rad);
    double complex y = -(e->gtf + I * e->btf) * t, z = 1 / y;
    double complex from = (e->gff + I * e->bff) * branch->ratio * branch->ratio - y, to = e->gtt + I * e->btt - y;
    return (struct series){ creal(z), cimag(z), branch->ratio, branch->shift_rad, creal(from), cimag(from), creal(to),
                            cimag(to) };
}

static enum fg_code check(const struct fg_opf *opf, const struct opf_block *block, struct fg_error *err)
{
    (void)opf;
    for (int32_t i = 0; i < block->node_count; i++)
        if (block->injection[i].p_current_mw != 0 || block->injection[i].q_current_mvar != 0)
            return fg_fail(err, FG_ERR_UNSUPPORTED, "soc", "constant-current loads are not convex in squared voltages; "
                           "no relaxation is defined for them");
    return FG_OK;
}

/* Least and greatest w of a node. The floor keeps the quotient of the cone smooth where a band allows zero voltage. */
static double w_floor(const struct opf_block *block, int32_t i)
{
    double low = block->band_row[i] >= 0 ? fg_opf_vm_floor(block, i) : fmax(block->vm_min[i], 1e-2);
    return low * low;
}

static double w_ceiling(const struct opf_block *block, int32_t i)
{
    double high = block->band_row[i] >= 0 || !isfinite(block->vm_max[i]) ? fg_opf_vm_ceiling(block, i) : block->vm_max[i];
    return high * high;
}

/* Nodes join the edge over which a search from the references reaches them, so that the factorisation finds for every
 * balance and voltage row a flow or voltage to pivot with. `parent_edge` has node_count entries, -1 at references. */
static int32_t *spanning_edges(const struct opf_block *block)
{
    int32_t nodes = block->node_count, edges = block->edge_count;
    int32_t *parent_edge = fg_alloc((size_t)nodes, sizeof *parent_edge), *queue = fg_alloc((size_t)nodes, sizeof *queue);
    int32_t *start = fg_alloc((size_t)nodes + 1, sizeof *start), *incident = fg_alloc(2 * (size_t)edges, sizeof *incident);
    if (!parent_edge || !queue || !start || !incident) {
        fg_free(parent_edge);
        parent_edge = NULL;
    } else {
        for (int32_t k = 0; k < edges; k++) {
            start[block->edges[k].from]++;
            start[block->edges[k].to]++;
        }
        for (int32_t i = 0, sum = 0; i <= nodes; i++) {
            sum += i < nodes ? start[i] : 0;
            start[i] = sum; /* ends; filling from behind turns them into beginnings */
        }
        for (int32_t k = 0; k < edges; k++) {
            incident[--start[block->edges[k].from]] = k;
            incident[--start[block->edges[k].to]] = k;
        }
        int32_t head = 0, tail = 0;
        for (int32_t i = 0; i < nodes; i++)
            parent_edge[i] = -2;
        for (int32_t island = 0; island < block->topology->island_count; island++) {
            int32_t reference = block->topology->reference_of_island[island];
            parent_edge[reference] = -1;
            queue[tail++] = reference;
        }
        while (head < tail) {
            int32_t i = queue[head++];
            for (int32_t a = start[i]; a < start[i + 1]; a++) {
                const struct fg_edge *edge = &block->edges[incident[a]];
                int32_t other = edge->from == i ? edge->to : edge->from;
                if (parent_edge[other] == -2) {
                    parent_edge[other] = incident[a];
                    queue[tail++] = other;
                }
            }
        }
    }
    fg_free(queue);
    fg_free(start);
    fg_free(incident);
    return parent_edge;
}

/* Linear forms of an edge in the variables of its pair (w_a, w_b, P, Q), a and b the ends of the edge that stands for it. */
struct form {
    double c[4];
};

enum { PF, QF, PT, QT, WR, WI, FORMS }; /* wr + j wi = V_from conj(V_to) of the edge itself */

static bool is_reversed(const struct opf_block *block, int32_t k)
{
    return block->edges[k].from != block->edges[block->pair_edge[k]].from;
}

/* l of the edge that stands for the pair. */
static struct form current_form(const struct series *s)
{
    double u = 1 / (s->ratio * s->ratio), z2 = s->r * s->r + s->x * s->x;
    return (struct form){ { -u / z2, 1 / z2, 2 * s->r / z2, 2 * s->x / z2 } };
}

/* re + j im = factor (re0 + j im0) */
static void turned(double complex factor, const struct form *re0, const struct form *im0, struct form *re, struct form *im)
{
    for (int a = 0; a < 4; a++) {
        double complex value = factor * (re0->c[a] + I * im0->c[a]);
        re->c[a] = creal(value);
        im->c[a] = cimag(value);
    }
}

static void forms_of(const struct opf_block *block, int32_t k, struct form form[FORMS])
{
    int32_t stands = block->pair_edge[k];
    struct series s = series_of(block, stands);
    double u = 1 / (s.ratio * s.ratio);
    struct form re = { { u, 0, -s.r, -s.x } }, im = { { 0, 0, s.x, -s.r } };
    turned(s.ratio * cexp(I * s.shift), &re, &im, &form[WR], &form[WI]);
    if (k == stands) {
        struct form l = current_form(&s);
        form[PF] = (struct form){ { s.g_from * u, 0, 1, 0 } };
        form[QF] = (struct form){ { -s.b_from * u, 0, 0, 1 } };
        for (int a = 0; a < 4; a++) {
            form[PT].c[a] = s.r * l.c[a];
            form[QT].c[a] = s.x * l.c[a];
        }
        form[PT].c[1] += s.g_to;
        form[PT].c[2] -= 1;
        form[QT].c[1] -= s.b_to;
        form[QT].c[3] -= 1;
        return;
    }
    const struct fg_edge *e = &block->edges[k];
    bool reversed = is_reversed(block, k);
    for (int a = 0; reversed && a < 4; a++)
        form[WI].c[a] = -form[WI].c[a];
    struct form minus_wi;
    for (int a = 0; a < 4; a++)
        minus_wi.c[a] = -form[WI].c[a];
    turned(e->gft - I * e->bft, &form[WR], &form[WI], &form[PF], &form[QF]);
    turned(e->gtf - I * e->btf, &form[WR], &minus_wi, &form[PT], &form[QT]);
    int from = reversed ? 1 : 0, to = 1 - from;
    form[PF].c[from] += e->gff;
    form[QF].c[from] -= e->bff;
    form[PT].c[to] += e->gtt;
    form[QT].c[to] -= e->btt;
}

static void pair_variables(const struct opf_block *block, int32_t k, int32_t variable[4])
{
    const struct fg_edge *stands = &block->edges[block->pair_edge[k]];
    variable[0] = block->v_variable[stands->from];
    variable[1] = block->v_variable[stands->to];
    variable[2] = block->flow_variable[k];
    variable[3] = block->flow_variable[k] + 1;
}

static void add_form(struct fg_opf *opf, int32_t row, const struct form *form, const int32_t variable[4], double factor)
{
    for (int a = 0; a < 4; a++)
        if (form->c[a] != 0)
            fg_opf_new_linear(opf, row, variable[a], factor * form->c[a]);
}

/* Rows of l are in voltage drops, |z| l: of like size on short and long branches. */
static double cone_scale(const struct series *s)
{
    return hypot(s->r, s->x);
}

static void add_node(struct fg_opf *opf, struct opf_block *block, int32_t i, int32_t label)
{
    block->v_variable[i] = fg_opf_new_variable(opf, 0, INFINITY, 1, label);
    block->p_row[i] = fg_opf_new_row(opf, 0, 0, INFINITY, label);
    block->q_row[i] = fg_opf_new_row(opf, 0, 0, INFINITY, label);
    if (isfinite(block->band_price[i])) {
        block->band_row[i] = fg_opf_new_row(opf, -INFINITY, 0, block->band_price[i], -1);
        block->band_low_row[i] = fg_opf_new_row(opf, 0, INFINITY, block->band_price[i], -1);
        fg_opf_new_linear(opf, block->band_row[i], block->v_variable[i], 1);
        fg_opf_new_linear(opf, block->band_low_row[i], block->v_variable[i], 1);
    }
    const struct fg_opf_injection *injection = &block->injection[i];
    double base_mva = block->topology->network->base_mva;
    double g = block->topology->g_shunt_pu[i] * base_mva - injection->p_impedance_mw;
    double b = block->topology->b_shunt_pu[i] * base_mva + injection->q_impedance_mvar;
    fg_opf_new_linear(opf, block->p_row[i], block->v_variable[i], g / opf->base);
    fg_opf_new_linear(opf, block->q_row[i], block->v_variable[i], -b / opf->base);
}

static void add_edge(struct fg_opf *opf, struct opf_block *block, int32_t k)
{
    const struct fg_edge *edge = &block->edges[k];
    int32_t row[4] = { block->p_row[edge->from], block->q_row[edge->from], block->p_row[edge->to], block->q_row[edge->to] };
    if (edge->from == edge->to) { /* V_f = V_t: an admittance to ground */
        double g = edge->gff + edge->gft + edge->gtf + edge->gtt, b = edge->bff + edge->bft + edge->btf + edge->btt;
        fg_opf_new_linear(opf, row[0], block->v_variable[edge->from], g);
        fg_opf_new_linear(opf, row[1], block->v_variable[edge->from], -b);
        return;
    }
    struct form form[FORMS];
    int32_t v[4];
    block->flow_variable[k] = block->flow_variable[block->pair_edge[k]];
    pair_variables(block, k, v);
    forms_of(block, k, form);
    for (int f = PF; f <= QT; f++)
        add_form(opf, row[f], &form[f], v, 1);
    if (fg_opf_edge_is_rated(block, k)) {
        block->rate_row[k] = fg_opf_new_row(opf, -INFINITY, 0, block->rate_price[k], -1);
        fg_opf_new_row(opf, -INFINITY, 0, block->rate_price[k], -1);
    }
    if (k == block->pair_edge[k]) {
        block->cone_row[k] = fg_opf_new_row(opf, -INFINITY, 0, INFINITY, -1);
        block->product_row[k] = fg_opf_new_row(opf, -INFINITY, INFINITY, INFINITY, -1);
        add_form(opf, block->product_row[k], &form[WR], v, 1);
        add_form(opf, fg_opf_new_row(opf, -INFINITY, INFINITY, INFINITY, -1), &form[WI], v, 1);
    }
    const struct fg_branch *branch = &block->topology->network->branches[edge->branch];
    double low = branch->angle_min_rad, high = branch->angle_max_rad, quarter = 1.5;
    if (!block->options.angle_limits || !(low > -quarter) || !(high < quarter))
        return;
    block->angle_row[k] = fg_opf_new_row(opf, -INFINITY, 0, INFINITY, -1);
    int32_t second = fg_opf_new_row(opf, 0, INFINITY, INFINITY, -1);
    struct form above, below;
    for (int a = 0; a < 4; a++) {
        above.c[a] = form[WI].c[a] - tan(high) * form[WR].c[a];
        below.c[a] = form[WI].c[a] - tan(low) * form[WR].c[a];
    }
    add_form(opf, block->angle_row[k], &above, v, 1);
    add_form(opf, second, &below, v, 1);
}

static void variables_and_rows(struct fg_opf *opf, struct opf_block *block)
{
    int32_t *parent_edge = spanning_edges(block);
    if (parent_edge == NULL) {
        opf->failed = true;
        return;
    }
    int32_t node_label = opf->label_count, edge_label = node_label + block->node_count;
    opf->label_count = edge_label + block->edge_count;
    for (int32_t i = 0; i < block->node_count; i++)
        add_node(opf, block, i, node_label + i);
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->pair_edge[k] != k)
            continue;
        int32_t from = block->edges[k].from, to = block->edges[k].to;
        int32_t label = parent_edge[to] >= 0 && block->pair_edge[parent_edge[to]] == k       ? node_label + to
                        : parent_edge[from] >= 0 && block->pair_edge[parent_edge[from]] == k ? node_label + from
                                                                                             : edge_label + k;
        block->flow_variable[k] = fg_opf_new_variable(opf, -INFINITY, INFINITY, 0, label);
        fg_opf_new_variable(opf, -INFINITY, INFINITY, 0, label);
    }
    for (int32_t k = 0; k < block->edge_count; k++)
        add_edge(opf, block, k);
    fg_free(parent_edge);
}

static void entries(struct fg_opf *opf, struct opf_block *block)
{
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->flow_variable[k] < 0)
            continue;
        int32_t v[4];
        pair_variables(block, k, v);
        block->edge_jacobian[k] = opf->problem.jacobian_nnz;
        block->edge_hessian[k] = opf->problem.hessian_nnz;
        if (block->cone_row[k] >= 0) {
            for (int a = 0; a < 4; a++)
                fg_opf_new_jacobian(opf, block->cone_row[k], v[a]);
            fg_opf_new_hessian(opf, v[0], v[0]);
            fg_opf_new_hessian(opf, v[2], v[0]);
            fg_opf_new_hessian(opf, v[3], v[0]);
            fg_opf_new_hessian(opf, v[2], v[2]);
            fg_opf_new_hessian(opf, v[3], v[3]);
        }
        if (block->rate_row[k] < 0)
            continue;
        for (int end = 0; end < 2; end++)
            for (int a = 0; a < 4; a++)
                fg_opf_new_jacobian(opf, block->rate_row[k] + end, v[a]);
        for (int a = 0; a < 4; a++)
            for (int b = 0; b <= a; b++)
                fg_opf_new_hessian(opf, v[a], v[b]);
    }
}

/* Rating of one end as apparent power: a current rating allows at most rate times the highest voltage. */
static double apparent_rate(const struct fg_opf *opf, const struct opf_block *block, int32_t k, int end)
{
    double rate = isfinite(block->rate_mva[k]) ? block->rate_mva[k] / opf->base : 1;
    if (fg_opf_edge_by_current(block, k))
        rate *= sqrt(w_ceiling(block, end == 0 ? block->edges[k].from : block->edges[k].to));
    return rate;
}

/* Boxes of the flow variables of an edge that stands for its pair, which every solution respects. */
static void bound_flows(struct fg_opf *opf, const struct opf_block *block, int32_t k)
{
    struct series s = series_of(block, k);
    int32_t flow = block->flow_variable[k];
    double u_max = w_ceiling(block, block->edges[k].from) / (s.ratio * s.ratio);
    double u_min = w_floor(block, block->edges[k].from) / (s.ratio * s.ratio);
    double current = (sqrt(u_max) + sqrt(w_ceiling(block, block->edges[k].to))) / hypot(s.r, s.x);
    if (block->rate_row[k] >= 0 && !isfinite(block->rate_price[k]) && isfinite(block->rate_mva[k]))
        current = fmin(current, (apparent_rate(opf, block, k, 0) + hypot(s.g_from, s.b_from) * u_max) / sqrt(u_min));
    double power = current * sqrt(u_max);
    opf->x_lower[flow] = opf->x_lower[flow + 1] = -power;
    opf->x_upper[flow] = opf->x_upper[flow + 1] = power;
    /* Start at the flow of the start voltages. */
    const struct fg_edge *edge = &block->edges[k];
    double vf = sqrt(opf->x_start[block->v_variable[edge->from]]), vt = sqrt(opf->x_start[block->v_variable[edge->to]]);
    double complex inner = vf * cexp(I * (block->va_start[edge->from] - s.shift)) / s.ratio;
    double complex through = (inner - vt * cexp(I * block->va_start[edge->to])) / (s.r + I * s.x);
    double complex power_in = inner * conj(through);
    opf->x_start[flow] = fmin(fmax(creal(power_in), -power), power);
    opf->x_start[flow + 1] = fmin(fmax(cimag(power_in), -power), power);
}

/* The box of (wr, wi) of a pair that the limits on voltages imply ... */
static void bound_product(struct fg_opf *opf, const struct opf_block *block, int32_t k)
{
    int32_t row = block->product_row[k], f = block->edges[k].from, t = block->edges[k].to;
    double most = sqrt(w_ceiling(block, f) * w_ceiling(block, t));
    opf->g_lower[row] = opf->g_lower[row + 1] = -most;
    opf->g_upper[row] = opf->g_upper[row + 1] = most;
}

static void tighten(double *lower, double *upper, double low, double high)
{
    low = fmax(*lower, low);
    high = fmin(*upper, high);
    if (low <= high) { /* else parallel branches contradict each other, which their own rows say */
        *lower = low;
        *upper = high;
    }
}

/* ... and what the angle limits of one of its edges add. */
static void bound_product_by_angles(struct fg_opf *opf, const struct opf_block *block, int32_t k)
{
    const struct fg_branch *branch = &block->topology->network->branches[block->edges[k].branch];
    int32_t row = block->product_row[block->pair_edge[k]], f = block->edges[k].from, t = block->edges[k].to;
    double most = sqrt(w_ceiling(block, f) * w_ceiling(block, t)), least = sqrt(w_floor(block, f) * w_floor(block, t));
    double low = branch->angle_min_rad, high = branch->angle_max_rad;
    if (is_reversed(block, k)) {
        double held = low;
        low = -high;
        high = -held;
    }
    tighten(&opf->g_lower[row], &opf->g_upper[row], least * cos(fmax(fabs(low), fabs(high))),
            most * (low > 0 ? cos(low) : high < 0 ? cos(high) : 1));
    tighten(&opf->g_lower[row + 1], &opf->g_upper[row + 1], sin(low) * (low < 0 ? most : least),
            sin(high) * (high > 0 ? most : least));
}

static void refresh(struct fg_opf *opf, struct opf_block *block)
{
    const struct fg_topology *topology = block->topology;
    for (int32_t i = 0; i < block->node_count; i++) {
        int32_t v = block->v_variable[i];
        opf->x_lower[v] = w_floor(block, i);
        opf->x_upper[v] = w_ceiling(block, i);
        double low = block->vm_min[i], high = block->vm_max[i];
        opf->x_start[v] = pow(fmin(fmax(block->vm_start[i], low), high), 2);
        if (block->band_row[i] >= 0) {
            opf->g_upper[block->band_row[i]] = high * high;
            opf->g_price[block->band_row[i]] =
                isfinite(high) ? block->band_price[i] / (high + fg_opf_vm_ceiling(block, i)) : block->band_price[i];
            opf->g_lower[block->band_low_row[i]] = low * low;
            opf->g_price[block->band_low_row[i]] = block->band_price[i] / fmax(2 * low, 1e-3);
        }
        bool reference = topology->reference_of_island[topology->island_of_node[i]] == i;
        if (reference && !isnan(block->options.reference_vm_pu))
            opf->x_lower[v] = opf->x_upper[v] = opf->x_start[v] =
                block->options.reference_vm_pu * block->options.reference_vm_pu;
        const struct fg_opf_injection *injection = &block->injection[i];
        opf->g_lower[block->p_row[i]] = opf->g_upper[block->p_row[i]] = injection->p_mw / opf->base;
        opf->g_lower[block->q_row[i]] = opf->g_upper[block->q_row[i]] = injection->q_mvar / opf->base;
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->flow_variable[k] < 0)
            continue;
        if (k == block->pair_edge[k]) {
            bound_flows(opf, block, k);
            bound_product(opf, block, k);
        }
        if (block->rate_row[k] < 0)
            continue;
        bool elastic = isfinite(block->rate_price[k]);
        for (int end = 0; end < 2; end++) {
            int32_t row = block->rate_row[k] + end;
            double rate = apparent_rate(opf, block, k, end);
            opf->g_upper[row] = isfinite(block->rate_mva[k]) ? fg_opf_rating_limit(rate, elastic) : INFINITY;
            double highest = fg_opf_edge_by_current(block, k) && isfinite(block->rate_mva[k])
                                 ? rate * opf->base / block->rate_mva[k] : 1;
            opf->g_price[row] = elastic ? block->rate_price[k] * opf->base / highest : INFINITY;
        }
    }
    for (int32_t k = 0; k < block->edge_count; k++)
        if (block->angle_row[k] >= 0)
            bound_product_by_angles(opf, block, k);
}

static double form_value(const struct form *form, const double *x, const int32_t v[4])
{
    double sum = 0;
    for (int a = 0; a < 4; a++)
        sum += form->c[a] * x[v[a]];
    return sum;
}

static void functions(const struct fg_opf *opf, const struct opf_block *block, const double *x, double *g)
{
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->flow_variable[k] < 0)
            continue;
        int32_t v[4];
        pair_variables(block, k, v);
        if (block->cone_row[k] >= 0) {
            struct series s = series_of(block, k);
            struct form l = current_form(&s);
            double u = x[v[0]] / (s.ratio * s.ratio), p = x[v[2]], q = x[v[3]];
            g[block->cone_row[k]] = cone_scale(&s) * ((p * p + q * q) / u - form_value(&l, x, v));
        }
        if (block->rate_row[k] < 0)
            continue;
        struct form form[FORMS];
        forms_of(block, k, form);
        for (int end = 0; end < 2; end++)
            g[block->rate_row[k] + end] =
                fg_opf_rating_of(form_value(&form[2 * end], x, v), form_value(&form[2 * end + 1], x, v),
                                 apparent_rate(opf, block, k, end), isfinite(block->rate_price[k])).value;
    }
}

static void derivatives(const struct fg_opf *opf, const struct opf_block *block, const double *x, const double *y,
                        double *jacobian, double *hessian)
{
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->flow_variable[k] < 0)
            continue;
        int32_t v[4];
        pair_variables(block, k, v);
        double *j = jacobian + block->edge_jacobian[k], *h = hessian + block->edge_hessian[k];
        if (block->cone_row[k] >= 0) {
            struct series s = series_of(block, k);
            struct form l = current_form(&s);
            double per_w = 1 / (s.ratio * s.ratio), scale = cone_scale(&s), weight = scale * y[block->cone_row[k]];
            double u = x[v[0]] * per_w, p = x[v[2]], q = x[v[3]], square = p * p + q * q;
            *j++ = scale * (-square / (u * u) * per_w - l.c[0]);
            *j++ = -scale * l.c[1];
            *j++ = scale * (2 * p / u - l.c[2]);
            *j++ = scale * (2 * q / u - l.c[3]);
            *h++ = weight * 2 * square / (u * u * u) * per_w * per_w;
            *h++ = -weight * 2 * p / (u * u) * per_w;
            *h++ = -weight * 2 * q / (u * u) * per_w;
            *h++ = weight * 2 / u;
            *h++ = weight * 2 / u;
        }
        if (block->rate_row[k] < 0)
            continue;
        struct form form[FORMS];
        double block_hessian[4][4] = { { 0 } };
        forms_of(block, k, form);
        for (int end = 0; end < 2; end++) {
            const struct form *fp = &form[2 * end], *fq = &form[2 * end + 1];
            struct opf_rating at = fg_opf_rating_of(form_value(fp, x, v), form_value(fq, x, v),
                                                    apparent_rate(opf, block, k, end), isfinite(block->rate_price[k]));
            double w = y[block->rate_row[k] + end];
            for (int a = 0; a < 4; a++)
                *j++ = at.d_p * fp->c[a] + at.d_q * fq->c[a];
            for (int a = 0; a < 4; a++)
                for (int b = 0; b <= a; b++)
                    block_hessian[a][b] += w * (at.d_pp * fp->c[a] * fp->c[b] + at.d_qq * fq->c[a] * fq->c[b] +
                                                at.d_pq * (fp->c[a] * fq->c[b] + fq->c[a] * fp->c[b]));
        }
        for (int a = 0; a < 4; a++)
            for (int b = 0; b <= a; b++)
                *h++ = block_hessian[a][b];
    }
}

static struct fg_opf_node node(const struct fg_opf *opf, const struct opf_block *block, int32_t i)
{
    const double *x = fg_nlp_x(opf->nlp), *y = fg_nlp_y(opf->nlp);
    double vm = sqrt(fmax(x[block->v_variable[i]], 0));
    struct fg_opf_node out = { .vm_pu = vm,
                               .price_p = y[block->p_row[i]] / opf->base,
                               .price_q = y[block->q_row[i]] / opf->base };
    if (block->band_row[i] >= 0) {
        out.vm_excess_pu = fmax(vm - block->vm_max[i], 0) - fmax(block->vm_min[i] - vm, 0);
        out.vm_dual = -(y[block->band_row[i]] + y[block->band_low_row[i]]) * 2 * vm;
    } else {
        out.vm_dual = (fg_nlp_z_lower(opf->nlp)[block->v_variable[i]] - fg_nlp_z_upper(opf->nlp)[block->v_variable[i]]) *
                      2 * vm;
    }
    return out;
}

static struct fg_opf_edge edge_result(const struct fg_opf *opf, const struct opf_block *block, int32_t k)
{
    if (block->flow_variable[k] < 0)
        return (struct fg_opf_edge){ 0 };
    const double *x = fg_nlp_x(opf->nlp), *y = fg_nlp_y(opf->nlp);
    struct form form[FORMS];
    int32_t v[4];
    pair_variables(block, k, v);
    forms_of(block, k, form);
    struct fg_opf_edge out = { .pf_mw = form_value(&form[PF], x, v) * opf->base,
                               .qf_mvar = form_value(&form[QF], x, v) * opf->base,
                               .pt_mw = form_value(&form[PT], x, v) * opf->base,
                               .qt_mvar = form_value(&form[QT], x, v) * opf->base };
    if (block->rate_row[k] >= 0) {
        out.excess_from_mva = fmax(hypot(out.pf_mw, out.qf_mvar) - apparent_rate(opf, block, k, 0) * opf->base, 0);
        out.excess_to_mva = fmax(hypot(out.pt_mw, out.qt_mvar) - apparent_rate(opf, block, k, 1) * opf->base, 0);
        double factor = isfinite(block->rate_price[k]) ? 1 : 2;
        out.dual_from = -factor * y[block->rate_row[k]] / opf->base;
        out.dual_to = -factor * y[block->rate_row[k] + 1] / opf->base;
    }
    return out;
}

const struct opf_physics fg_opf_soc = { check, variables_and_rows, entries, refresh, functions, derivatives, node, edge_result };

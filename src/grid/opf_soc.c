/* Blocks in the second-order-cone relaxation, in branch-flow variables, which keep their size on short branches:
 * w_i ~ Vm_i^2 per node; per edge P + jQ, the power that enters the series impedance r + jx, and l ~ |I|^2 in it.
 * With u = w_from / ratio^2 behind the ideal transformer:
 *
 *   Pf = P + g_from u             Qf = Q - b_from u
 *   Pt = r l - P + g_to w_t       Qt = x l - Q - b_to w_t
 *   w_t = u - 2 (r P + x Q) + (r^2 + x^2) l
 *   cone:    (P^2 + Q^2) / u <= l                                    (convex, u > 0)
 *   product: V_f conj(V_t) = ratio e^{j shift} (u - rP - xQ + j (xP - rQ)) = wr + j wi
 *   angles:  tan(min) wr <= wi <= tan(max) wr, and the box of (wr, wi) that limits on voltage and angle imply
 *
 * Parallel edges share (wr, wi), which makes the relaxation that of the bus-injection form (R. A. Jabr 2006; PowerModels'
 * SOCWRPowerModel); the equivalence is shown by S. Bose, S. H. Low, T. Teeraratkul, B. Hassibi, "Equivalent relaxations
 * of optimal power flow" (2015); the branch-flow form is that of M. Farivar and S. H. Low (2013).
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

/* Linear forms of an edge in (w_from, w_to, P, Q, l). */
struct form {
    double c[5];
};

enum { PF, QF, PT, QT, WR, WI, DROP, FORMS };

static void forms_of(const struct opf_block *block, int32_t k, struct form form[FORMS])
{
    struct series s = series_of(block, k);
    double u = 1 / (s.ratio * s.ratio); /* of w_from */
    form[PF] = (struct form){ { s.g_from * u, 0, 1, 0, 0 } };
    form[QF] = (struct form){ { -s.b_from * u, 0, 0, 1, 0 } };
    form[PT] = (struct form){ { 0, s.g_to, -1, 0, s.r } };
    form[QT] = (struct form){ { 0, -s.b_to, 0, -1, s.x } };
    form[DROP] = (struct form){ { u, -1, -2 * s.r, -2 * s.x, s.r * s.r + s.x * s.x } };
    double c = s.ratio * cos(s.shift), d = s.ratio * sin(s.shift);
    /* (c + jd)(re + j im), re = u - rP - xQ, im = xP - rQ; turned to the pair's direction */
    double turn = block->pair_reversed[k] ? -1 : 1;
    form[WR] = (struct form){ { c * u, 0, -c * s.r - d * s.x, -c * s.x + d * s.r, 0 } };
    form[WI] = (struct form){ { turn * d * u, 0, turn * (-d * s.r + c * s.x), turn * (-d * s.x - c * s.r), 0 } };
}

static void edge_variables(const struct opf_block *block, int32_t k, int32_t variable[5])
{
    variable[0] = block->v_variable[block->edges[k].from];
    variable[1] = block->v_variable[block->edges[k].to];
    for (int a = 0; a < 3; a++)
        variable[2 + a] = block->flow_variable[k] + a;
}

static void add_form(struct fg_opf *opf, int32_t row, const struct form *form, const int32_t variable[5], double factor)
{
    for (int a = 0; a < 5; a++)
        if (form->c[a] != 0)
            fg_opf_new_linear(opf, row, variable[a], factor * form->c[a]);
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
    for (int32_t i = 0; i < block->node_count; i++) {
        int32_t label = node_label + i;
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
    for (int32_t p = 0; p < block->pair_count; p++)
        block->pair_edge[p] = -1;
    for (int32_t k = 0; k < block->edge_count; k++) {
        const struct fg_edge *edge = &block->edges[k];
        struct form form[FORMS];
        int32_t v[5], row[4] = { block->p_row[edge->from], block->q_row[edge->from], block->p_row[edge->to],
                                 block->q_row[edge->to] };
        if (edge->from == edge->to) { /* V_f = V_t: an admittance to ground */
            double g = edge->gff + edge->gft + edge->gtf + edge->gtt, b = edge->bff + edge->bft + edge->btf + edge->btt;
            fg_opf_new_linear(opf, row[0], block->v_variable[edge->from], g);
            fg_opf_new_linear(opf, row[1], block->v_variable[edge->from], -b);
            continue;
        }
        int32_t label = parent_edge[edge->to] == k     ? node_label + edge->to
                        : parent_edge[edge->from] == k ? node_label + edge->from
                                                       : edge_label + k;
        block->flow_variable[k] = fg_opf_new_variable(opf, -INFINITY, INFINITY, 0, label);
        fg_opf_new_variable(opf, -INFINITY, INFINITY, 0, label);
        fg_opf_new_variable(opf, 0, INFINITY, 0, label);
        edge_variables(block, k, v);
        forms_of(block, k, form);
        for (int f = PF; f <= QT; f++)
            add_form(opf, row[f], &form[f], v, 1);
        /* Voltage differences on short branches are of the size of the impedance: rows in those units. */
        struct series s = series_of(block, k);
        double scale = 1 / hypot(s.r, s.x);
        add_form(opf, fg_opf_new_row(opf, 0, 0, INFINITY, label), &form[DROP], v, scale);
        block->edge_cone_row[k] = fg_opf_new_row(opf, -INFINITY, 0, INFINITY, -1);
        fg_opf_new_linear(opf, block->edge_cone_row[k], v[4], -1);
        if (fg_opf_edge_is_rated(block, k)) {
            block->rate_row[k] = fg_opf_new_row(opf, -INFINITY, 0, block->rate_price[k], -1);
            fg_opf_new_row(opf, -INFINITY, 0, block->rate_price[k], -1);
        }
        int32_t *twin = &block->pair_edge[block->pair_of_edge[k]];
        if (*twin >= 0) { /* a parallel edge: the same product of voltages */
            struct form other[FORMS];
            int32_t w[5];
            forms_of(block, *twin, other);
            edge_variables(block, *twin, w);
            for (int f = WR; f <= WI; f++) {
                int32_t same = fg_opf_new_row(opf, 0, 0, INFINITY, label);
                add_form(opf, same, &form[f], v, scale);
                add_form(opf, same, &other[f], w, -scale);
            }
            continue;
        }
        *twin = k;
        block->product_row[k] = fg_opf_new_row(opf, -INFINITY, INFINITY, INFINITY, -1);
        add_form(opf, block->product_row[k], &form[WR], v, 1);
        add_form(opf, fg_opf_new_row(opf, -INFINITY, INFINITY, INFINITY, -1), &form[WI], v, 1);
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        const struct fg_branch *branch = &block->topology->network->branches[block->edges[k].branch];
        double low = branch->angle_min_rad, high = branch->angle_max_rad, quarter = 1.5;
        if (block->flow_variable[k] < 0 || !block->options.angle_limits || !(low > -quarter) || !(high < quarter))
            continue;
        struct form form[FORMS];
        int32_t v[5];
        edge_variables(block, k, v);
        forms_of(block, k, form);
        double turn = block->pair_reversed[k] ? -1 : 1;
        block->angle_row[k] = fg_opf_new_row(opf, -INFINITY, 0, INFINITY, -1);
        add_form(opf, block->angle_row[k], &form[WI], v, turn);
        add_form(opf, block->angle_row[k], &form[WR], v, -tan(high));
        int32_t second = fg_opf_new_row(opf, 0, INFINITY, INFINITY, -1);
        add_form(opf, second, &form[WI], v, turn);
        add_form(opf, second, &form[WR], v, -tan(low));
    }
    fg_free(parent_edge);
}

static void entries(struct fg_opf *opf, struct opf_block *block)
{
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->flow_variable[k] < 0)
            continue;
        int32_t v[5];
        edge_variables(block, k, v);
        block->edge_jacobian[k] = opf->problem.jacobian_nnz;
        block->edge_hessian[k] = opf->problem.hessian_nnz;
        const int32_t cone[3] = { v[0], v[2], v[3] };
        for (int a = 0; a < 3; a++)
            fg_opf_new_jacobian(opf, block->edge_cone_row[k], cone[a]);
        fg_opf_new_hessian(opf, v[0], v[0]);
        fg_opf_new_hessian(opf, v[2], v[0]);
        fg_opf_new_hessian(opf, v[3], v[0]);
        fg_opf_new_hessian(opf, v[2], v[2]);
        fg_opf_new_hessian(opf, v[3], v[3]);
        if (block->rate_row[k] < 0)
            continue;
        for (int end = 0; end < 2; end++) {
            const int32_t own[4] = { v[end], v[2], v[3], v[4] };
            int count = end == 0 ? 3 : 4;
            for (int a = 0; a < count; a++)
                fg_opf_new_jacobian(opf, block->rate_row[k] + end, own[a]);
            for (int a = 0; a < count; a++)
                for (int b = 0; b <= a; b++)
                    fg_opf_new_hessian(opf, own[a], own[b]);
        }
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

/* Boxes of the flow variables that every solution respects. */
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
    opf->x_lower[flow + 2] = 0;
    opf->x_upper[flow + 2] = current * current;
    /* Start at the flow of the start voltages. */
    const struct fg_edge *edge = &block->edges[k];
    double vf = sqrt(opf->x_start[block->v_variable[edge->from]]), vt = sqrt(opf->x_start[block->v_variable[edge->to]]);
    double complex inner = vf * cexp(I * (block->va_start[edge->from] - s.shift)) / s.ratio;
    double complex through = (inner - vt * cexp(I * block->va_start[edge->to])) / (s.r + I * s.x);
    double complex power_in = inner * conj(through);
    opf->x_start[flow] = fmin(fmax(creal(power_in), -power), power);
    opf->x_start[flow + 1] = fmin(fmax(cimag(power_in), -power), power);
    opf->x_start[flow + 2] = fmin(pow(cabs(through), 2), current * current);
}

/* The box of (wr, wi) that limits on voltages and angles imply, in the pair's direction. */
static void bound_product(struct fg_opf *opf, const struct opf_block *block, int32_t k)
{
    int32_t row = block->product_row[k], f = block->edges[k].from, t = block->edges[k].to;
    double most = sqrt(w_ceiling(block, f) * w_ceiling(block, t)), least = sqrt(w_floor(block, f) * w_floor(block, t));
    opf->g_lower[row] = opf->g_lower[row + 1] = -most;
    opf->g_upper[row] = opf->g_upper[row + 1] = most;
    const struct fg_branch *branch = &block->topology->network->branches[block->edges[k].branch];
    if (block->angle_row[k] < 0)
        return;
    double low = branch->angle_min_rad, high = branch->angle_max_rad;
    if (block->pair_reversed[k]) {
        double held = low;
        low = -high;
        high = -held;
    }
    opf->g_lower[row] = least * cos(fmax(fabs(low), fabs(high)));
    opf->g_upper[row] = most * (low > 0 ? cos(low) : high < 0 ? cos(high) : 1);
    opf->g_lower[row + 1] = sin(low) * (low < 0 ? most : least);
    opf->g_upper[row + 1] = sin(high) * (high > 0 ? most : least);
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
        bound_flows(opf, block, k);
        if (block->product_row[k] >= 0)
            bound_product(opf, block, k);
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
}

static double form_value(const struct form *form, const double *x, const int32_t v[5])
{
    double sum = 0;
    for (int a = 0; a < 5; a++)
        sum += form->c[a] * x[v[a]];
    return sum;
}

static void functions(const struct fg_opf *opf, const struct opf_block *block, const double *x, double *g)
{
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->flow_variable[k] < 0)
            continue;
        int32_t v[5];
        edge_variables(block, k, v);
        double ratio = block->topology->network->branches[block->edges[k].branch].ratio;
        double u = x[v[0]] / (ratio * ratio), p = x[v[2]], q = x[v[3]];
        g[block->edge_cone_row[k]] += (p * p + q * q) / u; /* - l is a linear entry */
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
        int32_t v[5];
        edge_variables(block, k, v);
        double ratio = block->topology->network->branches[block->edges[k].branch].ratio, per_w = 1 / (ratio * ratio);
        double u = x[v[0]] * per_w, p = x[v[2]], q = x[v[3]], square = p * p + q * q, weight = y[block->edge_cone_row[k]];
        double *j = jacobian + block->edge_jacobian[k], *h = hessian + block->edge_hessian[k];
        *j++ = -square / (u * u) * per_w;
        *j++ = 2 * p / u;
        *j++ = 2 * q / u;
        *h++ = weight * 2 * square / (u * u * u) * per_w * per_w;
        *h++ = -weight * 2 * p / (u * u) * per_w;
        *h++ = -weight * 2 * q / (u * u) * per_w;
        *h++ = weight * 2 / u;
        *h++ = weight * 2 / u;
        if (block->rate_row[k] < 0)
            continue;
        struct form form[FORMS];
        forms_of(block, k, form);
        for (int end = 0; end < 2; end++) {
            const struct form *fp = &form[2 * end], *fq = &form[2 * end + 1];
            struct opf_rating at = fg_opf_rating_of(form_value(fp, x, v), form_value(fq, x, v),
                                                    apparent_rate(opf, block, k, end), isfinite(block->rate_price[k]));
            const int place[4] = { end, 2, 3, 4 };
            int count = end == 0 ? 3 : 4;
            double w = y[block->rate_row[k] + end];
            for (int a = 0; a < count; a++)
                *j++ = at.d_p * fp->c[place[a]] + at.d_q * fq->c[place[a]];
            for (int a = 0; a < count; a++)
                for (int b = 0; b <= a; b++) {
                    double pa = fp->c[place[a]], pb = fp->c[place[b]], qa = fq->c[place[a]], qb = fq->c[place[b]];
                    *h++ = w * (at.d_pp * pa * pb + at.d_qq * qa * qb + at.d_pq * (pa * qb + qa * pb));
                }
        }
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
    int32_t v[5];
    edge_variables(block, k, v);
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

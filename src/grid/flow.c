#include "grid/flow.h"

#include <math.h>

/* The two trigonometric products of an end and their derivatives are all that the formulas share. With
 *   u = G cos d + B sin d,   w = G sin d - B cos d      (u' = -w, w' = u)
 * Pf = Gff Vf^2 + Vf Vt u_f, Qf = -Bff Vf^2 + Vf Vt w_f, and for the other end with d' = -d. */
struct end_terms {
    double u, w;
};

static struct end_terms end_of(double g, double b, double cosine, double sine)
{
    return (struct end_terms){ g * cosine + b * sine, g * sine - b * cosine };
}

void fg_flow_values(const struct fg_edge *edge, double va_f, double va_t, double vm_f, double vm_t,
                    double flow[FG_FLOW_COUNT])
{
    double sine = sin(va_f - va_t), cosine = cos(va_f - va_t);
    struct end_terms f = end_of(edge->gft, edge->bft, cosine, sine);
    struct end_terms t = end_of(edge->gtf, edge->btf, cosine, -sine);
    flow[FG_FLOW_PF] = edge->gff * vm_f * vm_f + vm_f * vm_t * f.u;
    flow[FG_FLOW_QF] = -edge->bff * vm_f * vm_f + vm_f * vm_t * f.w;
    flow[FG_FLOW_PT] = edge->gtt * vm_t * vm_t + vm_f * vm_t * t.u;
    flow[FG_FLOW_QT] = -edge->btt * vm_t * vm_t + vm_f * vm_t * t.w;
}

void fg_flow_gradient(const struct fg_edge *edge, double va_f, double va_t, double vm_f, double vm_t,
                      double flow[FG_FLOW_COUNT], double gradient[FG_FLOW_COUNT][FG_FLOW_VARIABLES])
{
    double sine = sin(va_f - va_t), cosine = cos(va_f - va_t);
    struct end_terms f = end_of(edge->gft, edge->bft, cosine, sine);
    struct end_terms t = end_of(edge->gtf, edge->btf, cosine, -sine);
    double vv = vm_f * vm_t;
    flow[FG_FLOW_PF] = edge->gff * vm_f * vm_f + vv * f.u;
    flow[FG_FLOW_QF] = -edge->bff * vm_f * vm_f + vv * f.w;
    flow[FG_FLOW_PT] = edge->gtt * vm_t * vm_t + vv * t.u;
    flow[FG_FLOW_QT] = -edge->btt * vm_t * vm_t + vv * t.w;

    /* d/dd of u_f is -w_f, of w_f is u_f; the other end sees -d, so its signs turn. */
    gradient[FG_FLOW_PF][FG_FLOW_VA_F] = -vv * f.w;
    gradient[FG_FLOW_PF][FG_FLOW_VA_T] = vv * f.w;
    gradient[FG_FLOW_PF][FG_FLOW_VM_F] = 2 * edge->gff * vm_f + vm_t * f.u;
    gradient[FG_FLOW_PF][FG_FLOW_VM_T] = vm_f * f.u;

    gradient[FG_FLOW_QF][FG_FLOW_VA_F] = vv * f.u;
    gradient[FG_FLOW_QF][FG_FLOW_VA_T] = -vv * f.u;
    gradient[FG_FLOW_QF][FG_FLOW_VM_F] = -2 * edge->bff * vm_f + vm_t * f.w;
    gradient[FG_FLOW_QF][FG_FLOW_VM_T] = vm_f * f.w;

    gradient[FG_FLOW_PT][FG_FLOW_VA_F] = vv * t.w;
    gradient[FG_FLOW_PT][FG_FLOW_VA_T] = -vv * t.w;
    gradient[FG_FLOW_PT][FG_FLOW_VM_F] = vm_t * t.u;
    gradient[FG_FLOW_PT][FG_FLOW_VM_T] = 2 * edge->gtt * vm_t + vm_f * t.u;

    gradient[FG_FLOW_QT][FG_FLOW_VA_F] = -vv * t.u;
    gradient[FG_FLOW_QT][FG_FLOW_VA_T] = vv * t.u;
    gradient[FG_FLOW_QT][FG_FLOW_VM_F] = vm_t * t.w;
    gradient[FG_FLOW_QT][FG_FLOW_VM_T] = -2 * edge->btt * vm_t + vm_f * t.w;
}

/* A sum of terms  a Vf^2 + b Vt^2 + Vf Vt s(d)  has this Hessian, given s, s' and s''. */
static void add_hessian(double a, double b, double s, double s1, double s2, double vm_f, double vm_t,
                        double hessian[FG_FLOW_VARIABLES][FG_FLOW_VARIABLES])
{
    double vv = vm_f * vm_t;
    hessian[FG_FLOW_VA_F][FG_FLOW_VA_F] += vv * s2;
    hessian[FG_FLOW_VA_T][FG_FLOW_VA_T] += vv * s2;
    hessian[FG_FLOW_VA_F][FG_FLOW_VA_T] -= vv * s2;
    hessian[FG_FLOW_VA_T][FG_FLOW_VA_F] -= vv * s2;
    hessian[FG_FLOW_VA_F][FG_FLOW_VM_F] += vm_t * s1;
    hessian[FG_FLOW_VM_F][FG_FLOW_VA_F] += vm_t * s1;
    hessian[FG_FLOW_VA_F][FG_FLOW_VM_T] += vm_f * s1;
    hessian[FG_FLOW_VM_T][FG_FLOW_VA_F] += vm_f * s1;
    hessian[FG_FLOW_VA_T][FG_FLOW_VM_F] -= vm_t * s1;
    hessian[FG_FLOW_VM_F][FG_FLOW_VA_T] -= vm_t * s1;
    hessian[FG_FLOW_VA_T][FG_FLOW_VM_T] -= vm_f * s1;
    hessian[FG_FLOW_VM_T][FG_FLOW_VA_T] -= vm_f * s1;
    hessian[FG_FLOW_VM_F][FG_FLOW_VM_F] += 2 * a;
    hessian[FG_FLOW_VM_T][FG_FLOW_VM_T] += 2 * b;
    hessian[FG_FLOW_VM_F][FG_FLOW_VM_T] += s;
    hessian[FG_FLOW_VM_T][FG_FLOW_VM_F] += s;
}

void fg_flow_hessian(const struct fg_edge *edge, double va_f, double va_t, double vm_f, double vm_t,
                     const double weight[FG_FLOW_COUNT], double hessian[FG_FLOW_VARIABLES][FG_FLOW_VARIABLES])
{
    double sine = sin(va_f - va_t), cosine = cos(va_f - va_t);
    struct end_terms f = end_of(edge->gft, edge->bft, cosine, sine);
    struct end_terms t = end_of(edge->gtf, edge->btf, cosine, -sine);
    double a = weight[FG_FLOW_PF] * edge->gff - weight[FG_FLOW_QF] * edge->bff;
    double b = weight[FG_FLOW_PT] * edge->gtt - weight[FG_FLOW_QT] * edge->btt;
    double s = weight[FG_FLOW_PF] * f.u + weight[FG_FLOW_QF] * f.w + weight[FG_FLOW_PT] * t.u + weight[FG_FLOW_QT] * t.w;
    double s1 = -weight[FG_FLOW_PF] * f.w + weight[FG_FLOW_QF] * f.u + weight[FG_FLOW_PT] * t.w -
                weight[FG_FLOW_QT] * t.u;
    add_hessian(a, b, s, s1, -s, vm_f, vm_t, hessian);
}

/* If = Yff Vf + Yft Vt, so |If|^2 = |Yff|^2 Vf^2 + |Yft|^2 Vt^2 + 2 Vf Vt Re(Yff conj(Yft) exp(j d)); the to end
 * likewise with Ytt, Ytf. Both have the form a Vf^2 + b Vt^2 + Vf Vt (c cos d + e sin d). */
struct current_terms {
    double a, b, c, e;
};

static void current_of(const struct fg_edge *edge, struct current_terms end[2])
{
    double re_f = edge->gff * edge->gft + edge->bff * edge->bft, im_f = edge->bff * edge->gft - edge->gff * edge->bft;
    double re_t = edge->gtf * edge->gtt + edge->btf * edge->btt, im_t = edge->btf * edge->gtt - edge->gtf * edge->btt;
    end[0] = (struct current_terms){ edge->gff * edge->gff + edge->bff * edge->bff,
                                     edge->gft * edge->gft + edge->bft * edge->bft, 2 * re_f, -2 * im_f };
    end[1] = (struct current_terms){ edge->gtf * edge->gtf + edge->btf * edge->btf,
                                     edge->gtt * edge->gtt + edge->btt * edge->btt, 2 * re_t, -2 * im_t };
}

void fg_flow_current(const struct fg_edge *edge, double va_f, double va_t, double vm_f, double vm_t, double squared[2],
                     double gradient[2][FG_FLOW_VARIABLES])
{
    double sine = sin(va_f - va_t), cosine = cos(va_f - va_t);
    struct current_terms end[2];
    current_of(edge, end);
    for (int k = 0; k < 2; k++) {
        double s = end[k].c * cosine + end[k].e * sine, s1 = -end[k].c * sine + end[k].e * cosine;
        squared[k] = end[k].a * vm_f * vm_f + end[k].b * vm_t * vm_t + vm_f * vm_t * s;
        gradient[k][FG_FLOW_VA_F] = vm_f * vm_t * s1;
        gradient[k][FG_FLOW_VA_T] = -vm_f * vm_t * s1;
        gradient[k][FG_FLOW_VM_F] = 2 * end[k].a * vm_f + vm_t * s;
        gradient[k][FG_FLOW_VM_T] = 2 * end[k].b * vm_t + vm_f * s;
    }
}

void fg_flow_current_hessian(const struct fg_edge *edge, double va_f, double va_t, double vm_f, double vm_t,
                             const double weight[2], double hessian[FG_FLOW_VARIABLES][FG_FLOW_VARIABLES])
{
    double sine = sin(va_f - va_t), cosine = cos(va_f - va_t);
    struct current_terms end[2];
    current_of(edge, end);
    double a = weight[0] * end[0].a + weight[1] * end[1].a, b = weight[0] * end[0].b + weight[1] * end[1].b;
    double c = weight[0] * end[0].c + weight[1] * end[1].c, e = weight[0] * end[0].e + weight[1] * end[1].e;
    double s = c * cosine + e * sine, s1 = -c * sine + e * cosine;
    add_hessian(a, b, s, s1, -s, vm_f, vm_t, hessian);
}

/* Branch flow functions and their derivatives: the one place for power flow, optimal power flow and state estimation.
 *
 * For a two-port with admittances Yff, Yft, Ytf, Ytt (G + jB) and polar voltages V = Vm exp(j Va):
 *
 *   Pf =  Gff Vf^2 + Vf Vt ( Gft cos d + Bft sin d)          d = Va_f - Va_t
 *   Qf = -Bff Vf^2 + Vf Vt ( Gft sin d - Bft cos d)
 *   Pt =  Gtt Vt^2 + Vf Vt ( Gtf cos d - Btf sin d)
 *   Qt = -Btt Vt^2 - Vf Vt ( Gtf sin d + Btf cos d)
 *
 * (MATPOWER technical note 2; R. D. Zimmerman, "AC Power Flows, Generalized OPF Costs and their Derivatives".)
 * All in per unit. Variable order everywhere: x = (Va_f, Va_t, Vm_f, Vm_t). Pure functions, no allocation. */
#ifndef FG_GRID_FLOW_H
#define FG_GRID_FLOW_H

#include "grid/topology.h"

enum { FG_FLOW_PF, FG_FLOW_QF, FG_FLOW_PT, FG_FLOW_QT, FG_FLOW_COUNT };
enum { FG_FLOW_VA_F, FG_FLOW_VA_T, FG_FLOW_VM_F, FG_FLOW_VM_T, FG_FLOW_VARIABLES };

/* Values only. */
void fg_flow_values(const struct fg_edge *edge, double va_f, double va_t, double vm_f, double vm_t,
                    double flow[FG_FLOW_COUNT]);

/* Values and gradient[k][v] = d flow[k] / d x[v]. */
void fg_flow_gradient(const struct fg_edge *edge, double va_f, double va_t, double vm_f, double vm_t,
                      double flow[FG_FLOW_COUNT], double gradient[FG_FLOW_COUNT][FG_FLOW_VARIABLES]);

/* hessian += sum_k weight[k] * d2 flow[k] / dx2, symmetric 4 x 4, full storage. */
void fg_flow_hessian(const struct fg_edge *edge, double va_f, double va_t, double vm_f, double vm_t,
                     const double weight[FG_FLOW_COUNT], double hessian[FG_FLOW_VARIABLES][FG_FLOW_VARIABLES]);

/* Squared current magnitude at both ends, its gradient and weighted Hessian (same variable order). */
void fg_flow_current(const struct fg_edge *edge, double va_f, double va_t, double vm_f, double vm_t, double squared[2],
                     double gradient[2][FG_FLOW_VARIABLES]);
void fg_flow_current_hessian(const struct fg_edge *edge, double va_f, double va_t, double vm_f, double vm_t,
                             const double weight[2], double hessian[FG_FLOW_VARIABLES][FG_FLOW_VARIABLES]);

#endif

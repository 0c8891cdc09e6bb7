/* Sensitivities of the slack and of every limit to nodal injections, at an operating point of one period.
 *
 * The network equations of any physics are F(z) = injections; linearised, A dz = d(injections). A quantity f(z), such as
 * the slack's power, a voltage or a flow, changes by lambda' d(injections) with A' lambda = grad f: one transposed
 * solve per quantity, whatever the number of buses. Unknowns z:
 *     ac           angles, magnitudes, slack P and Q, Q of generators that hold a voltage
 *     lindistflow  squared magnitudes, branch P and Q, slack P and Q, Q of generators that hold a voltage
 *     dc           angles, slack P
 *     none         slack P and Q
 * Nothing is shared with the optimisation: prices that are put together from these sensitivities and from multipliers
 * cross-check the solver's own. Internal to the clearing. */
#ifndef FG_DFMCT_CLEAR_LINEAR_H
#define FG_DFMCT_CLEAR_LINEAR_H

#include "toolkit/dfmct/clear_model.h"

struct clear_linear;
enum fg_code clear_linear_create(const struct clear_model *model, enum fg_physics physics, struct clear_linear **linear,
                                 struct fg_error *err);
void clear_linear_destroy(struct clear_linear *linear);

/* Linearise period t. ac: at the state vm, va (per node). Other physics: at the injections `deviation_p`, `deviation_q`
 * (per node, without slack), whose state is computed; vm and va are ignored and may be NULL. */
enum fg_code clear_linear_at(struct clear_linear *linear, int32_t period, const double *vm, const double *va,
                             const double *deviation_p, const double *deviation_q, struct fg_error *err);

/* What can be asked for. Values: MW, Mvar, MVA; voltages p.u. in ac, squared p.u. in lindistflow (limits alike). */
enum clear_quantity_kind { CLEAR_SLACK_P, CLEAR_SLACK_Q, CLEAR_VOLTAGE, CLEAR_FLOW_FROM, CLEAR_FLOW_TO };
struct clear_quantity {
    enum clear_quantity_kind kind;
    int32_t index; /* island, node or edge */
};
double clear_linear_value(const struct clear_linear *linear, struct clear_quantity quantity);
/* Slopes per node: change of the quantity per MW and Mvar injected. Flows: of the apparent power (dc: of |P|). */
enum fg_code clear_linear_slopes(struct clear_linear *linear, struct clear_quantity quantity, double *slope_p,
                                 double *slope_q, struct fg_error *err);

#endif

/* Filter and line search of the interior point method. Internal to solve/. */
#ifndef FG_SOLVE_NLP_SEARCH_H
#define FG_SOLVE_NLP_SEARCH_H

#include "solve/nlp_internal.h"

bool fg_filter_accepts(const struct fg_filter *filter, double theta, double phi);
void fg_filter_add(struct fg_nlp *nlp, double theta, double phi);

/* Evaluate the point at `alpha` along the step into the trial arrays; false when not finite. */
bool fg_search_try(struct fg_nlp *nlp, double alpha, double *f, double *theta, double *phi);
/* Make the trial point the iterate. */
void fg_search_accept(struct fg_nlp *nlp, double f);
/* Backtrack from alpha_max; moves the primal iterate and returns the step taken, 0 when none is acceptable. */
double fg_search_filter(struct fg_nlp *nlp, double alpha_max);

#endif

/* The own balance responsible party of an organisation that is none itself, per market area and with validity dates.
 *
 * The organisation proposes, the party confirms; only then it counts: trades of the organisation move energy into its perimeter
 * (perimeter.h). Times that are over keep the party that they had. Thread rule: registry.h. */
#ifndef FG_ATP_BALANCE_H
#define FG_ATP_BALANCE_H

#include "atp/registry.h"

/* By the organisation; replaces a proposal for the area that was not confirmed. `until_us` 0: open. FG_ERR_CONFLICT for who
 * answers for itself, FG_ERR_VALUE for a span or party that is none. */
enum fg_code fg_balance_propose(struct fg_registry *registry, int64_t area, int64_t brp, int64_t from_us, int64_t until_us,
                                struct fg_error *err);
/* By that party: ends the assignment before it. FG_ERR_CONFLICT when the span begins before now where another party
 * already answers, or reaches into a later assignment. */
enum fg_code fg_balance_confirm(struct fg_registry *registry, int64_t area, int64_t organisation, struct fg_error *err);

/* The party of `organisation` at an instant: itself with that role, else the one assigned; 0: not known. */
enum fg_code fg_balance_party(struct fg_store *store, int64_t area, int64_t organisation, int64_t at_us, int64_t *party,
                              struct fg_error *err);

#endif

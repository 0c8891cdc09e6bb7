/* Network check of the continuous book in the DC model: what a trade changes is limited by line ratings through power
 * transfer distribution factors.
 *
 *   flow_l = base_l + sum over trades of PTDF_l,s d_s + PTDF_l,b d_b      d: change of injection, + quantity at the
 *            seller of `up`, - at the buyer of an exchange; `down` the other way round
 *
 * Accepted conditional requests may or may not be called, so a new trade must fit every subset of them. Calls are
 * independent, so the worst subset for a line takes exactly those that push its flow outward: per line and period one
 * upper and one lower envelope are kept,
 *
 *   high_l = base_l + all unconditional + sum of max(conditional change, 0),   low_l likewise with min,
 *
 * and a change is taken as far as high <= rating and low >= -rating hold, or do not get worse where they are broken.
 * This is exact for DC (Prat, Herre, Kazempour, Chatzivasileiadis, arXiv 2012.00505, enumerate the subsets). Only
 * active energy is checked. Cost: lines per question.
 *
 * Thread rule: one thread, that of the book. */
#ifndef FG_TOOLKIT_DFMCT_MATCH_NETWORK_H
#define FG_TOOLKIT_DFMCT_MATCH_NETWORK_H

#include "market/book.h"

struct fg_match_network;

/* ptdf: line_count x bus_count, row-major, change of flow per injection at the bus; rating_w per line, FG_NO_LIMIT-like
 * values above 1 TW: none. base_flow_w: period_count x line_count, NULL: zero. Copied. */
enum fg_code fg_match_network_create(int32_t line_count, int32_t bus_count, const double *ptdf, const int64_t *rating_w,
                                     int32_t first_period, int32_t period_count, const double *base_flow_w,
                                     struct fg_match_network **network, struct fg_error *err);
void fg_match_network_destroy(struct fg_match_network *network); /* NULL is allowed */

/* The interface for the book; outside the periods, and for buses that are not in the network, nothing is limited. */
struct fg_book_network fg_match_network_interface(struct fg_match_network *network);

/* A new base state of one period (line_count values); what has been traded stays on top. Tell the book by
 * fg_book_network_changed. FG_ERR_ARGUMENT: no such period. */
enum fg_code fg_match_network_set_base(struct fg_match_network *network, int32_t period, const double *base_flow_w,
                                       struct fg_error *err);

/* Envelope of the flow of a line, W. */
void fg_match_network_range(const struct fg_match_network *network, int32_t period, int32_t line, double *low_w,
                            double *high_w);

#endif

/* Time zones: which instants a local day has, and which local time an instant is.
 *
 * A day of a market is a day of its time zone and has 23, 24 or 25 hours (92, 96 or 100 quarter-hours) where clocks
 * change. Rules in local time ("gate closure at 02:30") meet two odd cases, answered here once for all:
 *   missing hour   a local time that the clock skips stands for the first instant after the gap
 *   doubled hour   a local time that the clock shows twice is told apart by `fold`: 0 the first, 1 the second
 * The transitions of the years 1970 to 2100 are read from ICU (which carries the IANA time zone database) when a zone
 * is opened; before and after them the nearest offset holds. Thread rule: an open zone is read only and may be shared
 * by all threads. Cost of each function: a binary search. Source: IANA time zone database; PEP 495 for `fold`. */
#ifndef FG_BASE_TIMEZONE_H
#define FG_BASE_TIMEZONE_H

#include "base/date.h"

struct fg_timezone;

/* `name` is an IANA name ("Europe/Athens", "UTC"). FG_ERR_VALUE for an unknown one. */
enum fg_code fg_timezone_open(const char *name, struct fg_timezone **zone, struct fg_error *err);
void fg_timezone_close(struct fg_timezone *zone); /* NULL is allowed */
const char *fg_timezone_name(const struct fg_timezone *zone);

struct fg_local_time {
    struct fg_date date;
    int32_t second;   /* of the local clock: 0 ... 86399 */
    int32_t fold;     /* 1 in the second run of a doubled hour */
    int32_t offset_s; /* local clock less UTC */
};
struct fg_local_time fg_timezone_local(const struct fg_timezone *zone, int64_t instant);
int64_t fg_timezone_instant(const struct fg_timezone *zone, struct fg_date date, int32_t second, int32_t fold);

/* First instant of a local day; its end is the start of the next day. Where midnight is skipped, the first instant
 * after the gap; where it is doubled, the first of the two. */
int64_t fg_timezone_day_start(const struct fg_timezone *zone, struct fg_date date);

#endif

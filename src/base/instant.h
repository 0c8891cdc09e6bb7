/* Instants: seconds since 1970-01-01T00:00:00Z, and their RFC 3339 text. Thread rule: pure functions. */
#ifndef FG_BASE_INSTANT_H
#define FG_BASE_INSTANT_H

#include "base/error.h"

#include <stdint.h>

#define FG_INSTANT_TEXT 24
/* Accepts "YYYY-MM-DDTHH:MM:SSZ" and numeric offsets ("+02:00"); years 1900 to 2999; no leap seconds. */
enum fg_code fg_instant_parse(const char *text, int64_t *seconds, struct fg_error *err);
/* Instants outside the years 0000 to 9999 give the nearest end. */
const char *fg_instant_format(int64_t seconds, char buffer[FG_INSTANT_TEXT]); /* always "...Z" */

/* Seconds of a monotonic clock, for measuring; not part of any result that must repeat. */
double fg_clock_seconds(void);

#endif

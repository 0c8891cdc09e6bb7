/* Calendar dates: counting days, weekdays, and their text. Proleptic Gregorian calendar. Thread rule: pure functions. */
#ifndef FG_BASE_DATE_H
#define FG_BASE_DATE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct fg_date {
    int32_t year;
    int32_t month, day; /* 1 ... 12, 1 ... 31 */
};

bool fg_date_is_valid(struct fg_date date); /* a day of the years 1900 to 2999, the range of all texts */

/* Days since 1970-01-01, and back; years 0 to 9999. */
int64_t fg_date_number(struct fg_date date);
struct fg_date fg_date_of_number(int64_t days);

struct fg_date fg_date_add(struct fg_date date, int32_t days);
int32_t fg_date_weekday(struct fg_date date); /* 1 Monday ... 7 Sunday (ISO 8601) */
int32_t fg_date_compare(struct fg_date a, struct fg_date b); /* < 0, 0, > 0 */

/* "YYYY-MM-DD" and nothing else, years 1900 to 2999. */
#define FG_DATE_TEXT 16
enum fg_code fg_date_parse(const char *text, struct fg_date *date, struct fg_error *err);
const char *fg_date_format(struct fg_date date, char buffer[FG_DATE_TEXT]);

#endif

/* Civil dates and instants in the proleptic Gregorian calendar, by counting days in eras of 400 years that start on
 * 1 March (Hinnant, "chrono-compatible low-level date algorithms", 2013). */
#include "base/instant.h"

#include <string.h>
#include <time.h>

enum { DAY_SECONDS = 86400, ERA_DAYS = 146097, EPOCH_DAYS = 719468 /* 0000-03-01 to 1970-01-01 */ };

static int64_t days_from_civil(int year, int month, int day)
{
    int march_year = month <= 2 ? year - 1 : year;
    int era = march_year / 400; /* years here are positive */
    int year_of_era = march_year - era * 400;
    int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 ? 28 + is_leap : days[month - 1];
}

/* `pattern` holds 'd' for a digit; anything else must match. Stops at its end, returns the number of bytes or 0. */
static size_t match(const char *text, const char *pattern)
{
    size_t i = 0;
    for (; pattern[i] != '\0'; i++) {
        int fits = pattern[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == pattern[i];
        if (!fits)
            return 0;
    }
    return i;
}

static int number(const char *digits, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++)
        value = value * 10 + (digits[i] - '0');
    return value;
}

enum fg_code fg_instant_parse(const char *text, int64_t *seconds, struct fg_error *err)
{
    static const char form[] = "write a time as 2030-01-31T18:15:00Z or with an offset such as +02:00";
    if (match(text, "dddd-dd-ddTdd:dd:dd") == 0)
        return fg_fail(err, FG_ERR_VALUE, NULL, "\"%.40s\" is not a time; %s", text, form);
    const char *zone = text + 19;
    int offset_minutes = 0;
    if (strcmp(zone, "Z") != 0) {
        int sign = zone[0] == '-' ? -1 : 1;
        if ((match(zone, "+dd:dd") == 0 && match(zone, "-dd:dd") == 0) || zone[6] != '\0' || number(zone + 1, 2) > 23 ||
            number(zone + 4, 2) > 59)
            return fg_fail(err, FG_ERR_VALUE, NULL, "\"%.40s\" does not end in a time zone; %s", text, form);
        offset_minutes = sign * (number(zone + 1, 2) * 60 + number(zone + 4, 2));
    }
    int year = number(text, 4), month = number(text + 5, 2), day = number(text + 8, 2);
    int hour = number(text + 11, 2), minute = number(text + 14, 2), second = number(text + 17, 2);
    if (year < 1900 || year > 2999 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return fg_fail(err, FG_ERR_VALUE, NULL, "\"%.40s\" is not a day of the years 1900 to 2999; %s", text, form);
    if (hour > 23 || minute > 59 || second > 59)
        return fg_fail(err, FG_ERR_VALUE, NULL, "\"%.40s\" is not a time of day (leap seconds are not used); %s", text,
                       form);
    *seconds = days_from_civil(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second -
               (int64_t)offset_minutes * 60;
    return FG_OK;
}

static char *put_number(char *at, int value, int count)
{
    for (int i = count - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + count;
}

const char *fg_instant_format(int64_t seconds, char buffer[FG_INSTANT_TEXT])
{
    static const int64_t first = INT64_C(-62167219200), last = INT64_C(253402300799); /* years 0000 and 9999 */
    seconds = seconds < first ? first : seconds > last ? last : seconds;
    int64_t days = seconds / DAY_SECONDS;
    int rest = (int)(seconds % DAY_SECONDS);
    if (rest < 0) {
        rest += DAY_SECONDS;
        days--;
    }
    days += EPOCH_DAYS;
    int era = (int)((days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS);
    int day_of_era = (int)(days - (int64_t)era * ERA_DAYS);
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int shifted_month = (5 * day_of_year + 2) / 153; /* 0 is March */
    int day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    int month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;

    char *at = put_number(buffer, era * 400 + year_of_era + (month <= 2), 4);
    *at++ = '-';
    at = put_number(at, month, 2);
    *at++ = '-';
    at = put_number(at, day, 2);
    *at++ = 'T';
    at = put_number(at, rest / 3600, 2);
    *at++ = ':';
    at = put_number(at, rest / 60 % 60, 2);
    *at++ = ':';
    at = put_number(at, rest % 60, 2);
    *at++ = 'Z';
    *at = '\0';
    return buffer;
}

double fg_clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

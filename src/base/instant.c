#include "base/instant.h"
#include "base/date.h"

#include <string.h>
#include <time.h>

enum { DAY_SECONDS = 86400 };

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
    struct fg_date date = {number(text, 4), number(text + 5, 2), number(text + 8, 2)};
    int hour = number(text + 11, 2), minute = number(text + 14, 2), second = number(text + 17, 2);
    if (!fg_date_is_valid(date))
        return fg_fail(err, FG_ERR_VALUE, NULL, "\"%.40s\" is not a day of the years 1900 to 2999; %s", text, form);
    if (hour > 23 || minute > 59 || second > 59)
        return fg_fail(err, FG_ERR_VALUE, NULL, "\"%.40s\" is not a time of day (leap seconds are not used); %s", text,
                       form);
    *seconds = fg_date_number(date) * DAY_SECONDS + hour * 3600 + minute * 60 + second -
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
    char *at = buffer + strlen(fg_date_format(fg_date_of_number(days), buffer));
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

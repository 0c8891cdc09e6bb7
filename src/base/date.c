/* Days are counted in eras of 400 years that start on 1 March (Hinnant, "chrono-compatible low-level date algorithms",
 * 2013): the leap day is then the last day of its year. */
#include "base/date.h"

#include <stddef.h>

enum { ERA_DAYS = 146097, EPOCH_DAYS = 719468 /* 0000-03-01 to 1970-01-01 */ };

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 ? 28 + is_leap : days[month - 1];
}

bool fg_date_is_valid(struct fg_date date)
{
    return date.year >= 1900 && date.year <= 2999 && date.month >= 1 && date.month <= 12 && date.day >= 1 &&
           date.day <= days_in_month(date.year, date.month);
}

int64_t fg_date_number(struct fg_date date)
{
    int march_year = date.month <= 2 ? date.year - 1 : date.year;
    int era = (march_year >= 0 ? march_year : march_year - 399) / 400;
    int year_of_era = march_year - era * 400;
    int day_of_year = (153 * (date.month > 2 ? date.month - 3 : date.month + 9) + 2) / 5 + date.day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

struct fg_date fg_date_of_number(int64_t days)
{
    days += EPOCH_DAYS;
    int era = (int)((days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS);
    int day_of_era = (int)(days - (int64_t)era * ERA_DAYS);
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int shifted_month = (5 * day_of_year + 2) / 153; /* 0 is March */
    struct fg_date date;
    date.day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    date.month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    date.year = era * 400 + year_of_era + (date.month <= 2);
    return date;
}

struct fg_date fg_date_add(struct fg_date date, int32_t days)
{
    return fg_date_of_number(fg_date_number(date) + days);
}

int32_t fg_date_weekday(struct fg_date date)
{
    int64_t number = fg_date_number(date) + 3; /* 1970-01-01 was a Thursday */
    int32_t since_monday = (int32_t)(number % 7);
    return (since_monday < 0 ? since_monday + 7 : since_monday) + 1;
}

int32_t fg_date_compare(struct fg_date a, struct fg_date b)
{
    return a.year != b.year ? a.year - b.year : a.month != b.month ? a.month - b.month : a.day - b.day;
}

enum fg_code fg_date_parse(const char *text, struct fg_date *date, struct fg_error *err)
{
    static const char pattern[] = "dddd-dd-dd";
    int32_t field[3] = {0, 0, 0}, at = 0;
    size_t i = 0;
    for (; pattern[i] != '\0'; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (pattern[i] == 'd' ? !is_digit : text[i] != '-')
            break;
        if (is_digit)
            field[at] = field[at] * 10 + (text[i] - '0');
        else
            at++;
    }
    struct fg_date read = {field[0], field[1], field[2]};
    if (pattern[i] != '\0' || text[i] != '\0')
        return fg_fail(err, FG_ERR_VALUE, NULL, "\"%.40s\" is not a date; write a date as 2030-01-31", text);
    if (!fg_date_is_valid(read))
        return fg_fail(err, FG_ERR_VALUE, NULL, "\"%.40s\" is not a day of the years 1900 to 2999", text);
    *date = read;
    return FG_OK;
}

const char *fg_date_format(struct fg_date date, char buffer[FG_DATE_TEXT])
{
    int32_t field[] = {date.year, date.month, date.day};
    static const int width[] = {4, 2, 2};
    char *at = buffer;
    for (int f = 0; f < 3; f++) {
        if (f > 0)
            *at++ = '-';
        for (int i = width[f] - 1; i >= 0; i--, field[f] /= 10)
            at[i] = (char)('0' + field[f] % 10);
        at += width[f];
    }
    *at = '\0';
    return buffer;
}

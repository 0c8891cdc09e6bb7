#include "market/baseline.h"
#include "base/memory.h"
#include "base/units.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *const fg_baseline_method_words[] = {"submitted", "days", "before_after", "control_group", NULL};
const char *const fg_baseline_pick_words[] = {"highest", "middle", "newest", NULL};
const char *const fg_baseline_adjustment_words[] = {"none", "additive", "ratio", NULL};

__extension__ typedef __int128 wide;

enum { ONE = 1000000, UNITS_MAX = 35136, LOOK_BACK_MAX = 400 };

static int compare_dates(const void *a, const void *b)
{
    return fg_date_compare(*(const struct fg_date *)a, *(const struct fg_date *)b);
}

static bool has_date(const struct fg_day_list *list, struct fg_date date)
{
    return list->count > 0 && bsearch(&date, list->dates, list->count, sizeof date, compare_dates) != NULL;
}

bool fg_day_is_working(const struct fg_day_list *holidays, struct fg_date date)
{
    return fg_date_weekday(date) <= 5 && !has_date(holidays, date);
}

enum fg_code fg_baseline_rule_check(const struct fg_baseline_rule *rule, struct fg_error *err)
{
    const char *wrong = NULL;
    switch (rule->method) {
    case FG_BASELINE_SUBMITTED:
        break;
    case FG_BASELINE_DAYS:
        if (rule->days < 1 || rule->days > FG_BASELINE_DAYS_MAX || rule->days_used < 1 || rule->days_used > rule->days)
            wrong = "x of y days needs 1 <= x <= y <= 60";
        else if (rule->look_back_days < rule->days || rule->look_back_days > LOOK_BACK_MAX)
            wrong = "the look-back must be at least y days and at most 400";
        else if (rule->adjustment != FG_BASELINE_UNADJUSTED &&
                 (rule->window_units < 1 || rule->window_units > UNITS_MAX || rule->window_lead_units < 0 ||
                  rule->window_lead_units > UNITS_MAX))
            wrong = "an adjustment needs a window of at least one unit before the event";
        else if (rule->adjustment != FG_BASELINE_UNADJUSTED && (rule->cap_u < 0 || rule->cap_u > 100 * (int64_t)ONE))
            wrong = "the cap of the adjustment must be between 0 and 100";
        break;
    case FG_BASELINE_BEFORE_AFTER:
        if (rule->before_units < 0 || rule->after_units < 0 || rule->before_units + (int64_t)rule->after_units < 1 ||
            rule->before_units > UNITS_MAX || rule->after_units > UNITS_MAX)
            wrong = "before and after need at least one unit between them";
        break;
    case FG_BASELINE_CONTROL_GROUP:
        if (rule->calibration_units < 1 || rule->calibration_units > UNITS_MAX)
            wrong = "a control group needs at least one unit of calibration before the event";
        break;
    }
    return wrong == NULL ? FG_OK : fg_fail(err, FG_ERR_ARGUMENT, NULL, "baseline rule: %s", wrong);
}

/* a / b, rounded half away from zero; b > 0. */
static int64_t divide(wide a, int64_t b)
{
    wide magnitude = a < 0 ? -a : a, quotient = (magnitude + b / 2) / b;
    return (int64_t)(a < 0 ? -quotient : quotient);
}

static enum fg_code fail_missing(const struct fg_baseline_input *input, const char *what, int64_t instant,
                                 struct fg_error *err)
{
    struct fg_local_time local = fg_timezone_local(input->zone, instant);
    char date[FG_DATE_TEXT];
    return fg_fail(err, FG_ERR_VALUE, NULL, "%s has no value at %s %02d:%02d local time; supply it or use another baseline",
                   what, fg_date_format(local.date, date), local.second / 3600, local.second / 60 % 60);
}

/* Sum of `units` values from an instant on; fails at the first gap. */
static enum fg_code sum_of(const struct fg_baseline_input *input, const struct fg_readings *series, const char *what,
                           int64_t start_s, int32_t units, wide *sum, struct fg_error *err)
{
    *sum = 0;
    for (int32_t k = 0; k < units; k++) {
        int64_t at = start_s + (int64_t)k * input->meter->step_s, value = fg_readings_at(series, at);
        if (value == FG_READING_MISSING)
            return fail_missing(input, what, at, err);
        *sum += value;
    }
    return FG_OK;
}

/* -- x of y days ----------------------------------------------------------------------------------------------------- */

enum { VALUE_ABSENT, VALUE_GAP, VALUE_THERE };

/* Energy of a reference day at the local time of the event's unit that begins at `instant`, `day_shift` days earlier. */
static int value_on(const struct fg_baseline_input *input, int64_t instant, int32_t day_shift, int64_t *value)
{
    struct fg_local_time local = fg_timezone_local(input->zone, instant);
    struct fg_date date = fg_date_add(local.date, -day_shift);
    int64_t at = fg_timezone_instant(input->zone, date, local.second, local.fold);
    struct fg_local_time found = fg_timezone_local(input->zone, at);
    if (found.second != local.second || fg_date_compare(found.date, date) != 0)
        return VALUE_ABSENT; /* the clock skipped this time */
    *value = fg_readings_at(input->meter, at);
    return *value == FG_READING_MISSING ? VALUE_GAP : VALUE_THERE;
}

struct candidate {
    int32_t shift;     /* days before the event */
    wide exchange; /* |energy| in the event's units */
};

static int by_exchange(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->exchange != y->exchange ? (x->exchange < y->exchange ? 1 : -1) : x->shift - y->shift;
}
static int by_age(const void *a, const void *b)
{
    return ((const struct candidate *)a)->shift - ((const struct candidate *)b)->shift;
}

/* Units from `first` (relative to the event, may be negative) to event_units: all have a value or are absent that day? */
static bool is_complete(const struct fg_baseline_input *input, int32_t first, int32_t last, int32_t shift,
                        wide *exchange)
{
    wide sum = 0;
    bool any = false;
    for (int32_t k = first; k < last; k++) {
        int64_t value = 0;
        int found = value_on(input, input->event_start_s + (int64_t)k * input->meter->step_s, shift, &value);
        if (found == VALUE_GAP)
            return false;
        if (found == VALUE_THERE && k >= 0) {
            sum += value;
            any = true;
        }
    }
    *exchange = sum < 0 ? -sum : sum;
    return any || last <= 0;
}

static int32_t find_days(const struct fg_baseline_rule *rule, const struct fg_baseline_input *input,
                         struct candidate *candidates, struct fg_baseline_account *account)
{
    struct fg_date event_day = fg_timezone_local(input->zone, input->event_start_s).date;
    bool working = fg_day_is_working(&input->holidays, event_day);
    bool adjusts = rule->adjustment != FG_BASELINE_UNADJUSTED;
    int32_t count = 0;
    for (int32_t shift = 1; shift <= rule->look_back_days && count < rule->days; shift++) {
        struct fg_date day = fg_date_add(event_day, -shift);
        struct candidate *candidate = &candidates[count];
        candidate->shift = shift;
        if (fg_day_is_working(&input->holidays, day) != working || has_date(&input->excluded, day) ||
            !is_complete(input, 0, input->event_units, shift, &candidate->exchange)) {
            account->days_passed_over++;
            continue;
        }
        wide ignored;
        if (adjusts && !is_complete(input, -rule->window_lead_units - rule->window_units, -rule->window_lead_units, shift,
                                    &ignored)) {
            account->days_passed_over++;
            continue;
        }
        count++;
    }
    return count;
}

/* Mean of the chosen days at unit k; FG_READING_MISSING when none of them has it. */
static int64_t mean_at(const struct fg_baseline_input *input, const struct candidate *days, int32_t day_count, int32_t k)
{
    wide sum = 0;
    int32_t count = 0;
    for (int32_t d = 0; d < day_count; d++) {
        int64_t value = 0;
        if (value_on(input, input->event_start_s + (int64_t)k * input->meter->step_s, days[d].shift, &value) == VALUE_THERE) {
            sum += value;
            count++;
        }
    }
    return count > 0 ? divide(sum, count) : FG_READING_MISSING;
}

static enum fg_code adjust(const struct fg_baseline_rule *rule, const struct fg_baseline_input *input,
                           const struct candidate *days, int64_t *values, struct fg_baseline_account *account,
                           struct fg_error *err)
{
    wide measured = 0, expected = 0, magnitude = 0;
    int32_t first = -rule->window_lead_units - rule->window_units;
    int32_t units = 0;
    for (int32_t k = first; k < -rule->window_lead_units; k++) {
        int64_t at = input->event_start_s + (int64_t)k * input->meter->step_s;
        int64_t value = fg_readings_at(input->meter, at), mean = mean_at(input, days, account->day_count, k);
        if (value == FG_READING_MISSING)
            return fail_missing(input, "the meter", at, err);
        if (mean == FG_READING_MISSING)
            continue; /* an hour that no reference day has */
        measured += value;
        expected += mean;
        units++;
    }
    account->window_measured_ws = (int64_t)measured;
    account->window_baseline_ws = (int64_t)expected;
    if (units == 0)
        return FG_OK;
    if (rule->adjustment == FG_BASELINE_ADDITIVE) {
        for (int32_t k = 0; k < input->event_units; k++)
            magnitude += values[k] < 0 ? -(wide)values[k] : values[k];
        int64_t added = divide(measured - expected, units);
        int64_t limit = divide(magnitude * rule->cap_u / ONE, input->event_units);
        account->added_ws = added > limit ? limit : added < -limit ? -limit : added;
        for (int32_t k = 0; k < input->event_units; k++)
            values[k] += account->added_ws;
    } else {
        bool comparable = expected != 0 && (measured < 0) == (expected < 0);
        wide a = measured < 0 ? -measured : measured, b = expected < 0 ? -expected : expected;
        wide factor = comparable ? (a * ONE + b / 2) / b : ONE;
        wide low = ONE - rule->cap_u, high = ONE + rule->cap_u;
        low = low < 0 ? 0 : low;
        account->factor_u = (int64_t)(factor < low ? low : factor > high ? high : factor);
        for (int32_t k = 0; k < input->event_units; k++)
            values[k] = divide((wide)values[k] * account->factor_u, ONE);
    }
    return FG_OK;
}

static enum fg_code by_days(const struct fg_baseline_rule *rule, const struct fg_baseline_input *input, int64_t *values,
                            struct fg_baseline_account *account, struct fg_error *err)
{
    struct candidate candidates[FG_BASELINE_DAYS_MAX];
    int32_t found = find_days(rule, input, candidates, account);
    if (found < rule->days)
        return fg_fail(err, FG_ERR_VALUE, NULL,
                       "only %d of %d reference days within %d days have complete readings of the right kind of day; "
                       "supply older readings or agree on another baseline", found, rule->days, rule->look_back_days);
    int32_t skip = 0;
    if (rule->pick != FG_BASELINE_NEWEST) {
        qsort(candidates, (size_t)found, sizeof *candidates, by_exchange);
        if (rule->pick == FG_BASELINE_MIDDLE)
            skip = (rule->days - rule->days_used) / 2;
    }
    memmove(candidates, candidates + skip, (size_t)rule->days_used * sizeof *candidates);
    qsort(candidates, (size_t)rule->days_used, sizeof *candidates, by_age);
    struct fg_date event_day = fg_timezone_local(input->zone, input->event_start_s).date;
    account->day_count = rule->days_used;
    for (int32_t d = 0; d < rule->days_used; d++)
        account->days[d] = fg_date_add(event_day, -candidates[d].shift);
    for (int32_t k = 0; k < input->event_units; k++) {
        values[k] = mean_at(input, candidates, rule->days_used, k);
        if (values[k] == FG_READING_MISSING)
            return fail_missing(input, "every reference day", input->event_start_s + (int64_t)k * input->meter->step_s,
                                err);
    }
    return rule->adjustment == FG_BASELINE_UNADJUSTED ? FG_OK : adjust(rule, input, candidates, values, account, err);
}

/* -- the other methods ----------------------------------------------------------------------------------------------- */

/* Straight line through the mean before, placed at the middle of its units, and the mean after. */
static enum fg_code before_after(const struct fg_baseline_rule *rule, const struct fg_baseline_input *input,
                                 int64_t *values, struct fg_error *err)
{
    int32_t b = rule->before_units, a = rule->after_units, n = input->event_units;
    int64_t step = input->meter->step_s;
    wide before = 0, after = 0;
    enum fg_code code = sum_of(input, input->meter, "the meter", input->event_start_s - (int64_t)b * step, b, &before, err);
    if (code == FG_OK)
        code = sum_of(input, input->meter, "the meter", input->event_start_s + (int64_t)n * step, a, &after, err);
    if (code != FG_OK)
        return code;
    for (int32_t k = 0; k < n; k++) {
        if (b == 0 || a == 0) {
            values[k] = divide(b > 0 ? before : after, b > 0 ? b : a);
            continue;
        }
        /* Positions in half units from the middle of the units before: x of unit k, length of the whole line. */
        int64_t x = b + 1 + 2 * (int64_t)k, length = b + 2 * (int64_t)n + a;
        values[k] = divide(before * a * (length - x) + after * b * x, (int64_t)a * b * length);
    }
    return FG_OK;
}

static enum fg_code control_group(const struct fg_baseline_rule *rule, const struct fg_baseline_input *input,
                                  int64_t *values, struct fg_baseline_account *account, struct fg_error *err)
{
    int64_t step = input->meter->step_s, start = input->event_start_s - (int64_t)rule->calibration_units * step;
    wide own = 0, control = 0;
    enum fg_code code = sum_of(input, input->meter, "the meter", start, rule->calibration_units, &own, err);
    if (code == FG_OK)
        code = sum_of(input, input->control, "the control group", start, rule->calibration_units, &control, err);
    if (code != FG_OK)
        return code;
    if (control == 0 || (own != 0 && (own < 0) != (control < 0)))
        return fg_fail(err, FG_ERR_VALUE, NULL,
                       "the control group is not comparable: before the event it exchanged %s; choose another group",
                       control == 0 ? "nothing" : "energy in the other direction");
    account->window_measured_ws = (int64_t)own;
    account->window_baseline_ws = (int64_t)control;
    wide denominator = control < 0 ? -control : control, numerator = control < 0 ? -own : own;
    account->factor_u = (int64_t)((numerator * ONE + denominator / 2) / denominator);
    for (int32_t k = 0; k < input->event_units; k++) {
        int64_t at = input->event_start_s + (int64_t)k * step, value = fg_readings_at(input->control, at);
        if (value == FG_READING_MISSING)
            return fail_missing(input, "the control group", at, err);
        values[k] = divide((wide)value * account->factor_u, ONE);
    }
    return FG_OK;
}

enum fg_code fg_baseline_compute(const struct fg_baseline_rule *rule, const struct fg_baseline_input *input,
                                 int64_t *values, struct fg_baseline_account *account, struct fg_error *err)
{
    struct fg_baseline_account unused;
    account = account != NULL ? account : &unused;
    memset(account, 0, sizeof *account);
    account->factor_u = ONE;
    enum fg_code code = fg_baseline_rule_check(rule, err);
    if (code != FG_OK)
        return code;
    if (input->event_units < 1 || input->event_units > UNITS_MAX || input->meter->step_s <= 0)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "an event has 1 to %d units", UNITS_MAX);
    switch (rule->method) {
    case FG_BASELINE_SUBMITTED:
        for (int32_t k = 0; k < input->event_units; k++) {
            int64_t at = input->event_start_s + (int64_t)k * input->meter->step_s;
            if ((values[k] = fg_readings_at(input->submitted, at)) == FG_READING_MISSING)
                return fail_missing(input, "the submitted baseline", at, err);
        }
        return FG_OK;
    case FG_BASELINE_DAYS:
        return by_days(rule, input, values, account, err);
    case FG_BASELINE_BEFORE_AFTER:
        return before_after(rule, input, values, err);
    case FG_BASELINE_CONTROL_GROUP:
        return control_group(rule, input, values, account, err);
    }
    return FG_OK;
}

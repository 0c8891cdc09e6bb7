#include "base/timezone.h"
#include "base/instant.h"
#include "base/memory.h"

#include <string.h>
#include <unicode/ucal.h>

enum { DAY_SECONDS = 86400, NAME_MAX_BYTES = 64, TRANSITIONS_MAX = 2000 };

/* The offset holds from its instant on to the next one's; the first holds from the beginning of time. */
struct transition {
    int64_t instant;
    int32_t offset_s;
};
struct fg_timezone {
    char name[NAME_MAX_BYTES];
    struct transition *transitions;
    size_t count, capacity;
};

static enum fg_code fail_unknown(const char *name, struct fg_error *err)
{
    return fg_fail(err, FG_ERR_VALUE, NULL,
                   "\"%.60s\" is not a time zone; use a name of the IANA database such as Europe/Athens or UTC", name);
}

static enum fg_code add_offset(struct fg_timezone *zone, UCalendar *calendar, int64_t instant, struct fg_error *err)
{
    UErrorCode status = U_ZERO_ERROR;
    ucal_setMillis(calendar, (double)instant * 1000, &status);
    int32_t offset_ms = ucal_get(calendar, UCAL_ZONE_OFFSET, &status) + ucal_get(calendar, UCAL_DST_OFFSET, &status);
    if (U_FAILURE(status))
        return fg_fail(err, FG_ERR_VALUE, NULL, "time zone %s cannot be read: %s", zone->name, u_errorName(status));
    if (zone->count > 0 && zone->transitions[zone->count - 1].offset_s == offset_ms / 1000)
        return FG_OK; /* only the zone's abbreviation changed */
    if (fg_grow((void **)&zone->transitions, zone->count, &zone->capacity, sizeof *zone->transitions) != 0)
        return fg_fail_memory(err);
    zone->transitions[zone->count++] = (struct transition){instant, offset_ms / 1000};
    return FG_OK;
}

static enum fg_code read_transitions(struct fg_timezone *zone, UCalendar *calendar, struct fg_error *err)
{
    static const struct fg_date end = {2101, 1, 1};
    int64_t last = fg_date_number(end) * DAY_SECONDS, instant = 0;
    enum fg_code code = add_offset(zone, calendar, instant, err);
    while (code == FG_OK && zone->count < TRANSITIONS_MAX) {
        UErrorCode status = U_ZERO_ERROR;
        UDate next;
        ucal_setMillis(calendar, (double)instant * 1000, &status);
        if (!ucal_getTimeZoneTransitionDate(calendar, UCAL_TZ_TRANSITION_NEXT, &next, &status) || U_FAILURE(status))
            break;
        instant = (int64_t)(next / 1000);
        if (instant >= last)
            break;
        code = add_offset(zone, calendar, instant, err);
    }
    return code;
}

enum fg_code fg_timezone_open(const char *name, struct fg_timezone **out, struct fg_error *err)
{
    *out = NULL;
    UChar id[NAME_MAX_BYTES], canonical[NAME_MAX_BYTES];
    size_t length = strlen(name);
    if (length == 0 || length >= NAME_MAX_BYTES)
        return fail_unknown(name, err);
    for (size_t i = 0; i <= length; i++) {
        if ((unsigned char)name[i] >= 0x80)
            return fail_unknown(name, err);
        id[i] = (UChar)name[i];
    }
    /* ICU takes an unknown name for GMT and custom ids such as "GMT+2" for zones; only system names are wanted. */
    UErrorCode status = U_ZERO_ERROR;
    UBool is_system = 0;
    ucal_getCanonicalTimeZoneID(id, (int32_t)length, canonical, NAME_MAX_BYTES, &is_system, &status);
    if (U_FAILURE(status) || !is_system)
        return fail_unknown(name, err);

    struct fg_timezone *zone = fg_alloc(1, sizeof *zone);
    if (zone == NULL)
        return fg_fail_memory(err);
    memcpy(zone->name, name, length + 1);
    UCalendar *calendar = ucal_open(id, (int32_t)length, "en", UCAL_GREGORIAN, &status);
    enum fg_code code = status == U_MEMORY_ALLOCATION_ERROR ? fg_fail_memory(err)
                        : U_FAILURE(status)                 ? fail_unknown(name, err)
                                                            : read_transitions(zone, calendar, err);
    if (calendar != NULL)
        ucal_close(calendar);
    if (code == FG_OK)
        *out = zone;
    else
        fg_timezone_close(zone);
    return code;
}

void fg_timezone_close(struct fg_timezone *zone)
{
    if (zone == NULL)
        return;
    fg_free(zone->transitions);
    fg_free(zone);
}

const char *fg_timezone_name(const struct fg_timezone *zone)
{
    return zone->name;
}

/* Index of the transition in force at an instant. */
static size_t find(const struct fg_timezone *zone, int64_t instant)
{
    size_t low = 0, high = zone->count; /* in force: low <= index < high */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (zone->transitions[middle].instant <= instant)
            low = middle;
        else
            high = middle;
    }
    return low;
}

struct fg_local_time fg_timezone_local(const struct fg_timezone *zone, int64_t instant)
{
    size_t at = find(zone, instant);
    const struct transition *now = &zone->transitions[at];
    int64_t clock = instant + now->offset_s, days = clock / DAY_SECONDS - (clock % DAY_SECONDS < 0);
    struct fg_local_time local = {fg_date_of_number(days), (int32_t)(clock - days * DAY_SECONDS), 0, now->offset_s};
    if (at > 0) { /* clocks went back by less than the time since: the clock shows this time again */
        int32_t back_s = zone->transitions[at - 1].offset_s - now->offset_s;
        local.fold = instant - now->instant < back_s;
    }
    return local;
}

int64_t fg_timezone_instant(const struct fg_timezone *zone, struct fg_date date, int32_t second, int32_t fold)
{
    int64_t clock = fg_date_number(date) * DAY_SECONDS + second;
    /* Offsets are within a day of UTC, so the transitions that matter are near. In force is the last transition after
     * which the clock has shown this time; the one before it may have shown it first. */
    size_t at = find(zone, clock + DAY_SECONDS);
    while (at > 0 && zone->transitions[at].instant + zone->transitions[at].offset_s > clock) {
        const struct transition *now = &zone->transitions[at], *before = &zone->transitions[at - 1];
        if (clock >= now->instant + before->offset_s)
            return now->instant; /* the clock skipped this time */
        at--;
    }
    if (at > 0 && fold == 0 && clock < zone->transitions[at].instant + zone->transitions[at - 1].offset_s)
        at--; /* shown before the clocks went back as well */
    return clock - zone->transitions[at].offset_s;
}

int64_t fg_timezone_day_start(const struct fg_timezone *zone, struct fg_date date)
{
    return fg_timezone_instant(zone, date, 0, 0);
}

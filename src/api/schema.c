#include "api/schema.h"

#include <string.h>

#define FG_EXACT_JSON ((int64_t)1 << 53) /* integers that every JSON reader keeps exactly (RFC 8259, section 6) */

const struct fg_schema fg_schema_id = {
    .kind = FG_SCHEMA_ID, .name = "Id", .description = "Identifier: 1 to 64 letters, digits, `.`, `_`, `:`, `-`",
    .example = "\"asset-17\""};
const struct fg_schema fg_schema_instant = {
    .kind = FG_SCHEMA_INSTANT, .name = "Instant", .description = "RFC 3339 in UTC, whole seconds",
    .example = "\"2025-03-30T01:00:00Z\""};
const struct fg_schema fg_schema_date = {
    .kind = FG_SCHEMA_DATE, .name = "Date", .description = "Calendar day in the market's time zone",
    .example = "\"2025-03-30\""};
const struct fg_schema fg_schema_boolean = {.kind = FG_SCHEMA_BOOLEAN, .example = "true"};
const struct fg_schema fg_schema_email = {
    .kind = FG_SCHEMA_EMAIL, .name = "Email", .description = "Mail address", .example = "\"anna@example.org\""};
const struct fg_schema fg_schema_url = {
    .kind = FG_SCHEMA_URL, .name = "Url", .description = "https address", .example = "\"https://example.org/hook\""};
const struct fg_schema fg_schema_zone = {
    .kind = FG_SCHEMA_ZONE, .name = "TimeZone", .description = "Name of a time zone in the IANA database",
    .example = "\"Europe/Athens\""};
const struct fg_schema fg_schema_currency = {
    .kind = FG_SCHEMA_CURRENCY, .name = "Currency", .description = "ISO 4217 code", .example = "\"EUR\""};
const struct fg_schema fg_schema_name = {
    .kind = FG_SCHEMA_TEXT, .name = "Name", .description = "Name for people", .min_length = 1, .max_length = 200,
    .example = "\"Feeder 3\""};
const struct fg_schema fg_schema_note = {
    .kind = FG_SCHEMA_TEXT, .name = "Note", .description = "Free text", .max_length = 2000, .lines = true,
    .example = "\"Planned outage\""};
const struct fg_schema fg_schema_power = {
    .kind = FG_SCHEMA_DECIMAL, .name = "Power", .description = "MW (Mvar for reactive power); injection is positive",
    .places = 6, .minimum = -(int64_t)1000000000000, .maximum = 1000000000000, .example = "\"1.25\""};
const struct fg_schema fg_schema_power_positive = {
    .kind = FG_SCHEMA_DECIMAL, .name = "PositivePower", .description = "MW (Mvar for reactive power), above zero",
    .places = 6, .minimum = 1, .maximum = 1000000000000, .example = "\"1.25\""};
const struct fg_schema fg_schema_energy = {
    .kind = FG_SCHEMA_DECIMAL, .name = "Energy", .description = "MWh (Mvarh for reactive energy)", .places = 10,
    .minimum = -(int64_t)9000000000000000000, .maximum = 9000000000000000000, .example = "\"0.3125\""};
const struct fg_schema fg_schema_price = {
    .kind = FG_SCHEMA_DECIMAL, .name = "Price",
    .description = "The area's currency per MWh (per MW and hour for availability, per Mvarh for reactive energy)",
    .places = 6, .minimum = -(int64_t)1000000000000, .maximum = 1000000000000, .example = "\"85.5\""};
const struct fg_schema fg_schema_money = {
    .kind = FG_SCHEMA_DECIMAL, .name = "Money", .description = "The area's currency", .places = 6,
    .minimum = -(int64_t)9000000000000000000, .maximum = 9000000000000000000, .example = "\"1234.56\""};
const struct fg_schema fg_schema_count = {.kind = FG_SCHEMA_INTEGER, .maximum = FG_EXACT_JSON, .example = "12"};
const struct fg_schema fg_schema_sequence = {
    .kind = FG_SCHEMA_DECIMAL, .name = "Sequence", .description = "Number in an area's sequence of events",
    .maximum = INT64_MAX, .example = "\"4711\""};
const struct fg_schema fg_schema_page_cursor = {
    .kind = FG_SCHEMA_TEXT, .name = "PageCursor", .description = "Opaque position in a list, valid for the same query",
    .min_length = 1, .max_length = 512, .example = "\"bm9kZS0xMjM\""};

const struct fg_field *fg_schema_field(const struct fg_schema *object, const char *name)
{
    for (size_t i = 0; i < object->field_count; i++)
        if (strcmp(object->fields[i].name, name) == 0)
            return &object->fields[i];
    return NULL;
}

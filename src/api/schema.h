/* Schemas: what a JSON value or a parameter may be, as constant C data.
 *
 * One description gives strict validation (validate.h), the OpenAPI document, the reference page and the help of the
 * command line. There is no untyped object: an object lists its fields, and unknown ones are refused.
 *
 *     static const struct fg_field point_fields[] = {
 *         {"quantity", &fg_schema_power, "Quantity offered", FG_REQUIRED},
 *         {"price", &fg_schema_price, "Price asked", FG_REQUIRED},
 *     };
 *     static const struct fg_schema point = FG_OBJECT("PricePoint", "A step of a price curve", point_fields);
 *     static const struct fg_schema points = FG_ARRAY(&point, 1, 50);
 *
 * Numbers with a unit are decimal strings; `places` is the number of decimals, limits are in units of the last one
 * (places = 6, maximum = 1500000 is "1.5"). Thread rule: constant data. */
#ifndef FG_API_SCHEMA_H
#define FG_API_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fg_schema_kind {
    FG_SCHEMA_OBJECT,
    FG_SCHEMA_ARRAY,
    FG_SCHEMA_TEXT,     /* UTF-8 without control characters (line feed and tab when `lines`), min..max_length characters */
    FG_SCHEMA_SECRET,   /* a password or key: as TEXT, never logged, never in an error */
    FG_SCHEMA_ID,       /* [A-Za-z0-9._:-], 1 to 64 characters */
    FG_SCHEMA_EMAIL,    /* one '@', no blanks, at most 254 characters */
    FG_SCHEMA_URL,      /* https://host[:port][/path], at most 2000 characters */
    FG_SCHEMA_DECIMAL,  /* decimal string "-12.5" with at most `places` decimals, within [minimum, maximum] */
    FG_SCHEMA_INSTANT,  /* RFC 3339 in UTC, whole seconds: "2025-03-30T00:15:00Z" */
    FG_SCHEMA_DATE,     /* "2025-03-30" */
    FG_SCHEMA_ZONE,     /* name of a time zone: "Europe/Athens" */
    FG_SCHEMA_CURRENCY, /* three capital letters */
    FG_SCHEMA_ENUM,     /* one of `words` */
    FG_SCHEMA_INTEGER,  /* JSON integer within [minimum, maximum] */
    FG_SCHEMA_NUMBER,   /* JSON number within [number_minimum, number_maximum]: coordinates, per-unit values */
    FG_SCHEMA_BOOLEAN,
    FG_SCHEMA_UNION     /* object: `discriminator` is a field whose word selects the variant */
};

struct fg_schema {
    enum fg_schema_kind kind;
    const char *name;        /* component of the OpenAPI document, unique; NULL: written in place */
    const char *description; /* one sentence; may be NULL for unnamed schemas */
    const char *example;     /* JSON text; NULL: none */
    const struct fg_field *fields;
    size_t field_count;
    const struct fg_schema *items;
    size_t min_items, max_items;
    size_t min_length, max_length;
    bool lines;
    const char *const *words; /* NULL-terminated */
    int64_t minimum, maximum; /* both 0 in a decimal: unlimited */
    int places;
    double number_minimum, number_maximum;
    const char *discriminator; /* an ENUM field that every variant has */
    const struct fg_schema *const *variants; /* NULL-terminated, one per word of the discriminator in the same order */
};

enum fg_field_flag {
    FG_REQUIRED = 1,
    FG_NULLABLE = 2, /* null is allowed and means "none" */
};

struct fg_field {
    const char *name;
    const struct fg_schema *schema;
    const char *description;
    unsigned flags;
};

#define FG_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define FG_OBJECT(component, text, members)                                                                            \
    {.kind = FG_SCHEMA_OBJECT, .name = (component), .description = (text), .fields = (members),                        \
     .field_count = FG_COUNT_OF(members)}
#define FG_ARRAY(item, least, most) {.kind = FG_SCHEMA_ARRAY, .items = (item), .min_items = (least), .max_items = (most)}
#define FG_TEXT(least, most) {.kind = FG_SCHEMA_TEXT, .min_length = (least), .max_length = (most)}
#define FG_ENUM(component, text, list) {.kind = FG_SCHEMA_ENUM, .name = (component), .description = (text), .words = (list)}
#define FG_INTEGER(least, most) {.kind = FG_SCHEMA_INTEGER, .minimum = (least), .maximum = (most)}
#define FG_DECIMAL(decimals, least, most)                                                                              \
    {.kind = FG_SCHEMA_DECIMAL, .places = (decimals), .minimum = (least), .maximum = (most)}

/* Schemas that every operation shares. */
extern const struct fg_schema fg_schema_id, fg_schema_instant, fg_schema_date, fg_schema_boolean, fg_schema_email,
    fg_schema_url, fg_schema_zone, fg_schema_currency;
extern const struct fg_schema fg_schema_name;    /* 1 to 200 characters */
extern const struct fg_schema fg_schema_note;    /* 0 to 2000 characters, lines */
extern const struct fg_schema fg_schema_power;   /* MW or Mvar, whole watts, either sign */
extern const struct fg_schema fg_schema_power_positive;
extern const struct fg_schema fg_schema_energy;  /* MWh or Mvarh with up to 10 decimals */
extern const struct fg_schema fg_schema_price;   /* currency per MWh, micro-units, either sign */
extern const struct fg_schema fg_schema_money;   /* currency, micro-units, either sign */
extern const struct fg_schema fg_schema_count;   /* integer from 0 to 2^53 */
extern const struct fg_schema fg_schema_sequence; /* opaque position, as string of digits */

/* Field of an object, NULL when there is none of that name. */
const struct fg_field *fg_schema_field(const struct fg_schema *object, const char *name);

#endif

/* Operations on market areas, products, networks and grid locations. */
#include "api/operations_registry.h"

#include "api/registry_call.h"
#include "atp/market.h"
#include "base/units.h"
#include "grid/network_read.h"
#include "market/baseline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct fg_response no_content[] = {{204, "Done", NULL, NULL, NULL}, {0}};
static const struct fg_param area_path[] = {{"area", &fg_schema_id, "Market area", true}, {0}};

/* ---- areas ---- */
static const char *const mode_words[] = {"off", "dc", "ac", NULL};
static const char *const stale_words[] = {"block", "fallback", NULL};
static const struct fg_schema mode = FG_ENUM(NULL, NULL, mode_words);
static const struct fg_schema stale = FG_ENUM(NULL, NULL, stale_words);
static const struct fg_schema period = FG_INTEGER(300, 3600);
static const struct fg_schema step = FG_DECIMAL(6, 1, 1000000000);
#define AREA_TERMS(required)                                                                                           \
    {"name", &fg_schema_name, "Name", FG_REQUIRED},                                                                    \
    {"price_min", &fg_schema_price, "Lowest price of an order", FG_REQUIRED},                                          \
    {"price_max", &fg_schema_price, "Highest price of an order", FG_REQUIRED},                                         \
    {"size_max", &fg_schema_power_positive, "Largest quantity of an order in a period", FG_REQUIRED},                  \
    {"network_mode", &mode, "How the grid counts in continuous trading", FG_REQUIRED},                                 \
    {"stale_rule", &stale, "Without a fresh operating point: `block` network-aware trading, or fall back", FG_REQUIRED}, \
    {"network", &fg_schema_id, "Network of the area", required}
#define AREA_FOR_EVER                                                                                                  \
    {"currency", &fg_schema_currency, "Currency", FG_REQUIRED}, {"time_zone", &fg_schema_zone, "Zone of its days", FG_REQUIRED}, \
    {"period_seconds", &period, "Market time unit: 300, 900, 1800 or 3600", FG_REQUIRED},                              \
    {"tick", &step, "Quantities are multiples", FG_REQUIRED}, {"price_step", &step, "Prices are multiples", FG_REQUIRED}
static const struct fg_field area_fields[] = {
    {"id", &fg_schema_id, "Market area", FG_REQUIRED}, {"operator", &fg_schema_id, "Its FMO", FG_REQUIRED},
    AREA_TERMS(FG_REQUIRED | FG_NULLABLE), AREA_FOR_EVER, {"created", &fg_schema_instant, "Since when", FG_REQUIRED}};
static const struct fg_schema area_schema = FG_OBJECT("Area", "A market area: one book", area_fields);
FG_PAGE_SCHEMA(area_page, &area_schema, "AreaPage", "Market areas");
static const struct fg_field area_change_fields[] = {AREA_TERMS(FG_NULLABLE)};
static const struct fg_schema area_change = FG_OBJECT("AreaTerms", "What of a market area can change", area_change_fields);
static const struct fg_field area_new_fields[] = {AREA_TERMS(FG_NULLABLE), AREA_FOR_EVER};
static const struct fg_schema area_new = FG_OBJECT("NewArea", "A market area to be set up; a network comes later", area_new_fields);
static const struct fg_response area_responses[] = {{200, "The area", &area_schema, NULL, NULL}, {0}};
static const struct fg_response area_created[] = {{201, "Set up", &area_schema, NULL, NULL}, {0}};
static const struct fg_response areas_responses[] = {{200, "A page", &area_page, NULL, NULL}, {0}};

static enum fg_code read_area(const struct fg_json_cursor *body, struct fg_area *area, struct fg_error *err)
{
    *area = (struct fg_area){
        .name = fg_member_text(body, "name", ""), .currency = fg_member_text(body, "currency", ""),
        .time_zone = fg_member_text(body, "time_zone", ""), .network_mode = fg_member_text(body, "network_mode", "off"),
        .stale_rule = fg_member_text(body, "stale_rule", "block"),
        .period_s = json_integer_value(fg_json_member(body, "period_seconds").value),
        .tick_w = fg_member_decimal(body, "tick", 6, 1), .price_step_u = fg_member_decimal(body, "price_step", 6, 1),
        .price_min_u = fg_member_decimal(body, "price_min", 6, 0), .price_max_u = fg_member_decimal(body, "price_max", 6, 0),
        .size_max_w = fg_member_decimal(body, "size_max", 6, 0)};
    return fg_member_id(body, "network", FG_ID_NETWORK, &area->network, err);
}
static enum fg_code list_areas(struct fg_call *call, struct fg_error *err)
{
    return fg_call_answer_page(call, &fg_view_areas, 0, err);
}
static enum fg_code get_area(struct fg_call *call, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &id, err);
    return code == FG_OK ? fg_call_answer_one(call, &fg_view_areas, id, err) : code;
}
static enum fg_code create_area_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_area area;
    int64_t id;
    enum fg_code code = read_area(&body, &area, err);
    if (code == FG_OK && area.period_s != 300 && area.period_s != 900 && area.period_s != 1800 && area.period_s != 3600)
        code = fg_fail(err, FG_ERR_VALUE, "#/period_seconds", "is 300, 900, 1800 or 3600");
    if (code == FG_OK)
        code = fg_area_create(registry, &area, &id, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 201, &fg_view_areas, id, err) : code;
}
static enum fg_code create_area(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, create_area_work, err);
}
static enum fg_code change_area_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_area area;
    int64_t id, version;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &id, err);
    if (code == FG_OK)
        code = read_area(&body, &area, err);
    if (code == FG_OK)
        code = fg_call_match(call, registry, &fg_view_areas, id, &version, err);
    if (code == FG_OK)
        code = fg_area_change(registry, id, version, &area, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_areas, id, err) : code;
}
static enum fg_code change_area(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, change_area_work, err);
}

/* ---- products ---- */
static const char *const kind_words[] = {"active", "reactive", "capacity_active", "capacity_reactive", NULL};
static const struct fg_schema kind = FG_ENUM(NULL, NULL, kind_words);
static const struct fg_schema days = FG_INTEGER(0, 365), clock_s = FG_INTEGER(0, 86399), lead_s = FG_INTEGER(0, 31622400);
static const struct fg_schema factor = FG_DECIMAL(6, 0, 100000000), positive = FG_DECIMAL(6, 0, 1000000000000);
static const char *const method_words[] = {"submitted", "days", "before_after", "control_group", NULL};
static const struct fg_schema method = FG_ENUM(NULL, NULL, method_words);
static const struct fg_schema units = FG_INTEGER(0, 1000);
static const struct fg_schema pick = FG_ENUM(NULL, NULL, fg_baseline_pick_words);
static const struct fg_schema adjustment = FG_ENUM(NULL, NULL, fg_baseline_adjustment_words);
static const struct fg_schema cap = FG_DECIMAL(6, 0, 100000000);
static const struct fg_field baseline_fields[] = {
    {"method", &method, "How the baseline is found", FG_REQUIRED},
    {"days", &units, "days: y, how many are looked at", 0},
    {"days_used", &units, "days: x, how many of them count", 0},
    {"look_back_days", &units, "days: no day older than this", 0},
    {"pick", &pick, "days: which of them count; highest by default", 0},
    {"adjustment", &adjustment, "days: by what the day of the event began with; none by default", 0},
    {"window_lead_units", &units, "days, adjusted: periods between the window and the event", 0},
    {"window_units", &units, "days, adjusted: periods of the window", 0},
    {"cap", &cap, "days, adjusted: largest adjustment, as a share of the baseline", 0},
    {"before_units", &units, "before_after: periods before the event", 0},
    {"after_units", &units, "before_after: periods after the event", 0},
    {"calibration_units", &units, "control_group: periods before the event", 0},
};
static const struct fg_schema baseline = FG_OBJECT("BaselineRule", "What a portfolio would have done", baseline_fields);
#define PRODUCT_TERMS                                                                                                  \
    {"opening_days", &days, "The gate opens so many days before the day of delivery", FG_REQUIRED},                    \
    {"opening_clock_seconds", &clock_s, "... at this second of the local clock", FG_REQUIRED},                         \
    {"closure_lead_seconds", &lead_s, "It closes so long before the period", FG_REQUIRED},                             \
    {"tolerance_share", &factor, "Shortfall without penalty, share of the quantity", FG_REQUIRED},                     \
    {"tolerance", &positive, "... or MW, whichever is larger", FG_REQUIRED},                                           \
    {"penalty_factor", &factor, "Penalty as a multiple of the price", FG_REQUIRED},                                    \
    {"penalty", &positive, "Penalty per MWh besides", FG_REQUIRED},                                                    \
    {"baseline_rule", &baseline, "Baseline", FG_REQUIRED}
#define PRODUCT_NAME {"name", &fg_schema_name, "Name", FG_REQUIRED}, {"kind", &kind, "What is traded", FG_REQUIRED}
static const struct fg_field product_fields[] = {{"id", &fg_schema_id, "Product", FG_REQUIRED},
                                                 {"area", &fg_schema_id, "Market area", FG_REQUIRED}, PRODUCT_NAME, PRODUCT_TERMS};
static const struct fg_schema product_schema = FG_OBJECT("Product", "What is traded in an area", product_fields);
FG_PAGE_SCHEMA(product_page, &product_schema, "ProductPage", "Products");
static const struct fg_field product_new_fields[] = {PRODUCT_NAME, PRODUCT_TERMS};
static const struct fg_schema product_new = FG_OBJECT("NewProduct", "A product to be set up", product_new_fields);
static const struct fg_field product_change_fields[] = {PRODUCT_TERMS};
static const struct fg_schema product_change = FG_OBJECT("ProductTerms", "What of a product can change", product_change_fields);
static const struct fg_response product_responses[] = {{200, "The product", &product_schema, NULL, NULL}, {0}};
static const struct fg_response product_created[] = {{201, "Set up", &product_schema, NULL, NULL}, {0}};
static const struct fg_response products_responses[] = {{200, "A page", &product_page, NULL, NULL}, {0}};
static const struct fg_param product_path[] = {{"product", &fg_schema_id, "Product", true}, {0}};

static enum fg_code read_terms(struct fg_call *call, struct fg_product_terms *terms, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    char *rule = json_dumps(fg_json_member(&body, "baseline_rule").value, JSON_COMPACT);
    *terms = (struct fg_product_terms){
        .name = fg_member_text(&body, "name", NULL), .kind = fg_member_text(&body, "kind", NULL),
        .opening_days = json_integer_value(fg_json_member(&body, "opening_days").value),
        .opening_clock_s = json_integer_value(fg_json_member(&body, "opening_clock_seconds").value),
        .closure_lead_s = json_integer_value(fg_json_member(&body, "closure_lead_seconds").value),
        .tolerance_share_u = fg_member_decimal(&body, "tolerance_share", 6, 0),
        .tolerance_w = fg_member_decimal(&body, "tolerance", 6, 0),
        .penalty_factor_u = fg_member_decimal(&body, "penalty_factor", 6, 0), .penalty_u = fg_member_decimal(&body, "penalty", 6, 0),
        .baseline_rule = rule != NULL ? fg_arena_strdup(fg_call_arena(call), rule) : NULL};
    free(rule);
    return terms->baseline_rule != NULL ? FG_OK : fg_fail_memory(err);
}
static enum fg_code list_products(struct fg_call *call, struct fg_error *err)
{
    int64_t area;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    return code == FG_OK ? fg_call_answer_page(call, &fg_view_products, area, err) : code;
}
static enum fg_code get_product(struct fg_call *call, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "product", FG_ID_PRODUCT, &id, err);
    return code == FG_OK ? fg_call_answer_one(call, &fg_view_products, id, err) : code;
}
static enum fg_code create_product_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_product_terms terms;
    int64_t area, id;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = read_terms(call, &terms, err);
    if (code == FG_OK)
        code = fg_product_create(registry, area, &terms, &id, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 201, &fg_view_products, id, err) : code;
}
static enum fg_code create_product(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, create_product_work, err);
}
static enum fg_code change_product_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_product_terms terms;
    int64_t id, version;
    enum fg_code code = fg_call_id(call, "product", FG_ID_PRODUCT, &id, err);
    if (code == FG_OK)
        code = read_terms(call, &terms, err);
    if (code == FG_OK)
        code = fg_call_match(call, registry, &fg_view_products, id, &version, err);
    if (code == FG_OK)
        code = fg_product_change(registry, id, version, &terms, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_products, id, err) : code;
}
static enum fg_code change_product(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, change_product_work, err);
}

/* ---- networks ---- */
static const struct fg_schema format_text = FG_TEXT(1, 40), hash_text = FG_TEXT(64, 64), note_text = FG_TEXT(0, 2000);
static const struct fg_schema network_name = FG_TEXT(1, 100);
static const char *const note_words[] = {"ignored", "defaulted", "converted", "warning", NULL};
static const struct fg_schema note_kind = FG_ENUM(NULL, NULL, note_words);
static const struct fg_field note_fields[] = {
    {"kind", &note_kind, "What the reader did", FG_REQUIRED},
    {"place", &note_text, "Where", FG_REQUIRED},
    {"text", &note_text, "To what", FG_REQUIRED},
    {"count", &fg_schema_count, "How many alike", FG_REQUIRED},
};
static const struct fg_schema import_note = FG_OBJECT("ImportNote", "A line of the import report", note_fields);
static const struct fg_schema import_notes = FG_ARRAY(&import_note, 0, 100000);
static const struct fg_field network_fields[] = {
    {"id", &fg_schema_id, "Network", FG_REQUIRED}, {"area", &fg_schema_id, "Market area", FG_REQUIRED},
    {"name", &network_name, "Name", FG_REQUIRED}, {"format", &format_text, "Format of the document", FG_REQUIRED},
    {"version", &fg_schema_count, "Version under the name", FG_REQUIRED}, {"sha256", &hash_text, "Hash of the document", FG_REQUIRED},
    {"buses", &fg_schema_count, "Number of buses", FG_REQUIRED}, {"branches", &fg_schema_count, "Number of branches", FG_REQUIRED},
    {"uploaded", &fg_schema_instant, "When", FG_REQUIRED}, {"notes", &import_notes, "Import report", FG_REQUIRED},
};
static const struct fg_schema network_schema = FG_OBJECT("Network", "A version of a network", network_fields);
FG_PAGE_SCHEMA(network_page, &network_schema, "NetworkPage", "Networks");
static const struct fg_response network_responses[] = {{200, "The network", &network_schema, NULL, NULL}, {0}};
static const struct fg_response network_created[] = {{201, "Stored", &network_schema, NULL, NULL}, {0}};
static const struct fg_response networks_responses[] = {{200, "A page", &network_page, NULL, NULL}, {0}};
static const struct fg_response document_responses[] = {{200, "As it was uploaded", NULL, "application/octet-stream", NULL}, {0}};
static const struct fg_param network_path[] = {{"network", &fg_schema_id, "Network", true}, {0}};
static const char *const format_words[] = {"matpower", "flexgrid", "pandapower", "power-grid-model", NULL};
static const struct fg_schema format_word = FG_ENUM(NULL, NULL, format_words);
static const struct fg_param upload_query[] = {
    {"name", &network_name, "Name; the same name makes a new version", true},
    {"format", &format_word, "When it cannot be told from the content", false},
    {0}};

static void write_notes(const struct fg_network *network, struct fg_text *text)
{
    struct fg_json_writer out;
    fg_text_init(text);
    fg_json_writer_init(&out, text, false);
    fg_json_begin_array(&out, NULL);
    for (size_t i = 0; i < network->note_count; i++) {
        const struct fg_note *n = &network->notes[i];
        char cut[400], whole[1000];
        snprintf(cut, sizeof cut, "%.390s", n->place != NULL ? n->place : "");
        snprintf(whole, sizeof whole, "%.990s", n->text != NULL ? n->text : "");
        fg_json_begin_object(&out, NULL);
        fg_json_put_string(&out, "kind", note_words[n->kind]);
        fg_json_put_string(&out, "place", cut);
        fg_json_put_string(&out, "text", whole);
        fg_json_put_integer(&out, "count", (int64_t)n->count);
        fg_json_end_object(&out);
    }
    fg_json_end_array(&out);
}

struct network_job {
    struct fg_call *call;
    int64_t area;
    struct fg_network_upload upload;
};
static enum fg_code store_network(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct network_job *job = context;
    int64_t id;
    enum fg_code code = fg_network_store(registry, job->area, &job->upload, &id, err);
    return code == FG_OK ? fg_call_answer_object(job->call, registry, 201, &fg_view_networks, id, err) : code;
}
static enum fg_code upload_network(struct fg_call *call, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    struct network_job job = {.call = call, .upload = {.name = fg_call_text(call, "name")}};
    struct fg_text notes;
    struct fg_network *network = NULL;
    int word = fg_call_word(call, "format", -1);
    job.upload.bytes = fg_call_body_bytes(call, &job.upload.size_bytes);
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &job.area, err);
    if (code == FG_OK)
        code = fg_network_read_bytes(job.upload.bytes, job.upload.size_bytes, word >= 0 ? format_words[word] : NULL, "network",
                                     &network, err);
    if (code != FG_OK)
        return code;
    const char **buses = fg_arena_alloc(fg_call_arena(call), network->bus_count, sizeof *buses);
    for (size_t i = 0; buses != NULL && i < network->bus_count; i++)
        buses[i] = network->buses[i].id;
    write_notes(network, &notes);
    job.upload.format = word >= 0 ? format_words[word] : "told by content";
    job.upload.notes = notes.data;
    job.upload.buses = buses;
    job.upload.bus_count = network->bus_count;
    job.upload.branch_count = network->branch_count;
    code = buses == NULL || notes.failed ? fg_fail_memory(err)
                                         : fg_registry_run(application->platform, fg_call_principal(call), FG_STORE_WRITE,
                                                           store_network, &job, err);
    fg_text_release(&notes);
    fg_network_destroy(network);
    return code;
}
static enum fg_code list_networks(struct fg_call *call, struct fg_error *err)
{
    int64_t area;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    return code == FG_OK ? fg_call_answer_page(call, &fg_view_networks, area, err) : code;
}
static enum fg_code get_network(struct fg_call *call, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "network", FG_ID_NETWORK, &id, err);
    return code == FG_OK ? fg_call_answer_one(call, &fg_view_networks, id, err) : code;
}
static enum fg_code get_document_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_text content;
    int64_t id;
    fg_text_init(&content);
    enum fg_code code = fg_call_id(call, "network", FG_ID_NETWORK, &id, err);
    if (code == FG_OK)
        code = fg_network_load(registry, id, &content, err);
    if (code == FG_OK)
        fg_call_bytes(call, 200, "application/octet-stream", content.data, content.length);
    fg_text_release(&content);
    return code;
}
static enum fg_code get_document(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, get_document_work, err);
}

/* ---- locations ---- */
static const char *const geometry_words[] = {"Polygon", NULL};
static const struct fg_schema geometry_word = FG_ENUM(NULL, NULL, geometry_words);
static const struct fg_schema degree = {.kind = FG_SCHEMA_NUMBER, .number_minimum = -180, .number_maximum = 180};
static const struct fg_schema position = FG_ARRAY(&degree, 2, 2);
static const struct fg_schema ring = FG_ARRAY(&position, 4, 5000);
static const struct fg_schema rings = FG_ARRAY(&ring, 1, 50);
static const struct fg_field polygon_fields[] = {
    {"type", &geometry_word, "GeoJSON (RFC 7946)", FG_REQUIRED},
    {"coordinates", &rings, "Rings of [longitude, latitude], closed; the first is the outside", FG_REQUIRED},
};
static const struct fg_schema polygon = FG_OBJECT("Polygon", "GeoJSON polygon", polygon_fields);
static const struct fg_schema bus_name = FG_TEXT(1, 100);
static const struct fg_schema bus_names = FG_ARRAY(&bus_name, 0, 20000);
static const struct fg_schema ids = FG_ARRAY(&fg_schema_id, 0, 1000);
static const char *const location_status_words[] = {"published", "closed", NULL};
static const struct fg_schema location_status = FG_ENUM(NULL, NULL, location_status_words);
static const struct fg_schema control_area = FG_TEXT(1, 40);
static const struct fg_field location_fields[] = {
    {"id", &fg_schema_id, "Location", FG_REQUIRED}, {"area", &fg_schema_id, "Market area", FG_REQUIRED},
    {"name", &fg_schema_name, "Name", FG_REQUIRED}, {"parent", &fg_schema_id, "Location above", FG_REQUIRED | FG_NULLABLE},
    {"operator", &fg_schema_id, "System operator", FG_REQUIRED},
    {"priority", &fg_schema_id, "System operator that has priority", FG_REQUIRED | FG_NULLABLE},
    {"control_area", &control_area, "Control area of the TSO", FG_REQUIRED | FG_NULLABLE},
    {"polygon", &polygon, "Where it lies", FG_REQUIRED | FG_NULLABLE}, {"status", &location_status, "Published or closed", FG_REQUIRED},
    {"bus_count", &fg_schema_count, "Buses of its set", FG_REQUIRED}, {"links", &ids, "Locations that it trades with", FG_REQUIRED},
};
static const struct fg_schema location_schema = FG_OBJECT("Location", "A grid location", location_fields);
FG_PAGE_SCHEMA(location_page, &location_schema, "LocationPage", "Locations");
#define LOCATION_TERMS                                                                                                 \
    {"priority", &fg_schema_id, "System operator that has priority", FG_NULLABLE},                                     \
    {"control_area", &control_area, "Control area of the TSO", FG_NULLABLE},                                           \
    {"polygon", &polygon, "Where it lies", FG_NULLABLE}, {"buses", &bus_names, "Its set of buses, all of it", FG_NULLABLE}
static const struct fg_field location_new_fields[] = {{"name", &fg_schema_name, "Name", FG_REQUIRED},
                                                      {"parent", &fg_schema_id, "Location above", FG_NULLABLE}, LOCATION_TERMS};
static const struct fg_schema location_new = FG_OBJECT("NewLocation", "A location to be published", location_new_fields);
static const struct fg_field location_change_fields[] = {LOCATION_TERMS, {"status", &location_status, "Published or closed", 0}};
static const struct fg_schema location_change = FG_OBJECT("LocationChange", "Change of a location", location_change_fields);
static const struct fg_response location_responses[] = {{200, "The location", &location_schema, NULL, NULL}, {0}};
static const struct fg_response location_created[] = {{201, "Published", &location_schema, NULL, NULL}, {0}};
static const struct fg_response locations_responses[] = {{200, "A page", &location_page, NULL, NULL}, {0}};
static const struct fg_param location_path[] = {{"location", &fg_schema_id, "Location", true}, {0}};
static const struct fg_param link_path[] = {{"location", &fg_schema_id, "Location", true}, {"other", &fg_schema_id, "The other one", true}, {0}};

static enum fg_code check_polygon(const json_t *value, struct fg_error *err)
{
    const json_t *list = json_object_get(value, "coordinates");
    for (size_t r = 0; r < json_array_size(list); r++) {
        json_t *points = json_array_get(list, r);
        size_t count = json_array_size(points);
        if (!json_equal(json_array_get(points, 0), json_array_get(points, count - 1)))
            return fg_fail(err, FG_ERR_VALUE, "#/polygon/coordinates", "ring %zu is not closed; end it with its first position", r);
        for (size_t i = 0; i < count; i++) {
            double latitude = json_number_value(json_array_get(json_array_get(points, i), 1));
            if (latitude < -90 || latitude > 90)
                return fg_fail(err, FG_ERR_VALUE, "#/polygon/coordinates", "positions are [longitude, latitude]; %g is no latitude", latitude);
        }
    }
    return FG_OK;
}

static enum fg_code read_location(struct fg_call *call, struct fg_location *location, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call), buses = fg_json_member(&body, "buses"), shape = fg_json_member(&body, "polygon");
    *location = (struct fg_location){.name = fg_member_text(&body, "name", NULL), .control_area = fg_member_text(&body, "control_area", NULL),
                                     .status = fg_member_text(&body, "status", NULL)};
    enum fg_code code = fg_member_id(&body, "parent", FG_ID_LOCATION, &location->parent, err);
    if (code == FG_OK)
        code = fg_member_id(&body, "priority", FG_ID_ORGANISATION, &location->priority, err);
    if (code == FG_OK && json_is_object(shape.value) && (code = check_polygon(shape.value, err)) == FG_OK) {
        char *text = json_dumps(shape.value, JSON_COMPACT);
        location->polygon = text != NULL ? fg_arena_strdup(fg_call_arena(call), text) : NULL;
        free(text);
        if (location->polygon == NULL)
            code = fg_fail_memory(err);
    }
    if (code == FG_OK && json_is_array(buses.value)) {
        location->bus_count = fg_json_count(&buses);
        const char **names = fg_arena_alloc(fg_call_arena(call), location->bus_count + 1, sizeof *names);
        for (size_t i = 0; names != NULL && i < location->bus_count; i++)
            names[i] = json_string_value(fg_json_item(&buses, i).value);
        location->buses = names;
        if (names == NULL)
            code = fg_fail_memory(err);
    }
    return code;
}
static enum fg_code list_locations(struct fg_call *call, struct fg_error *err)
{
    int64_t area;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    return code == FG_OK ? fg_call_answer_page(call, &fg_view_locations, area, err) : code;
}
static enum fg_code get_location(struct fg_call *call, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "location", FG_ID_LOCATION, &id, err);
    return code == FG_OK ? fg_call_answer_one(call, &fg_view_locations, id, err) : code;
}
static enum fg_code create_location_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_location location;
    int64_t area, id;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = read_location(call, &location, err);
    if (code == FG_OK)
        code = fg_location_create(registry, area, &location, &id, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 201, &fg_view_locations, id, err) : code;
}
static enum fg_code create_location(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, create_location_work, err);
}
static enum fg_code change_location_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_location location;
    int64_t id, version;
    enum fg_code code = fg_call_id(call, "location", FG_ID_LOCATION, &id, err);
    if (code == FG_OK)
        code = read_location(call, &location, err);
    if (code == FG_OK)
        code = fg_call_match(call, registry, &fg_view_locations, id, &version, err);
    if (code == FG_OK)
        code = fg_location_change(registry, id, version, &location, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_locations, id, err) : code;
}
static enum fg_code change_location(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, change_location_work, err);
}
static enum fg_code link_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t a, b;
    enum fg_code code = fg_call_id(call, "location", FG_ID_LOCATION, &a, err);
    if (code == FG_OK)
        code = fg_call_id(call, "other", FG_ID_LOCATION, &b, err);
    fg_call_empty(call, 204);
    return code == FG_OK ? fg_location_link(registry, a, b, fg_call_operation(call)->method == FG_PUT, err) : code;
}
static enum fg_code set_link(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, link_work, err);
}

#define AREA_EXAMPLE                                                                                                   \
    "\"name\": \"Athens\", \"price_min\": \"-500\", \"price_max\": \"4000\", \"size_max\": \"100\", \"network_mode\": \"off\", " \
    "\"stale_rule\": \"block\""
#define PRODUCT_EXAMPLE                                                                                                \
    "\"opening_days\": 1, \"opening_clock_seconds\": 36000, \"closure_lead_seconds\": 3600, \"tolerance_share\": \"0.1\", "   \
    "\"tolerance\": \"0\", \"penalty_factor\": \"0.5\", \"penalty\": \"10\", \"baseline_rule\": {\"method\": \"submitted\"}"

static const struct fg_operation operations[] = {
    {.id = "list-areas", .method = FG_GET, .path = "/v1/areas", .api = FG_API_ATP, .tag = "Market areas", .summary = "Market areas",
     .right = "areas.read", .flags = FG_OP_PAGED, .responses = areas_responses, .handle = list_areas},
    {.id = "get-area", .method = FG_GET, .path = "/v1/areas/{area}", .api = FG_API_ATP, .tag = "Market areas", .summary = "One area",
     .right = "areas.read", .path_params = area_path, .responses = area_responses, .handle = get_area},
    {.id = "create-area", .method = FG_POST, .path = "/v1/areas", .api = FG_API_ATP, .tag = "Market areas", .summary = "Set up an area",
     .right = "areas.manage", .flags = FG_KEY_IN_TRANSACTION, .request = &area_new,
     .request_example = "{" AREA_EXAMPLE ", \"currency\": \"EUR\", \"time_zone\": \"Europe/Athens\", \"period_seconds\": 900, \"tick\": "
                        "\"0.001\", \"price_step\": \"0.01\"}",
     .responses = area_created, .handle = create_area},
    {.id = "change-area", .method = FG_PUT, .path = "/v1/areas/{area}", .api = FG_API_ATP, .tag = "Market areas",
     .summary = "Change an area's terms", .right = "areas.manage", .flags = FG_OP_IF_MATCH, .path_params = area_path,
     .request = &area_change, .request_example = "{" AREA_EXAMPLE "}", .responses = area_responses, .handle = change_area},
    {.id = "list-products", .method = FG_GET, .path = "/v1/areas/{area}/products", .api = FG_API_ATP, .tag = "Market areas",
     .summary = "Products of an area", .right = "areas.read", .flags = FG_OP_PAGED, .path_params = area_path,
     .responses = products_responses, .handle = list_products},
    {.id = "get-product", .method = FG_GET, .path = "/v1/products/{product}", .api = FG_API_ATP, .tag = "Market areas",
     .summary = "One product", .right = "areas.read", .path_params = product_path, .responses = product_responses, .handle = get_product},
    {.id = "create-product", .method = FG_POST, .path = "/v1/areas/{area}/products", .api = FG_API_ATP, .tag = "Market areas",
     .summary = "Set up a product", .right = "areas.manage", .flags = FG_KEY_IN_TRANSACTION, .path_params = area_path,
     .request = &product_new, .request_example = "{\"name\": \"Intraday\", \"kind\": \"active\", " PRODUCT_EXAMPLE "}",
     .responses = product_created, .handle = create_product},
    {.id = "change-product", .method = FG_PUT, .path = "/v1/products/{product}", .api = FG_API_ATP, .tag = "Market areas",
     .summary = "Change a product's terms", .right = "areas.manage", .flags = FG_OP_IF_MATCH, .path_params = product_path,
     .request = &product_change, .request_example = "{" PRODUCT_EXAMPLE "}", .responses = product_responses, .handle = change_product},
    {.id = "upload-network", .method = FG_POST, .path = "/v1/areas/{area}/networks", .api = FG_API_ATP, .tag = "Networks",
     .summary = "Upload a network",
     .description = "MATPOWER, pandapower JSON, power-grid-model JSON or the platform's own JSON. It is read and checked; `notes` say what "
                    "was ignored or defaulted.",
     .right = "networks.upload", .path_params = area_path, .query_params = upload_query, .request_media = "application/octet-stream",
     .max_body_bytes = (size_t)32 << 20, .responses = network_created, .handle = upload_network},
    {.id = "list-networks", .method = FG_GET, .path = "/v1/areas/{area}/networks", .api = FG_API_ATP, .tag = "Networks",
     .summary = "Networks that one may see", .right = "networks.read", .flags = FG_OP_PAGED, .path_params = area_path,
     .responses = networks_responses, .handle = list_networks},
    {.id = "get-network", .method = FG_GET, .path = "/v1/networks/{network}", .api = FG_API_ATP, .tag = "Networks",
     .summary = "One network", .right = "networks.read", .path_params = network_path, .responses = network_responses, .handle = get_network},
    {.id = "get-network-document", .method = FG_GET, .path = "/v1/networks/{network}/document", .api = FG_API_ATP, .tag = "Networks",
     .summary = "The network's document", .right = "networks.read", .path_params = network_path, .responses = document_responses,
     .handle = get_document},
    {.id = "list-locations", .method = FG_GET, .path = "/v1/areas/{area}/locations", .api = FG_API_ATP, .tag = "Grid locations",
     .summary = "Locations of an area", .right = "locations.read", .flags = FG_OP_PAGED, .path_params = area_path,
     .responses = locations_responses, .handle = list_locations},
    {.id = "get-location", .method = FG_GET, .path = "/v1/locations/{location}", .api = FG_API_ATP, .tag = "Grid locations",
     .summary = "One location", .right = "locations.read", .path_params = location_path, .responses = location_responses,
     .handle = get_location},
    {.id = "create-location", .method = FG_POST, .path = "/v1/areas/{area}/locations", .api = FG_API_ATP, .tag = "Grid locations",
     .summary = "Publish a location", .right = "locations.manage", .flags = FG_KEY_IN_TRANSACTION, .path_params = area_path,
     .request = &location_new, .request_example = "{\"name\": \"Feeder 3\", \"control_area\": \"GR\", \"buses\": [\"12\", \"13\"]}",
     .responses = location_created, .handle = create_location},
    {.id = "change-location", .method = FG_PATCH, .path = "/v1/locations/{location}", .api = FG_API_ATP, .tag = "Grid locations",
     .summary = "Change or close a location", .right = "locations.manage", .flags = FG_OP_IF_MATCH, .path_params = location_path,
     .request = &location_change, .request_example = "{\"status\": \"closed\"}", .responses = location_responses, .handle = change_location},
    {.id = "link-locations", .method = FG_PUT, .path = "/v1/locations/{location}/links/{other}", .api = FG_API_ATP,
     .tag = "Grid locations", .summary = "Let two locations trade with each other", .right = "locations.link", .path_params = link_path,
     .responses = no_content, .handle = set_link},
    {.id = "unlink-locations", .method = FG_DELETE, .path = "/v1/locations/{location}/links/{other}", .api = FG_API_ATP,
     .tag = "Grid locations", .summary = "End a link", .right = "locations.link", .path_params = link_path, .responses = no_content,
     .handle = set_link},
};
const struct fg_operation_set fg_market_operations = FG_OPERATIONS(operations);

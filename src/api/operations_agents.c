/* Operations of market agents: what is fetched from where, and what it has given. */
#include "api/operations_gateway.h"

#include "api/rows.h"
#include "base/instant.h"
#include "base/units.h"
#include "gateway/agent.h"

#include <string.h>

#define AGENTS .api = FG_API_DB, .tag = "Market data"

enum { VALUES_MAX = 20000 };
static const char *const quality_words[] = {"measured", "estimated", "substituted", "suspect", NULL};
static const struct fg_schema url_text = FG_TEXT(8, 2000);
static const struct fg_schema member_text = FG_TEXT(0, 200);
static const struct fg_schema unit_text = FG_TEXT(1, 15);
static const struct fg_schema short_text = FG_TEXT(0, 400);
static const struct fg_schema source_text = FG_TEXT(1, 200);
static const struct fg_schema places = FG_INTEGER(0, 6);
static const struct fg_schema step = FG_INTEGER(1, 86400);
static const struct fg_schema every = FG_INTEGER(10, 86400);
static const struct fg_schema stale = FG_INTEGER(10, 31536000);
static const struct fg_schema format_schema = FG_ENUM("AgentFormat", "Form of the answer", fg_agent_format_words);
static const struct fg_schema quality_schema = FG_ENUM("AgentQuality", "Quality given to each value", quality_words);
static const struct fg_param agent_path[] = {{"market_agent", &fg_schema_id, "Market agent", true}, {0}};
static const struct fg_response done_responses[] = {{204, "Done", NULL, NULL, NULL}, {0}};
static const struct fg_response made_responses[] = {{201, "Made; it fetches at once", &fg_schema_made, NULL, "{\"id\":\"agt-1\"}"}, {0}};

#define ENTRY_FIELDS                                                                                                   \
    {"name", &fg_schema_name, "One's own name for it", FG_REQUIRED},                                                   \
        {"url", &url_text, "What is fetched, https", FG_REQUIRED},                                                     \
        {"format", &format_schema, "Form of the answer", FG_REQUIRED},                                                 \
        {"rows", &member_text, "JSON pointer of the array; empty: the document itself, or CSV", FG_REQUIRED},           \
        {"time", &member_text, "Instant: JSON pointer in an item, or CSV column", FG_REQUIRED},                        \
        {"value", &member_text, "Value: JSON pointer in an item, or CSV column", FG_REQUIRED},                         \
        {"unit", &unit_text, "Of the values, as EUR/MWh", FG_REQUIRED},                                                \
        {"places", &places, "Decimals that are kept", FG_REQUIRED},                                                    \
        {"step_seconds", &step, "Instants are multiples of it", FG_REQUIRED},                                          \
        {"every_seconds", &every, "Between two fetches", FG_REQUIRED},                                                 \
        {"stale_seconds", &stale, "Without a good answer for so long it is stale", FG_REQUIRED},                       \
        {"quality", &quality_schema, "Given to each value", FG_REQUIRED},                                              \
        {"source", &source_text, "Who publishes it", FG_REQUIRED},                                                     \
    {                                                                                                                  \
        "licence", &source_text, "Under which terms", FG_REQUIRED                                                      \
    }
#define ENTRY_EXAMPLE                                                                                                  \
    "\"name\":\"Day-ahead prices\",\"url\":\"https://prices.example/day-ahead.json\",\"format\":\"json\",\"rows\":\"/prices\",\"time\":\"/start\","  \
    "\"value\":\"/eur_per_mwh\",\"unit\":\"EUR/MWh\",\"places\":2,\"step_seconds\":900,\"every_seconds\":300,\"stale_seconds\":3600,"         \
    "\"quality\":\"measured\",\"source\":\"Example exchange\",\"licence\":\"CC BY 4.0\""
static const struct fg_field entry_fields[] = {ENTRY_FIELDS};
static const struct fg_schema entry_schema = FG_OBJECT("NewMarketAgent", "Data of an external market", entry_fields);

static int64_t quality_of(int word)
{
    return word > 0 ? INT64_C(1) << (word - 1) : 0;
}

static enum fg_code take_agent(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_agent agent = {.name = fg_member_text(&body, "name", ""),
                             .url = fg_member_text(&body, "url", ""),
                             .format = (enum fg_agent_format)fg_member_word(&body, "format", fg_agent_format_words, 0),
                             .rows = fg_member_text(&body, "rows", ""),
                             .time_member = fg_member_text(&body, "time", ""),
                             .value_member = fg_member_text(&body, "value", ""),
                             .unit = fg_member_text(&body, "unit", ""),
                             .source = fg_member_text(&body, "source", ""),
                             .licence = fg_member_text(&body, "licence", ""),
                             .quality = quality_of(fg_member_word(&body, "quality", quality_words, 0))};
    const struct {
        const char *name;
        int64_t *value;
    } numbers[] = {{"places", &agent.places}, {"step_seconds", &agent.step_s}, {"every_seconds", &agent.every_s}, {"stale_seconds", &agent.stale_s}};
    int64_t id;
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < FG_COUNT_OF(numbers); i++)
        code = fg_json_get_integer(&body, numbers[i].name, numbers[i].value, err);
    if (code == FG_OK && strlen(agent.unit) > 15)
        code = fg_fail(err, FG_ERR_VALUE, "#/unit", "a unit has at most 15 bytes");
    if (code == FG_OK)
        code = fg_agent_create(registry, &application->outbound, &agent, &id, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_AGENT, id);
    return code;
}
static enum fg_code create_agent(struct fg_call *call, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    enum fg_code code = fg_call_change(call, take_agent, err);
    if (code == FG_OK)
        fg_gateway_wake(application->gateway);
    return code;
}
static enum fg_code take_end(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "market_agent", FG_ID_AGENT, &id, err);
    if (code == FG_OK)
        code = fg_agent_delete(registry, id, err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code delete_agent(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_end, err);
}

/* ---- reading ---- */
static const struct fg_field agent_fields[] = {
    {"id", &fg_schema_id, "Market agent", FG_REQUIRED},
    ENTRY_FIELDS,
    {"stale", &fg_schema_boolean, "No good answer for stale_seconds", FG_REQUIRED},
    {"fetched_at", &fg_schema_instant, "Last good answer", FG_REQUIRED | FG_NULLABLE},
    {"latest", &fg_schema_instant, "Instant of the latest value", FG_REQUIRED | FG_NULLABLE},
    {"failing_since", &fg_schema_instant, "No answer is good since", FG_REQUIRED | FG_NULLABLE},
    {"failure", &short_text, "What is wrong with the last one", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema agent_schema = FG_OBJECT("MarketAgent", "Data of an external market that is fetched", agent_fields);
FG_PAGE_SCHEMA(agent_page, &agent_schema, "MarketAgentPage", "Market agents");
#define AGENT_EXAMPLE                                                                                                  \
    "{\"id\":\"agt-1\"," ENTRY_EXAMPLE ",\"stale\":false,\"fetched_at\":\"2025-03-29T12:00:00Z\",\"latest\":\"2025-03-30T21:45:00Z\","          \
    "\"failing_since\":null,\"failure\":null}"
static const struct fg_response page_responses[] = {{200, "Agents", &agent_page, NULL, "{\"items\":[" AGENT_EXAMPLE "],\"next\":null}"}, {0}};
static const struct fg_column agent_columns[] = {
    {"id", FG_COLUMN_ID, FG_ID_AGENT, NULL}, {"name", FG_COLUMN_TEXT, FG_ID_AGENT, NULL}, {"url", FG_COLUMN_TEXT, FG_ID_AGENT, NULL},
    {"format", FG_COLUMN_TEXT, FG_ID_AGENT, NULL}, {"rows", FG_COLUMN_TEXT, FG_ID_AGENT, NULL}, {"time", FG_COLUMN_TEXT, FG_ID_AGENT, NULL},
    {"value", FG_COLUMN_TEXT, FG_ID_AGENT, NULL}, {"unit", FG_COLUMN_TEXT, FG_ID_AGENT, NULL}, {"places", FG_COLUMN_COUNT, FG_ID_AGENT, NULL},
    {"step_seconds", FG_COLUMN_COUNT, FG_ID_AGENT, NULL}, {"every_seconds", FG_COLUMN_COUNT, FG_ID_AGENT, NULL},
    {"stale_seconds", FG_COLUMN_COUNT, FG_ID_AGENT, NULL}, {"quality", FG_COLUMN_TEXT, FG_ID_AGENT, NULL}, {"source", FG_COLUMN_TEXT, FG_ID_AGENT, NULL},
    {"licence", FG_COLUMN_TEXT, FG_ID_AGENT, NULL}, {"stale", FG_COLUMN_BOOLEAN, FG_ID_AGENT, NULL}, {"fetched_at", FG_COLUMN_INSTANT, FG_ID_AGENT, NULL},
    {"latest", FG_COLUMN_SECONDS, FG_ID_AGENT, NULL}, {"failing_since", FG_COLUMN_INSTANT, FG_ID_AGENT, NULL},
    {"failure", FG_COLUMN_TEXT, FG_ID_AGENT, NULL}, {0}};
static enum fg_code put_agents(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    return fg_rows_page(
        call, registry,
        "SELECT id, id, name, url, format, rows, time_member, value_member, unit, places, step_s, every_s, stale_s, CASE quality WHEN 0 THEN "
        "'measured' WHEN 1 THEN 'estimated' WHEN 2 THEN 'substituted' ELSE 'suspect' END, source, licence, CASE WHEN fetched_us IS NULL OR "
        "fetched_us + stale_s * 1000000 < $5 THEN 1 ELSE 0 END, fetched_us, last_s, failing_since_us, failure FROM market_agent WHERE "
        "(organisation_id = $1 OR $2 = 1) AND id > $3 ORDER BY id LIMIT $4",
        agent_columns, registry->now_us, err);
}
static enum fg_code list_agents(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_agents, err);
}

static const struct fg_schema value_text = {.kind = FG_SCHEMA_DECIMAL, .places = 6, .minimum = -9000000000000000000, .maximum = 9000000000000000000};
static const struct fg_field value_fields[] = {
    {"time", &fg_schema_instant, "Begin of the interval", FG_REQUIRED},
    {"value", &value_text, "In the agent's unit", FG_REQUIRED},
    {"quality", &quality_schema, "Quality", FG_REQUIRED},
};
static const struct fg_schema value_schema = FG_OBJECT("MarketValue", "A value of market data", value_fields);
static const struct fg_schema value_list = FG_ARRAY(&value_schema, 0, VALUES_MAX);
static const struct fg_field values_fields[] = {{"items", &value_list, "Ascending", FG_REQUIRED}};
static const struct fg_schema values_schema = FG_OBJECT("MarketValues", "Market data", values_fields);
static const struct fg_response values_responses[] = {
    {200, "Values", &values_schema, NULL, "{\"items\":[{\"time\":\"2025-03-29T12:00:00Z\",\"value\":\"85.5\",\"quality\":\"measured\"}]}"}, {0}};
static const struct fg_param values_query[] = {{"from", &fg_schema_instant, "From this instant on", true},
                                               {"to", &fg_schema_instant, "Before this one", true},
                                               {0}};
static enum fg_code put_values(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_samples samples = {0};
    int64_t id, decimals = 0, from = fg_call_instant(call, "from", 0), to = fg_call_instant(call, "to", 0);
    enum fg_code code = fg_call_id(call, "market_agent", FG_ID_AGENT, &id, err);
    if (code == FG_OK && (to <= from || to - from > INT64_C(400) * 86400))
        code = fg_fail(err, FG_ERR_VALUE, "?to", "give a window of at most 400 days");
    if (code == FG_OK)
        code = fg_agent_read(registry, id, from, to, &samples, &decimals, err);
    if (code == FG_OK && samples.count > VALUES_MAX)
        code = fg_fail(err, FG_ERR_VALUE, "?to", "these are more than %d values; give a shorter window", VALUES_MAX);
    struct fg_json_writer *out = code == FG_OK ? fg_call_json(call, 200) : NULL;
    if (out != NULL) {
        fg_json_begin_object(out, NULL);
        fg_json_begin_array(out, "items");
    }
    for (size_t i = 0; code == FG_OK && i < samples.count; i++) {
        char text[FG_DECIMAL_MAX], instant[FG_INSTANT_TEXT];
        uint8_t quality = samples.items[i].quality;
        fg_json_begin_row_object(out, NULL);
        fg_json_put_string(out, "time", fg_instant_format(samples.items[i].time_s, instant));
        fg_json_put_string(out, "value", fg_decimal_format(samples.items[i].value.integer, (int)decimals, 0, text));
        fg_json_put_string(out, "quality", quality_words[quality & 4 ? 3 : quality & 2 ? 2 : quality & 1]);
        fg_json_end_object(out);
    }
    if (out != NULL) {
        fg_json_end_array(out);
        fg_json_end_object(out);
    }
    fg_samples_release(&samples);
    return code;
}
static enum fg_code list_values(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_values, err);
}

/* ---- the table ---- */
static const struct fg_operation operations[] = {
    {.id = "create-market-agent", .method = FG_POST, .path = "/v1/market-agents", AGENTS, .summary = "Have data of an external market fetched",
     .description = "Regularly, into a series of one's own with the history of corrections; see docs/gateway.md.", .right = "series.write",
     .flags = FG_KEY_IN_TRANSACTION, .request = &entry_schema, .request_example = "{" ENTRY_EXAMPLE "}", .responses = made_responses,
     .handle = create_agent},
    {.id = "list-market-agents", .method = FG_GET, .path = "/v1/market-agents", AGENTS, .summary = "Market agents and how fresh their data are",
     .right = "series.read", .flags = FG_OP_PAGED, .responses = page_responses, .handle = list_agents},
    {.id = "delete-market-agent", .method = FG_DELETE, .path = "/v1/market-agents/{market_agent}", AGENTS, .summary = "Fetch no more",
     .right = "series.write", .path_params = agent_path, .responses = done_responses, .handle = delete_agent},
    {.id = "list-market-values", .method = FG_GET, .path = "/v1/market-agents/{market_agent}/values", AGENTS, .summary = "What an agent has fetched",
     .right = "series.read", .path_params = agent_path, .query_params = values_query, .responses = values_responses, .handle = list_values},
};
const struct fg_operation_set fg_agent_operations = FG_OPERATIONS(operations);

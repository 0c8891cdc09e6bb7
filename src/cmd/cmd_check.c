/* flexgrid check NETWORK [MARKET]: what the files hold, what the readers ignored or defaulted, and whether market and
 * network fit together. */
#include "base/instant.h"
#include "base/json.h"
#include "cmd/load.h"
#include "cmd/output.h"
#include "cmd/table.h"
#include "grid/topology.h"
#include "toolkit/dfmct/market_file.h"

#include <math.h>
#include <string.h>

struct check_options {
    struct fg_common_options common;
    const char *from;
};

static const struct fg_option options_table[] = {
    {"from", 'f', FG_OPTION_TEXT, offsetof(struct check_options, from), "FORMAT",
     "Format of NETWORK, where the content should not decide.", NULL, 0, 0},
    FG_OPTION_COMMON(check_options),
};

/* Counts worth knowing before anything is computed. */
struct summary {
    const struct fg_network *network;
    const struct fg_topology *topology;
    const struct fg_market *market; /* NULL: none given */
    double load_mw, generation_mw;
    size_t dead_buses, offers, requests, blocks;
};

static void summarise(struct summary *summary)
{
    const struct fg_network *network = summary->network;
    for (size_t i = 0; i < network->injection_count; i++) {
        const struct fg_injection *injection = &network->injections[i];
        if (!injection->in_service)
            continue;
        if (injection->p_mw < 0.0)
            summary->load_mw -= injection->p_mw;
        else
            summary->generation_mw += injection->p_mw;
    }
    for (size_t b = 0; b < network->bus_count; b++)
        summary->dead_buses += summary->topology->node_of_bus[b] < 0;
    const struct fg_market *market = summary->market;
    for (size_t i = 0; market != NULL && i < market->order_count; i++) {
        summary->offers += market->orders[i].side == FG_SIDE_SELL;
        summary->requests += market->orders[i].side == FG_SIDE_BUY;
        summary->blocks += market->orders[i].block;
    }
}

/* A market's ids against the network's elements; the first that is unknown is the error. */
static enum fg_code check_reference(const struct fg_names *names, const char *id, const char *place, const char *what,
                                    struct fg_error *err)
{
    if (id == NULL || fg_names_find(names, id) >= 0)
        return FG_OK;
    return fg_fail(err, FG_ERR_VALUE, place, "the network has no %s \"%s\"; correct the id or the network", what, id);
}

static enum fg_code check_references(const struct fg_market *market, const struct fg_names *buses,
                                     const struct fg_names *branches, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    for (size_t z = 0; z < market->zone_count && code == FG_OK; z++) {
        char place[sizeof err->place];
        snprintf(place, sizeof place, "%.150s, zone %.80s", market->source != NULL ? market->source : market->id,
                 market->zones[z].id);
        for (size_t b = 0; b < market->zones[z].bus_count && code == FG_OK; b++)
            code = check_reference(buses, market->zones[z].buses[b], place, "bus", err);
    }
    for (size_t a = 0; a < market->asset_count && code == FG_OK; a++)
        code = check_reference(buses, market->assets[a].bus, market->assets[a].place, "bus", err);
    for (size_t i = 0; i < market->bus_limit_count && code == FG_OK; i++)
        code = check_reference(buses, market->bus_limits[i].bus, market->bus_limits[i].place, "bus", err);
    for (size_t i = 0; i < market->branch_limit_count && code == FG_OK; i++)
        code = check_reference(branches, market->branch_limits[i].branch, market->branch_limits[i].place, "branch", err);
    for (size_t i = 0; i < market->condition_count && code == FG_OK; i++) { /* switches: found by the clearing */
        const struct fg_condition *condition = &market->conditions[i];
        if (condition->kind == FG_CONDITION_VOLTAGE)
            code = check_reference(buses, condition->element, condition->place, "bus", err);
        else if (condition->kind == FG_CONDITION_RATING ||
                 (condition->kind == FG_CONDITION_OUTAGE && fg_names_find(buses, condition->element) < 0))
            code = check_reference(branches, condition->element, condition->place, "branch", err);
    }
    for (size_t i = 0; i < market->controllable_tap_count && code == FG_OK; i++)
        code = check_reference(branches, market->controllable_taps[i].branch, market->controllable_taps[i].place, "branch", err);
    for (size_t i = 0; i < market->order_count && code == FG_OK; i++) {
        const struct fg_order *order = &market->orders[i];
        bool is_branch = order->location_kind == FG_LOCATION_BRANCH_LIMIT;
        if (order->location_kind != FG_LOCATION_ZONE)
            code = check_reference(is_branch ? branches : buses, order->location, order->place,
                                   is_branch ? "branch" : "bus", err);
    }
    return code;
}

static enum fg_code check_market(const struct fg_network *network, const struct fg_market *market, struct fg_error *err)
{
    struct fg_names buses, branches;
    fg_names_init(&buses);
    fg_names_init(&branches);
    int failed = 0;
    for (size_t b = 0; b < network->bus_count; b++)
        failed |= fg_names_add(&buses, network->buses[b].id, (int32_t)b);
    for (size_t k = 0; k < network->branch_count; k++)
        failed |= fg_names_add(&branches, network->branches[k].id, (int32_t)k);
    enum fg_code code = failed ? fg_fail_memory(err) : check_references(market, &buses, &branches, err);
    fg_names_release(&buses);
    fg_names_release(&branches);
    return code;
}

static void make_document(const struct summary *summary, struct fg_text *text)
{
    const struct fg_network *network = summary->network;
    const struct fg_topology *topology = summary->topology;
    const struct fg_market *market = summary->market;
    struct fg_json_writer json;
    fg_json_writer_init(&json, text, true);
    fg_json_begin_object(&json, NULL);
    fg_json_put_string(&json, "status", "ok");
    fg_json_begin_object(&json, "network");
    fg_json_put_string(&json, "name", network->name);
    fg_json_put_number(&json, "base_mva", network->base_mva);
    fg_json_put_integer(&json, "buses", (int64_t)network->bus_count);
    fg_json_put_integer(&json, "branches", (int64_t)network->branch_count);
    fg_json_put_integer(&json, "switches", (int64_t)network->switch_count);
    fg_json_put_integer(&json, "injections", (int64_t)network->injection_count);
    fg_json_put_integer(&json, "generators", (int64_t)network->generator_count);
    fg_json_put_integer(&json, "storages", (int64_t)network->storage_count);
    fg_json_put_integer(&json, "shunts", (int64_t)network->shunt_count);
    fg_json_put_integer(&json, "islands", topology->island_count);
    fg_json_put_integer(&json, "buses_without_supply", (int64_t)summary->dead_buses);
    fg_json_put_bool(&json, "is_radial", topology->is_radial);
    fg_json_put_number(&json, "load_mw", summary->load_mw);
    fg_json_put_number(&json, "static_generation_mw", summary->generation_mw);
    fg_json_begin_array(&json, "notes");
    for (size_t i = 0; i < network->note_count; i++) {
        const struct fg_note *note = &network->notes[i];
        fg_json_begin_row_object(&json, NULL);
        fg_json_put_string(&json, "kind", fg_load_note_words[note->kind]);
        fg_json_put_string(&json, "place", note->place);
        fg_json_put_string(&json, "text", note->text);
        fg_json_put_integer(&json, "count", (int64_t)note->count);
        fg_json_end_object(&json);
    }
    fg_json_end_array(&json);
    fg_json_end_object(&json);
    if (market != NULL) {
        char start[FG_INSTANT_TEXT];
        fg_json_begin_object(&json, "market");
        fg_json_put_string(&json, "id", market->id);
        fg_json_put_string(&json, "start", fg_instant_format(market->start_s, start));
        fg_json_put_integer(&json, "period_s", market->period_s);
        fg_json_put_integer(&json, "periods", market->period_count);
        fg_json_put_integer(&json, "offers", (int64_t)summary->offers);
        fg_json_put_integer(&json, "requests", (int64_t)summary->requests);
        fg_json_put_integer(&json, "blocks", (int64_t)summary->blocks);
        fg_json_put_integer(&json, "assets", (int64_t)market->asset_count);
        fg_json_put_integer(&json, "zones", (int64_t)market->zone_count);
        fg_json_end_object(&json);
    }
    fg_json_end_object(&json);
}

static void show(const struct summary *summary, struct fg_text *text)
{
    const struct fg_network *network = summary->network;
    bool has_colour = fg_terminal_has_colour(stdout);
    fg_text_puts(text, "Network ");
    fg_terminal_put(text, network->name != NULL && network->name[0] != '\0' ? network->name : "without a name", 70);
    fg_text_printf(text, "\n%zu buses, %zu branches, %zu switches, %zu loads and static generators,\n%zu generators, "
                         "%zu storages, %zu shunts\n",
                   network->bus_count, network->branch_count, network->switch_count, network->injection_count,
                   network->generator_count, network->storage_count, network->shunt_count);
    fg_text_printf(text, "%d island%s with supply, %s; %zu buses without supply\n", summary->topology->island_count,
                   summary->topology->island_count == 1 ? "" : "s",
                   summary->topology->is_radial ? "radial" : "meshed", summary->dead_buses);
    fg_text_printf(text, "Loads %.6g MW, static generation %.6g MW at the file's values\n", summary->load_mw,
                   summary->generation_mw);
    if (summary->market != NULL) {
        char start[FG_INSTANT_TEXT];
        fg_text_puts(text, "Market ");
        fg_terminal_put(text, summary->market->id, 40);
        fg_text_printf(text, ": %d periods of %d min from %s\n%zu offers, %zu requests (%zu blocks), %zu assets, %zu "
                             "zones; every id is known to the network\n",
                       summary->market->period_count, summary->market->period_s / 60,
                       fg_instant_format(summary->market->start_s, start), summary->offers, summary->requests,
                       summary->blocks, summary->market->asset_count, summary->market->zone_count);
    }
    fg_load_put_notes(network, has_colour, text);
}

static enum fg_exit report(const struct check_options *options, struct summary *summary)
{
    struct fg_text document, tables;
    fg_text_init(&document);
    fg_text_init(&tables);
    summarise(summary);
    make_document(summary, &document);
    show(summary, &tables);
    enum fg_exit status = fg_output_finish(&options->common, &document, &tables);
    fg_text_release(&document);
    fg_text_release(&tables);
    return status;
}

static enum fg_exit run(void *given, char **operands, int operand_count)
{
    struct check_options *options = given;
    struct fg_error err = {0};
    struct fg_network *network = NULL;
    struct fg_topology *topology = NULL;
    struct fg_market *market = NULL;
    enum fg_exit status = fg_load_network(operands[0], options->from, true, &network);
    if (status != FG_EXIT_OK)
        return status;
    enum fg_code code = fg_topology_create(network, &topology, &err);
    if (code == FG_OK && operand_count > 1)
        code = fg_market_read(operands[1], &market, &err);
    if (code == FG_OK && market != NULL)
        code = check_market(network, market, &err);
    if (code == FG_OK) {
        struct summary summary = {.network = network, .topology = topology, .market = market};
        status = report(options, &summary);
    } else {
        status = fg_command_fail(&err);
    }
    fg_market_destroy(market);
    fg_topology_destroy(topology);
    fg_network_destroy(network);
    return status;
}

const struct fg_command fg_command_check = {
    .name = "check",
    .operands = "NETWORK [MARKET]",
    .operand_min = 1,
    .operand_max = 2,
    .summary = "what the files hold, and what was ignored or defaulted",
    .description = "Reads a network and, if given, a market; validates both and how they fit together; prints what "
                   "they hold and the import report: every element that was ignored, defaulted or converted.",
    .examples = "  flexgrid check pandapower.json\n"
                "  flexgrid check examples/cigre_mv/network.json examples/cigre_mv/market.json\n"
                "  flexgrid check grid.m --json | jq .network.notes\n",
    .options = options_table,
    .option_count = sizeof options_table / sizeof options_table[0],
    .options_size_bytes = sizeof(struct check_options),
    .run = run,
};

#include "toolkit/dfmct/service.h"

#include "base/json.h"
#include "base/memory.h"
#include "grid/network_read.h"
#include "grid/powerflow.h"
#include "toolkit/dfmct/clear.h"
#include "toolkit/dfmct/market_file.h"
#include "toolkit/dfmct/opf_json.h"
#include "toolkit/dfmct/powerflow_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fg_service_result_init(struct fg_service_result *result)
{
    memset(result, 0, sizeof *result);
    fg_text_init(&result->document);
    fg_text_init(&result->certificate);
}

void fg_service_result_release(struct fg_service_result *result)
{
    fg_text_release(&result->document);
    fg_text_release(&result->certificate);
}

static void tell(const struct fg_service_options *options, const char *phase, int percent)
{
    if (options->progress != NULL)
        options->progress(options->progress_user, phase, percent);
}

static bool is_stopped(const struct fg_service_options *options)
{
    return options->stop != NULL && atomic_load(options->stop) != 0;
}

static enum fg_code stopped(struct fg_error *err)
{
    return fg_fail(err, FG_ERR_INTERRUPTED, NULL, "the run was cancelled");
}

static enum fg_code read_network(const struct fg_service_network *given, struct fg_network **network, struct fg_error *err)
{
    return fg_network_read_bytes(given->bytes, given->length, given->format, "network", network, err);
}

/* Status, explanation and the beginning of the certificate. */
static void begin(struct fg_service_result *result, struct fg_json_writer *out, const char *status, const char *explanation)
{
    snprintf(result->status, sizeof result->status, "%s", status);
    snprintf(result->explanation, sizeof result->explanation, "%s", explanation != NULL ? explanation : "");
    fg_json_writer_init(out, &result->certificate, false);
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "status", status);
    if (result->explanation[0] != '\0')
        fg_json_put_string(out, "explanation", result->explanation);
}

static enum fg_code end(struct fg_service_result *result, struct fg_json_writer *out, struct fg_error *err)
{
    fg_json_end_object(out);
    return result->certificate.failed || result->document.failed ? fg_fail_memory(err) : FG_OK;
}

/* ---- power flow ---- */

enum fg_code fg_service_powerflow(const struct fg_service_network *given, const struct fg_service_options *options,
                                  struct fg_service_result *result, struct fg_error *err)
{
    struct fg_network *network = NULL;
    struct fg_powerflow *powerflow = NULL;
    struct fg_powerflow_result *flow = NULL;
    struct fg_powerflow_options settings = fg_powerflow_options_default();
    struct fg_json_writer out;
    settings.enforce_q_limits = options->keeps_q_limits;
    tell(options, "reading", 0);
    enum fg_code code = read_network(given, &network, err);
    if (code == FG_OK && is_stopped(options))
        code = stopped(err);
    if (code == FG_OK) {
        tell(options, "power flow", 20);
        code = fg_powerflow_create(network, &settings, &powerflow, err);
    }
    if (code == FG_OK)
        code = fg_powerflow_result_create(network, &flow, err);
    if (code == FG_OK)
        code = fg_powerflow_solve(powerflow, flow, err);
    if (code == FG_OK) {
        tell(options, "result", 90);
        code = fg_powerflow_result_json(flow, &result->document, err);
    }
    if (code == FG_OK) {
        begin(result, &out, fg_powerflow_status_name(flow->status), flow->explanation);
        result->is_solved = flow->status == FG_POWERFLOW_CONVERGED;
        fg_json_put_integer(&out, "iterations", flow->iterations);
        fg_json_put_number(&out, "max_mismatch_pu", flow->max_mismatch_pu);
        fg_json_put_integer(&out, "violations", (int64_t)flow->violation_count);
        code = end(result, &out, err);
    }
    fg_powerflow_result_destroy(flow);
    fg_powerflow_destroy(powerflow);
    fg_network_destroy(network);
    return code;
}

/* ---- optimal power flow ---- */

static void tell_iteration(void *user, int32_t iteration, double objective, double infeasibility, double optimality)
{
    (void)objective, (void)infeasibility, (void)optimality;
    /* How many are needed is not known before: the bar nears its end and never reaches it. */
    tell(user, "iterations", 20 + (int)(70.0 * (1.0 - exp(-iteration / 40.0))));
}

static enum fg_code physics_of(const char *word, enum fg_physics *physics, struct fg_error *err)
{
    for (int i = 0; fg_physics_words[i] != NULL; i++)
        if (strcmp(fg_physics_words[i], word) == 0) {
            *physics = (enum fg_physics)i;
            return FG_OK;
        }
    return fg_fail(err, FG_ERR_VALUE, NULL, "physics is ac, soc, lindistflow, dc or none, not \"%.20s\"", word);
}

enum fg_code fg_service_opf(const struct fg_service_network *given, const struct fg_service_options *options,
                            struct fg_service_result *result, struct fg_error *err)
{
    struct fg_network *network = NULL;
    struct fg_opf_outcome outcome = {0};
    struct fg_opf_network_options settings = fg_opf_network_defaults();
    struct fg_json_writer out;
    struct fg_service_options asked = *options;
    enum fg_code code = physics_of(options->physics != NULL ? options->physics : "ac", &settings.physics, err);
    tell(options, "reading", 0);
    if (code == FG_OK)
        code = read_network(given, &network, err);
    if (code != FG_OK)
        return code;
    outcome.network = network;
    settings.solver.progress = tell_iteration;
    settings.solver.progress_user = &asked;
    settings.solver.interrupt = options->stop;
    if (options->time_limit_s > 0.0)
        settings.solver.time_limit_s = options->time_limit_s;
    code = fg_opf_network_solve(network, &settings, &outcome.result, err);
    if (code == FG_OK && (outcome.result.status == FG_OPF_INTERRUPTED || is_stopped(options)))
        code = stopped(err);
    if (code == FG_OK) {
        tell(options, "check", 92);
        code = fg_opf_outcome_check(&outcome, settings.physics, err);
    }
    if (code == FG_OK)
        code = fg_opf_outcome_json(&outcome, &result->document, err);
    if (code == FG_OK) {
        begin(result, &out, fg_opf_status_text(outcome.result.status), NULL);
        result->is_solved = outcome.result.status == FG_OPF_OPTIMAL;
        fg_json_put_number(&out, "objective", outcome.result.objective);
        fg_json_put_number(&out, "bound", outcome.result.has_bound ? outcome.result.soc_bound : NAN);
        fg_json_put_number(&out, "gap", outcome.result.has_bound ? outcome.result.soc_gap : NAN);
        fg_json_put_number(&out, "max_violation", outcome.max_violation);
        fg_json_put_string(&out, "max_violation_at", outcome.worst[0] != '\0' ? outcome.worst : NULL);
        code = end(result, &out, err);
    }
    fg_opf_network_result_release(&outcome.result);
    fg_network_destroy(network);
    return code;
}

/* ---- clearing ---- */

struct owned { /* what a clearing's arrays point into */
    struct fg_network *network;
    struct fg_market *market;
    struct fg_clear_result *result;
};

static void release_owned(struct owned *owned)
{
    if (owned == NULL)
        return;
    fg_clear_result_destroy(owned->result);
    fg_market_destroy(owned->market);
    fg_network_destroy(owned->network);
    fg_free(owned);
}

void fg_service_clearing_release(struct fg_service_clearing *clearing)
{
    fg_free(clearing->orders);
    fg_free(clearing->prices);
    fg_free(clearing->violations);
    release_owned(clearing->owned);
    *clearing = (struct fg_service_clearing){0};
}

static enum fg_code add_place(struct fg_network *network, struct fg_names *names, const char *id, struct fg_error *err)
{
    if (id == NULL || fg_names_find(names, id) >= 0)
        return FG_OK;
    char branch[64];
    int32_t bus = (int32_t)network->bus_count;
    if (fg_network_add_bus(network, id, 1.0) == NULL || fg_names_add(names, network->buses[bus].id, bus) != 0)
        return fg_fail_memory(err);
    if (bus == 0)
        return FG_OK;
    snprintf(branch, sizeof branch, "tie-%d", (int)bus);
    struct fg_branch *tie = fg_network_add_branch(network, branch, 0, bus);
    if (tie == NULL)
        return fg_fail_memory(err);
    tie->x_pu = 1e-6;
    return FG_OK;
}

/* Physics none needs no grid: the places that the market names around a source, tied by branches without limit or loss. */
static enum fg_code make_plate(const struct fg_market *market, struct fg_network **out, struct fg_error *err)
{
    struct fg_names names;
    struct fg_network *network = fg_network_create();
    if (network == NULL)
        return fg_fail_memory(err);
    fg_names_init(&names);
    network->base_mva = 1000.0;
    enum fg_code code = add_place(network, &names, "market", err);
    for (size_t z = 0; code == FG_OK && z < market->zone_count; z++)
        for (size_t b = 0; code == FG_OK && b < market->zones[z].bus_count; b++)
            code = add_place(network, &names, market->zones[z].buses[b], err);
    for (size_t a = 0; code == FG_OK && a < market->asset_count; a++)
        code = add_place(network, &names, market->assets[a].bus, err);
    for (size_t o = 0; code == FG_OK && o < market->order_count; o++)
        if (market->orders[o].location_kind == FG_LOCATION_BUS)
            code = add_place(network, &names, market->orders[o].location, err);
    if (code == FG_OK && fg_network_add_generator(network, "source", FG_GENERATOR_SOURCE, 0) == NULL)
        code = fg_fail_memory(err);
    if (code == FG_OK)
        code = fg_network_validate(network, err);
    fg_names_release(&names);
    if (code == FG_OK)
        *out = network;
    else
        fg_network_destroy(network);
    return code;
}

/* Parts in micro-units that add up to the settled price; the largest part takes the rounding. */
static void take_price(const struct fg_clear_price *price, struct fg_service_price *out)
{
    int largest = 0;
    int64_t sum = 0;
    out->total = price->settled;
    for (int i = 0; i < FG_PART_COUNT; i++) {
        struct fg_price part = {0};
        fg_price_from_per_mwh(price->part[i], &part, NULL);
        out->part_u[i] = part.uper_mwh;
        sum += part.uper_mwh;
        if (llabs(part.uper_mwh) > llabs(out->part_u[largest]))
            largest = i;
    }
    out->part_u[largest] += price->settled.uper_mwh - sum;
}

_Static_assert(FG_PART_COUNT == 5, "parts of a price in service.h");

static enum fg_code take_prices(const struct fg_clear_result *result, struct fg_service_clearing *clearing, struct fg_error *err)
{
    size_t buses = result->network->bus_count;
    bool has_reactive = false;
    for (size_t o = 0; o < result->market->order_count; o++)
        has_reactive = has_reactive || result->market->orders[o].product == FG_PRODUCT_REACTIVE;
    clearing->prices = fg_alloc((size_t)clearing->period_count * buses * (1 + has_reactive) + 1, sizeof *clearing->prices);
    if (clearing->prices == NULL)
        return fg_fail_memory(err);
    for (int32_t t = 0; t < clearing->period_count; t++)
        for (size_t b = 0; b < buses; b++)
            for (int product = 0; product <= has_reactive; product++) {
                const struct fg_clear_price *price = (product == 0 ? result->price_p : result->price_q) + (size_t)t * buses + b;
                if (isnan(price->total) || result->network->buses[b].is_internal)
                    continue;
                struct fg_service_price *out = &clearing->prices[clearing->price_count++];
                *out = (struct fg_service_price){.period = t, .product = product, .place = result->network->buses[b].id};
                take_price(price, out);
            }
    return FG_OK;
}

static enum fg_code take_orders(const struct fg_clear_result *result, struct fg_service_clearing *clearing, struct fg_error *err)
{
    const struct fg_market *market = result->market;
    clearing->orders = fg_alloc(market->order_count + 1, sizeof *clearing->orders);
    if (clearing->orders == NULL)
        return fg_fail_memory(err);
    clearing->order_count = market->order_count;
    for (size_t o = 0; o < market->order_count; o++) {
        const struct fg_order *order = &market->orders[o];
        const struct fg_order_settlement *money = &result->settlement.orders[o];
        clearing->orders[o] = (struct fg_service_order){.first_period = order->first_period,
                                                        .period_count = order->period_count,
                                                        .accepted = result->accepted + order->offset,
                                                        .unit_price = result->settlement.unit_price + order->offset,
                                                        .limit = money->limit,
                                                        .settled = money->settled,
                                                        .make_whole = money->make_whole};
    }
    for (size_t i = 0; i < result->rejected_count; i++) {
        struct fg_service_order *order = &clearing->orders[result->rejected[i].order];
        order->gain += result->rejected[i].gain;
        order->reason = result->rejected[i].reason;
    }
    return FG_OK;
}

static enum fg_code take_violations(const struct fg_clear_result *result, struct fg_service_clearing *clearing,
                                    struct fg_error *err)
{
    clearing->violations = fg_alloc(result->limit_count + 1, sizeof *clearing->violations);
    if (clearing->violations == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < result->limit_count; i++) {
        const struct fg_clear_limit *limit = &result->limits[i];
        const char *element = fg_clear_limit_element(result->network, limit);
        clearing->violations[clearing->violation_count++] =
            (struct fg_service_violation){limit->period, fg_clear_limit_word(limit->kind), element, limit->limit, limit->before,
                                          limit->after, limit->violation_before, limit->violation_after, limit->shadow_price};
    }
    return FG_OK;
}

static enum fg_code take_clearing(struct owned *owned, struct fg_service_clearing *clearing, struct fg_error *err)
{
    const struct fg_clear_result *result = owned->result;
    *clearing = (struct fg_service_clearing){.start_s = result->market->start_s,
                                             .period_s = result->market->period_s,
                                             .period_count = result->market->period_count,
                                             .seconds = result->seconds};
    if (result->status == FG_CLEAR_FAILED || result->settlement.orders == NULL)
        return FG_OK;
    enum fg_code code = take_orders(result, clearing, err);
    if (code == FG_OK)
        code = take_prices(result, clearing, err);
    if (code == FG_OK)
        code = take_violations(result, clearing, err);
    return code;
}

static void tell_stage(void *user, const char *stage, double fraction)
{
    tell(user, stage, 5 + (int)(90.0 * fmin(fmax(fraction, 0.0), 1.0)));
}

static enum fg_code put_certificate(const struct fg_clear_result *cleared, struct fg_service_result *result, struct fg_error *err)
{
    struct fg_json_writer out;
    size_t before = 0, after = 0;
    for (size_t i = 0; i < cleared->limit_count; i++) {
        before += cleared->limits[i].violation_before > 0.0;
        after += cleared->limits[i].violation_after > 0.0;
    }
    begin(result, &out, fg_clear_status_word(cleared->status), cleared->explanation);
    result->is_solved = cleared->status != FG_CLEAR_FAILED;
    fg_json_put_number(&out, "welfare", cleared->welfare);
    fg_json_put_number(&out, "cost", cleared->cost);
    fg_json_put_number(&out, "bound", cleared->bound);
    fg_json_put_number(&out, "gap", cleared->gap);
    fg_json_put_number(&out, "integer_gap", cleared->integer_gap);
    fg_json_put_number(&out, "relaxation_gap", cleared->relaxation_gap);
    fg_json_put_number(&out, "published_cost", cleared->published_cost);
    fg_json_put_number(&out, "max_violation", cleared->max_violation);
    fg_json_put_integer(&out, "violations_before", (int64_t)before);
    fg_json_put_integer(&out, "violations_after", (int64_t)after);
    fg_json_put_number(&out, "not_served_mwh", cleared->not_served != NULL ? fg_clear_not_served_mwh(cleared) : 0.0);
    fg_json_put_number(&out, "seconds", cleared->seconds);
    return end(result, &out, err);
}

enum fg_code fg_service_clear(const struct fg_service_network *given, const char *market, size_t length,
                              const struct fg_service_options *options, struct fg_service_result *result,
                              struct fg_service_clearing *clearing, struct fg_error *err)
{
    struct owned *owned = fg_alloc(1, sizeof *owned);
    struct fg_clear_options settings = fg_clear_defaults();
    struct fg_service_options asked = *options;
    if (clearing != NULL)
        *clearing = (struct fg_service_clearing){0};
    if (owned == NULL)
        return fg_fail_memory(err);
    tell(options, "reading", 0);
    enum fg_code code = fg_market_read_json_text(market, length, "market", NULL, &owned->market, err);
    if (code == FG_OK && given->bytes == NULL && owned->market->physics != FG_MARKET_NONE)
        code = fg_fail(err, FG_ERR_VALUE, NULL, "physics %s needs a network; name one, or clear with physics none",
                       fg_market_physics_words[owned->market->physics]);
    if (code == FG_OK)
        code = given->bytes != NULL ? read_network(given, &owned->network, err)
                                    : make_plate(owned->market, &owned->network, err);
    if (code == FG_OK && is_stopped(options))
        code = stopped(err);
    settings.interrupt = options->stop;
    settings.progress = tell_stage;
    settings.progress_user = &asked;
    if (options->time_limit_s > 0.0)
        settings.time_limit_s = options->time_limit_s;
    if (code == FG_OK)
        code = fg_clear(owned->network, owned->market, &settings, &owned->result, err);
    if (code == FG_OK && is_stopped(options))
        code = stopped(err);
    if (code == FG_OK)
        code = fg_clear_result_json(owned->result, &result->document, err);
    if (code == FG_OK)
        code = put_certificate(owned->result, result, err);
    if (code == FG_OK && clearing != NULL) {
        code = take_clearing(owned, clearing, err);
        clearing->owned = owned;
        owned = NULL;
        if (code != FG_OK)
            fg_service_clearing_release(clearing);
    }
    release_owned(owned);
    return code;
}

enum fg_code fg_service_check_market(const char *market, size_t length, struct fg_error *err)
{
    struct fg_market *read = NULL;
    enum fg_code code = fg_market_read_json_text(market, length, "market", NULL, &read, err);
    fg_market_destroy(read);
    return code;
}

enum fg_code fg_service_has_branch(const struct fg_service_network *given, const char *branch, bool *has, struct fg_error *err)
{
    struct fg_network *network = NULL;
    enum fg_code code = read_network(given, &network, err);
    *has = code == FG_OK && fg_network_find_branch(network, branch) >= 0;
    fg_network_destroy(network);
    return code;
}

static void tell_dispatched(const struct fg_network *network, int32_t bus, double p_mw, double q_mvar,
                            void (*take)(void *user, const char *bus, int64_t p_w, int64_t q_var), void *user)
{
    struct fg_power p = {0}, q = {0};
    fg_power_from_mw(p_mw, &p, NULL);
    fg_power_from_mw(q_mvar, &q, NULL);
    take(user, network->buses[bus].id, p.w, q.w);
}

enum fg_code fg_service_dispatched(const struct fg_service_network *given,
                                   void (*take)(void *user, const char *bus, int64_t p_w, int64_t q_var), void *user,
                                   struct fg_error *err)
{
    struct fg_network *network = NULL;
    enum fg_code code = read_network(given, &network, err);
    for (size_t g = 0; code == FG_OK && g < network->generator_count; g++) {
        const struct fg_generator *generator = &network->generators[g];
        if (generator->in_service && generator->kind == FG_GENERATOR_DISPATCHABLE)
            tell_dispatched(network, generator->bus, generator->p_mw, isnan(generator->vm_set_pu) ? generator->q_mvar : 0, take,
                            user);
    }
    for (size_t s = 0; code == FG_OK && s < network->storage_count; s++)
        if (network->storages[s].in_service)
            tell_dispatched(network, network->storages[s].bus, network->storages[s].p_mw, network->storages[s].q_mvar, take, user);
    fg_network_destroy(network);
    return code;
}

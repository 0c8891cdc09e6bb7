#include "market_import.h"

#include "base/csv.h"
#include "base/instant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2026-01-01T00:00:00Z: the sources have period numbers only. */
#define START_S INT64_C(1767225600)

static enum fg_code read_table(struct fg_csv *csv, const char *folder, const char *name, struct fg_error *err)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || length >= (int)sizeof path)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "the path of the folder is too long");
    return fg_csv_read(csv, path, err);
}

static enum fg_code number(const struct fg_csv *csv, size_t row, const char *column, double *out, struct fg_error *err)
{
    size_t index;
    enum fg_code code = fg_csv_need(csv, column, &index, err);
    return code == FG_OK ? fg_csv_number(csv, row, index, out, err) : code;
}

static const char *field(const struct fg_csv *csv, size_t row, const char *column)
{
    int index = fg_csv_column(csv, column);
    return index < 0 ? "" : fg_csv_field(csv, row, (size_t)index);
}

static enum fg_code power(const struct fg_csv *csv, size_t row, const char *column, double scale, struct fg_power *out,
                          struct fg_error *err)
{
    double value;
    enum fg_code code = number(csv, row, column, &value, err);
    return code == FG_OK ? fg_power_from_mw(value * scale, out, err) : code;
}

static const char *number_id(char buffer[24], const char *prefix, int value)
{
    snprintf(buffer, 24, "%s%d", prefix, value);
    return buffer;
}

/* dtu15 */

static enum fg_code dtu15_network(const char *folder, struct fg_network *network, struct fg_error *err)
{
    struct fg_csv buses, branches;
    enum fg_code code = read_table(&buses, folder, "dtu15_bus.csv", err);
    network->base_mva = 1;
    for (size_t i = 0; i < buses.row_count && code == FG_OK; i++) {
        struct fg_bus *bus = fg_network_add_bus(network, field(&buses, i, "nodeId"), 11);
        if (bus == NULL)
            code = fg_fail_memory(err);
        else if ((code = number(&buses, i, "voltageMin", &bus->vm_min_pu, err)) == FG_OK)
            code = number(&buses, i, "voltageMax", &bus->vm_max_pu, err);
        if (code == FG_OK && strcmp(field(&buses, i, "type"), "3") == 0) {
            struct fg_generator *source = fg_network_add_generator(network, "grid", FG_GENERATOR_SOURCE, (int32_t)i);
            if (source == NULL)
                code = fg_fail_memory(err);
            else
                source->vm_set_pu = 1;
        } else if (code == FG_OK && fg_network_add_injection(network, field(&buses, i, "nodeId"), FG_INJECTION_LOAD,
                                                             (int32_t)i, 0, 0) == NULL) {
            code = fg_fail_memory(err);
        }
    }
    fg_csv_release(&buses);
    if (code != FG_OK)
        return code;
    code = read_table(&branches, folder, "dtu15_branch.csv", err);
    for (size_t i = 0; i < branches.row_count && code == FG_OK; i++) {
        int32_t from = fg_network_find_bus(network, field(&branches, i, "nodeStart"));
        int32_t to = fg_network_find_bus(network, field(&branches, i, "nodeEnd"));
        struct fg_branch *branch = fg_network_add_branch(network, field(&branches, i, "lineID"), from, to);
        if (branch == NULL)
            code = fg_fail_memory(err);
        else if ((code = number(&branches, i, "resistance", &branch->r_pu, err)) == FG_OK &&
                 (code = number(&branches, i, "susceptance", &branch->x_pu, err)) == FG_OK)
            code = number(&branches, i, "loadMax", &branch->rate_normal_mva, err);
    }
    fg_csv_release(&branches);
    return code == FG_OK ? fg_network_validate(network, err) : code;
}

static enum fg_code dtu15_baselines(const char *folder, struct fg_market *market, struct fg_error *err)
{
    struct fg_csv tables[2];
    enum fg_code code = read_table(&tables[0], folder, "dtu15_setpoint_P.csv", err);
    if (code != FG_OK) {
        fg_csv_release(&tables[0]);
        return code;
    }
    code = read_table(&tables[1], folder, "dtu15_setpoint_Q.csv", err);
    for (size_t c = 2; c < tables[0].column_count && code == FG_OK; c++) { /* columns timetarget, n1 (slack), n2 ... */
        const char *bus = tables[0].header[c];
        struct fg_baseline *row = fg_market_add_baseline(market, FG_BASELINE_BUS, bus);
        struct fg_power *p = fg_market_profile(market), *q = fg_market_profile(market);
        if (!row || !p || !q) {
            code = fg_fail_memory(err);
            break;
        }
        row->p = p;
        row->q = q;
        for (int32_t t = 0; t < market->period_count && code == FG_OK; t++)
            if ((code = power(&tables[0], (size_t)t, bus, 1, &p[t], err)) == FG_OK)
                code = power(&tables[1], (size_t)t, bus, 1, &q[t], err);
    }
    fg_csv_release(&tables[0]);
    fg_csv_release(&tables[1]);
    return code;
}

/* Branches are listed from the slack outwards, so sums from the last to the first give the flow of each. */
static void dtu15_scale_headroom(double headroom, struct fg_network *network, const struct fg_market *market)
{
    double p[16] = {0}, q[16] = {0};
    for (size_t i = 0; i < market->baseline_count; i++) {
        int32_t bus = fg_network_find_bus(network, market->baselines[i].id);
        p[bus] = fg_mw(market->baselines[i].p[0]); /* the same in all periods */
        q[bus] = fg_mw(market->baselines[i].q[0]);
    }
    for (size_t l = network->branch_count; l-- > 0;) {
        struct fg_branch *branch = &network->branches[l];
        double flow = hypot(p[branch->to], q[branch->to]);
        branch->rate_normal_mva = flow + headroom * (branch->rate_normal_mva - flow);
        p[branch->from] += p[branch->to];
        q[branch->from] += q[branch->to];
    }
}

static enum fg_code dtu15_orders(const char *folder, struct fg_market *market, struct fg_error *err)
{
    struct fg_csv bids;
    enum fg_code code = read_table(&bids, folder, "dtu15_bids.csv", err);
    for (size_t i = 0; i < bids.row_count && code == FG_OK; i++) {
        bool is_request = strcmp(field(&bids, i, "bidtype"), "Request") == 0;
        struct fg_power quantity;
        struct fg_price_point point;
        double price;
        if ((code = power(&bids, i, "volume", 1, &quantity, err)) != FG_OK ||
            (code = number(&bids, i, "price", &price, err)) != FG_OK ||
            (code = fg_price_from_per_mwh(price, &point.price, err)) != FG_OK)
            break;
        point.up_to = quantity;
        struct fg_order order = {
            .id = field(&bids, i, "flexRequestId"),
            .participant = fg_market_participant(market, is_request ? "buyers" : "sellers"),
            .side = is_request ? FG_SIDE_BUY : FG_SIDE_SELL,
            .kind = is_request ? FG_REQUEST_EXCHANGE : FG_REQUEST_NONE,
            .product = strcmp(field(&bids, i, "type"), "P") == 0 ? FG_PRODUCT_ACTIVE : FG_PRODUCT_REACTIVE,
            .regulation = strcmp(field(&bids, i, "regulation"), "Up") == 0 ? FG_REGULATION_UP : FG_REGULATION_DOWN,
            .location_kind = FG_LOCATION_BUS,
            .location = field(&bids, i, "location"),
            .zone = -1,
            .asset = -1,
            .first_period = atoi(field(&bids, i, "timetarget") + 1) - 1,
            .period_count = 1,
            .quantity = &quantity,
            .points = &point,
            .point_count = 1,
            .parent = -1,
            .group = -1};
        /* Each bid is a plant of its own: "netting" of up and down at one bus is not part of the published market. */
        if (!is_request) {
            char id[64];
            snprintf(id, sizeof id, "plant %s", order.id);
            if (fg_market_add_asset(market, id, order.participant, order.location) == NULL)
                code = fg_fail_memory(err);
            order.asset = (int32_t)market->asset_count - 1;
        }
        if (code == FG_OK)
            code = fg_market_add_order(market, &order, err);
    }
    fg_csv_release(&bids);
    return code;
}

static enum fg_code create_both(const char *id, int32_t period_count, struct fg_network **network,
                                struct fg_market **market, struct fg_error *err)
{
    *network = fg_network_create();
    *market = fg_market_create(id);
    if (*network == NULL || *market == NULL)
        return fg_fail_memory(err);
    return fg_market_set_horizon(*market, START_S, 3600, period_count, err);
}

static enum fg_code give_both(enum fg_code code, struct fg_network **network, struct fg_market **market)
{
    if (code != FG_OK) {
        fg_network_destroy(*network);
        fg_market_destroy(*market);
        *network = NULL;
        *market = NULL;
    }
    return code;
}

enum fg_code fg_import_dtu15(const char *folder, double headroom, struct fg_network **network,
                             struct fg_market **market, struct fg_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/dtu15", folder);
    enum fg_code code = create_both("dtu15", 3, network, market, err);
    if (code == FG_OK) {
        (*market)->physics = FG_MARKET_LINDISTFLOW;
        (*market)->balance = (*market)->balance_reactive = FG_BALANCE_CLOSED;
        (*market)->match_requests = true;
        code = dtu15_network(path, *network, err);
    }
    if (code == FG_OK)
        code = dtu15_baselines(path, *market, err);
    if (code == FG_OK)
        dtu15_scale_headroom(headroom, *network, *market);
    if (code == FG_OK)
        code = dtu15_orders(path, *market, err);
    if (code == FG_OK)
        code = fg_market_validate(*market, err);
    return give_both(code, network, market);
}

/* lfm15 */

/* The bus and branch tables are MATPOWER rows without a header. */
static enum fg_code read_headless(struct fg_csv *csv, const char *folder, const char *name, const char *header,
                                  struct fg_error *err)
{
    char path[4096];
    struct fg_text file, text;
    memset(csv, 0, sizeof *csv);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    enum fg_code code = fg_file_read(path, 1 << 20, &file, err);
    if (code != FG_OK) {
        fg_text_release(&file);
        return code;
    }
    fg_text_init(&text);
    fg_text_puts(&text, header);
    fg_text_append(&text, file.data, file.length);
    code = text.failed ? fg_fail_memory(err) : fg_csv_parse(csv, text.data, text.length, path, err);
    fg_text_release(&file);
    fg_text_release(&text);
    return code;
}

static enum fg_code lfm15_buses(const char *folder, struct fg_network *network, struct fg_market *market,
                                struct fg_error *err)
{
    struct fg_csv buses;
    enum fg_code code =
        read_headless(&buses, folder, "lfm15_bus.csv", "bus,type,pd,qd,gs,bs,area,vm,va,kv,zone,vmax,vmin\n", err);
    network->base_mva = 1;
    for (size_t i = 0; i < buses.row_count && code == FG_OK; i++) {
        char id[24];
        snprintf(id, sizeof id, "n%.16s", field(&buses, i, "bus"));
        if (fg_network_add_bus(network, id, 11) == NULL) {
            code = fg_fail_memory(err);
        } else if (strcmp(field(&buses, i, "type"), "3") == 0) {
            struct fg_generator *source = fg_network_add_generator(network, "grid", FG_GENERATOR_SOURCE, (int32_t)i);
            if (source == NULL)
                code = fg_fail_memory(err);
            else
                source->vm_set_pu = 1;
        } else {
            struct fg_baseline *row = fg_market_add_baseline(market, FG_BASELINE_BUS, id);
            struct fg_power *p = fg_market_profile(market), *q = fg_market_profile(market);
            if (!row || !p || !q || !fg_network_add_injection(network, id, FG_INJECTION_LOAD, (int32_t)i, 0, 0)) {
                code = fg_fail_memory(err);
                break;
            }
            row->p = p;
            row->q = q;
            code = power(&buses, i, "pd", -1, p, err);
        }
    }
    fg_csv_release(&buses);
    return code;
}

static enum fg_code lfm15_branches(const char *folder, struct fg_network *network, struct fg_error *err)
{
    struct fg_csv branches;
    enum fg_code code = read_headless(&branches, folder, "lfm15_branch.csv",
                                      "from,to,r,x,b,rate_a,rate_b,rate_c,ratio,angle,status,angmin,angmax\n", err);
    for (size_t i = 0; i < branches.row_count && code == FG_OK; i++) {
        char id[24];
        struct fg_branch *branch =
            fg_network_add_branch(network, number_id(id, "l", (int)i + 1), atoi(field(&branches, i, "from")) - 1,
                                  atoi(field(&branches, i, "to")) - 1);
        if (branch == NULL)
            code = fg_fail_memory(err);
        else if ((code = number(&branches, i, "r", &branch->r_pu, err)) == FG_OK &&
                 (code = number(&branches, i, "x", &branch->x_pu, err)) == FG_OK)
            code = number(&branches, i, "rate_a", &branch->rate_normal_mva, err);
    }
    fg_csv_release(&branches);
    return code == FG_OK ? fg_network_validate(network, err) : code;
}

static enum fg_code lfm15_orders(const char *folder, const char *name, bool is_request, struct fg_market *market,
                                 struct fg_error *err)
{
    struct fg_csv table;
    enum fg_code code = read_table(&table, folder, name, err);
    for (size_t i = 0; i < table.row_count && code == FG_OK; i++) {
        struct fg_power quantity;
        struct fg_price_point point;
        double price;
        char id[24], plant[32];
        if ((code = power(&table, i, "Quantity", 1, &quantity, err)) != FG_OK ||
            (code = number(&table, i, "Price", &price, err)) != FG_OK ||
            (code = fg_price_from_per_mwh(price, &point.price, err)) != FG_OK)
            break;
        point.up_to = quantity;
        number_id(id, is_request ? "request " : "offer ", (int)i);
        snprintf(plant, sizeof plant, "plant %s", id);
        struct fg_order order = {.id = id,
                                 .participant = fg_market_participant(market, is_request ? "buyers" : "sellers"),
                                 .side = is_request ? FG_SIDE_BUY : FG_SIDE_SELL,
                                 .kind = is_request ? FG_REQUEST_EXCHANGE : FG_REQUEST_NONE,
                                 .regulation = strcmp(field(&table, i, "Direction"), "Up") == 0 ? FG_REGULATION_UP
                                                                                                : FG_REGULATION_DOWN,
                                 .location_kind = FG_LOCATION_BUS,
                                 .location = field(&table, i, "Bus"),
                                 .zone = -1,
                                 .asset = -1,
                                 .period_count = 1,
                                 .quantity = &quantity,
                                 .points = &point,
                                 .point_count = 1,
                                 .parent = -1,
                                 .group = -1};
        if (!is_request) {
            if (fg_market_add_asset(market, plant, order.participant, order.location) == NULL)
                code = fg_fail_memory(err);
            order.asset = (int32_t)market->asset_count - 1;
        }
        if (code == FG_OK)
            code = fg_market_add_order(market, &order, err);
    }
    fg_csv_release(&table);
    return code;
}

enum fg_code fg_import_lfm15(const char *folder, struct fg_network **network, struct fg_market **market,
                             struct fg_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/lfm15", folder);
    enum fg_code code = create_both("lfm15", 1, network, market, err);
    if (code == FG_OK) {
        (*market)->physics = FG_MARKET_DC;
        (*market)->balance = (*market)->balance_reactive = FG_BALANCE_CLOSED;
        (*market)->match_requests = true;
        code = lfm15_buses(path, *network, *market, err);
    }
    if (code == FG_OK)
        code = lfm15_branches(path, *network, err);
    if (code == FG_OK)
        code = lfm15_orders(path, "lfm15_requests.csv", true, *market, err);
    if (code == FG_OK)
        code = lfm15_orders(path, "lfm15_offers.csv", false, *market, err);
    if (code == FG_OK)
        code = fg_market_validate(*market, err);
    return give_both(code, network, market);
}

/* lfm_cyprus_cigre: CIGRE Task Force C6.04.02, TB 575 (2014), European MV network, S1 to S3 open at one end, 1.03 p.u.
 * at the 110 kV bus; secondary substations and their loads after S. Panagi, C. Spanias, P. Aristidou,
 * Zenodo 10.5281/zenodo.21775990. */

static const struct mv_line {
    int from, to;
    double km;
    bool is_overhead, is_open; /* open at the `to` end */
} mv_lines[] = {
    {1, 2, 2.82, false, false},   {2, 3, 4.42, false, false}, {3, 4, 0.61, false, false},  {4, 5, 0.56, false, false},
    {5, 6, 1.54, false, false},   {7, 8, 1.67, false, false}, {8, 9, 0.32, false, false},  {9, 10, 0.77, false, false},
    {10, 11, 0.33, false, false}, {3, 8, 1.30, false, false}, {12, 13, 4.89, true, false}, {13, 14, 2.99, true, false},
    {6, 7, 0.24, false, true},    {11, 4, 0.49, false, true}, {14, 8, 2.00, true, true},
};
/* MV bus and rating of each secondary transformer; its low-voltage bus is 15 + position. */
static const struct secondary {
    int mv_bus, kva;
} secondaries[] = {{3, 600}, {4, 600}, {5, 600}, {5, 360},  {6, 600},  {7, 100},  {8, 600},
                   {8, 100}, {9, 600}, {9, 100}, {10, 600}, {11, 360}, {13, 100}, {14, 600}};
/* Bus of each load by its number in the tables: loads 0 and 10 at bus 1, 8 and 15 at bus 12, 18 to 34 below. */
static const struct load_site {
    int load, bus;
} load_sites[] = {{0, 1},   {8, 12},  {10, 1},  {15, 12}, {18, 15}, {19, 15}, {20, 16},
                  {21, 17}, {22, 18}, {23, 19}, {24, 20}, {25, 21}, {26, 22}, {27, 23},
                  {28, 24}, {29, 25}, {30, 25}, {31, 26}, {32, 27}, {33, 28}, {34, 28}};
enum {
    LINES = sizeof mv_lines / sizeof *mv_lines,
    SECONDARIES = sizeof secondaries / sizeof *secondaries,
    LOADS = sizeof load_sites / sizeof *load_sites
};

/* Two-winding transformer from its short-circuit voltage, copper and iron losses and no-load current. */
static enum fg_code add_transformer(struct fg_network *network, const char *id, int from, int to, double mva,
                                    double vk_percent, double vkr_percent, double iron_kw, double i0_percent,
                                    double shift_degrees, struct fg_error *err)
{
    struct fg_branch *branch = fg_network_add_branch(network, id, from, to);
    if (branch == NULL)
        return fg_fail_memory(err);
    double scale = network->base_mva / mva, r = vkr_percent / 100, z = vk_percent / 100;
    double g = iron_kw / 1000 / network->base_mva, y = i0_percent / 100 * mva / network->base_mva;
    branch->kind = FG_BRANCH_TRANSFORMER;
    branch->r_pu = r * scale;
    branch->x_pu = sqrt(z * z - r * r) * scale;
    branch->g_from_pu = branch->g_to_pu = g / 2;
    branch->b_from_pu = branch->b_to_pu = y > g ? -sqrt(y * y - g * g) / 2 : 0;
    branch->shift_rad = shift_degrees * 3.14159265358979323846 / 180;
    branch->rate_normal_mva = mva;
    return FG_OK;
}

static enum fg_code add_mv_lines(struct fg_network *network, struct fg_error *err)
{
    const double ohm_base = 20 * 20 / network->base_mva;
    for (int i = 0; i < LINES; i++) {
        char id[24];
        const struct mv_line *line = &mv_lines[i];
        struct fg_branch *branch = fg_network_add_branch(network, number_id(id, "line_", i), line->from, line->to);
        if (branch == NULL)
            return fg_fail_memory(err);
        branch->r_pu = (line->is_overhead ? 0.510 : 0.501) * line->km / ohm_base;
        branch->x_pu = (line->is_overhead ? 0.366 : 0.716) * line->km / ohm_base;
        double nf_per_km = line->is_overhead ? 10.09679 : 151.1749;
        branch->b_from_pu = branch->b_to_pu = 3.14159265358979323846 * 50 * nf_per_km * 1e-9 * line->km * ohm_base;
        branch->rate_normal_mva = sqrt(3) * 20 * (line->is_overhead ? 0.195 : 0.145);
        branch->rating_kind = FG_RATING_CURRENT;
        branch->to_closed = !line->is_open;
    }
    return FG_OK;
}

static enum fg_code cyprus_network(struct fg_network *network, struct fg_error *err)
{
    char id[24];
    network->base_mva = 10;
    for (int i = 0; i < 15 + SECONDARIES; i++) {
        struct fg_bus *bus = fg_network_add_bus(network, number_id(id, "", i), i == 0 ? 110 : i < 15 ? 20 : 0.4);
        if (bus == NULL)
            return fg_fail_memory(err);
        bus->vm_min_pu = i < 15 ? 0.9 : 0.85; /* EN 50160: what all ten-minute means keep, medium and low voltage */
        bus->vm_max_pu = 1.1;
    }
    struct fg_generator *source = fg_network_add_generator(network, "grid", FG_GENERATOR_SOURCE, 0);
    if (source == NULL)
        return fg_fail_memory(err);
    source->vm_set_pu = 1.03;
    enum fg_code code = add_mv_lines(network, err);
    for (int i = 0; i < 2 && code == FG_OK; i++)
        code = add_transformer(network, number_id(id, "trafo_", i), 0, i == 0 ? 1 : 12, 25, 12.00107, 0.16, 22, 0, 150,
                               err);
    for (int i = 0; i < SECONDARIES && code == FG_OK; i++) {
        double iron_kw = secondaries[i].kva == 100 ? 0.55 : secondaries[i].kva == 360 ? 0.85 : 1.2;
        code = add_transformer(network, number_id(id, "trafo_", i + 2), secondaries[i].mv_bus, 15 + i,
                               secondaries[i].kva / 1000.0, 4.12, 1, iron_kw, 0.08, 0, err);
    }
    for (int i = 0; i < LOADS && code == FG_OK; i++)
        if (fg_network_add_injection(network, number_id(id, "load_", load_sites[i].load), FG_INJECTION_LOAD,
                                     load_sites[i].bus, 0, 0) == NULL)
            code = fg_fail_memory(err);
    return code == FG_OK ? fg_network_validate(network, err) : code;
}

static enum fg_code cyprus_baselines(const char *folder, bool stress, struct fg_market *market, struct fg_error *err)
{
    struct fg_csv active, reactive;
    enum fg_code code = read_table(&active, folder, stress ? "stress_load_P_mw.csv" : "base_load_P_mw.csv", err);
    if (code != FG_OK) {
        fg_csv_release(&active);
        return code;
    }
    code = read_table(&reactive, folder, stress ? "stress_load_Q_mvar.csv" : "base_load_Q_mvar.csv", err);
    for (int i = 0; i < LOADS && code == FG_OK; i++) {
        char id[24];
        struct fg_baseline *row =
            fg_market_add_baseline(market, FG_BASELINE_INJECTION, number_id(id, "load_", load_sites[i].load));
        struct fg_power *p = fg_market_profile(market), *q = fg_market_profile(market);
        if (!row || !p || !q) {
            code = fg_fail_memory(err);
            break;
        }
        row->p = p;
        row->q = q;
        for (int32_t t = 0; t < market->period_count && code == FG_OK; t++)
            if ((code = power(&active, (size_t)t, row->id, -1, &p[t], err)) == FG_OK)
                code = power(&reactive, (size_t)t, row->id, -1, &q[t], err);
    }
    fg_csv_release(&active);
    fg_csv_release(&reactive);
    return code;
}

static enum fg_code cyprus_orders(const char *folder, struct fg_market *market, struct fg_error *err)
{
    struct fg_csv offers;
    enum fg_code code = read_table(&offers, folder, "bids_offers.csv", err);
    for (size_t i = 0; i < offers.row_count && code == FG_OK; i++) {
        struct fg_power quantity;
        struct fg_price_point point;
        double price, secondary, hour;
        char bus[24], bidder[16], id[64];
        if ((code = power(&offers, i, "p_max_kw", 1e-3, &quantity, err)) != FG_OK ||
            (code = number(&offers, i, "price_eur_per_mwh", &price, err)) != FG_OK ||
            (code = number(&offers, i, "secondary_idx", &secondary, err)) != FG_OK ||
            (code = number(&offers, i, "hour", &hour, err)) != FG_OK ||
            (code = fg_price_from_per_mwh(price, &point.price, err)) != FG_OK)
            break;
        point.up_to = quantity;
        number_id(bus, "", 15 + (int)secondary);
        snprintf(bidder, sizeof bidder, "FSP%.8s", field(&offers, i, "bidder"));
        snprintf(id, sizeof id, "%s-%02d", bidder, (int)hour);
        struct fg_order order = {.id = id,
                                 .participant = fg_market_participant(market, bidder),
                                 .side = FG_SIDE_SELL,
                                 .regulation = FG_REGULATION_UP,
                                 .location_kind = FG_LOCATION_BUS,
                                 .location = bus,
                                 .zone = -1,
                                 .asset = -1,
                                 .first_period = (int32_t)hour,
                                 .period_count = 1,
                                 .quantity = &quantity,
                                 .points = &point,
                                 .point_count = 1,
                                 .parent = -1,
                                 .group = -1};
        code = fg_market_add_order(market, &order, err);
    }
    fg_csv_release(&offers);
    return code;
}

static enum fg_code cyprus_prices(const char *folder, struct fg_market *market, struct fg_error *err)
{
    struct fg_csv prices;
    enum fg_code code = read_table(&prices, folder, "wholesale.csv", err);
    for (int32_t t = 0; t < market->period_count && code == FG_OK; t++) {
        double price;
        if ((code = number(&prices, (size_t)t, "price_eur_per_mwh", &price, err)) == FG_OK)
            code = fg_price_from_per_mwh(price, &market->import_price[t], err);
    }
    fg_csv_release(&prices);
    return code;
}

enum fg_code fg_import_cyprus(const char *folder, bool stress, bool with_wholesale, struct fg_network **network,
                              struct fg_market **market, struct fg_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/lfm_cyprus_cigre", folder);
    enum fg_code code = create_both(stress ? "cyprus-stress" : "cyprus-base", 24, network, market, err);
    if (code == FG_OK)
        code = cyprus_network(*network, err);
    if (code == FG_OK)
        code = cyprus_baselines(path, stress, *market, err);
    if (code == FG_OK)
        code = cyprus_orders(path, *market, err);
    if (code == FG_OK && with_wholesale)
        code = cyprus_prices(path, *market, err);
    if (code == FG_OK)
        code = fg_market_validate(*market, err);
    return give_both(code, network, market);
}

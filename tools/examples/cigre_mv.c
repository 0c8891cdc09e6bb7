/* The European medium-voltage benchmark network of CIGRE Task Force C6.04.02, "Benchmark Systems for Network Integration of
 * Renewable and Distributed Energy Resources", Technical Brochure 575 (2014), section 6: two feeders at 20 kV from a
 * 110 kV grid, 15 buses with the 110 kV bus, three normally open switches.
 *
 * Restated from the publication: lengths, line constants (cable NA2XS2Y and overhead line, ratings), transformers, loads
 * (apparent power and power factor) and the 1.5 MW wind turbine at bus 7 (K. Rudion, A. Orths, Z. A. Styczynski, K. Strunz, "Design of
 * benchmark of medium voltage distribution network for investigation of DG integration", 2006). The coordinates are for
 * drawing only. This project's own: the sizes of photovoltaics, vehicles, heat pumps, batteries and the other
 * flexible assets of a possible year 2035, the tap position, and the market. */
#include "example.h"

#include <math.h>
#include <stdio.h>

#define BASE_MVA 10.0
#define NOMINAL_KV 20.0

struct line_type {
    double r_ohm_km, x_ohm_km, c_nf_km, rating_ka;
};
static const struct line_type cable = {0.501, 0.716, 151.1749, 0.145};
static const struct line_type overhead = {0.510, 0.366, 10.09679, 0.195};

static const struct {
    int from, to;
    double length_km;
    const struct line_type *type;
    int open_end; /* bus whose switch is open; -1: closed */
} lines[] = {
    {1, 2, 2.82, &cable, -1},     {2, 3, 4.42, &cable, -1},     {3, 4, 0.61, &cable, -1},  {4, 5, 0.56, &cable, -1},
    {5, 6, 1.54, &cable, -1},     {3, 8, 1.30, &cable, -1},     {8, 7, 1.67, &cable, -1},  {8, 9, 0.32, &cable, -1},
    {9, 10, 0.77, &cable, -1},    {10, 11, 0.33, &cable, -1},   {6, 7, 0.24, &cable, 7},   {11, 4, 0.49, &cable, 4},
    {12, 13, 4.89, &overhead, -1}, {13, 14, 2.99, &overhead, -1}, {14, 8, 2.00, &overhead, 8},
};

static const struct {
    int bus;
    double residential_mva, residential_factor, commercial_mva, commercial_factor;
} loads[] = {
    {1, 15.300, 0.98, 5.100, 0.95}, {3, 0.285, 0.97, 0.265, 0.85},  {4, 0.445, 0.97, 0.0, 1.0},
    {5, 0.750, 0.97, 0.0, 1.0},     {6, 0.565, 0.97, 0.0, 1.0},     {7, 0.0, 1.0, 0.090, 0.85},
    {8, 0.605, 0.97, 0.0, 1.0},     {9, 0.0, 1.0, 0.675, 0.85},     {10, 0.490, 0.97, 0.080, 0.85},
    {11, 0.340, 0.97, 0.0, 1.0},    {12, 15.300, 0.98, 5.280, 0.95}, {13, 0.0, 1.0, 0.040, 0.85},
    {14, 0.215, 0.97, 0.390, 0.85},
};

static const double coordinates[15][2] = {{7.0, 16.0}, {4.0, 13.0}, {4.0, 9.0}, {4.0, 5.0}, {2.5, 2.5},
                                          {1.0, 1.0},  {1.0, -2.0}, {4.0, -2.0}, {7.0, 3.0}, {9.0, 1.0},
                                          {8.0, -0.5}, {5.5, 0.5},  {10.0, 13.0}, {11.0, 9.0}, {10.5, 5.5}};

/* Sizes in MW; zero: none there. */
static const struct {
    int bus;
    double photovoltaic, vehicles, heat_pumps, battery_mw, battery_mwh;
} additions[] = {
    {3, 0.70, 0.22, 0.16, 1.00, 2.50}, {4, 0.80, 0.26, 0.20, 0.0, 0.0},   {5, 1.20, 0.38, 0.30, 0.60, 1.50},
    {6, 1.30, 0.30, 0.24, 0.50, 1.25}, {8, 0.90, 0.32, 0.24, 0.60, 1.50}, {9, 1.10, 0.0, 0.0, 0.0, 0.0},
    {10, 1.00, 0.28, 0.20, 0.40, 1.00}, {11, 0.90, 0.22, 0.16, 0.40, 1.00}, {13, 1.00, 0.20, 0.15, 0.0, 0.0},
    {14, 1.60, 0.35, 0.25, 0.60, 1.50},
};

static void add_line(struct example *example, size_t k)
{
    char id[32], name[48];
    const struct line_type *type = lines[k].type;
    snprintf(id, sizeof id, "line-%d-%d", lines[k].from, lines[k].to);
    snprintf(name, sizeof name, "Line %d-%d", lines[k].from, lines[k].to);
    struct fg_branch *line =
        example_need(fg_network_add_branch(example->network, id, lines[k].from, lines[k].to));
    const double z_base_ohm = NOMINAL_KV * NOMINAL_KV / BASE_MVA;
    const double omega = 2.0 * 3.14159265358979323846 * example->network->frequency_hz;
    line->name = example_need((void *)fg_network_string(example->network, name));
    line->kind = FG_BRANCH_LINE;
    line->r_pu = type->r_ohm_km * lines[k].length_km / z_base_ohm;
    line->x_pu = type->x_ohm_km * lines[k].length_km / z_base_ohm;
    line->b_from_pu = line->b_to_pu = 0.5 * omega * type->c_nf_km * 1e-9 * lines[k].length_km * z_base_ohm;
    line->rating_kind = FG_RATING_CURRENT;
    line->rate_normal_mva = sqrt(3.0) * NOMINAL_KV * type->rating_ka;
    line->from_closed = lines[k].open_end != lines[k].from;
    line->to_closed = lines[k].open_end != lines[k].to;
}

static void add_transformer(struct example *example, int bus, int32_t position)
{
    char id[32], name[48];
    snprintf(id, sizeof id, "transformer-0-%d", bus);
    snprintf(name, sizeof name, "Transformer 0-%d", bus);
    struct fg_branch *branch = example_need(fg_network_add_branch(example->network, id, 0, bus));
    const double rated_mva = 25.0, short_circuit = 0.1200107, copper = 0.0016;
    branch->name = example_need((void *)fg_network_string(example->network, name));
    branch->kind = FG_BRANCH_TRANSFORMER;
    branch->r_pu = copper * BASE_MVA / rated_mva;
    branch->x_pu = sqrt(short_circuit * short_circuit - copper * copper) * BASE_MVA / rated_mva;
    branch->shift_rad = 3.14159265358979323846 / 6.0;
    branch->rating_kind = FG_RATING_APPARENT;
    branch->rate_normal_mva = rated_mva;
    branch->tap = (struct fg_tap_changer){.exists = true,
                                          .minimum = -16,
                                          .maximum = 16,
                                          .step_ratio = 0.00625,
                                          .on_from_side = true,
                                          .regulated_bus = bus};
    fg_branch_set_tap(branch, position);
}

static void build_network(struct example *example)
{
    struct fg_network *network = example->network;
    network->base_mva = BASE_MVA;
    network->frequency_hz = 50.0;
    for (int b = 0; b < 15; b++) {
        char id[16], name[32];
        snprintf(id, sizeof id, "%d", b);
        snprintf(name, sizeof name, "Bus %d", b);
        struct fg_bus *bus = example_need(fg_network_add_bus(network, id, b == 0 ? 110.0 : NOMINAL_KV));
        bus->name = example_need((void *)fg_network_string(network, name));
        bus->x = coordinates[b][0];
        bus->y = coordinates[b][1];
        bus->vm_min_pu = b == 0 ? 0.9 : 0.95;
        bus->vm_max_pu = b == 0 ? 1.1 : 1.05;
    }
    struct fg_generator *source = example_need(fg_network_add_generator(network, "grid-110kv", FG_GENERATOR_SOURCE, 0));
    source->vm_set_pu = 1.03;
    /* Both tap changers stand so that the 20 kV bars are near 1.02 p.u. on the average of the day. */
    add_transformer(example, 1, -2);
    add_transformer(example, 12, -2);
    for (size_t k = 0; k < sizeof lines / sizeof lines[0]; k++)
        add_line(example, k);
}

static void add_load(struct example *example, int bus, const char *kind, const char *title, double mva, double factor,
                     double (*shape)(double))
{
    if (mva == 0.0)
        return;
    char id[32], name[64], bus_id[16];
    snprintf(id, sizeof id, "%s-%d", kind, bus);
    snprintf(name, sizeof name, "%s at bus %d", title, bus);
    snprintf(bus_id, sizeof bus_id, "%d", bus);
    example_injection(example, id, name, FG_INJECTION_LOAD, bus_id, -mva * factor,
                      sqrt(1.0 - factor * factor) / factor, shape, 0.03);
}

static void build_assets(struct example *example)
{
    for (size_t k = 0; k < sizeof loads / sizeof loads[0]; k++) {
        add_load(example, loads[k].bus, "residential", "Households", loads[k].residential_mva,
                 loads[k].residential_factor, shape_residential);
        add_load(example, loads[k].bus, "commercial", "Trade and industry", loads[k].commercial_mva,
                 loads[k].commercial_factor, shape_commercial);
    }
    for (size_t k = 0; k < sizeof additions / sizeof additions[0]; k++) {
        char bus[16];
        snprintf(bus, sizeof bus, "%d", additions[k].bus);
        if (additions[k].photovoltaic > 0.0)
            example_photovoltaic(example, bus, additions[k].photovoltaic);
        if (additions[k].vehicles > 0.0)
            example_vehicles(example, bus, additions[k].vehicles);
        if (additions[k].heat_pumps > 0.0)
            example_heat_pumps(example, bus, additions[k].heat_pumps);
        if (additions[k].battery_mw > 0.0)
            example_battery(example, bus, additions[k].battery_mw, additions[k].battery_mwh);
    }
    example_wind(example, "7", 1.5);
    example_industry(example, "9", 0.25);
    example_industry(example, "3", 0.10);
    example_industry(example, "14", 0.15);
    example_generator_set(example, "9", 0.310);
}

static void build_requests(struct example *example)
{
    static const char *const north[] = {"2", "3", "4", "5", "6", "7", "8", "9", "10", "11"};
    static const char *const south[] = {"13", "14"};
    example_need(fg_market_add_zone(example->market, "feeder-1", north, sizeof north / sizeof north[0]));
    example_need(fg_market_add_zone(example->market, "feeder-2", south, sizeof south / sizeof south[0]));
    example_cover_branch(example, "line-1-2", 16.0, 23.0, 3.0, 2500.0);
    example_cover_branch(example, "line-2-3", 16.0, 23.0, 3.0, 2500.0);
    example_cover_voltage(example, "6", true, 16.0, 23.0, 0.05, 200000.0);
    example_cover_voltage(example, "11", true, 16.0, 23.0, 0.05, 200000.0);
    example_cover_voltage(example, "6", false, 9.0, 16.0, 0.05, 200000.0);
    example_cover_voltage(example, "11", false, 9.0, 16.0, 0.05, 200000.0);
    example_cover_voltage(example, "14", false, 9.0, 16.0, 0.05, 200000.0);
    example_need_zone(example, 0, FG_REGULATION_UP, 17.0, 18.0, 0.4, 125.0);
    example_need_zone(example, 0, FG_REGULATION_UP, 18.0, 20.0, 0.6, 140.0);
    example_need_zone(example, 0, FG_REGULATION_DOWN, 11.0, 13.0, 0.8, 24.0);
    example_need_zone(example, 0, FG_REGULATION_DOWN, 13.0, 15.0, 0.6, 20.0);
    example_need_zone(example, 1, FG_REGULATION_UP, 18.0, 20.0, 0.3, 135.0);
    example_need_zone(example, 1, FG_REGULATION_DOWN, 11.0, 14.0, 0.3, 18.0);
    for (double hour = 6.0; hour < 9.0; hour += 1.0)
        example_exchange(example, "1", FG_REGULATION_UP, hour, hour + 1.0, 0.25, 108.0 + 4.0 * (hour - 6.0));
    for (double hour = 17.0; hour < 21.0; hour += 1.0)
        example_exchange(example, "12", FG_REGULATION_UP, hour, hour + 1.0, 0.20, 122.0 + 3.0 * (hour - 17.0));
}

void example_cigre_mv(struct example *example)
{
    example_begin(example, "cigre_mv", "CIGRE medium-voltage benchmark, a March day in 2035 conditions", 575);
    example_day(example, 900);
    build_network(example);
    build_assets(example);
    build_requests(example);
}

/* Two radial test feeders at 12.66 kV, restated from the publications:
 *
 *   33 buses: M. E. Baran and F. F. Wu, "Network reconfiguration in distribution systems for loss reduction and load balancing",
 *             IEEE Trans. Power Delivery 4(2), 1989, pp. 1401-1407 (impedances in ohm, loads in kW and kvar; five tie
 *             lines, open).
 *   69 buses: M. E. Baran and F. F. Wu, "Optimal capacitor placement on radial distribution systems", IEEE Trans. Power
 *             Delivery 4(1), 1989, pp. 725-734.
 *
 * The publications give no ratings; those below, the flexible assets and the markets are this project's own. */
#include "example.h"

#include <math.h>
#include <stdio.h>

#define BASE_MVA 10.0
#define NOMINAL_KV 12.66

struct feeder_load {
    double p_kw, q_kvar;
};
struct feeder_line {
    int from, to;
    double r_ohm, x_ohm;
};

static const struct feeder_load loads33[33] = {
    {0, 0}, {100, 60}, {90, 40}, {120, 80}, {60, 30}, {60, 20},
    {200, 100}, {200, 100}, {60, 20}, {60, 20}, {45, 30}, {60, 35},
    {60, 35}, {120, 80}, {60, 10}, {60, 20}, {60, 20}, {90, 40},
    {90, 40}, {90, 40}, {90, 40}, {90, 40}, {90, 50}, {420, 200},
    {420, 200}, {60, 25}, {60, 25}, {60, 20}, {120, 70}, {200, 600},
    {150, 70}, {210, 100}, {60, 40},
};
static const struct feeder_line lines33[] = {
    {1, 2, 0.0922, 0.047}, {2, 3, 0.493, 0.2511}, {3, 4, 0.366, 0.1864}, {4, 5, 0.3811, 0.1941},
    {5, 6, 0.819, 0.707}, {6, 7, 0.1872, 0.6188}, {7, 8, 0.7114, 0.2351}, {8, 9, 1.03, 0.74},
    {9, 10, 1.044, 0.74}, {10, 11, 0.1966, 0.065}, {11, 12, 0.3744, 0.1238}, {12, 13, 1.468, 1.155},
    {13, 14, 0.5416, 0.7129}, {14, 15, 0.591, 0.526}, {15, 16, 0.7463, 0.545}, {16, 17, 1.289, 1.721},
    {17, 18, 0.732, 0.574}, {2, 19, 0.164, 0.1565}, {19, 20, 1.5042, 1.3554}, {20, 21, 0.4095, 0.4784},
    {21, 22, 0.7089, 0.9373}, {3, 23, 0.4512, 0.3083}, {23, 24, 0.898, 0.7091}, {24, 25, 0.896, 0.7011},
    {6, 26, 0.203, 0.1034}, {26, 27, 0.2842, 0.1447}, {27, 28, 1.059, 0.9337}, {28, 29, 0.8042, 0.7006},
    {29, 30, 0.5075, 0.2585}, {30, 31, 0.9744, 0.963}, {31, 32, 0.3105, 0.3619}, {32, 33, 0.341, 0.5302},
    {21, 8, 2, 2}, {9, 15, 2, 2}, {12, 22, 2, 2}, {18, 33, 0.5, 0.5},
    {25, 29, 0.5, 0.5},
};
static const struct feeder_load loads69[69] = {
    {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {2.6, 2.2},
    {40.4, 30}, {75, 54}, {30, 22}, {28, 19}, {145, 104}, {145, 104},
    {8, 5.5}, {8, 5.5}, {0, 0}, {45.5, 30}, {60, 35}, {60, 35},
    {0, 0}, {1, 0.6}, {114, 81}, {5.3, 3.5}, {0, 0}, {28, 20},
    {0, 0}, {14, 10}, {14, 10}, {26, 18.6}, {26, 18.6}, {0, 0},
    {0, 0}, {0, 0}, {14, 10}, {19.5, 14}, {6, 4}, {26, 18.6},
    {26, 18.6}, {0, 0}, {24, 17}, {24, 17}, {1.2, 1}, {0, 0},
    {6, 4.3}, {0, 0}, {39.2, 26.3}, {39.2, 26.3}, {0, 0}, {79, 56.4},
    {384.7, 274.5}, {384.7, 274.5}, {40.5, 28.3}, {3.6, 2.7}, {4.3, 3.5}, {26.4, 19},
    {24, 17.2}, {0, 0}, {0, 0}, {0, 0}, {100, 72}, {0, 0},
    {1244, 888}, {32, 23}, {0, 0}, {227, 162}, {59, 42}, {18, 13},
    {18, 13}, {28, 20}, {28, 20},
};
static const struct feeder_line lines69[] = {
    {1, 2, 0.0005, 0.0012}, {2, 3, 0.0005, 0.0012}, {3, 4, 0.0015, 0.0036}, {4, 5, 0.0251, 0.0294},
    {5, 6, 0.366, 0.1864}, {6, 7, 0.381, 0.1941}, {7, 8, 0.0922, 0.047}, {8, 9, 0.0493, 0.0251},
    {9, 10, 0.819, 0.2707}, {10, 11, 0.1872, 0.0619}, {11, 12, 0.7114, 0.2351}, {12, 13, 1.03, 0.34},
    {13, 14, 1.044, 0.34}, {14, 15, 1.058, 0.3496}, {15, 16, 0.1966, 0.065}, {16, 17, 0.3744, 0.1238},
    {17, 18, 0.0047, 0.0016}, {18, 19, 0.3276, 0.1083}, {19, 20, 0.2106, 0.069}, {20, 21, 0.3416, 0.1129},
    {21, 22, 0.014, 0.0046}, {22, 23, 0.1591, 0.0526}, {23, 24, 0.3463, 0.1145}, {24, 25, 0.7488, 0.2475},
    {25, 26, 0.3089, 0.1021}, {26, 27, 0.1732, 0.0572}, {3, 28, 0.0044, 0.0108}, {28, 29, 0.064, 0.1565},
    {29, 30, 0.3978, 0.1315}, {30, 31, 0.0702, 0.0232}, {31, 32, 0.351, 0.116}, {32, 33, 0.839, 0.2816},
    {33, 34, 1.708, 0.5646}, {34, 35, 1.474, 0.4873}, {3, 36, 0.0044, 0.0108}, {36, 37, 0.064, 0.1565},
    {37, 38, 0.1053, 0.123}, {38, 39, 0.0304, 0.0355}, {39, 40, 0.0018, 0.0021}, {40, 41, 0.7283, 0.8509},
    {41, 42, 0.31, 0.3623}, {42, 43, 0.041, 0.0478}, {43, 44, 0.0092, 0.0116}, {44, 45, 0.1089, 0.1373},
    {45, 46, 0.0009, 0.0012}, {4, 47, 0.0034, 0.0084}, {47, 48, 0.0851, 0.2083}, {48, 49, 0.2898, 0.7091},
    {49, 50, 0.0822, 0.2011}, {8, 51, 0.0928, 0.0473}, {51, 52, 0.3319, 0.114}, {9, 53, 0.174, 0.0886},
    {53, 54, 0.203, 0.1034}, {54, 55, 0.2842, 0.1447}, {55, 56, 0.2813, 0.1433}, {56, 57, 1.59, 0.5337},
    {57, 58, 0.7837, 0.263}, {58, 59, 0.3042, 0.1006}, {59, 60, 0.3861, 0.1172}, {60, 61, 0.5075, 0.2585},
    {61, 62, 0.0974, 0.0496}, {62, 63, 0.145, 0.0738}, {63, 64, 0.7105, 0.3619}, {64, 65, 1.041, 0.5302},
    {11, 66, 0.2012, 0.0611}, {66, 67, 0.0047, 0.0014}, {12, 68, 0.7394, 0.2444}, {68, 69, 0.0047, 0.0016},
};
#define LINES_33_OPEN 5 /* the last five are the tie lines */

static void build_feeder(struct example *example, const struct feeder_load *loads, int bus_count,
                         const struct feeder_line *lines, size_t line_count, size_t open_count, double vm_set_pu,
                         double (*rating_mva)(int to))
{
    struct fg_network *network = example->network;
    const double z_base_ohm = NOMINAL_KV * NOMINAL_KV / BASE_MVA;
    network->base_mva = BASE_MVA;
    network->frequency_hz = 60.0;
    for (int b = 1; b <= bus_count; b++) {
        char id[16];
        snprintf(id, sizeof id, "%d", b);
        struct fg_bus *bus = example_need(fg_network_add_bus(network, id, NOMINAL_KV));
        bus->vm_min_pu = 0.95;
        bus->vm_max_pu = 1.05;
    }
    struct fg_generator *source = example_need(fg_network_add_generator(network, "substation", FG_GENERATOR_SOURCE, 0));
    source->vm_set_pu = vm_set_pu;
    for (size_t k = 0; k < line_count; k++) {
        char id[32];
        snprintf(id, sizeof id, "line-%d-%d", lines[k].from, lines[k].to);
        struct fg_branch *line =
            example_need(fg_network_add_branch(network, id, lines[k].from - 1, lines[k].to - 1));
        line->kind = FG_BRANCH_LINE;
        line->r_pu = lines[k].r_ohm / z_base_ohm;
        line->x_pu = lines[k].x_ohm / z_base_ohm;
        line->rate_normal_mva = rating_mva(lines[k].to);
        line->in_service = k + open_count < line_count;
    }
    for (int b = 1; b <= bus_count; b++) {
        const struct feeder_load *load = &loads[b - 1];
        if (load->p_kw == 0.0 && load->q_kvar == 0.0)
            continue;
        char id[32], name[48], bus[16];
        snprintf(id, sizeof id, "load-%d", b);
        snprintf(name, sizeof name, "Load at bus %d", b);
        snprintf(bus, sizeof bus, "%d", b);
        example_injection(example, id, name, FG_INJECTION_LOAD, bus, -load->p_kw / 1000.0, load->q_kvar / load->p_kw,
                          b % 3 == 0 ? shape_commercial : shape_residential, 0.03);
    }
}

/* By the line's far bus: the trunk is a strong conductor, laterals are weaker. */
static double rating33(int to)
{
    return to <= 6 ? 4.2 : to <= 18 ? 1.35 : to >= 26 ? 1.45 : 2.0;
}

static double rating69(int to)
{
    return to <= 9 ? 4.5 : to >= 53 && to <= 65 ? 2.6 : 1.5;
}

void example_ieee33(struct example *example)
{
    example_begin(example, "ieee33", "33-bus feeder of Baran and Wu, hourly day", 33);
    example_day(example, 3600);
    build_feeder(example, loads33, 33, lines33, sizeof lines33 / sizeof lines33[0], LINES_33_OPEN, 1.02, rating33);
    static const char *const sunny[] = {"14", "18", "22", "25", "31", "33"};
    static const char *const charging[] = {"8", "13", "17", "24", "30", "32"};
    for (int i = 0; i < 6; i++)
        example_photovoltaic(example, sunny[i], i == 1 || i == 5 ? 0.9 : 0.6);
    for (int i = 0; i < 6; i++)
        example_vehicles(example, charging[i], 0.16);
    example_heat_pumps(example, "16", 0.12);
    example_heat_pumps(example, "29", 0.15);
    example_battery(example, "15", 0.5, 1.5);
    example_battery(example, "18", 0.6, 1.8);
    example_battery(example, "31", 0.6, 1.8);
    example_industry(example, "7", 0.12);
    example_industry(example, "25", 0.20);
    example_generator_set(example, "30", 0.4);
    static const char *const lateral[] = {"26", "27", "28", "29", "30", "31", "32", "33"};
    static const char *const end[] = {"7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18"};
    example_need(fg_market_add_zone(example->market, "lateral", lateral, sizeof lateral / sizeof lateral[0]));
    example_need(fg_market_add_zone(example->market, "main-end", end, sizeof end / sizeof end[0]));
    example_cover_voltage(example, "18", true, 16.0, 23.0, 0.05, 200000.0);
    example_cover_voltage(example, "18", false, 9.0, 16.0, 0.05, 200000.0);
    example_need_zone(example, 0, FG_REGULATION_UP, 18.0, 20.0, 0.2, 130.0);
    example_exchange(example, "2", FG_REGULATION_UP, 18.0, 20.0, 0.15, 124.0);
}

void example_ieee69(struct example *example)
{
    example_begin(example, "ieee69", "69-bus feeder of Baran and Wu, half-hourly day", 69);
    example_day(example, 1800);
    build_feeder(example, loads69, 69, lines69, sizeof lines69 / sizeof lines69[0], 0, 1.02, rating69);
    static const char *const sunny[] = {"18", "27", "50", "61", "64", "65"};
    static const char *const charging[] = {"11", "21", "49", "61", "62", "64"};
    for (int i = 0; i < 6; i++)
        example_photovoltaic(example, sunny[i], i == 3 ? 0.9 : 0.5);
    for (int i = 0; i < 6; i++)
        example_vehicles(example, charging[i], 0.12);
    example_heat_pumps(example, "59", 0.15);
    example_heat_pumps(example, "12", 0.15);
    example_battery(example, "61", 0.8, 2.4);
    example_battery(example, "64", 0.5, 1.5);
    example_battery(example, "27", 0.5, 1.5);
    example_industry(example, "61", 0.3);
    example_industry(example, "50", 0.15);
    example_generator_set(example, "61", 0.5);
    static const char *const south[] = {"53", "54", "55", "56", "57", "58", "59", "60", "61", "62", "63", "64", "65"};
    example_need(fg_market_add_zone(example->market, "south", south, sizeof south / sizeof south[0]));
    example_cover_branch(example, "line-9-53", 16.0, 23.0, 2.0, 2500.0);
    example_cover_voltage(example, "65", true, 16.0, 23.0, 0.05, 200000.0);
    example_cover_voltage(example, "65", false, 9.0, 16.0, 0.05, 200000.0);
    example_need_zone(example, 0, FG_REGULATION_UP, 18.0, 20.0, 0.3, 128.0);
    example_exchange(example, "3", FG_REGULATION_UP, 18.0, 20.0, 0.2, 122.0);
}

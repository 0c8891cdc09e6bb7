#include "market/technology.h"

#include <stdbool.h>
#include <stddef.h>

const char *const fg_technology_words[] = {
    "other",           "pv",           "wind",    "hydro",        "biomass",      "geothermal", "chp",
    "generator",       "fuel_cell",    "battery", "pumped_hydro", "heat_storage", "ev",         "heat_pump",
    "electric_boiler", "water_heater", "cooling", "electrolyser", "industrial",   "shiftable",  NULL};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_same(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == *b)
        a++, b++;
    return *a == *b;
}

uint64_t fg_technology_bit(const char *word)
{
    for (size_t i = 1; fg_technology_words[i] != NULL; i++)
        if (is_same(word, fg_technology_words[i]))
            return UINT64_C(1) << i;
    return 1;
}

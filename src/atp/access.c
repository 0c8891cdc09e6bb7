#include "atp/access.h"

#include <string.h>

const char *const fg_role_words[] = {"fmo", "dso", "tso", "esp", "resp", "aggregator", "retailer", "brp",
                                     "market_operator", "prosumer", "regulator", "observer", NULL};
const char *const fg_duty_words[] = {"administrator", "trader", "operator", "settlement", "reader", NULL};
const char *const fg_api_words[] = {"public", "atp", "dfmct", "fst", "afat", "db", NULL};

const struct fg_access_rule *fg_access_find(const struct fg_access_table *table, const char *right)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rules[i].right, right) == 0)
            return &table->rules[i];
    return NULL;
}

bool fg_access_allows(const struct fg_access_rule *rule, const struct fg_principal *principal)
{
    return (rule->roles & principal->roles) != 0 && (rule->duties & principal->duties) != 0;
}

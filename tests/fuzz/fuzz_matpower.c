/* Any bytes through the MATPOWER reader. What it accepts is a valid network, and survives being written and read again.
 */
#include "grid/matpower.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fg_network *write_and_read(struct fg_network *network)
{
    struct fg_text text;
    struct fg_network *again = NULL;
    fg_text_init(&text);
    if (fg_matpower_format(network, &text, NULL) != FG_OK ||
        fg_matpower_parse(text.data, text.length, "again", &again, NULL) != FG_OK)
        abort();
    fg_text_release(&text);
    return again;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_network *network;
    struct fg_error err;
    if (fg_matpower_parse((const char *)data, size, "fuzz", &network, &err) != FG_OK)
        return 0;
    struct fg_network *again = write_and_read(network);
    if (again->bus_count != network->bus_count || again->branch_count != network->branch_count ||
        again->generator_count != network->generator_count || again->injection_count != network->injection_count ||
        again->base_mva != network->base_mva)
        abort();
    fg_network_destroy(again);
    fg_network_destroy(network);
    return 0;
}

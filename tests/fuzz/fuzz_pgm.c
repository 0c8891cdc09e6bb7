/* Any bytes as a power-grid-model dataset; a network that is accepted passes validation once more, at every position of
 * its tap changers. */
#include "grid/network.h"
#include "grid/pgm.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_network *network = NULL;
    struct fg_error err;
    if (fg_pgm_parse((const char *)data, size, "fuzz", &network, &err) != FG_OK)
        return 0;
    if (fg_network_validate(network, &err) != FG_OK)
        abort();
    for (size_t i = 0; i < network->branch_count; i++) {
        struct fg_tap_changer *tap = &network->branches[i].tap;
        int32_t step = tap->minimum < tap->maximum ? 1 : -1;
        for (int32_t at = tap->minimum; tap->exists && at != tap->maximum + step; at += step)
            fg_branch_set_tap(&network->branches[i], at);
    }
    if (fg_network_validate(network, &err) != FG_OK)
        abort();
    fg_network_destroy(network);
    return 0;
}

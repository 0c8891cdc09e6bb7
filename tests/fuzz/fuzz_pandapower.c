/* Any bytes as a pandapower document; a network that is accepted passes validation once more. */
#include "grid/network.h"
#include "grid/pandapower.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_network *network = NULL;
    struct fg_error err;
    if (fg_pandapower_parse((const char *)data, size, "fuzz", &network, &err) != FG_OK)
        return 0;
    if (fg_network_validate(network, &err) != FG_OK)
        abort();
    fg_network_destroy(network);
    return 0;
}

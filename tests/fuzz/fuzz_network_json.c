/* Any bytes through the reader of the own network format. What it accepts is written, read again and written: both
 * texts must be the same. */
#include "grid/network_json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_network *network, *again;
    struct fg_error err;
    if (fg_network_json_parse((const char *)data, size, "fuzz", &network, &err) != FG_OK)
        return 0;
    struct fg_text first, second;
    fg_text_init(&first);
    fg_text_init(&second);
    if (fg_network_json_format(network, &first, NULL) != FG_OK ||
        fg_network_json_parse(first.data, first.length, "again", &again, NULL) != FG_OK ||
        fg_network_json_format(again, &second, NULL) != FG_OK || strcmp(first.data, second.data) != 0)
        abort();
    fg_network_destroy(again);
    fg_network_destroy(network);
    fg_text_release(&first);
    fg_text_release(&second);
    return 0;
}

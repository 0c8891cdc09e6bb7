/* Any bytes through the JSON market reader. What it accepts must be written and read back as the same market. */
#include "toolkit/dfmct/market_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_market *market, *again;
    struct fg_error err;
    if (fg_market_read_json_text((const char *)data, size, "fuzz", NULL, &market, &err) != FG_OK) {
        require(market == NULL && err.text[0] != '\0');
        return 0;
    }
    struct fg_text first, second;
    fg_text_init(&first);
    fg_text_init(&second);
    require(fg_market_write_json(market, &first, &err) == FG_OK);
    require(fg_market_read_json_text(first.data, first.length, "again", NULL, &again, &err) == FG_OK);
    require(fg_market_write_json(again, &second, &err) == FG_OK);
    require(first.length == second.length && memcmp(first.data, second.data, first.length) == 0);
    fg_text_release(&first);
    fg_text_release(&second);
    fg_market_destroy(market);
    fg_market_destroy(again);
    return 0;
}

/* Any bytes as the answer of an external market: JSON (first byte even) or CSV; what is taken is ascending and on the step. */
#include "gateway/agent.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_samples samples = {0};
    struct fg_error err;
    if (size == 0)
        return 0;
    struct fg_agent agent = {.format = data[0] % 2 == 0 ? FG_AGENT_JSON : FG_AGENT_CSV, .rows = data[0] % 4 == 0 ? "/rows" : "", .time_member = "/t",
                             .value_member = "/v", .places = 2, .step_s = 900};
    if (agent.format == FG_AGENT_CSV) {
        agent.time_member = "t";
        agent.value_member = "v";
    }
    if (fg_agent_parse(&agent, (const char *)data + 1, size - 1, &samples, &err) == FG_OK)
        for (size_t i = 0; i < samples.count; i++)
            if (samples.items[i].time_s % 900 != 0 || (i > 0 && samples.items[i].time_s <= samples.items[i - 1].time_s))
                abort();
    fg_samples_release(&samples);
    return 0;
}

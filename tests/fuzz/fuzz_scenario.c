/* Any bytes as a CSV file of scenarios for a small network; every step is read to its end. */
#include "base/memory.h"
#include "grid/scenario.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_network *network = fg_network_create();
    int fd = memfd_create("scenario", 0);
    char path[64];
    if (network == NULL || fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    fg_network_add_bus(network, "1", 10);
    fg_network_add_bus(network, "2", 10);
    fg_network_add_injection(network, "L2", FG_INJECTION_LOAD, 1, -1, 0);
    fg_network_add_injection(network, "2", FG_INJECTION_STATIC_GENERATOR, 1, 1, 0);
    fg_network_add_generator(network, "G1", FG_GENERATOR_SOURCE, 0);
    fg_network_add_storage(network, "S2", 1);
    double values[12];
    struct fg_scenario_powers powers = {values,     values + 2, values + 4, values + 5,
                                        values + 6, values + 7, values + 8, values + 10};
    struct fg_scenario_reader *reader;
    struct fg_error err;
    const char *label = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    enum fg_code code = fg_scenario_open(network, path, &reader, &err);
    while (code == FG_OK && label != NULL)
        code = fg_scenario_next(reader, &powers, &label, &err);
    fg_scenario_close(reader);
    close(fd);
    fg_network_destroy(network);
    return 0;
}

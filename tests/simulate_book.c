/* simulate_book [--seeds N] [--commands N] [--from SEED] [--replay SEED]: run seeds until one fails; its number is
 * printed and --replay shows every command of it. */
#include "book_simulation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    unsigned long long seeds = 100, from = 1, replay = 0;
    long commands = 2000;
    for (int i = 1; i < argc; i += 2) {
        unsigned long long value = i + 1 < argc ? strtoull(argv[i + 1], NULL, 10) : 0;
        if (strcmp(argv[i], "--seeds") == 0 && value > 0)
            seeds = value;
        else if (strcmp(argv[i], "--commands") == 0 && value > 0)
            commands = (long)value;
        else if (strcmp(argv[i], "--from") == 0 && value > 0)
            from = value;
        else if (strcmp(argv[i], "--replay") == 0 && value > 0)
            replay = value;
        else
            return fprintf(stderr, "usage: %s [--seeds N] [--commands N] [--from SEED] [--replay SEED]\n", argv[0]), 2;
    }
    struct sim_statistics statistics = {0};
    if (replay > 0)
        return simulate(replay, commands, true, &statistics);
    for (unsigned long long seed = from; seed < from + seeds; seed++)
        if (simulate(seed, commands, false, &statistics) != 0) {
            fprintf(stderr, "seed %llu fails; replay it with --replay %llu --commands %ld\n", seed, seed, commands);
            return 1;
        }
    printf("%llu seeds of %ld commands ran clean: %ld commands, %ld refused, %ld trades, %ld times out of memory\n",
           seeds, commands, statistics.commands, statistics.refused, statistics.trades, statistics.memory_failures);
    for (int k = 0; k < SIM_KINDS; k++)
        printf("  %s %ld\n", sim_kind_words[k], statistics.by_kind[k]);
    return 0;
}

/* Any bytes as a SimBench data set: lines "=== Node.csv" start the next file. A network that is accepted passes
 * validation once more, and its first and last step and every study case are evaluated. */
#include "grid/simbench.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST_FILES 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cut the copy in place; names and texts point into it. */
static size_t split(char *text, struct fg_simbench_file files[MOST_FILES])
{
    size_t count = 0;
    char *at = strncmp(text, "=== ", 4) == 0 ? text : NULL;
    while (at != NULL && count < MOST_FILES) {
        char *name = at + 4, *line_end = strchr(name, '\n');
        if (line_end == NULL)
            break;
        *line_end = '\0';
        char *bytes = line_end + 1;
        char *next = strncmp(bytes, "=== ", 4) == 0 ? bytes : strstr(bytes, "\n=== ");
        if (next != NULL && next != bytes)
            next++;
        files[count++] = (struct fg_simbench_file){name, bytes, next ? (size_t)(next - bytes) : strlen(bytes)};
        at = next;
    }
    return count;
}

static void evaluate(const struct fg_simbench *set)
{
    const struct fg_network *network = fg_simbench_network(set);
    double *p = calloc(network->injection_count + 1, sizeof *p), *q = calloc(network->injection_count + 1, sizeof *q);
    double *g = calloc(network->generator_count + 1, sizeof *g), *s = calloc(network->storage_count + 1, sizeof *s);
    if (p == NULL || q == NULL || g == NULL || s == NULL)
        abort();
    struct fg_simbench_powers powers = {p, q, g, s};
    size_t steps = fg_simbench_step_count(set);
    if (steps > 0) {
        fg_simbench_at_step(set, 0, &powers);
        fg_simbench_at_step(set, steps - 1, &powers);
        if (fg_simbench_time(set, steps - 1) == NULL)
            abort();
    }
    for (size_t k = 0; k < fg_simbench_case_count(set); k++)
        fg_simbench_at_case(set, k, &powers, NULL);
    free(p);
    free(q);
    free(g);
    free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    struct fg_simbench_file files[MOST_FILES];
    size_t count = split(text, files);
    struct fg_simbench *set = NULL;
    struct fg_error err;
    if (fg_simbench_parse(files, count, &set, &err) == FG_OK) {
        struct fg_network *copy = fg_network_clone(fg_simbench_network(set));
        if (copy == NULL || fg_network_validate(copy, &err) != FG_OK)
            abort();
        fg_network_destroy(copy);
        evaluate(set);
        fg_simbench_close(set);
    }
    free(text);
    return 0;
}

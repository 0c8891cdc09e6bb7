/* What a series of power flows gives: a line a step in the JSON document, the tables and the CSV files, and the extremes
 * over all steps. Steps are written as they come; of each one about a hundred bytes stay in memory. */
#ifndef FG_CMD_SERIES_OUTPUT_H
#define FG_CMD_SERIES_OUTPUT_H

#include "base/json.h"
#include "base/memory.h"
#include "cmd/command.h"
#include "cmd/spool.h"
#include "grid/powerflow.h"

struct fg_series_step {
    const char *label, *vm_min_bus, *vm_max_bus, *loading_max_branch; /* NULL: none */
    enum fg_powerflow_status status;
    int32_t iterations;
    double losses_mw, vm_min_pu, vm_max_pu, loading_max;
    size_t violation_count;
};

enum { FG_SERIES_STEPS, FG_SERIES_VIOLATIONS, FG_SERIES_BUSES, FG_SERIES_BRANCHES, FG_SERIES_TABLES };

struct fg_series_output {
    bool is_full, has_csv;
    struct fg_spool document, tables[FG_SERIES_TABLES];
    struct fg_json_writer json;
    struct fg_series_step *steps;
    size_t step_count, step_capacity;
    struct fg_arena arena; /* labels and ids: networks may be gone when the tables are shown */
};
void fg_series_output_begin(struct fg_series_output *output, bool is_full, bool has_csv);
void fg_series_output_release(struct fg_series_output *output);
enum fg_code fg_series_output_add(struct fg_series_output *output, const char *label,
                                  const struct fg_powerflow_result *result, struct fg_error *err);
/* Write everything; the exit code of the series. Prints errors itself. */
enum fg_exit fg_series_output_end(struct fg_series_output *output, const struct fg_common_options *common,
                                  bool is_interrupted, bool shows_all);

#endif

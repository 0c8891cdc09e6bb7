/* flexgrid powerflow --series: one power flow per step of a time series or per scenario. */
#ifndef FG_CMD_POWERFLOW_SERIES_H
#define FG_CMD_POWERFLOW_SERIES_H

#include "cmd/command.h"
#include "grid/powerflow.h"

struct fg_series_request {
    const char *network, *source; /* source: a file, "profiles" or "cases" */
    int32_t first, last;          /* steps, counted from 1; 0: all */
    bool is_method_auto;          /* the sweep where the grid allows it, Newton where the sweep finds nothing */
    bool is_full, shows_all;
    struct fg_powerflow_options settings;
    const struct fg_common_options *common;
};
enum fg_exit fg_powerflow_series(const struct fg_series_request *request);

#endif

/* Elements of a power flow's result as CSV rows, for one power flow and for series; as JSON: toolkit/dfmct/powerflow_json.h. */
#ifndef FG_CMD_POWERFLOW_ROWS_H
#define FG_CMD_POWERFLOW_ROWS_H

#include "base/text.h"
#include "grid/powerflow.h"

/* Header rows, and one row an element; `step` (NULL: none) is the first column then. */
extern const char *const fg_powerflow_bus_header, *const fg_powerflow_branch_header,
    *const fg_powerflow_violation_header;
void fg_powerflow_bus_rows(const struct fg_powerflow_result *result, const char *step, struct fg_text *text);
void fg_powerflow_branch_rows(const struct fg_powerflow_result *result, const char *step, struct fg_text *text);
void fg_powerflow_violation_rows(const struct fg_powerflow_result *result, const char *step, struct fg_text *text);

#endif

/* The report of a clearing as one HTML file: no external resource, a content security policy that allows nothing but its own
 * style and script (by their SHA-256), readable without the script, in light and dark, from 375 px upwards.
 *
 * Parts: report.c (frame and headline), report_grid.c (drawings), report_charts.c, report_tables.c, report_style.c (style
 * sheet, script and their hashes). */
#ifndef FG_CMD_REPORT_H
#define FG_CMD_REPORT_H

#include "cmd/chart.h"
#include "cmd/layout.h"
#include "toolkit/dfmct/clear.h"

struct fg_report_source {
    const char *network_path, *market_path; /* shown; may be NULL */
};

/* Append the whole page. Errors: memory. Cost: linear in periods x (buses + branches) up to the bound on embedded
 * states below, beyond which the drawing shows the worst period alone. */
enum fg_code fg_report_clear(const struct fg_clear_result *result, const struct fg_report_source *source,
                             struct fg_text *text, struct fg_error *err);

/* Positions of a controllable tap as runs of equal ones, "-2, -5 from 16:30, -2 from 21:00": plain text without markup. */
void fg_report_put_tap_runs(const struct fg_clear_result *result, const struct fg_chart_time *time, int32_t branch,
                            struct fg_text *text);

/* -- shared by the parts ------------------------------------------------------------------------------------------ */

/* What the parts read: derived once from the result. Arrays are in the arena. */
struct fg_report_model {
    const struct fg_clear_result *result;
    const struct fg_network *network;
    const struct fg_market *market;
    struct fg_chart_time time;
    struct fg_layout layout;
    struct fg_arena arena;
    double *vm_min_pu, *vm_max_pu; /* per bus: the band that counts (market over network) without conditions: fg_report_band */
    bool *is_source;               /* per bus: an external grid holds its voltage */
    double *rate_mva;              /* per branch, likewise; INFINITY: none */
    int32_t *condition_element;    /* per condition of the market: branch of a rating, bus of a voltage band; else -1 */
    /* Period by period, before [0] and after [1]; NAN where the power flow did not converge. */
    double *vm_low[2], *vm_high[2], *loading[2], *slack_p[2], *losses[2], *violations[2];
    int32_t worst_period;          /* most violated before (after, when nothing was before) */
    size_t violated_before, violated_after; /* limits x periods */
    size_t accepted_orders;
};

enum { FG_REPORT_BEFORE, FG_REPORT_AFTER };

const struct fg_clear_state *fg_report_state(const struct fg_report_model *model, int when, int32_t period);
/* Loading of a branch as a fraction of its rating, worse end; NAN without rating or state. */
double fg_report_loading(const struct fg_report_model *model, const struct fg_clear_state *state, int32_t period, size_t branch);
/* Voltage band of a bus in a period, 0 and INFINITY where there is none. */
void fg_report_band(const struct fg_report_model *model, int32_t period, size_t bus, double *low, double *high);

void fg_report_put_grid(const struct fg_report_model *model, struct fg_text *text);
enum fg_code fg_report_put_charts(struct fg_report_model *model, struct fg_text *text, struct fg_error *err);
enum fg_code fg_report_put_tables(struct fg_report_model *model, struct fg_text *text, struct fg_error *err);
/* The states of all periods as JSON for the script; nothing when they are too many. */
void fg_report_put_states(const struct fg_report_model *model, struct fg_text *text);

/* Style sheet and script with the hashes that the content security policy names ("sha256-..."). */
extern const char *const fg_report_style[], *const fg_report_script[]; /* pieces, NULL at the end */
extern const char fg_report_style_hash[], fg_report_script_hash[];

#endif

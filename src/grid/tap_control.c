/* Automatic tap changers. */
#include "grid/powerflow_internal.h"

struct fg_tap_control {
    const struct fg_powerflow *powerflow;
};

enum fg_code fg_tap_control_create(const struct fg_powerflow *powerflow, struct fg_tap_control **control,
                                   struct fg_error *err)
{
    *control = NULL;
    return fg_fail(err, FG_ERR_UNSUPPORTED, powerflow->network->name, "automatic tap changers are not available");
}

void fg_tap_control_destroy(struct fg_tap_control *control)
{
    fg_free(control);
}

struct fg_attempt fg_tap_control_run(struct fg_powerflow *powerflow, bool from_state, int32_t *attempts)
{
    return fg_powerflow_run_once(powerflow, from_state, attempts);
}

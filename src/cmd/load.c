#include "cmd/load.h"

#include "cmd/terminal.h"
#include "grid/network_read.h"

#include <stdio.h>

const char *const fg_load_note_words[] = {"ignored", "defaulted", "converted", "warning"};

enum fg_exit fg_load_network(const char *path, const char *format, bool is_quiet, struct fg_network **network)
{
    struct fg_error err = {0};
    if (fg_network_read(path, format, network, &err) != FG_OK) {
        enum fg_exit status = fg_command_fail(&err);
        return status == FG_EXIT_USAGE ? FG_EXIT_INPUT : status;
    }
    enum { WARNINGS_SHOWN = 5 };
    size_t warnings = 0;
    for (size_t i = 0; !is_quiet && i < (*network)->note_count; i++) {
        const struct fg_note *note = &(*network)->notes[i];
        if (note->kind == FG_NOTE_WARNING && warnings++ < WARNINGS_SHOWN)
            fg_terminal_warning(note->place, note->text);
    }
    if (warnings > WARNINGS_SHOWN) {
        char text[96];
        snprintf(text, sizeof text, "%zu more; flexgrid check lists them all", warnings - WARNINGS_SHOWN);
        fg_terminal_warning(NULL, text);
    }
    return FG_EXIT_OK;
}

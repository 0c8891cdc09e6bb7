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

void fg_load_put_notes(const struct fg_network *network, bool has_colour, struct fg_text *text)
{
    fg_text_puts(text, network->note_count == 0 ? "Nothing was ignored, defaulted or converted.\n" : "\nImport report\n");
    for (size_t i = 0; i < network->note_count; i++) {
        const struct fg_note *note = &network->notes[i];
        enum fg_tone tone = note->kind == FG_NOTE_WARNING ? FG_TONE_WARN : FG_TONE_DIM;
        fg_text_printf(text, "%s%-9s%s %6zu x  ", fg_terminal_tone(tone, has_colour), fg_load_note_words[note->kind],
                       fg_terminal_reset(tone, has_colour), note->count);
        fg_terminal_put(text, note->text, -1);
        if (note->place != NULL && note->place[0] != '\0') {
            fg_text_puts(text, "  (");
            fg_terminal_put(text, note->place, -1);
            fg_text_puts(text, ")");
        }
        fg_text_puts(text, "\n");
    }
}

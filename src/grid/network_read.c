#include "grid/network_read.h"
#include "base/text.h"
#include "grid/matpower.h"
#include "grid/network_json.h"
#include "grid/pandapower.h"
#include "grid/pgm.h"
#include "grid/simbench.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_BYTES ((size_t)512 << 20)

/* The formats. A text is told by its first character and a mark; JSON formats are told apart by the mark alone. */
static const struct reader {
    const char *name;
    bool is_json;
    const char *mark;
    enum fg_code (*parse)(const char *bytes, size_t length, const char *place, struct fg_network **network,
                          struct fg_error *err);
} readers[] = {
    {"flexgrid", true, "\"flexgrid_network\"", fg_network_json_parse},
    {"matpower", false, "mpc", fg_matpower_parse},
    {"pandapower", true, "\"pandapowerNet\"", fg_pandapower_parse},
    {"power-grid-model", true, "\"is_batch\"", fg_pgm_parse},
};
#define READER_COUNT (sizeof readers / sizeof *readers)
const char *const fg_network_formats[] = {"flexgrid", "matpower", "pandapower", "power-grid-model", "simbench", NULL};

enum fg_code fg_network_validate_file(struct fg_network *network, const char *place, struct fg_error *err)
{
    enum fg_code code = fg_network_validate(network, err);
    if (code != FG_OK && code != FG_ERR_MEMORY && err != NULL) {
        char element[sizeof err->place];
        memcpy(element, err->place, sizeof element);
        snprintf(err->place, sizeof err->place, "%.150s%s%.100s", place, element[0] ? "#" : "", element);
    }
    return code;
}

/* The format of a text, NULL when no mark is found. */
static const struct reader *detect(const char *bytes)
{
    if (strncmp(bytes, "\xef\xbb\xbf", 3) == 0)
        bytes += 3;
    bool is_json = bytes[strspn(bytes, " \t\r\n")] == '{';
    for (size_t k = 0; k < READER_COUNT; k++)
        if (readers[k].is_json == is_json && strstr(bytes, readers[k].mark) != NULL)
            return &readers[k];
    return NULL;
}

static enum fg_code refuse(const char *path, struct fg_error *err, const char *what)
{
    char list[200] = "";
    for (size_t k = 0; fg_network_formats[k] != NULL; k++) {
        strncat(list, k ? ", " : "", sizeof list - strlen(list) - 1);
        strncat(list, fg_network_formats[k], sizeof list - strlen(list) - 1);
    }
    return fg_fail(err, FG_ERR_UNSUPPORTED, path, "%s; the formats are: %s", what, list);
}

static enum fg_code read_file(const char *path, const struct reader *reader, struct fg_network **network,
                              struct fg_error *err)
{
    struct fg_text text;
    fg_text_init(&text);
    enum fg_code code = fg_file_read(path, MAX_BYTES, &text, err);
    const char *bytes = text.data ? text.data : "";
    if (code == FG_OK && reader == NULL && (reader = detect(bytes)) == NULL)
        code = refuse(path, err, "the file is not a network in a format that is understood");
    if (code == FG_OK)
        code = reader->parse(bytes, text.length, path, network, err);
    fg_text_release(&text);
    return code;
}

enum fg_code fg_network_read(const char *path, const char *format, struct fg_network **network, struct fg_error *err)
{
    *network = NULL;
    const struct reader *reader = NULL;
    for (size_t k = 0; format != NULL && k < READER_COUNT; k++)
        if (strcmp(format, readers[k].name) == 0)
            reader = &readers[k];
    if (format != NULL && reader == NULL && strcmp(format, "simbench") != 0) {
        char what[120];
        snprintf(what, sizeof what, "\"%.60s\" is not a network format", format);
        return refuse(path, err, what);
    }
    struct stat status;
    bool is_folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    bool is_simbench = format != NULL && strcmp(format, "simbench") == 0;
    if (is_simbench || (is_folder && format == NULL && fg_simbench_is_folder(path)))
        return fg_simbench_read(path, network, err);
    if (is_folder)
        return refuse(path, err, "the folder is not a SimBench data set (it has no Node.csv)");
    return read_file(path, reader, network, err);
}

/* Readers take files: an anonymous one, which leaves nothing behind. Its path is no business of whoever reads the error. */
enum fg_code fg_network_read_bytes(const char *bytes, size_t length, const char *format, const char *place,
                                   struct fg_network **network, struct fg_error *err)
{
    char path[64];
    bool is_known = false;
    *network = NULL;
    for (size_t k = 0; format != NULL && fg_network_formats[k] != NULL; k++)
        is_known = is_known || strcmp(format, fg_network_formats[k]) == 0;
    int file = memfd_create("network", MFD_CLOEXEC);
    if (file < 0)
        return fg_fail(err, FG_ERR_IO, place, "no memory file can be made for the network; free memory and try again");
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    size_t written = 0;
    while (written < length) {
        ssize_t count = write(file, bytes + written, length - written);
        if (count <= 0)
            break;
        written += (size_t)count;
    }
    struct fg_error why = {0};
    enum fg_code code = written == length ? fg_network_read(path, is_known ? format : NULL, network, &why)
                                          : fg_fail(&why, FG_ERR_FULL, NULL, "there is no memory for the network");
    close(file);
    for (size_t i = 0; code == FG_OK && i < (*network)->note_count; i++) {
        struct fg_note *note = &(*network)->notes[i];
        if (note->place != NULL && strncmp(note->place, path, strlen(path)) == 0)
            note->place += strlen(path);
    }
    if (code != FG_OK) {
        const char *inside = strncmp(why.place, path, strlen(path)) == 0 ? why.place + strlen(path) : why.place;
        char whole[sizeof why.place];
        snprintf(whole, sizeof whole, "%.100s%.150s", place, inside);
        fg_fail(err, code, whole, "%s", why.text);
    }
    return code;
}

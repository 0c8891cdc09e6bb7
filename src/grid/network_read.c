#include "grid/network_read.h"
#include "base/text.h"
#include "grid/matpower.h"
#include "grid/network_json.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_BYTES ((size_t)512 << 20)

enum format { FORMAT_FLEXGRID, FORMAT_MATPOWER, FORMAT_COUNT };
const char *const fg_network_formats[] = { "flexgrid", "matpower", NULL };

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

/* The format of a text by its marks, -1 when there is none. */
static int detect(const struct fg_text *text)
{
    const char *bytes = text->data ? text->data : "";
    if (strncmp(bytes, "\xef\xbb\xbf", 3) == 0)
        bytes += 3;
    bytes += strspn(bytes, " \t\r\n");
    if (bytes[0] == '{')
        return strstr(bytes, "\"flexgrid_network\"") != NULL ? FORMAT_FLEXGRID : -1;
    return strstr(bytes, "mpc.") != NULL || strncmp(bytes, "function", 8) == 0 ? FORMAT_MATPOWER : -1;
}

static enum fg_code list_formats(const char *path, const char *what, struct fg_error *err)
{
    char list[200] = "";
    for (int k = 0; k < FORMAT_COUNT; k++) {
        strncat(list, k ? ", " : "", sizeof list - strlen(list) - 1);
        strncat(list, fg_network_formats[k], sizeof list - strlen(list) - 1);
    }
    return fg_fail(err, FG_ERR_UNSUPPORTED, path, "%s; the formats are: %s", what, list);
}

enum fg_code fg_network_read(const char *path, const char *format, struct fg_network **network, struct fg_error *err)
{
    *network = NULL;
    int kind = -1;
    for (int k = 0; format != NULL && k < FORMAT_COUNT; k++)
        if (strcmp(format, fg_network_formats[k]) == 0)
            kind = k;
    if (format != NULL && kind < 0) {
        char what[120];
        snprintf(what, sizeof what, "\"%.60s\" is not a network format", format);
        return list_formats(path, what, err);
    }
    struct stat status;
    bool is_folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    if (is_folder)
        return list_formats(path, "the folder does not hold a network", err);
    struct fg_text text;
    fg_text_init(&text);
    enum fg_code code = fg_file_read(path, MAX_BYTES, &text, err);
    if (code == FG_OK && kind < 0 && (kind = detect(&text)) < 0)
        code = list_formats(path, "the file is not a network in a format that is understood", err);
    if (code == FG_OK)
        code = (kind == FORMAT_MATPOWER ? fg_matpower_parse : fg_network_json_parse)(
            text.data ? text.data : "", text.length, path, network, err);
    fg_text_release(&text);
    return code;
}

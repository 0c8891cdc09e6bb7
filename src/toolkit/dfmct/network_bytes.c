#include "toolkit/dfmct/network_bytes.h"

#include "grid/network_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Readers take files. The name ends in what its bytes look like, because a reader's first guess is the name. */
enum fg_code fg_network_of_bytes(const char *bytes, size_t length, const char *format, const char *folder,
                                 struct fg_network **network, struct fg_error *err)
{
    char path[4096];
    size_t first = 0;
    *network = NULL;
    while (first < length && strchr(" \t\r\n", bytes[first]) != NULL)
        first++;
    bool is_json = first < length && (bytes[first] == '{' || bytes[first] == '['), is_known = false;
    for (size_t i = 0; format != NULL && fg_network_formats[i] != NULL; i++)
        is_known = is_known || strcmp(fg_network_formats[i], format) == 0;
    snprintf(path, sizeof path, "%s/upload-XXXXXX%s", folder, is_json ? ".json" : ".m");
    int file = mkstemps(path, is_json ? 5 : 2);
    if (file < 0)
        return fg_fail(err, FG_ERR_IO, folder, "takes no file");
    size_t written = 0;
    while (written < length) {
        ssize_t count = write(file, bytes + written, length - written);
        if (count <= 0)
            break;
        written += (size_t)count;
    }
    enum fg_code code = close(file) == 0 && written == length ? FG_OK : fg_fail(err, FG_ERR_FULL, NULL, "the network cannot be kept");
    struct fg_error why = {0};
    if (code == FG_OK)
        code = fg_network_read(path, is_known ? format : NULL, network, &why);
    unlink(path);
    if (why.code != FG_OK) { /* the path is the server's own affair */
        const char *place = strstr(why.place, "upload-");
        place = place != NULL ? place + strcspn(place, ":#") : "";
        fg_fail(err, code, NULL, "%s%s%s", place, place[0] != '\0' ? ": " : "", why.text);
    }
    return code;
}

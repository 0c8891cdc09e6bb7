/* Static files of the web pages: read once at the start, with a hash as entity tag and a compressed copy. A name that
 * contains its hash ("app.3f2a9c81.js": 8 or more hexadecimal digits between points) may be kept by browsers for ever,
 * any other is asked for again. Thread rule: reading from many threads. */
#ifndef FG_API_FILES_H
#define FG_API_FILES_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

struct fg_file {
    char *path; /* "/index.html", as in an address */
    const char *media;
    struct fg_text plain, gzip; /* gzip.length 0: not smaller */
    char etag[40];
    char import_map[64]; /* of a page with one: its hash for the content security policy, 'sha256-...'; else empty */
    bool is_immutable;
};
struct fg_files {
    struct fg_file *items; /* sorted by path */
    size_t count, capacity;
};
#define FG_FILES_MAX_BYTES ((size_t)64 << 20)

/* Every regular file under the folder; hidden ones and symbolic links are left out. FG_ERR_TOO_LARGE beyond
 * FG_FILES_MAX_BYTES. */
enum fg_code fg_files_load(struct fg_files *files, const char *folder, struct fg_error *err);
void fg_files_release(struct fg_files *files);
/* By decoded path; "/" and "/x/" stand for their index.html. NULL: none. */
const struct fg_file *fg_files_find(const struct fg_files *files, const char *path);

/* gzip (RFC 1952) at the given level; false when out of memory. */
bool fg_gzip(const char *bytes, size_t length, int level, struct fg_text *out);

#endif

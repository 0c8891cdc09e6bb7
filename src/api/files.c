#include "api/files.h"

#include "base/memory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

bool fg_gzip(const char *bytes, size_t length, int level, struct fg_text *out)
{
    fg_text_init(out);
    z_stream stream = {0};
    if (length > UINT32_MAX || deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t bound = deflateBound(&stream, length);
    char *packed = fg_alloc(bound, 1);
    bool ok = packed != NULL;
    if (ok) {
        stream.next_in = (Bytef *)(uintptr_t)bytes;
        stream.avail_in = (uInt)length;
        stream.next_out = (Bytef *)packed;
        stream.avail_out = (uInt)bound;
        ok = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    }
    deflateEnd(&stream);
    if (ok)
        *out = (struct fg_text){.data = packed, .length = stream.total_out, .capacity = bound};
    else
        fg_free(packed);
    return ok;
}

static const char *media_of(const char *path)
{
    static const char *const table[][2] = {
        {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
        {".json", "application/json"}, {".webmanifest", "application/manifest+json"}, {".svg", "image/svg+xml"},
        {".png", "image/png"}, {".ico", "image/x-icon"}, {".woff2", "font/woff2"}, {".txt", "text/plain; charset=utf-8"},
    };
    const char *point = strrchr(path, '.');
    for (size_t i = 0; point != NULL && i < sizeof table / sizeof table[0]; i++)
        if (strcmp(point, table[i][0]) == 0)
            return table[i][1];
    return "application/octet-stream";
}

static bool names_its_hash(const char *path)
{
    const char *name = strrchr(path, '/');
    for (const char *at = strchr(name, '.'); at != NULL; at = strchr(at + 1, '.')) {
        size_t digits = 0;
        while (isxdigit((unsigned char)at[1 + digits]))
            digits++;
        if (digits >= 8 && at[1 + digits] == '.')
            return true;
    }
    return false;
}

/* A browser takes an import map only from the page itself, and the policy of pages allows no code there but by its hash
 * (W3C, Content Security Policy Level 3, section 6.7.3). */
static void hash_import_map(struct fg_file *file)
{
    static const char begin[] = "<script type=\"importmap\">", end[] = "</script>";
    const char *bytes = file->plain.data;
    const char *from = bytes != NULL ? memmem(bytes, file->plain.length, begin, sizeof begin - 1) : NULL;
    if (from == NULL || strncmp(file->media, "text/html", 9) != 0)
        return;
    from += sizeof begin - 1;
    const char *to = memmem(from, file->plain.length - (size_t)(from - bytes), end, sizeof end - 1);
    if (to == NULL)
        return;
    unsigned char hash[crypto_hash_sha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof hash, sodium_base64_VARIANT_ORIGINAL)];
    crypto_hash_sha256(hash, (const unsigned char *)from, (size_t)(to - from));
    sodium_bin2base64(text, sizeof text, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
    snprintf(file->import_map, sizeof file->import_map, "'sha256-%s'", text);
}

static enum fg_code add_file(struct fg_files *files, const char *file_path, const char *address, size_t *left,
                             struct fg_error *err)
{
    if (fg_grow((void **)&files->items, files->count, &files->capacity, sizeof *files->items) != 0)
        return fg_fail_memory(err);
    struct fg_file *file = &files->items[files->count];
    *file = (struct fg_file){.media = media_of(address), .is_immutable = names_its_hash(address)};
    enum fg_code code = fg_file_read(file_path, *left, &file->plain, err);
    if (code != FG_OK)
        return code;
    *left -= file->plain.length;
    file->path = fg_alloc(strlen(address) + 1, 1);
    if (file->path == NULL) {
        fg_text_release(&file->plain);
        return fg_fail_memory(err);
    }
    strcpy(file->path, address);
    files->count++;
    unsigned char hash[16];
    crypto_generichash(hash, sizeof hash, (const unsigned char *)file->plain.data, file->plain.length, NULL, 0);
    sodium_bin2hex(file->etag, sizeof file->etag, hash, sizeof hash);
    hash_import_map(file);
    bool is_text = strncmp(file->media, "text/", 5) == 0 || strstr(file->media, "json") || strstr(file->media, "svg");
    if (is_text && !fg_gzip(file->plain.data, file->plain.length, 9, &file->gzip))
        return fg_fail_memory(err);
    if (file->gzip.length >= file->plain.length)
        fg_text_release(&file->gzip);
    return FG_OK;
}

static enum fg_code add_folder(struct fg_files *files, const char *root, const char *below, int depth, size_t *left,
                               struct fg_error *err)
{
    char path[4096], address[2048];
    snprintf(path, sizeof path, "%s%s", root, below);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return fg_fail(err, FG_ERR_IO, path, "cannot be opened: %s; name the folder of the web pages", strerror(errno));
    enum fg_code code = FG_OK;
    struct dirent *entry;
    while (code == FG_OK && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        struct stat info;
        int length = snprintf(path, sizeof path, "%s%s/%s", root, below, entry->d_name);
        int address_length = snprintf(address, sizeof address, "%s/%s", below, entry->d_name);
        if (length >= (int)sizeof path || address_length >= (int)sizeof address || lstat(path, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode) && depth < 16)
            code = add_folder(files, root, address, depth + 1, left, err);
        else if (S_ISREG(info.st_mode))
            code = add_file(files, path, address, left, err);
    }
    closedir(folder);
    return code;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct fg_file *)a)->path, ((const struct fg_file *)b)->path);
}

enum fg_code fg_files_load(struct fg_files *files, const char *folder, struct fg_error *err)
{
    *files = (struct fg_files){0};
    size_t left = FG_FILES_MAX_BYTES;
    enum fg_code code = add_folder(files, folder, "", 0, &left, err);
    if (code != FG_OK) {
        fg_files_release(files);
        return code;
    }
    if (files->count > 0)
        qsort(files->items, files->count, sizeof *files->items, by_path);
    return FG_OK;
}

void fg_files_release(struct fg_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        fg_free(files->items[i].path);
        fg_text_release(&files->items[i].plain);
        fg_text_release(&files->items[i].gzip);
    }
    fg_free(files->items);
    *files = (struct fg_files){0};
}

const struct fg_file *fg_files_find(const struct fg_files *files, const char *path)
{
    char whole[2048];
    size_t length = strlen(path);
    bool is_folder = length > 0 && path[length - 1] == '/';
    int written = snprintf(whole, sizeof whole, "%s%s", path, is_folder ? "index.html" : "");
    if (written >= (int)sizeof whole || files->count == 0)
        return NULL;
    struct fg_file wanted = {.path = whole};
    return bsearch(&wanted, files->items, files->count, sizeof *files->items, by_path);
}

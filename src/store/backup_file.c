#include "store/backup_file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

static const char magic[] = "FLEXGRID BACKUP 1\n";
enum { MAGIC_SIZE = sizeof magic - 1, DIGEST_SIZE = crypto_hash_sha256_BYTES, BUFFER_SIZE = 1 << 17 };

/* ---- Writing --------------------------------------------------------------------------------------------------------*/

struct fg_backup_out {
    char path[4096], temporary[4128];
    int fd;
    int64_t written;
    crypto_hash_sha256_state sha;
    ZSTD_CCtx *compressor;
    unsigned char buffer[BUFFER_SIZE];
};

static enum fg_code fail_write(const struct fg_backup_out *out, struct fg_error *err)
{
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        return fg_fail(err, FG_ERR_FULL, out->path, "no space left for the backup; free some, or write it to another disk");
    return fg_fail(err, FG_ERR_IO, out->path, "the backup cannot be written: %s", strerror(errno));
}

static enum fg_code write_bytes(struct fg_backup_out *out, const void *bytes, size_t size, struct fg_error *err)
{
    const char *at = bytes;
    crypto_hash_sha256_update(&out->sha, bytes, size);
    while (size > 0) {
        ssize_t done = write(out->fd, at, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail_write(out, err);
        at += done;
        size -= (size_t)done;
        out->written += done;
    }
    return FG_OK;
}

enum fg_code fg_backup_out_open(const char *path, struct fg_backup_out **result, struct fg_error *err)
{
    *result = NULL;
    if (strlen(path) >= sizeof((struct fg_backup_out *)0)->path)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "the name of the backup is longer than 4095 bytes");
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return fg_fail(err, FG_ERR_ARGUMENT, path, "not a file; a backup is written to a file beside which it can be made first");
    struct fg_backup_out *out = fg_alloc(1, sizeof *out);
    if (out == NULL)
        return fg_fail_memory(err);
    snprintf(out->path, sizeof out->path, "%s", path);
    snprintf(out->temporary, sizeof out->temporary, "%s.tmp-%d", path, (int)getpid());
    out->compressor = ZSTD_createCCtx();
    out->fd = out->compressor != NULL ? open(out->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    enum fg_code code = out->compressor == NULL ? fg_fail_memory(err) : out->fd < 0 ? fail_write(out, err) : FG_OK;
    crypto_hash_sha256_init(&out->sha);
    if (code == FG_OK)
        code = write_bytes(out, magic, MAGIC_SIZE, err);
    if (code != FG_OK) {
        fg_backup_out_abandon(out);
        return code;
    }
    *result = out;
    return FG_OK;
}

static enum fg_code compress(struct fg_backup_out *out, const void *bytes, size_t size, ZSTD_EndDirective end, struct fg_error *err)
{
    ZSTD_inBuffer in = {.src = bytes, .size = size};
    for (;;) {
        ZSTD_outBuffer packed = {.dst = out->buffer, .size = BUFFER_SIZE};
        size_t left = ZSTD_compressStream2(out->compressor, &packed, &in, end);
        if (ZSTD_isError(left))
            return fg_fail_memory(err); /* the only way in which a well-formed stream fails */
        enum fg_code code = write_bytes(out, out->buffer, packed.pos, err);
        if (code != FG_OK)
            return code;
        if (end == ZSTD_e_end ? left == 0 : in.pos == in.size)
            return FG_OK;
    }
}

enum fg_code fg_backup_out_put(struct fg_backup_out *out, const void *bytes, size_t size, struct fg_error *err)
{
    return compress(out, bytes, size, ZSTD_e_continue, err);
}

/* The new name must be durable too. */
static int sync_folder_of(const char *path)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        strcpy(folder, ".");
    else
        slash[slash == folder] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0;
    if (fd >= 0)
        close(fd);
    return failed;
}

enum fg_code fg_backup_out_commit(struct fg_backup_out *out, int64_t *file_bytes, struct fg_error *err)
{
    unsigned char digest[DIGEST_SIZE];
    enum fg_code code = compress(out, NULL, 0, ZSTD_e_end, err);
    crypto_hash_sha256_final(&out->sha, digest);
    crypto_hash_sha256_init(&out->sha);
    if (code == FG_OK)
        code = write_bytes(out, digest, sizeof digest, err);
    if (code == FG_OK && fsync(out->fd) != 0)
        code = fail_write(out, err);
    int fd = out->fd;
    out->fd = -1;
    if (close(fd) != 0 && code == FG_OK)
        code = fail_write(out, err);
    if (code == FG_OK && (rename(out->temporary, out->path) != 0 || sync_folder_of(out->path) != 0))
        code = fail_write(out, err);
    *file_bytes = out->written;
    if (code == FG_OK)
        out->temporary[0] = '\0';
    fg_backup_out_abandon(out);
    return code;
}

void fg_backup_out_abandon(struct fg_backup_out *out)
{
    if (out == NULL)
        return;
    if (out->fd >= 0)
        close(out->fd);
    if (out->temporary[0] != '\0')
        unlink(out->temporary);
    ZSTD_freeCCtx(out->compressor);
    fg_free(out);
}

/* ---- Reading --------------------------------------------------------------------------------------------------------*/

struct fg_backup_in {
    char path[4096];
    FILE *file;
    int64_t left; /* bytes of the compressed frame not yet read */
    ZSTD_DCtx *decompressor;
    unsigned char packed[BUFFER_SIZE];
    ZSTD_inBuffer input;
};

static enum fg_code fail_read(const char *path, struct fg_error *err)
{
    return fg_fail(err, FG_ERR_IO, path, "the backup cannot be read: %s", strerror(errno));
}

static enum fg_code fail_damaged(const char *path, struct fg_error *err)
{
    return fg_fail(err, FG_ERR_CORRUPT, path, "the backup is damaged or cut short (its checksum does not hold); use another copy");
}

/* Does the digest at the end hold for the `size` bytes before it? Leaves the file at its beginning. */
static enum fg_code check_digest(struct fg_backup_in *in, int64_t size, struct fg_error *err)
{
    crypto_hash_sha256_state sha;
    unsigned char computed[DIGEST_SIZE], stored[DIGEST_SIZE];
    crypto_hash_sha256_init(&sha);
    while (size > 0) {
        size_t wanted = size < BUFFER_SIZE ? (size_t)size : BUFFER_SIZE;
        if (fread(in->packed, 1, wanted, in->file) != wanted)
            return ferror(in->file) ? fail_read(in->path, err) : fail_damaged(in->path, err);
        crypto_hash_sha256_update(&sha, in->packed, wanted);
        size -= (int64_t)wanted;
    }
    crypto_hash_sha256_final(&sha, computed);
    if (fread(stored, 1, DIGEST_SIZE, in->file) != DIGEST_SIZE || sodium_memcmp(stored, computed, DIGEST_SIZE) != 0)
        return fail_damaged(in->path, err);
    return FG_OK;
}

static enum fg_code open_checked(struct fg_backup_in *in, int64_t *file_bytes, struct fg_error *err)
{
    struct stat status;
    char head[MAGIC_SIZE];
    in->file = fopen(in->path, "rb");
    if (in->file == NULL || fstat(fileno(in->file), &status) != 0)
        return fail_read(in->path, err);
    size_t got = fread(head, 1, MAGIC_SIZE, in->file);
    if (got != MAGIC_SIZE || memcmp(head, magic, MAGIC_SIZE) != 0)
        return fg_fail(err, FG_ERR_SYNTAX, in->path, "not a backup of flexgrid; name a file that flexgrid backup has written");
    *file_bytes = status.st_size;
    in->left = status.st_size - MAGIC_SIZE - DIGEST_SIZE;
    if (in->left < 0)
        return fail_damaged(in->path, err);
    rewind(in->file);
    enum fg_code code = check_digest(in, status.st_size - DIGEST_SIZE, err);
    if (code == FG_OK && fseek(in->file, MAGIC_SIZE, SEEK_SET) != 0)
        code = fail_read(in->path, err);
    return code;
}

enum fg_code fg_backup_in_open(const char *path, struct fg_backup_in **result, int64_t *file_bytes, struct fg_error *err)
{
    *result = NULL;
    struct fg_backup_in *in = fg_alloc(1, sizeof *in);
    if (in == NULL)
        return fg_fail_memory(err);
    snprintf(in->path, sizeof in->path, "%s", path);
    in->decompressor = ZSTD_createDCtx();
    enum fg_code code = in->decompressor == NULL ? fg_fail_memory(err) : open_checked(in, file_bytes, err);
    if (code != FG_OK) {
        fg_backup_in_close(in);
        return code;
    }
    in->input = (ZSTD_inBuffer){.src = in->packed};
    *result = in;
    return FG_OK;
}

enum fg_code fg_backup_in_get(struct fg_backup_in *in, void *bytes, size_t size, struct fg_error *err)
{
    ZSTD_outBuffer output = {.dst = bytes, .size = size};
    while (output.pos < size) {
        size_t before = output.pos;
        if (in->input.pos == in->input.size && in->left > 0) {
            size_t wanted = in->left < BUFFER_SIZE ? (size_t)in->left : BUFFER_SIZE;
            if (fread(in->packed, 1, wanted, in->file) != wanted)
                return fail_read(in->path, err);
            in->left -= (int64_t)wanted;
            in->input.size = wanted;
            in->input.pos = 0;
        }
        bool at_end = in->left == 0 && in->input.pos == in->input.size;
        if (ZSTD_isError(ZSTD_decompressStream(in->decompressor, &output, &in->input)))
            return fail_damaged(in->path, err);
        if (at_end && output.pos == before)
            return fail_damaged(in->path, err);
    }
    return FG_OK;
}

void fg_backup_in_close(struct fg_backup_in *in)
{
    if (in == NULL)
        return;
    if (in->file != NULL)
        fclose(in->file);
    ZSTD_freeDCtx(in->decompressor);
    fg_free(in);
}

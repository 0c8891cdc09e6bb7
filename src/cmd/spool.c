#include "cmd/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t MOST_IN_MEMORY_BYTES = (size_t)1 << 20;

void fg_spool_init(struct fg_spool *spool)
{
    *spool = (struct fg_spool){.fd = -1};
    fg_text_init(&spool->text);
}

void fg_spool_release(struct fg_spool *spool)
{
    if (spool->map != NULL)
        munmap(spool->map, spool->length);
    if (spool->fd >= 0)
        close(spool->fd);
    fg_text_release(&spool->text);
    spool->map = NULL;
    spool->fd = -1;
}

static enum fg_code fail(const char *what, struct fg_error *err)
{
    return fg_fail(err, FG_ERR_IO, "temporary file", "%s: %s; set TMPDIR to a folder with enough space", what,
                   strerror(errno));
}

static enum fg_code open_file(struct fg_spool *spool, struct fg_error *err)
{
    const char *folder = getenv("TMPDIR");
    struct fg_text path;
    fg_text_init(&path);
    fg_text_printf(&path, "%s/flexgrid-XXXXXX", folder != NULL && *folder != '\0' ? folder : "/tmp");
    if (path.failed) {
        fg_text_release(&path);
        return fg_fail_memory(err);
    }
    spool->fd = mkstemp(path.data);
    enum fg_code code = spool->fd < 0 ? fail("cannot be made", err) : FG_OK;
    if (code == FG_OK)
        unlink(path.data);
    fg_text_release(&path);
    return code;
}

static enum fg_code write_out(struct fg_spool *spool, struct fg_error *err)
{
    enum fg_code code = spool->fd < 0 ? open_file(spool, err) : FG_OK;
    for (size_t done = 0; code == FG_OK && done < spool->text.length;) {
        ssize_t wrote = write(spool->fd, spool->text.data + done, spool->text.length - done);
        if (wrote > 0)
            done += (size_t)wrote;
        else if (errno != EINTR)
            code = fail("cannot be written", err);
    }
    if (code == FG_OK) {
        spool->length += spool->text.length;
        spool->text.length = 0;
    }
    return code;
}

enum fg_code fg_spool_flush(struct fg_spool *spool, struct fg_error *err)
{
    if (spool->text.failed)
        return fg_fail_memory(err);
    return spool->text.length < MOST_IN_MEMORY_BYTES ? FG_OK : write_out(spool, err);
}

enum fg_code fg_spool_whole(struct fg_spool *spool, struct fg_text *whole, struct fg_error *err)
{
    if (spool->text.failed)
        return fg_fail_memory(err);
    if (spool->fd < 0) {
        *whole = spool->text;
        return FG_OK;
    }
    enum fg_code code = write_out(spool, err);
    if (code != FG_OK)
        return code;
    void *map = mmap(NULL, spool->length, PROT_READ, MAP_PRIVATE, spool->fd, 0);
    if (map == MAP_FAILED)
        return fail("cannot be read", err);
    spool->map = map;
    *whole = (struct fg_text){.data = map, .length = spool->length};
    return FG_OK;
}

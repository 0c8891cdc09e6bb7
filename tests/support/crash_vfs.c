#include "support/crash_vfs.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX 16
#define SECTOR 512

struct image {
    unsigned char *bytes;
    size_t size;
};

/* A write, or with bytes NULL a truncation to `offset`. */
struct operation {
    size_t offset, size;
    unsigned char *bytes;
};

struct file {
    char name[512];
    bool exists, durable_exists;
    struct image now, durable;
    struct operation *pending;
    size_t pending_count, pending_capacity;
    void *shared[64]; /* the WAL index: memory, gone with the power */
};

struct handle {
    sqlite3_file base;
    struct file *file;
    int generation;
};

static struct file files[FILE_MAX];
static int generation; /* handles of before a crash are dead */
static enum crash_kind armed;
static long operations_left;
static bool struck;

static void set_size(struct image *image, size_t size)
{
    if (size > image->size) {
        image->bytes = realloc(image->bytes, size);
        memset(image->bytes + image->size, 0, size - image->size);
    }
    image->size = size;
}

static void apply(struct image *image, const struct operation *operation)
{
    if (operation->bytes == NULL) {
        set_size(image, operation->offset);
        return;
    }
    if (operation->offset + operation->size > image->size)
        set_size(image, operation->offset + operation->size);
    memcpy(image->bytes + operation->offset, operation->bytes, operation->size);
}

static void add_pending(struct file *file, size_t offset, const void *bytes, size_t size)
{
    if (file->pending_count == file->pending_capacity) {
        file->pending_capacity = file->pending_capacity ? 2 * file->pending_capacity : 64;
        file->pending = realloc(file->pending, file->pending_capacity * sizeof *file->pending);
    }
    struct operation *operation = &file->pending[file->pending_count++];
    *operation = (struct operation){.offset = offset, .size = size};
    if (bytes != NULL) {
        operation->bytes = malloc(size);
        memcpy(operation->bytes, bytes, size);
    }
}

static void clear_pending(struct file *file)
{
    for (size_t i = 0; i < file->pending_count; i++)
        free(file->pending[i].bytes);
    file->pending_count = 0;
}

static void drop_shared(struct file *file)
{
    for (int i = 0; i < 64; i++) {
        free(file->shared[i]);
        file->shared[i] = NULL;
    }
}

/* ---- The accident ---------------------------------------------------------------------------------------------------*/

void crash_vfs_arm(enum crash_kind kind, long operations)
{
    armed = kind;
    operations_left = operations;
    struck = false;
}

bool crash_vfs_struck(void)
{
    return struck;
}

/* Count an operation; the error that it meets. */
static int strike(bool is_write)
{
    if (armed == CRASH_NONE || (armed == CRASH_ONCE && struck))
        return SQLITE_OK;
    if (!struck && --operations_left > 0)
        return SQLITE_OK;
    if (armed == CRASH_FULL && !is_write)
        return SQLITE_OK;
    struck = true;
    return armed == CRASH_FULL ? SQLITE_FULL : SQLITE_IOERR;
}

/* What of the pending operations reaches the disk: each sector of each by chance, in any order, now and then only its beginning. */
static void lose(struct file *file, struct fg_random *random, double kept)
{
    for (size_t i = file->pending_count; i > 1; i--) { /* Fisher and Yates; order is kept when all is kept */
        size_t k = kept >= 1.0 ? i - 1 : fg_random_below(random, i);
        struct operation swap = file->pending[k];
        file->pending[k] = file->pending[i - 1];
        file->pending[i - 1] = swap;
    }
    for (size_t i = 0; i < file->pending_count; i++) {
        struct operation *operation = &file->pending[i];
        if (operation->bytes == NULL) {
            if (fg_random_unit(random) < kept)
                apply(&file->durable, operation);
            continue;
        }
        for (size_t at = 0; at < operation->size;) {
            size_t size = SECTOR - (operation->offset + at) % SECTOR;
            size = size < operation->size - at ? size : operation->size - at;
            bool torn = kept < 1.0 && fg_random_below(random, 8) == 0;
            struct operation piece = {operation->offset + at, torn ? (size_t)fg_random_below(random, size) + 1 : size, operation->bytes + at};
            if (fg_random_unit(random) < kept)
                apply(&file->durable, &piece);
            at += size;
        }
    }
}

void crash_vfs_power_on(struct fg_random *random)
{
    static const double shares[] = {0.0, 0.3, 0.7, 0.95, 1.0};
    armed = CRASH_NONE;
    generation++;
    for (struct file *file = files; file < files + FILE_MAX; file++) {
        lose(file, random, shares[fg_random_below(random, 5)]);
        clear_pending(file);
        drop_shared(file);
        if (file->exists != file->durable_exists && fg_random_below(random, 2))
            file->durable_exists = file->exists;
        if (!file->durable_exists)
            file->durable.size = 0;
        file->exists = file->durable_exists;
        file->now.size = 0;
        set_size(&file->now, file->durable.size);
        if (file->durable.size > 0)
            memcpy(file->now.bytes, file->durable.bytes, file->durable.size);
    }
}

void crash_vfs_forget(void)
{
    for (struct file *file = files; file < files + FILE_MAX; file++) {
        clear_pending(file);
        drop_shared(file);
        free(file->pending);
        free(file->now.bytes);
        free(file->durable.bytes);
        *file = (struct file){0};
    }
    armed = CRASH_NONE;
}

/* ---- Files ----------------------------------------------------------------------------------------------------------*/

static struct file *file_of(sqlite3_file *base)
{
    struct handle *handle = (struct handle *)base;
    return handle->generation == generation ? handle->file : NULL;
}

static int do_close(sqlite3_file *base)
{
    (void)base;
    return SQLITE_OK;
}

static int do_read(sqlite3_file *base, void *out, int size, sqlite3_int64 offset)
{
    struct file *file = file_of(base);
    if (file == NULL || (armed == CRASH_POWER && struck))
        return SQLITE_IOERR_READ;
    size_t have = (size_t)offset < file->now.size ? file->now.size - (size_t)offset : 0;
    have = have < (size_t)size ? have : (size_t)size;
    if (have > 0)
        memcpy(out, file->now.bytes + offset, have);
    memset((char *)out + have, 0, (size_t)size - have);
    return have == (size_t)size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int do_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset)
{
    struct file *file = file_of(base);
    int result = file == NULL ? SQLITE_IOERR_WRITE : strike(true);
    if (file == NULL || result == SQLITE_FULL)
        return result;
    add_pending(file, (size_t)offset, bytes, (size_t)size);
    apply(&file->now, &file->pending[file->pending_count - 1]);
    return result == SQLITE_OK ? SQLITE_OK : SQLITE_IOERR_WRITE;
}

static int do_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct file *file = file_of(base);
    if (file == NULL || strike(false) != SQLITE_OK)
        return SQLITE_IOERR_TRUNCATE;
    add_pending(file, (size_t)size, NULL, 0);
    set_size(&file->now, (size_t)size);
    return SQLITE_OK;
}

static int do_sync(sqlite3_file *base, int flags)
{
    (void)flags;
    struct file *file = file_of(base);
    if (file == NULL || strike(false) != SQLITE_OK)
        return SQLITE_IOERR_FSYNC;
    for (size_t i = 0; i < file->pending_count; i++)
        apply(&file->durable, &file->pending[i]);
    clear_pending(file);
    file->durable_exists = true; /* the unix VFS syncs the folder of a new file too */
    return SQLITE_OK;
}

static int do_size(sqlite3_file *base, sqlite3_int64 *size)
{
    struct file *file = file_of(base);
    *size = file != NULL ? (sqlite3_int64)file->now.size : 0;
    return file != NULL ? SQLITE_OK : SQLITE_IOERR_FSTAT;
}

static int do_lock(sqlite3_file *base, int level)
{
    (void)base, (void)level;
    return SQLITE_OK;
}

static int do_reserved(sqlite3_file *base, int *out)
{
    (void)base;
    *out = 0;
    return SQLITE_OK;
}

static int do_control(sqlite3_file *base, int operation, void *argument)
{
    (void)base, (void)operation, (void)argument;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *base)
{
    (void)base;
    return SECTOR;
}

static int characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* what SQLite assumes of disks: a torn write harms only its own bytes */
}

static int shared_map(sqlite3_file *base, int region, int size, int extend, void volatile **out)
{
    struct file *file = file_of(base);
    *out = NULL;
    if (file == NULL || region >= 64)
        return SQLITE_IOERR_SHMMAP;
    if (file->shared[region] == NULL && extend)
        file->shared[region] = calloc(1, (size_t)size);
    *out = file->shared[region];
    return SQLITE_OK;
}

static int shared_lock(sqlite3_file *base, int offset, int count, int flags)
{
    (void)base, (void)offset, (void)count, (void)flags;
    return SQLITE_OK;
}

static void shared_barrier(sqlite3_file *base)
{
    (void)base;
}

static int shared_unmap(sqlite3_file *base, int delete)
{
    struct file *file = file_of(base);
    if (file != NULL && delete)
        drop_shared(file);
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, .xClose = do_close, .xRead = do_read, .xWrite = do_write, .xTruncate = do_truncate, .xSync = do_sync,
    .xFileSize = do_size, .xLock = do_lock, .xUnlock = do_lock, .xCheckReservedLock = do_reserved,
    .xFileControl = do_control, .xSectorSize = sector_size, .xDeviceCharacteristics = characteristics,
    .xShmMap = shared_map, .xShmLock = shared_lock, .xShmBarrier = shared_barrier, .xShmUnmap = shared_unmap,
};

static struct file *find(const char *name)
{
    for (struct file *file = files; file < files + FILE_MAX; file++)
        if (strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

static int do_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out_flags)
{
    (void)vfs;
    struct handle *handle = (struct handle *)base;
    base->pMethods = NULL;
    if (name == NULL || (armed == CRASH_POWER && struck))
        return SQLITE_CANTOPEN;
    struct file *file = find(name);
    if (file == NULL) {
        file = find("");
        if (file == NULL || strlen(name) >= sizeof file->name)
            return SQLITE_CANTOPEN;
        strcpy(file->name, name);
    }
    file->exists = true;
    handle->file = file;
    handle->generation = generation;
    base->pMethods = &methods;
    if (out_flags != NULL)
        *out_flags = flags;
    return SQLITE_OK;
}

static int do_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    struct file *file = find(name);
    if (file == NULL || !file->exists)
        return SQLITE_IOERR_DELETE_NOENT;
    if (strike(false) != SQLITE_OK)
        return SQLITE_IOERR_DELETE;
    file->exists = false;
    file->now.size = 0;
    add_pending(file, 0, NULL, 0);
    if (sync_folder) {
        file->durable_exists = false;
        file->durable.size = 0;
        clear_pending(file);
    }
    return SQLITE_OK;
}

static int do_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    (void)vfs, (void)flags;
    struct file *file = find(name);
    *out = file != NULL && file->exists;
    return SQLITE_OK;
}

static int full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    snprintf(out, (size_t)size, "%s", name);
    return SQLITE_OK;
}

void crash_vfs_register(void)
{
    static sqlite3_vfs vfs;
    vfs = *sqlite3_vfs_find(NULL); /* clock, sleep and random numbers of the system */
    vfs.pNext = NULL;
    vfs.zName = "crash";
    vfs.szOsFile = sizeof(struct handle);
    vfs.mxPathname = 500;
    vfs.xOpen = do_open;
    vfs.xDelete = do_delete;
    vfs.xAccess = do_access;
    vfs.xFullPathname = full_name;
    sqlite3_vfs_register(&vfs, 0);
}

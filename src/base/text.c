#include "base/text.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

void fg_text_init(struct fg_text *text)
{
    *text = (struct fg_text){0};
}

void fg_text_release(struct fg_text *text)
{
    fg_free(text->data);
    *text = (struct fg_text){0};
}

/* Room for `extra` bytes and the terminator. */
static bool text_reserve(struct fg_text *text, size_t extra)
{
    if (text->failed)
        return false;
    if (extra >= (size_t)-1 / 4 - text->length) {
        text->failed = true;
        return false;
    }
    size_t needed = text->length + extra + 1;
    if (needed <= text->capacity)
        return true;
    size_t capacity = text->capacity ? text->capacity : 64;
    while (capacity < needed)
        capacity *= 2;
    char *data = fg_realloc(text->data, capacity, 1);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void fg_text_append(struct fg_text *text, const char *bytes, size_t length)
{
    if (!text_reserve(text, length))
        return;
    if (length > 0)
        memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void fg_text_puts(struct fg_text *text, const char *string)
{
    fg_text_append(text, string, strlen(string));
}

void fg_text_printf(struct fg_text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        text->failed = true;
    else if (text_reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

/* The "C" locale, so that a program which calls setlocale() still reads and writes decimal points. */
static locale_t c_locale;

static void c_locale_create(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static locale_t c_locale_get(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, c_locale_create);
    return c_locale;
}

void fg_text_number(struct fg_text *text, double value)
{
    char buffer[40];
    locale_t c = c_locale_get();
    locale_t before = c ? uselocale(c) : (locale_t)0;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buffer, sizeof buffer, "%.*g", digits, value);
        if (!isfinite(value) || strtod(buffer, NULL) == value)
            break;
    }
    if (c)
        uselocale(before);
    fg_text_puts(text, buffer);
}

static const char *skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

static const char *skip_digits(const char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

bool fg_number_parse(const char *text, double *out)
{
    const char *start = skip_blanks(text);
    const char *whole = start + (*start == '-' || *start == '+');
    const char *end = skip_digits(whole);
    size_t digits = (size_t)(end - whole);
    if (*end == '.') {
        const char *decimals = end + 1;
        end = skip_digits(decimals);
        digits += (size_t)(end - decimals);
    }
    if (digits == 0)
        return false;
    if (*end == 'e' || *end == 'E') {
        const char *exponent = end + 1;
        exponent += *exponent == '-' || *exponent == '+';
        end = skip_digits(exponent);
        if (end == exponent)
            return false;
    }
    if (*skip_blanks(end) != '\0')
        return false;
    locale_t c = c_locale_get();
    double value = c ? strtod_l(start, NULL, c) : strtod(start, NULL);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

/* Length of the well-formed sequence at `at`, 0 when there is none (Unicode standard, table 3-7). */
static size_t utf8_sequence(const unsigned char *at, size_t left)
{
    unsigned char lead = at[0];
    if (lead < 0x80)
        return 1;
    unsigned char low = 0x80, high = 0xBF; /* allowed range of the second byte */
    size_t length;
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        if (lead == 0xE0)
            low = 0xA0;
        if (lead == 0xED)
            high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        if (lead == 0xF0)
            low = 0x90;
        if (lead == 0xF4)
            high = 0x8F;
    } else {
        return 0;
    }
    if (left < length || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

size_t fg_utf8_valid_length(const char *bytes, size_t length)
{
    const unsigned char *text = (const unsigned char *)bytes;
    size_t at = 0;
    while (at < length) {
        size_t step = utf8_sequence(text + at, length - at);
        if (step == 0)
            return at;
        at += step;
    }
    return length;
}

static enum fg_code read_all(gzFile file, const char *path, size_t max_bytes, struct fg_text *text,
                             struct fg_error *err)
{
    enum { CHUNK = 1 << 16 };
    for (;;) {
        if (!text_reserve(text, CHUNK))
            return fg_fail_memory(err);
        int got = gzread(file, text->data + text->length, CHUNK);
        if (got < 0) {
            int status = 0;
            const char *why = gzerror(file, &status);
            if (status == Z_ERRNO)
                return fg_fail(err, FG_ERR_IO, path, "cannot read the file: %s", strerror(errno));
            if (status == Z_MEM_ERROR)
                return fg_fail_memory(err);
            return fg_fail(err, FG_ERR_SYNTAX, path, "the gzip data are damaged (%s); pack the file again", why);
        }
        text->length += (size_t)got;
        text->data[text->length] = '\0';
        if (text->length > max_bytes)
            return fg_fail(err, FG_ERR_TOO_LARGE, path, "the file holds more than %zu bytes; split it", max_bytes);
        if (got == 0)
            return FG_OK;
    }
}

enum fg_code fg_file_read(const char *path, size_t max_bytes, struct fg_text *text, struct fg_error *err)
{
    fg_text_init(text);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fg_fail(err, FG_ERR_IO, path, "cannot open the file: %s", strerror(errno));
    gzFile file = gzdopen(fd, "rb");
    if (file == NULL) {
        close(fd);
        return fg_fail_memory(err);
    }
    enum fg_code code = read_all(file, path, max_bytes, text, err);
    int closed = gzclose(file);
    if (code == FG_OK && closed == Z_BUF_ERROR) /* zlib's way to say that the last stream has no end */
        code = fg_fail(err, FG_ERR_SYNTAX, path, "the gzip data end too early; copy or pack the file again");
    if (code != FG_OK)
        fg_text_release(text);
    return code;
}

static int write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(fd, bytes, length);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0) {
            if (wrote == 0)
                errno = ENOSPC;
            return -1;
        }
        bytes += wrote;
        length -= (size_t)wrote;
    }
    return 0;
}

static enum fg_code fail_write(struct fg_error *err, const char *path, int cause)
{
    return fg_fail(err, FG_ERR_IO, path, "cannot write the file: %s; check the folder, the rights and the free space",
                   strerror(cause));
}

static enum fg_code write_directly(const char *path, const char *bytes, size_t length, struct fg_error *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_write(err, path, errno);
    int cause = write_all(fd, bytes, length) == 0 ? 0 : errno;
    if (close(fd) != 0 && cause == 0)
        cause = errno;
    return cause == 0 ? FG_OK : fail_write(err, path, cause);
}

/* Make the rename itself survive a power cut; file systems that cannot sync a folder are none the worse. */
static void sync_folder_of(char *path)
{
    char *slash = strrchr(path, '/');
    int fd;
    if (slash == NULL) {
        fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } else {
        slash[slash == path] = '\0';
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static enum fg_code write_and_rename(const char *path, mode_t mode, const char *bytes, size_t length,
                                     struct fg_error *err)
{
    struct fg_text temporary;
    fg_text_init(&temporary);
    fg_text_printf(&temporary, "%s.tmp-%ld", path, (long)getpid());
    if (temporary.failed) {
        fg_text_release(&temporary);
        return fg_fail_memory(err);
    }
    unlink(temporary.data); /* left by a killed process that had the same id */
    int cause = 0;
    int fd = open(temporary.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        cause = errno;
    } else {
        if (mode != 0 && fchmod(fd, mode) != 0)
            cause = errno;
        if (cause == 0 && write_all(fd, bytes, length) != 0)
            cause = errno;
        if (cause == 0 && fsync(fd) != 0)
            cause = errno;
        if (close(fd) != 0 && cause == 0)
            cause = errno;
        if (cause == 0 && rename(temporary.data, path) != 0)
            cause = errno;
        if (cause != 0)
            unlink(temporary.data);
        else
            sync_folder_of(temporary.data);
    }
    fg_text_release(&temporary);
    return cause == 0 ? FG_OK : fail_write(err, path, cause);
}

enum fg_code fg_file_write(const char *path, const char *bytes, size_t length, struct fg_error *err)
{
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode))
        return fail_write(err, path, EISDIR);
    if (exists && !S_ISREG(info.st_mode))
        return write_directly(path, bytes, length, err);

    /* A signal between create and rename would leave the temporary file behind, and the file size limit raises one. */
    sigset_t held, before, file_size;
    sigemptyset(&file_size);
    sigaddset(&file_size, SIGXFSZ);
    held = file_size;
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGHUP);
    sigaddset(&held, SIGQUIT);
    pthread_sigmask(SIG_BLOCK, &held, &before);

    char *target = exists ? realpath(path, NULL) : NULL;
    enum fg_code code = write_and_rename(target ? target : path, exists ? info.st_mode & 07777 : 0, bytes, length, err);
    free(target); /* allocated by realpath */

    if (!sigismember(&before, SIGXFSZ))
        while (sigtimedwait(&file_size, NULL, &(struct timespec){0}) > 0) {
        }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

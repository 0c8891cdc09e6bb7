/* A chunk of n samples (offset o_i, value v_i, quality q_i) as bytes.
 *
 *   chunk    = n, runs, values, quality, CRC-32 of what stands before
 *   runs     = section of pairs (gap, length): where consecutive offsets lie; one pair for a series without holes
 *   quality  = section of pairs (quality, length)
 *   values   = method, base, [places], width w, then w sections: byte b of every residual, b = 0 .. w-1
 *   section  = kind (stored, zstd, constant), length, bytes
 *
 * Integers become residuals r_i, unsigned: by level, r_i = v_i - min v; or by difference, r_i = zigzag(v_i - v_(i-1)). Both are
 * tried, the shorter stays. Splitting residuals into byte planes puts the noise of the low bytes and the almost constant
 * high bytes into sections of their own, each entropy-coded by itself.
 * Doubles that are all decimals of at most 9 places, v_i = k_i / 10^p exactly, are coded as the integers k_i ("ALP": Afroozeh,
 * Kuffo and Boncz, Proc. ACM SIGMOD 2023); others by r_i = bits(v_i) xor bits(v_(i-1)) (Pelkonen et al., "Gorilla", VLDB 2015).
 * Numbers outside sections are LEB128 varints. */
#include "store/series_codec.h"

#include "base/memory.h"

#include <limits.h>
#include <math.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define ZSTD_LEVEL 3
#define DECIMAL_PLACES_MAX 9
#define UNPACKED_MAX ((size_t)1 << 30)

enum method { METHOD_LEVEL, METHOD_DIFFERENCE, METHOD_XOR };
enum section_kind { SECTION_STORED, SECTION_ZSTD, SECTION_CONSTANT };

struct fg_codec {
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
    uint64_t *residuals;
    int64_t *integers;
    size_t capacity;            /* of residuals and integers */
    struct fg_text plane, packed, trial[2], runs;
};

struct fg_codec *fg_codec_create(void)
{
    struct fg_codec *codec = fg_alloc(1, sizeof *codec);
    if (codec == NULL)
        return NULL;
    codec->compressor = ZSTD_createCCtx();
    codec->decompressor = ZSTD_createDCtx();
    if (codec->compressor == NULL || codec->decompressor == NULL) {
        fg_codec_destroy(codec);
        return NULL;
    }
    return codec;
}

void fg_codec_destroy(struct fg_codec *codec)
{
    if (codec == NULL)
        return;
    ZSTD_freeCCtx(codec->compressor);
    ZSTD_freeDCtx(codec->decompressor);
    fg_free(codec->residuals);
    fg_free(codec->integers);
    fg_text_release(&codec->plane);
    fg_text_release(&codec->packed);
    fg_text_release(&codec->trial[0]);
    fg_text_release(&codec->trial[1]);
    fg_text_release(&codec->runs);
    fg_free(codec);
}

/* Room for `count` residuals and integers. */
static enum fg_code make_room(struct fg_codec *codec, size_t count, struct fg_error *err)
{
    if (count <= codec->capacity)
        return FG_OK;
    uint64_t *residuals = fg_realloc(codec->residuals, count, sizeof *residuals);
    if (residuals != NULL)
        codec->residuals = residuals;
    int64_t *integers = fg_realloc(codec->integers, count, sizeof *integers);
    if (integers != NULL)
        codec->integers = integers;
    if (residuals == NULL || integers == NULL)
        return fg_fail_memory(err);
    codec->capacity = count;
    return FG_OK;
}

/* Set the length of a text that is used as a buffer; its bytes are not set. */
static enum fg_code resize(struct fg_text *text, size_t length, struct fg_error *err)
{
    if (length + 1 > text->capacity) {
        char *data = fg_realloc(text->data, length + 1, 1);
        if (data == NULL)
            return fg_fail_memory(err);
        text->data = data;
        text->capacity = length + 1;
    }
    text->data[length] = '\0';
    text->length = length;
    text->failed = false;
    return FG_OK;
}

static void clear(struct fg_text *text)
{
    text->length = 0;
    text->failed = false;
}

void fg_chunk_release(struct fg_chunk *chunk)
{
    fg_free(chunk->offset);
    fg_free(chunk->bits);
    fg_free(chunk->quality);
    memset(chunk, 0, sizeof *chunk);
}

enum fg_code fg_chunk_room(struct fg_chunk *chunk, size_t count, struct fg_error *err)
{
    if (count <= chunk->capacity)
        return FG_OK;
    size_t wanted = count > 2 * chunk->capacity ? count : 2 * chunk->capacity;
    uint32_t *offset = fg_realloc(chunk->offset, wanted, sizeof *offset);
    chunk->offset = offset != NULL ? offset : chunk->offset;
    uint64_t *bits = fg_realloc(chunk->bits, wanted, sizeof *bits);
    chunk->bits = bits != NULL ? bits : chunk->bits;
    uint8_t *quality = fg_realloc(chunk->quality, wanted, sizeof *quality);
    chunk->quality = quality != NULL ? quality : chunk->quality;
    if (offset == NULL || bits == NULL || quality == NULL)
        return fg_fail_memory(err);
    chunk->capacity = wanted;
    return FG_OK;
}

enum fg_code fg_chunk_add(struct fg_chunk *chunk, uint32_t offset, uint64_t bits, uint8_t quality, struct fg_error *err)
{
    enum fg_code code = chunk->count < chunk->capacity ? FG_OK : fg_chunk_room(chunk, chunk->count + 64, err);
    if (code != FG_OK)
        return code;
    chunk->offset[chunk->count] = offset;
    chunk->bits[chunk->count] = bits;
    chunk->quality[chunk->count++] = quality;
    return FG_OK;
}

/* ---- Numbers and sections -------------------------------------------------------------------------------------------*/

void fg_codec_put_number(struct fg_text *out, uint64_t value)
{
    char bytes[10];
    size_t length = 0;
    while (value >= 0x80) {
        bytes[length++] = (char)(unsigned char)(value | 0x80);
        value >>= 7;
    }
    bytes[length++] = (char)(unsigned char)value;
    fg_text_append(out, bytes, length);
}

uint64_t fg_codec_get_number(struct fg_codec_reader *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        unsigned char byte = *in->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    in->bad = true;
    return 0;
}

static struct fg_codec_reader reader_of(const struct fg_text *text)
{
    const unsigned char *data = (const unsigned char *)text->data;
    return (struct fg_codec_reader){.at = data, .end = data + text->length};
}

static bool is_constant(const char *bytes, size_t size)
{
    return size > 0 && (size == 1 || memcmp(bytes, bytes + 1, size - 1) == 0);
}

static enum fg_code put_section(struct fg_codec *codec, const char *bytes, size_t size, struct fg_text *out,
                                struct fg_error *err)
{
    if (is_constant(bytes, size)) {
        fg_codec_put_number(out, SECTION_CONSTANT);
        fg_text_append(out, bytes, 1);
        return FG_OK;
    }
    size_t bound = ZSTD_compressBound(size);
    enum fg_code code = resize(&codec->packed, bound, err);
    if (code != FG_OK)
        return code;
    size_t packed = size < 16 ? size : ZSTD_compressCCtx(codec->compressor, codec->packed.data, bound, bytes, size, ZSTD_LEVEL);
    if (ZSTD_isError(packed))
        return ZSTD_getErrorCode(packed) == ZSTD_error_memory_allocation
                   ? fg_fail_memory(err)
                   : fg_fail(err, FG_ERR_NUMERIC, NULL, "compression failed: %s", ZSTD_getErrorName(packed));
    bool smaller = packed < size;
    fg_codec_put_number(out, smaller ? SECTION_ZSTD : SECTION_STORED);
    fg_codec_put_number(out, smaller ? packed : size);
    fg_text_append(out, smaller ? codec->packed.data : bytes, smaller ? packed : size);
    return FG_OK;
}

enum fg_code fg_codec_fail(struct fg_error *err)
{
    return fg_fail(err, FG_ERR_CORRUPT, NULL, "stored bytes are not what was written; restore the last backup into a new database");
}

/* Read a section that unpacks to exactly `size` bytes, into out->data. */
static enum fg_code get_section(struct fg_codec *codec, struct fg_codec_reader *in, size_t size, struct fg_text *out,
                                struct fg_error *err)
{
    uint64_t kind = fg_codec_get_number(in);
    enum fg_code code = resize(out, size, err);
    if (code != FG_OK)
        return code;
    if (kind == SECTION_CONSTANT && in->at < in->end && size > 0) {
        memset(out->data, *in->at++, size);
        return FG_OK;
    }
    uint64_t length = fg_codec_get_number(in);
    if (in->bad || kind > SECTION_ZSTD || length > (size_t)(in->end - in->at) || (kind == SECTION_STORED && length != size))
        return fg_codec_fail(err);
    if (kind == SECTION_STORED) {
        memcpy(out->data, in->at, size);
    } else {
        size_t got = ZSTD_decompressDCtx(codec->decompressor, out->data, size, in->at, length);
        if (ZSTD_isError(got) && ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation)
            return fg_fail_memory(err);
        if (ZSTD_isError(got) || got != size)
            return fg_codec_fail(err);
    }
    in->at += length;
    return FG_OK;
}

/* A section whose unpacked length is not known to the reader: the length stands before it. */
static enum fg_code get_sized_section(struct fg_codec *codec, struct fg_codec_reader *in, size_t limit, struct fg_text *out,
                                      struct fg_error *err)
{
    uint64_t size = fg_codec_get_number(in);
    if (in->bad || size > limit)
        return fg_codec_fail(err);
    return get_section(codec, in, (size_t)size, out, err);
}

static enum fg_code put_sized_section(struct fg_codec *codec, const struct fg_text *content, struct fg_text *out,
                                      struct fg_error *err)
{
    fg_codec_put_number(out, content->length);
    return put_section(codec, content->data != NULL ? content->data : "", content->length, out, err);
}

static void put_crc(struct fg_text *out, size_t start)
{
    uint32_t crc = (uint32_t)crc32(0, (const unsigned char *)out->data + start, (unsigned)(out->length - start));
    char bytes[4] = {(char)(crc & 0xff), (char)(crc >> 8 & 0xff), (char)(crc >> 16 & 0xff), (char)(crc >> 24 & 0xff)};
    fg_text_append(out, bytes, 4);
}

static bool crc_holds(const unsigned char *bytes, size_t size)
{
    if (size < 4 || size > UINT_MAX)
        return false;
    const unsigned char *end = bytes + size - 4;
    uint32_t stored = (uint32_t)end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 | (uint32_t)end[3] << 24;
    return stored == (uint32_t)crc32(0, bytes, (unsigned)(size - 4));
}

enum fg_code fg_codec_pack(struct fg_codec *codec, const void *bytes, size_t size, struct fg_text *out, struct fg_error *err)
{
    if (size > UNPACKED_MAX)
        return fg_fail(err, FG_ERR_TOO_LARGE, NULL, "more than %zu MB in one piece", UNPACKED_MAX >> 20);
    size_t start = out->length;
    fg_codec_put_number(out, size);
    enum fg_code code = put_section(codec, bytes, size, out, err);
    if (code == FG_OK && !out->failed)
        put_crc(out, start);
    return code == FG_OK && out->failed ? fg_fail_memory(err) : code;
}

enum fg_code fg_codec_unpack(struct fg_codec *codec, const void *bytes, size_t size, size_t size_limit, struct fg_text *out,
                             struct fg_error *err)
{
    if (!crc_holds(bytes, size))
        return fg_codec_fail(err);
    struct fg_codec_reader in = {.at = bytes, .end = (const unsigned char *)bytes + size - 4};
    return get_sized_section(codec, &in, size_limit < UNPACKED_MAX ? size_limit : UNPACKED_MAX, out, err);
}

/* ---- Offsets and qualities ------------------------------------------------------------------------------------------*/

void fg_codec_put_runs(const struct fg_chunk *chunk, struct fg_text *out)
{
    uint32_t after = 0;
    for (size_t i = 0; i < chunk->count;) {
        size_t end = i + 1;
        while (end < chunk->count && chunk->offset[end] == chunk->offset[i] + (uint32_t)(end - i))
            end++;
        fg_codec_put_number(out, chunk->offset[i] - after);
        fg_codec_put_number(out, end - i);
        after = chunk->offset[i] + (uint32_t)(end - i);
        i = end;
    }
}

bool fg_codec_get_runs(struct fg_codec_reader *in, uint32_t limit, struct fg_chunk *chunk)
{
    uint64_t after = 0;
    size_t i = 0;
    while (i < chunk->count) {
        uint64_t gap = fg_codec_get_number(in), length = fg_codec_get_number(in);
        if (in->bad || length == 0 || length > chunk->count - i || gap > limit || after + gap + length > limit)
            return false;
        for (uint64_t k = 0; k < length; k++)
            chunk->offset[i++] = (uint32_t)(after + gap + k);
        after += gap + length;
    }
    return true;
}

static void put_qualities(const struct fg_chunk *chunk, struct fg_text *out)
{
    clear(out);
    for (size_t i = 0; i < chunk->count;) {
        size_t end = i + 1;
        while (end < chunk->count && chunk->quality[end] == chunk->quality[i])
            end++;
        fg_codec_put_number(out, chunk->quality[i]);
        fg_codec_put_number(out, end - i);
        i = end;
    }
}

static bool get_qualities(const struct fg_text *text, struct fg_chunk *chunk)
{
    struct fg_codec_reader in = reader_of(text);
    size_t i = 0;
    while (i < chunk->count) {
        uint64_t quality = fg_codec_get_number(&in), length = fg_codec_get_number(&in);
        if (in.bad || quality > UINT8_MAX || length == 0 || length > chunk->count - i)
            return false;
        memset(chunk->quality + i, (int)quality, length);
        i += length;
    }
    return in.at == in.end;
}

/* ---- Values ---------------------------------------------------------------------------------------------------------*/

static uint64_t zigzag(uint64_t difference)
{
    return difference << 1 ^ (uint64_t)((int64_t)difference >> 63);
}

static uint64_t unzigzag(uint64_t value)
{
    return value >> 1 ^ -(value & 1);
}

/* width and byte planes of codec->residuals */
static enum fg_code put_planes(struct fg_codec *codec, size_t count, struct fg_text *out, struct fg_error *err)
{
    uint64_t all = 0;
    for (size_t i = 0; i < count; i++)
        all |= codec->residuals[i];
    unsigned width = 0;
    while (width < 8 && all >> (8 * width) != 0)
        width++;
    fg_codec_put_number(out, width);
    for (unsigned b = 0; b < width; b++) {
        enum fg_code code = resize(&codec->plane, count, err);
        if (code != FG_OK)
            return code;
        for (size_t i = 0; i < count; i++)
            codec->plane.data[i] = (char)(unsigned char)(codec->residuals[i] >> (8 * b));
        if ((code = put_section(codec, codec->plane.data, count, out, err)) != FG_OK)
            return code;
    }
    return FG_OK;
}

static enum fg_code get_planes(struct fg_codec *codec, struct fg_codec_reader *in, size_t count, struct fg_error *err)
{
    uint64_t width = fg_codec_get_number(in);
    if (in->bad || width > 8)
        return fg_codec_fail(err);
    memset(codec->residuals, 0, count * sizeof codec->residuals[0]);
    for (unsigned b = 0; b < width; b++) {
        enum fg_code code = get_section(codec, in, count, &codec->plane, err);
        if (code != FG_OK)
            return code;
        for (size_t i = 0; i < count; i++)
            codec->residuals[i] |= (uint64_t)(unsigned char)codec->plane.data[i] << (8 * b);
    }
    return FG_OK;
}

/* One method for integers: residuals of `values` into `out`. Differences wrap around modulo 2^64 and so do their sums. */
static enum fg_code try_integers(struct fg_codec *codec, enum method method, const int64_t *values, size_t count,
                                 struct fg_text *out, struct fg_error *err)
{
    int64_t base = values[0];
    for (size_t i = 0; method == METHOD_LEVEL && i < count; i++)
        base = values[i] < base ? values[i] : base;
    uint64_t before = (uint64_t)base;
    for (size_t i = 0; i < count; i++) {
        uint64_t difference = (uint64_t)values[i] - before;
        codec->residuals[i] = method == METHOD_LEVEL ? difference : zigzag(difference);
        if (method == METHOD_DIFFERENCE)
            before = (uint64_t)values[i];
    }
    clear(out);
    fg_codec_put_number(out, method);
    fg_codec_put_number(out, zigzag((uint64_t)base));
    return put_planes(codec, count, out, err);
}

static enum fg_code put_integers(struct fg_codec *codec, const int64_t *values, size_t count, struct fg_text *out,
                                 struct fg_error *err)
{
    enum fg_code code = try_integers(codec, METHOD_LEVEL, values, count, &codec->trial[0], err);
    if (code == FG_OK)
        code = try_integers(codec, METHOD_DIFFERENCE, values, count, &codec->trial[1], err);
    if (code != FG_OK)
        return code;
    if (codec->trial[0].failed || codec->trial[1].failed)
        return fg_fail_memory(err);
    const struct fg_text *best = &codec->trial[codec->trial[1].length < codec->trial[0].length];
    fg_text_append(out, best->data, best->length);
    return FG_OK;
}

static const double powers_of_ten[DECIMAL_PLACES_MAX + 1] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

/* Fewest decimal places with which every value is k / 10^places, bit for bit; -1 when there are none. k into `integers`. */
static int decimal_places(const uint64_t *bits, size_t count, int64_t *integers)
{
    int places = 0;
    for (size_t i = 0; i < count;) {
        double value;
        memcpy(&value, &bits[i], sizeof value);
        double scaled = nearbyint(value * powers_of_ten[places]);
        double back = scaled / powers_of_ten[places];
        if (fabs(scaled) < 0x1p53 && memcmp(&back, &value, sizeof back) == 0 && !(scaled == 0.0 && signbit(value))) {
            integers[i++] = (int64_t)scaled;
        } else {
            if (++places > DECIMAL_PLACES_MAX)
                return -1;
            i = 0; /* the earlier ones anew, with more places */
        }
    }
    return places;
}

static enum fg_code put_doubles(struct fg_codec *codec, const struct fg_chunk *chunk, struct fg_text *out, struct fg_error *err)
{
    int places = decimal_places(chunk->bits, chunk->count, codec->integers);
    if (places >= 0) {
        fg_codec_put_number(out, (uint64_t)places);
        return put_integers(codec, codec->integers, chunk->count, out, err);
    }
    fg_codec_put_number(out, DECIMAL_PLACES_MAX + 1);
    fg_codec_put_number(out, METHOD_XOR);
    fg_codec_put_number(out, 0);
    for (size_t i = 0; i < chunk->count; i++)
        codec->residuals[i] = chunk->bits[i] ^ (i > 0 ? chunk->bits[i - 1] : 0);
    return put_planes(codec, chunk->count, out, err);
}

static enum fg_code get_values(struct fg_codec *codec, enum fg_series_kind kind, struct fg_codec_reader *in, struct fg_chunk *chunk,
                               struct fg_error *err)
{
    uint64_t places = kind == FG_SERIES_DOUBLE ? fg_codec_get_number(in) : 0;
    uint64_t method = fg_codec_get_number(in), before = unzigzag(fg_codec_get_number(in));
    bool is_xor = kind == FG_SERIES_DOUBLE && places == DECIMAL_PLACES_MAX + 1;
    if (in->bad || places > DECIMAL_PLACES_MAX + 1 || (is_xor ? method != METHOD_XOR : method > METHOD_DIFFERENCE))
        return fg_codec_fail(err);
    enum fg_code code = get_planes(codec, in, chunk->count, err);
    if (code != FG_OK)
        return code;
    for (size_t i = 0; i < chunk->count; i++) {
        uint64_t residual = codec->residuals[i];
        if (method == METHOD_LEVEL)
            chunk->bits[i] = before + residual;
        else
            chunk->bits[i] = before = method == METHOD_XOR ? before ^ residual : before + unzigzag(residual);
    }
    for (size_t i = 0; kind == FG_SERIES_DOUBLE && !is_xor && i < chunk->count; i++) {
        double value = (double)(int64_t)chunk->bits[i] / powers_of_ten[places];
        memcpy(&chunk->bits[i], &value, sizeof value);
    }
    return FG_OK;
}

/* ---- Chunks ---------------------------------------------------------------------------------------------------------*/

enum fg_code fg_codec_encode(struct fg_codec *codec, enum fg_series_kind kind, const struct fg_chunk *chunk,
                             struct fg_text *out, struct fg_error *err)
{
    size_t start = out->length;
    enum fg_code code = make_room(codec, chunk->count, err);
    if (code != FG_OK)
        return code;
    fg_codec_put_number(out, chunk->count);
    clear(&codec->runs);
    fg_codec_put_runs(chunk, &codec->runs);
    code = codec->runs.failed ? fg_fail_memory(err) : put_sized_section(codec, &codec->runs, out, err);
    if (code == FG_OK && chunk->count > 0)
        code = kind == FG_SERIES_DOUBLE ? put_doubles(codec, chunk, out, err)
                                        : put_integers(codec, (const int64_t *)chunk->bits, chunk->count, out, err);
    put_qualities(chunk, &codec->runs);
    if (code == FG_OK)
        code = put_sized_section(codec, &codec->runs, out, err);
    if (code == FG_OK && (out->failed || codec->runs.failed))
        return fg_fail_memory(err);
    if (code == FG_OK)
        put_crc(out, start);
    return code == FG_OK && out->failed ? fg_fail_memory(err) : code;
}

enum fg_code fg_codec_decode(struct fg_codec *codec, enum fg_series_kind kind, const void *bytes, size_t size,
                             uint32_t offset_limit, struct fg_chunk *chunk, struct fg_error *err)
{
    chunk->count = 0;
    if (!crc_holds(bytes, size))
        return fg_codec_fail(err);
    struct fg_codec_reader in = {.at = bytes, .end = (const unsigned char *)bytes + size - 4};
    uint64_t count = fg_codec_get_number(&in);
    if (in.bad || count > offset_limit)
        return fg_codec_fail(err);
    enum fg_code code = fg_chunk_room(chunk, (size_t)count, err);
    if (code == FG_OK)
        code = make_room(codec, (size_t)count, err);
    if (code != FG_OK)
        return code;
    chunk->count = (size_t)count;
    size_t text_max = 20 * (size_t)count; /* two numbers for each sample at most */
    code = get_sized_section(codec, &in, text_max, &codec->runs, err);
    struct fg_codec_reader runs = reader_of(&codec->runs);
    if (code == FG_OK && (!fg_codec_get_runs(&runs, offset_limit, chunk) || runs.at != runs.end))
        code = fg_codec_fail(err);
    if (code == FG_OK && count > 0)
        code = get_values(codec, kind, &in, chunk, err);
    if (code == FG_OK)
        code = get_sized_section(codec, &in, text_max, &codec->runs, err);
    if (code == FG_OK && (!get_qualities(&codec->runs, chunk) || in.at != in.end))
        code = fg_codec_fail(err);
    if (code != FG_OK)
        chunk->count = 0;
    return code;
}

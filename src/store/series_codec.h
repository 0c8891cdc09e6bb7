/* Inside src/store: how a chunk of a time series becomes bytes. Model and layout: series_codec.c. */
#ifndef FG_STORE_SERIES_CODEC_H
#define FG_STORE_SERIES_CODEC_H

#include "base/text.h"
#include "store/series.h"

/* Samples of one chunk in ascending order of their offset; values as their 64 bits. */
struct fg_chunk {
    uint32_t *offset; /* from the chunk's start, in steps */
    uint64_t *bits;   /* an int64, or an IEEE 754 double */
    uint8_t *quality;
    size_t count, capacity;
};
void fg_chunk_release(struct fg_chunk *chunk);
enum fg_code fg_chunk_room(struct fg_chunk *chunk, size_t count, struct fg_error *err); /* capacity >= count */
enum fg_code fg_chunk_add(struct fg_chunk *chunk, uint32_t offset, uint64_t bits, uint8_t quality, struct fg_error *err);

/* Work space of a connection; create on first use, not shared between threads. */
struct fg_codec;
struct fg_codec *fg_codec_create(void); /* NULL: out of memory */
void fg_codec_destroy(struct fg_codec *codec);

/* Append the encoding of `chunk` to `out`. */
enum fg_code fg_codec_encode(struct fg_codec *codec, enum fg_series_kind kind, const struct fg_chunk *chunk,
                             struct fg_text *out, struct fg_error *err);

/* Decode what fg_codec_encode wrote; replaces what `chunk` holds. FG_ERR_CORRUPT for anything else; offsets are below
 * `offset_limit` and ascend. */
enum fg_code fg_codec_decode(struct fg_codec *codec, enum fg_series_kind kind, const void *bytes, size_t size,
                             uint32_t offset_limit, struct fg_chunk *chunk, struct fg_error *err);

/* Compressed or stored bytes with their length and a CRC-32, for other blobs. */
enum fg_code fg_codec_pack(struct fg_codec *codec, const void *bytes, size_t size, struct fg_text *out, struct fg_error *err);
enum fg_code fg_codec_unpack(struct fg_codec *codec, const void *bytes, size_t size, size_t size_limit, struct fg_text *out,
                             struct fg_error *err);

/* Pieces of the format. Numbers are LEB128 varints; reading past the end sets `bad` and gives 0. */
struct fg_codec_reader {
    const unsigned char *at, *end;
    bool bad;
};
void fg_codec_put_number(struct fg_text *out, uint64_t value);
uint64_t fg_codec_get_number(struct fg_codec_reader *in);
/* Where the offsets lie, as pairs (gap, length); reading fills the offsets of chunk->count samples. */
void fg_codec_put_runs(const struct fg_chunk *chunk, struct fg_text *out);
bool fg_codec_get_runs(struct fg_codec_reader *in, uint32_t limit, struct fg_chunk *chunk);
/* FG_ERR_CORRUPT with its remedy. */
enum fg_code fg_codec_fail(struct fg_error *err);

#endif

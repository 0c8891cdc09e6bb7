/* The history of a chunk is a log to undo: one entry for each write, oldest first,
 *
 *   entry = length of the rest, zigzag(recorded - recorded of the entry before), touched count, runs of touched offsets,
 *           previous count, chunk of the previous samples (when there are any)
 *
 * What was known at t is the chunk of now with all entries recorded after t undone, newest first: touched samples are
 * removed, previous ones put back. An append costs a few bytes, a correction the samples it replaced. */
#include "store/series_history.h"

#include "base/memory.h"

#include <string.h>

struct entry {
    int64_t recorded_us;
    struct fg_codec_reader rest; /* from the touched count on */
};

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ -(value & 1));
}

/* The next entry; entry->recorded_us holds that of the entry before. */
static enum fg_code next_entry(struct fg_codec_reader *in, struct entry *entry, struct fg_error *err)
{
    uint64_t length = fg_codec_get_number(in);
    if (in->bad || length > (size_t)(in->end - in->at))
        return fg_codec_fail(err);
    entry->rest = (struct fg_codec_reader){.at = in->at, .end = in->at + length};
    in->at += length;
    int64_t step = unzigzag(fg_codec_get_number(&entry->rest));
    if (entry->rest.bad || __builtin_add_overflow(entry->recorded_us, step, &entry->recorded_us))
        return fg_codec_fail(err);
    return FG_OK;
}

static struct fg_codec_reader reader_of(const struct fg_text *history)
{
    const unsigned char *data = (const unsigned char *)history->data;
    return (struct fg_codec_reader){.at = data, .end = data + history->length};
}

static enum fg_code last_recorded(const struct fg_text *history, int64_t *recorded_us, struct fg_error *err)
{
    struct fg_codec_reader in = reader_of(history);
    struct entry entry = {0};
    enum fg_code code = FG_OK;
    while (code == FG_OK && in.at < in.end)
        code = next_entry(&in, &entry, err);
    *recorded_us = entry.recorded_us;
    return code;
}

enum fg_code fg_history_add(struct fg_codec *codec, enum fg_series_kind kind, int64_t recorded_us,
                            const struct fg_chunk *touched, const struct fg_chunk *previous,
                            struct fg_text *history, struct fg_error *err)
{
    int64_t last_us, step;
    enum fg_code code = last_recorded(history, &last_us, err);
    if (code != FG_OK)
        return code;
    if ((history->length > 0 && recorded_us < last_us) || __builtin_sub_overflow(recorded_us, last_us, &step))
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "samples became known at %lld us, before an earlier write at %lld us; writes to a "
                                                   "series come in the order of their knowledge",
                       (long long)recorded_us, (long long)last_us);
    struct fg_text entry;
    fg_text_init(&entry);
    fg_codec_put_number(&entry, zigzag(step));
    fg_codec_put_number(&entry, touched->count);
    fg_codec_put_runs(touched, &entry);
    fg_codec_put_number(&entry, previous->count);
    if (previous->count > 0)
        code = fg_codec_encode(codec, kind, previous, &entry, err);
    if (code == FG_OK && !entry.failed) {
        fg_codec_put_number(history, entry.length);
        fg_text_append(history, entry.data, entry.length);
    }
    if (code == FG_OK && (entry.failed || history->failed))
        code = fg_fail_memory(err);
    fg_text_release(&entry);
    return code;
}

/* `chunk` without the touched offsets and with the previous samples, into `out`. */
static enum fg_code replace(const struct fg_chunk *chunk, const struct fg_chunk *touched, const struct fg_chunk *previous,
                            struct fg_chunk *out, struct fg_error *err)
{
    out->count = 0;
    enum fg_code code = FG_OK;
    size_t t = 0, p = 0;
    for (size_t i = 0; i <= chunk->count && code == FG_OK; i++) {
        uint64_t here = i < chunk->count ? chunk->offset[i] : UINT64_MAX;
        for (; p < previous->count && previous->offset[p] <= here && code == FG_OK; p++)
            code = fg_chunk_add(out, previous->offset[p], previous->bits[p], previous->quality[p], err);
        while (t < touched->count && touched->offset[t] < here)
            t++;
        if (i < chunk->count && code == FG_OK && (t == touched->count || touched->offset[t] != here))
            code = fg_chunk_add(out, chunk->offset[i], chunk->bits[i], chunk->quality[i], err);
    }
    return code;
}

static enum fg_code undo_entry(struct fg_codec *codec, enum fg_series_kind kind, struct entry *entry, uint32_t offset_limit,
                               struct fg_chunk *chunk, struct fg_error *err)
{
    struct fg_chunk touched = {0}, previous = {0}, before = {0};
    struct fg_codec_reader *in = &entry->rest;
    uint64_t count = fg_codec_get_number(in);
    enum fg_code code = in->bad || count > offset_limit ? fg_codec_fail(err) : fg_chunk_room(&touched, (size_t)count, err);
    if (code == FG_OK) {
        touched.count = (size_t)count;
        if (!fg_codec_get_runs(in, offset_limit, &touched))
            code = fg_codec_fail(err);
    }
    if (code == FG_OK && fg_codec_get_number(in) > 0)
        code = fg_codec_decode(codec, kind, in->at, (size_t)(in->end - in->at), offset_limit, &previous, err);
    if (code == FG_OK && in->bad)
        code = fg_codec_fail(err);
    if (code == FG_OK)
        code = replace(chunk, &touched, &previous, &before, err);
    if (code == FG_OK) {
        struct fg_chunk swap = *chunk;
        *chunk = before;
        before = swap;
    }
    fg_chunk_release(&touched);
    fg_chunk_release(&previous);
    fg_chunk_release(&before);
    return code;
}

enum fg_code fg_history_undo(struct fg_codec *codec, enum fg_series_kind kind, const struct fg_text *history, int64_t known_us,
                             uint32_t offset_limit, struct fg_chunk *chunk, struct fg_error *err)
{
    struct fg_codec_reader in = reader_of(history);
    struct entry *entries = NULL, entry = {0};
    size_t count = 0, capacity = 0;
    enum fg_code code = FG_OK;
    while (code == FG_OK && in.at < in.end) {
        code = next_entry(&in, &entry, err);
        if (code != FG_OK || entry.recorded_us <= known_us)
            continue;
        if (fg_grow((void **)&entries, count, &capacity, sizeof *entries))
            code = fg_fail_memory(err);
        else
            entries[count++] = entry;
    }
    while (code == FG_OK && count > 0)
        code = undo_entry(codec, kind, &entries[--count], offset_limit, chunk, err);
    fg_free(entries);
    return code;
}

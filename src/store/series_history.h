/* Inside src/store: the history of a chunk, as a list of what each write replaced. */
#ifndef FG_STORE_SERIES_HISTORY_H
#define FG_STORE_SERIES_HISTORY_H

#include "store/series_codec.h"

/* Append to `history` (unpacked) that a write known at `recorded_us` touched the offsets of `touched`, where `previous` lay before.
 * FG_ERR_ARGUMENT when an earlier entry is later. */
enum fg_code fg_history_add(struct fg_codec *codec, enum fg_series_kind kind, int64_t recorded_us,
                            const struct fg_chunk *touched, const struct fg_chunk *previous,
                            struct fg_text *history, struct fg_error *err);

/* Turn `chunk` from what is known now into what was known at `known_us`. */
enum fg_code fg_history_undo(struct fg_codec *codec, enum fg_series_kind kind, const struct fg_text *history, int64_t known_us,
                             uint32_t offset_limit, struct fg_chunk *chunk, struct fg_error *err);

#endif

/* Technologies that buyers filter on, as bits of a set.
 *
 * An asset's technology is a free word. Requests name words of this list; an asset whose word is not in it counts as
 * `other`, which can be asked for as well. Pure functions, any thread. */
#ifndef FG_MARKET_TECHNOLOGY_H
#define FG_MARKET_TECHNOLOGY_H

#include <stdint.h>

/* The place of a word is its bit. Orders are stored with their set: words are only added at the end, at most 63. */
extern const char *const fg_technology_words[];

/* The bit of an asset's word, upper and lower case alike; of `other` when it is not in the list. */
uint64_t fg_technology_bit(const char *word);

#endif

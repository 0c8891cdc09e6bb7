/* Random numbers for tests, generators and scenarios: xoshiro256** seeded by splitmix64 (Blackman and Vigna, public
 * algorithm). Same seed, same sequence on every machine. Not for secrets. */
#ifndef FG_BASE_RANDOM_H
#define FG_BASE_RANDOM_H

#include <stdint.h>

struct fg_random { uint64_t state[4]; };
void fg_random_init(struct fg_random *random, uint64_t seed);
uint64_t fg_random_next(struct fg_random *random);
double fg_random_unit(struct fg_random *random);                              /* [0, 1) */
double fg_random_between(struct fg_random *random, double low, double high);
double fg_random_normal(struct fg_random *random);                            /* mean 0, deviation 1 */
uint64_t fg_random_below(struct fg_random *random, uint64_t bound);           /* [0, bound), unbiased; bound > 0 */

#endif

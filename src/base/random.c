/* xoshiro256** 1.0 and splitmix64 (Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47(4),
 * 2021; reference code in the public domain). Bounded integers without bias: Lemire, "Fast random integer generation in
 * an interval", ACM TOMACS 29(1), 2019. Normal numbers: Marsaglia's polar method, SIAM Review 6(3), 1964. */
#include "base/random.h"

#include <assert.h>
#include <math.h>

__extension__ typedef unsigned __int128 wide;

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void fg_random_init(struct fg_random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        random->state[i] = splitmix64(&seed);
}

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

uint64_t fg_random_next(struct fg_random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double fg_random_unit(struct fg_random *random)
{
    return (double)(fg_random_next(random) >> 11) * 0x1p-53;
}

double fg_random_between(struct fg_random *random, double low, double high)
{
    return low + (high - low) * fg_random_unit(random);
}

/* One of the two numbers of a pair is thrown away, so that the generator stays its whole state. */
double fg_random_normal(struct fg_random *random)
{
    for (;;) {
        double u = 2 * fg_random_unit(random) - 1;
        double v = 2 * fg_random_unit(random) - 1;
        double s = u * u + v * v;
        if (s > 0 && s < 1)
            return u * sqrt(-2 * log(s) / s);
    }
}

uint64_t fg_random_below(struct fg_random *random, uint64_t bound)
{
    assert(bound > 0);
    uint64_t threshold = -bound % bound; /* 2^64 mod bound: products with a lower half below it are over-represented */
    for (;;) {
        wide product = (wide)fg_random_next(random) * bound;
        if ((uint64_t)product >= threshold)
            return (uint64_t)(product >> 64);
    }
}

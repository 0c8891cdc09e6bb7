#include "gateway/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

struct block4 {
    uint32_t first;
    int length; /* of the prefix */
};
#define V4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
static const struct block4 special4[] = {
    {V4(0, 0, 0, 0), 8},       {V4(10, 0, 0, 0), 8},     {V4(100, 64, 0, 0), 10},  {V4(127, 0, 0, 0), 8},
    {V4(169, 254, 0, 0), 16},  {V4(172, 16, 0, 0), 12},  {V4(192, 0, 0, 0), 24},   {V4(192, 0, 2, 0), 24},
    {V4(192, 31, 196, 0), 24}, {V4(192, 52, 193, 0), 24}, {V4(192, 88, 99, 0), 24}, {V4(192, 168, 0, 0), 16},
    {V4(192, 175, 48, 0), 24}, {V4(198, 18, 0, 0), 15},  {V4(198, 51, 100, 0), 24}, {V4(203, 0, 113, 0), 24},
    {V4(224, 0, 0, 0), 4},     {V4(240, 0, 0, 0), 4},
};

struct block6 {
    unsigned char first[16];
    int length;
};
static const struct block6 global6 = {{0x20}, 3};
static const struct block6 special6[] = {
    {{0x20, 0x01, 0x00}, 23},             /* IETF assignments: Teredo, benchmarking, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},       /* documentation */
    {{0x20, 0x02}, 16},                   /* 6to4 */
    {{0x26, 0x20, 0x00, 0x4f, 0x80}, 48}, /* AS112 */
    {{0x3f, 0xff, 0x00}, 20},             /* documentation */
};

static bool is_in6(const unsigned char *address, const struct block6 *block)
{
    int whole = block->length / 8, bits = block->length % 8;
    unsigned char mask = (unsigned char)(0xff00 >> bits);
    return memcmp(address, block->first, (size_t)whole) == 0 &&
           (bits == 0 || (address[whole] & mask) == (block->first[whole] & mask));
}

static bool is_public4(uint32_t address)
{
    for (size_t i = 0; i < sizeof special4 / sizeof *special4; i++)
        if ((address ^ special4[i].first) >> (32 - special4[i].length) == 0)
            return false;
    return true;
}

static bool is_public6(const unsigned char *address)
{
    if (!is_in6(address, &global6))
        return false;
    for (size_t i = 0; i < sizeof special6 / sizeof *special6; i++)
        if (is_in6(address, &special6[i]))
            return false;
    return true;
}

bool fg_address_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return is_public4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        return is_public6(in.sin6_addr.s6_addr);
    }
    return false;
}

bool fg_address_text_is_public(const char *text)
{
    struct in_addr in4;
    struct in6_addr in6;
    if (inet_pton(AF_INET, text, &in4) == 1)
        return is_public4(ntohl(in4.s_addr));
    return inet_pton(AF_INET6, text, &in6) == 1 && is_public6(in6.s6_addr);
}

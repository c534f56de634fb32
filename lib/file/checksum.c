/* SPDX-License-Identifier: BSD-2-Clause */
#include "file/czw.h"

#include <string.h>

#define LANES      16u
#define LINE_BYTES (LANES * 4u)
#define START      0x811C9DC5u

static inline uint32_t mix(uint32_t h, uint32_t w) {
    const uint32_t t = (h ^ w) * 0x01000193u;
    return t ^ (t >> 15);
}

/** The 16 chains over whole lines. They do not depend on each other: the compiler runs them side by side. */
static void add_lines(uint32_t lane[LANES], const unsigned char *p, size_t lines) {
    uint32_t h[LANES];
    memcpy(h, lane, sizeof h);
    for (; lines > 0; lines--, p += LINE_BYTES) {
        uint32_t w[LANES];
        memcpy(w, p, sizeof w);
        for (size_t i = 0; i < LANES; i++) h[i] = mix(h[i], w[i]);
    }
    memcpy(lane, h, sizeof h);
}

static void start(uint32_t lane[LANES]) {
    for (uint32_t i = 0; i < LANES; i++) lane[i] = START + i;
}

/** Adds bytes that begin at a line's beginning, and folds: `total` counts every byte of the sum. */
static uint32_t finish(uint32_t lane[LANES], const unsigned char *p, size_t size, size_t total) {
    const size_t lines = size / LINE_BYTES, rest = size % LINE_BYTES;
    add_lines(lane, p, lines);
    if (rest > 0) {
        unsigned char last[LINE_BYTES] = {0};
        memcpy(last, p + lines * LINE_BYTES, rest);
        add_lines(lane, last, 1);
    }
    uint32_t sum = START;
    for (size_t i = 0; i < LANES; i++) sum = mix(sum, lane[i]);
    sum = mix(sum, (uint32_t)(total & 0xFFFFFFFFu));
    return mix(sum, (uint32_t)((uint64_t)total >> 32));
}

uint32_t cz_checksum(const void *bytes, size_t size) {
    uint32_t lane[LANES];
    start(lane);
    return finish(lane, bytes, size, size);
}

uint32_t cz_checksum_head(const void *bytes, size_t size) {
    const unsigned char *p = bytes;
    unsigned char header[CZ_FILE_HEADER];
    uint32_t lane[LANES];
    memcpy(header, p, sizeof header);
    memset(header + 56, 0, 8);
    start(lane);
    add_lines(lane, header, 1);
    return finish(lane, p + CZ_FILE_HEADER, size - CZ_FILE_HEADER, size);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "file/czw.h"

#include <string.h>

#define LANES      CZ_SUM_LANES
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

void cz_checksum_start(cz_sum *s) {
    for (uint32_t i = 0; i < LANES; i++) s->lane[i] = START + i;
    s->size = 0;
}

void cz_checksum_add(cz_sum *s, const void *bytes, size_t size) {
    const unsigned char *p = bytes;
    unsigned char last[LINE_BYTES] = {0};
    size_t lines = size / LINE_BYTES, rest = size % LINE_BYTES;
    s->size += size;
    memcpy(last, p + lines * LINE_BYTES, rest);
    for (;;) { /* one call: add_lines is large where it is */
        add_lines(s->lane, p, lines);
        if (rest == 0) return;
        p = last;
        lines = 1;
        rest = 0;
    }
}

uint32_t cz_checksum_end(const cz_sum *s) {
    uint32_t sum = START;
    for (size_t i = 0; i < LANES; i++) sum = mix(sum, s->lane[i]);
    sum = mix(sum, (uint32_t)(s->size & 0xFFFFFFFFu));
    return mix(sum, (uint32_t)(s->size >> 32));
}

uint32_t cz_checksum(const void *bytes, size_t size) {
    cz_sum s;
    cz_checksum_start(&s);
    cz_checksum_add(&s, bytes, size);
    return cz_checksum_end(&s);
}

/* SPDX-License-Identifier: BSD-2-Clause
 * IEEE 754 binary16 to f32 and back, in integer and exact steps: the same on every machine, whatever its mode for
 * subnormal numbers. */
#ifndef CZ_BASE_HALF_H
#define CZ_BASE_HALF_H

#include <string.h>

#include "base/base.h"

static inline uint32_t cz_float_bits(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/** A binary16 as f32, exactly; infinities and NaN stay what they are. */
static inline float cz_half_to_float(uint16_t h) {
    const uint32_t magnitude = ((uint32_t)h & 0x7FFFu) << 13;
    const uint32_t sign = ((uint32_t)h & 0x8000u) << 16;
    const uint32_t normal = magnitude + (magnitude < (31u << 23) ? 112u << 23 : 224u << 23);
    const uint32_t shifted = magnitude + (113u << 23); /* 2^-14 + the subnormal's value: both are normal f32 */
    float f;
    memcpy(&f, &shifted, sizeof f);
    const uint32_t bits = sign | (magnitude < (1u << 23) ? cz_float_bits(f - 0x1p-14f) : normal);
    memcpy(&f, &bits, sizeof f);
    return f;
}

/** The binary16 nearest to f, ties to even. What is beyond the largest, 65504, is held there, infinity too; NaN stays
 *  NaN. */
static inline uint16_t cz_half_from_float(float f) {
    const uint32_t bits = cz_float_bits(f), sign = bits >> 16 & 0x8000u;
    uint32_t size = bits & 0x7FFFFFFFu;
    if (size > 0x7F800000u) return (uint16_t)(sign | 0x7E00u);
    if (size >= 0x477FE000u) return (uint16_t)(sign | 0x7BFFu);
    if (size >= 113u << 23) /* normal: round what is shifted out to even, which may carry into the exponent */
        return (uint16_t)(sign | ((size + 0xFFFu + (size >> 13 & 1u) - (112u << 23)) >> 13));
    float subnormal; /* 1/2 + it has the unit 2^-24 of subnormal halves in its last place */
    memcpy(&subnormal, &size, sizeof subnormal);
    return (uint16_t)(sign | (cz_float_bits(subnormal + 0.5f) - cz_float_bits(0.5f)));
}

#endif

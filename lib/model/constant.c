/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/ops.h"

#include <string.h>

/** A finite binary16 as f32, exactly. Subnormal halves go through normal f32 numbers only, so a host that flushes
 *  subnormals to zero gets the same values. */
static inline float half_to_float(uint16_t h) {
    const uint32_t magnitude = ((uint32_t)h & 0x7FFFu) << 13;
    const uint32_t sign = ((uint32_t)h & 0x8000u) << 16;
    const uint32_t normal = magnitude + (112u << 23);
    const uint32_t shifted = magnitude + (113u << 23); /* 2^-14 + the subnormal's value */
    const float least = 0x1p-14f;
    float f;
    memcpy(&f, &shifted, sizeof f);
    f -= least;
    uint32_t subnormal, bits;
    memcpy(&subnormal, &f, sizeof subnormal);
    bits = sign | (magnitude < (1u << 23) ? subnormal : normal);
    memcpy(&f, &bits, sizeof f);
    return f;
}

static void read_f16(const uint16_t *in, size_t count, float *out) {
    for (size_t i = 0; i < count; i++) out[i] = half_to_float(in[i]);
}

/** Slice by slice, each with its own factor. */
static void read_i8(const cz_constant *c, size_t first, size_t count, float *out) {
    const int8_t *in = c->data;
    const size_t slice = cz_elements(&c->shape) / c->shape.d[0];
    while (count > 0) {
        const size_t k = first / slice, n = cz_min(count, (k + 1) * slice - first);
        const float scale = c->scale[k];
        for (size_t i = 0; i < n; i++) out[i] = (float)in[first + i] * scale;
        first += n;
        out += n;
        count -= n;
    }
}

void cz_constant_read(const cz_constant *c, size_t first, size_t count, float *out) {
    if (c->dtype == CZ_F32)
        memcpy(out, (const float *)c->data + first, count * sizeof *out);
    else if (c->dtype == CZ_F16)
        read_f16((const uint16_t *)c->data + first, count, out);
    else
        read_i8(c, first, count, out);
}

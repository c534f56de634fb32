/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/half.h"
#include "model/ops.h"

#include <string.h>

void cz_constant_see(cz_constant *c, const unsigned char *block) {
    const bool scaled = c->dtype == CZ_I8;
    c->scale = scaled ? (const float *)(const void *)block : NULL;
    c->data = block + (scaled ? c->shape.d[0] * sizeof(float) : 0);
}

static void read_f16(const uint16_t *in, size_t count, float *out) {
    for (size_t i = 0; i < count; i++) out[i] = cz_half_to_float(in[i]);
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

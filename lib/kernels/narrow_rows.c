/* SPDX-License-Identifier: BSD-2-Clause
 * The loops of a convolution to few channels: turning input rows, and output rows. */
#include "kernels/epilogue.h"
#include "kernels/set.h"

#define SUMS (CZ_MR >= 8 ? 8 : 4) /* vectors of sums in registers */
#define MOST CZ_NARROW_OUT
#define STEP (SUMS / 2 * VL) /* pixels of a row at a time, at most */
_Static_assert(CZ_NARROW_STEP % STEP == 0, "blocks of pixels end where a turned row does");

void CZ_NAME(cz_narrow_turn)(const cz_narrow *j, size_t image, int64_t y, float *to) {
    const cz_conv *c = &j->c;
    int32_t steps[VL];
    for (int32_t i = 0; i < VL; i++) steps[i] = i * (int32_t)c->step;
    const vi index = vi_load(steps);
    for (size_t i = 0; i < j->span;) {
        const int64_t x = (int64_t)i - c->pad_left;
        const float *pixel = cz_conv_pixel(c, image, y, x);
        if (x >= 0 && x + VL <= c->width && i + VL <= j->span && pixel != c->zeros) {
            for (size_t k = 0; k < c->channels; k++) vf_store(to + k * j->span + i, vf_gather(pixel + k, index));
            i += VL;
            continue;
        }
        const bool outside = pixel == c->zeros;
        for (size_t k = 0; k < c->channels; k++) to[k * j->span + i] = outside ? 0 : pixel[k];
        i++;
    }
}

/** Sums of wide * 16 pixels from x on and `out` channels, both constant where inlined, to results[channel][pixel]. */
CZ_INLINE void sum_block(const cz_narrow *j, size_t oy, size_t x, float *results, int wide, int out) {
    vf sum[MOST][SUMS];
    CZ_UNROLL for (int o = 0; o < out; o++) {
        const bool given = j->bias != NULL && (size_t)o < j->out;
        CZ_UNROLL for (int b = 0; b < wide; b++) sum[o][b] = given ? vf_set1(j->bias[o]) : vf_zero();
    }
    const float *w = j->weights;
    for (size_t ky = 0; ky < j->kernel; ky++) {
        const float *row = j->turned + (oy + ky) % j->kernel * j->c.channels * j->span + x;
        for (int64_t kx = 0; kx < j->c.kernel_w; kx++, row++) {
            const float *at = row;
            for (size_t i = 0; i < j->c.channels; i++, at += j->span, w += VL) {
                vf v[SUMS];
                CZ_UNROLL for (int b = 0; b < wide; b++) v[b] = vf_load(at + b * VL);
                CZ_UNROLL for (int o = 0; o < out; o++) {
                    const vf weight = vf_set1(w[o]);
                    CZ_UNROLL for (int b = 0; b < wide; b++) sum[o][b] = vf_fma(v[b], weight, sum[o][b]);
                }
            }
        }
    }
    CZ_UNROLL for (int o = 0; o < out; o++) {
        CZ_UNROLL for (int b = 0; b < wide; b++) vf_store(results + (o * wide + b) * VL, sum[o][b]);
    }
}

static void sum_two(const cz_narrow *j, size_t oy, size_t x, float *results) {
    sum_block(j, oy, x, results, SUMS / 2, 2);
}
static void sum_four(const cz_narrow *j, size_t oy, size_t x, float *results) {
    sum_block(j, oy, x, results, SUMS / 4, 4);
}

void CZ_NAME(cz_narrow_row)(const cz_narrow *j, size_t row, size_t oy, float *out) {
    const size_t width = (size_t)j->c.out_width, step = j->out > 2 ? STEP / 2 : STEP;
    float results[STEP * MOST], values[STEP * MOST];
    cz_epilogue e = j->e;
    for (size_t x = 0; x < width; x += step) {
        const size_t count = cz_min(step, width - x), at = (row * width + x) * j->out, pixel = 0;
        (j->out > 2 ? sum_four : sum_two)(j, oy, x, results);
        for (size_t o = 0; o < j->out; o++)
            for (size_t i = 0; i < count; i++) values[i * j->out + o] = results[o * step + i];
        if (j->e.residual) e.residual = j->e.residual + at;
        CZ_NAME(cz_finish)(&e, values, STEP * MOST, &pixel, 1, 0, 0, count * j->out, out + at);
    }
}

/* SPDX-License-Identifier: BSD-2-Clause
 * resize of H and W: 1 (nearest), 2 (bilinear) or 4 (bicubic, a = -0.75) taps an axis, indices clamped to the image.
 *
 * Output index i of n reads a line of m samples at the coordinate
 *   align_corners 0: (i + 1/2) m / n - 1/2, not below 0 for bilinear; nearest takes floor(i m / n)
 *   align_corners 1: i (m - 1) / (n - 1), 0 where n is 1;              nearest takes floor(coordinate + 1/2)
 * held as an exact fraction of integers, so no rounding decides a tap; the weights are rounded once to f32.
 *
 * Order: down the columns first, then along the row: v = w0 x0, then fma(w1, x1, v), ... in the order of the taps.
 * Unit: a row of output pixels. Scratch: the row's taps, and one row of the input's width after the first step. */
#if defined(CZ_ISA_SCALAR)
#define CZ_LANE_WISE /* see vec.h; not on AVX2: with few channels two loops a pixel cost more */
#endif
#include "kernels/light.h"

enum { NEAREST = 0, BILINEAR = 1, BICUBIC = 2 };

typedef struct taps {
    uint32_t at[4];
    float weight[4];
} taps;

typedef struct layout {
    size_t row, end; /* taps begin at 0 */
} layout;

static bool lay_out(const cz_call *call, layout *l) {
    size_t first;
    l->end = 0;
    return cz_layout(&l->end, call->out.d[2], sizeof(taps), &first) &&
           cz_layout(&l->end, (size_t)call->in[0].d[2] * call->in[0].d[3], sizeof(float), &l->row);
}

static bool prepare(cz_call *call) {
    layout l;
    call->units = cz_product(&call->out, 0, 2);
    return lay_out(call, &l) && cz_align_up(l.end, &call->scratch);
}

static int tap_count(int32_t mode) { return mode == NEAREST ? 1 : mode == BILINEAR ? 2 : 4; }

static uint32_t clamp_index(int64_t i, int64_t size) { return (uint32_t)(i < 0 ? 0 : i < size ? i : size - 1); }

/** The bicubic weights of the samples at -1, 0, 1, 2 for a coordinate in 0 .. 1. */
static void cubic(double t, float *weight) {
    const double a = -0.75, u = 1.0 - t, t1 = t + 1.0, u1 = u + 1.0;
    weight[0] = (float)(((a * t1 - 5.0 * a) * t1 + 8.0 * a) * t1 - 4.0 * a);
    weight[1] = (float)(((a + 2.0) * t - (a + 3.0)) * t * t + 1.0);
    weight[2] = (float)(((a + 2.0) * u - (a + 3.0)) * u * u + 1.0);
    weight[3] = (float)(((a * u1 - 5.0 * a) * u1 + 8.0 * a) * u1 - 4.0 * a);
}

/** The taps of output index i of n in a line of m samples. Lengths are below 2^30, so the products fit. */
static taps taps_of(const cz_attr_resize *a, size_t i, size_t n, size_t m) {
    const int64_t index = (int64_t)i, out = (int64_t)n, size = (int64_t)m;
    taps t = {{0}, {1.0f}};
    int64_t above, below; /* the coordinate */
    if (a->align_corners) {
        above = out > 1 ? index * (size - 1) : 0;
        below = out > 1 ? out - 1 : 1;
        if (a->mode == NEAREST) {
            t.at[0] = clamp_index((2 * above + below) / (2 * below), size);
            return t;
        }
    } else {
        if (a->mode == NEAREST) {
            t.at[0] = clamp_index(index * size / out, size);
            return t;
        }
        above = (2 * index + 1) * size - out;
        below = 2 * out;
        if (above < 0 && a->mode == BILINEAR) above = 0;
    }
    const int64_t base = above >= 0 ? above / below : -((-above + below - 1) / below); /* floor */
    const double part = (double)(above - base * below) / (double)below;
    if (a->mode == BILINEAR) {
        t.at[0] = clamp_index(base, size);
        t.at[1] = clamp_index(base + 1, size);
        t.weight[0] = (float)(1.0 - part);
        t.weight[1] = (float)part;
    } else {
        for (int k = 0; k < 4; k++) t.at[k] = clamp_index(base - 1 + k, size);
        cubic(part, t.weight);
    }
    return t;
}

/** y[i] = sum over the taps of weight x[tap][i]. */
static inline void blend_2(const float *x0, const float *x1, const float *weight, float *y, size_t n) {
    const vf w0 = vf_set1(weight[0]), w1 = vf_set1(weight[1]);
    VF_FOR(i, n, m) vf_store_n(y + i, vf_fma(w1, vf_load_n(x1 + i, m), vf_mul(w0, vf_load_n(x0 + i, m))), m);
}

static void blend_4(const float *const *x, const float *weight, float *y, size_t n) {
    const vf w0 = vf_set1(weight[0]), w1 = vf_set1(weight[1]), w2 = vf_set1(weight[2]), w3 = vf_set1(weight[3]);
    VF_FOR(i, n, m) {
        vf v = vf_mul(w0, vf_load_n(x[0] + i, m));
        v = vf_fma(w1, vf_load_n(x[1] + i, m), v);
        v = vf_fma(w2, vf_load_n(x[2] + i, m), v);
        vf_store_n(y + i, vf_fma(w3, vf_load_n(x[3] + i, m), v), m);
    }
}

/** One output row out of one input row; its pixels are `step` floats apart. */
static void along_row(const float *x, const taps *t, int count, float *y, size_t width, size_t c, size_t step) {
    for (const taps *last = t + width; t < last; t++, y += step) {
        const float *const sample[4] = {x + t->at[0] * c, x + t->at[1] * c, x + t->at[2] * c, x + t->at[3] * c};
        if (count == 1)
            memcpy(y, sample[0], c * sizeof *y);
        else if (count == 2)
            blend_2(sample[0], sample[1], t->weight, y, c);
        else
            blend_4(sample, t->weight, y, c);
    }
}

/** One row of the input's width out of its taps' rows. */
static void down_columns(const float *const *row, const taps *t, int count, float *y, size_t n) {
    if (count == 2)
        blend_2(row[0], row[1], t->weight, y, n);
    else
        blend_4(row, t->weight, y, n);
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    const cz_attr_resize *a = call->attr;
    const size_t height = call->in[0].d[1], width = call->in[0].d[2], c = call->in[0].d[3];
    const size_t out_height = call->out.d[1], out_width = call->out.d[2];
    const size_t step = cz_out_step(call);
    const int count = tap_count(a->mode);
    layout l;
    if (!lay_out(call, &l)) return; /* cannot be: prepare has been through it */
    taps *columns = scratch;
    float *blended = (float *)(void *)((unsigned char *)scratch + l.row);
    for (size_t i = 0; i < out_width; i++) columns[i] = taps_of(a, i, out_width, width);
    for (size_t u = begin; u < end; u++) {
        const float *image = in[0] + u / out_height * height * width * c, *row[4] = {0};
        const taps rows = taps_of(a, u % out_height, out_height, height);
        for (int k = 0; k < count; k++) row[k] = image + rows.at[k] * width * c;
        if (count > 1) down_columns(row, &rows, count, blended, width * c);
        along_row(count > 1 ? blended : row[0], columns, count, out + u * out_width * step, out_width, c, step);
    }
}

const cz_kernel CZ_NAME(cz_kernel_resize) = {.prepare = prepare, .run = run};

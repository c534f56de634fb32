/* SPDX-License-Identifier: BSD-2-Clause
 * Rows of a depthwise convolution of u8 with a `direct` end to u8, 16 VQ channels at a time. Four kernel rows of an
 * input column, a byte of each side by side in a channel's lane (vi_quads), are one product and sum with four weights;
 * every column serves all outputs in whose windows it lies, whose sums are under way in registers. */
#include "kernels/depthwise.h"
#include "kernels/epilogue.h"
#include "kernels/set.h"

#if defined(VQ)

#include <assert.h>
#include <string.h>

#define EACH  ((size_t)VQ * VL)
#define MOST  5 /* outputs under way */
#define ROWS  8 /* kernel rows, in fours */
#define PIXEL ((ptrdiff_t)CZ_DEPTHWISE_PIXEL)

/** What the channels of a group need, in the order of vi_quads, and where whole registers are read. */
typedef struct ends {
    int32_t start[EACH];
    float factor[EACH], bias[EACH]; /* of cz_requantize */
} ends;

static_assert(EACH == CZ_DEPTHWISE_PIXEL && sizeof(ends) == CZ_DEPTHWISE_ENDS, "a group is a pixel of a line");

/** A row of outputs, EACH channels of them. */
typedef struct part {
    const uint8_t *const *rows; /* [quads][4]: the first input in the line of each kernel row */
    size_t quads, count;        /* outputs */
    const int32_t *w;           /* [quad][kernel_w][EACH]: a weight of each of 4 kernel rows */
    const ends *e;
    vi low; /* of cz_limit_bytes */
    float high;
    uint8_t *out; /* `step` apart */
    size_t step;
} part;

/** Adds the input column at x: tap k of the first of `live` outputs under way, tap k - stride of the second, ... */
CZ_INLINE void add(const part *r, const uint8_t *const *rows, size_t quads, ptrdiff_t x, int k, int kw, int stride,
                   int live, vi sum[MOST][VQ]) {
    const int32_t *w = r->w;
    CZ_UNROLL for (size_t q = 0; q < quads; q++, w += (size_t)kw * EACH) {
        vi v[VQ];
        vi_quads(rows + 4 * q, x, v);
        CZ_UNROLL for (int i = 0; i < live; i++) {
            const int tap = k - i * stride;
            if (tap < 0) continue;
            CZ_UNROLL for (int b = 0; b < VQ; b++) sum[i][b] =
                vi_dot4(sum[i][b], v[b], vi_load(w + (tap * VQ + b) * VL));
        }
    }
}

CZ_INLINE void begin(const part *r, vi sum[VQ]) {
    CZ_UNROLL for (int b = 0; b < VQ; b++) sum[b] = vi_load(r->e->start + b * VL);
}

/** Stores output o as u8. */
CZ_INLINE void put(const part *r, size_t o, vi low, vf high, const vi sum[VQ]) {
    vi q[VQ];
    CZ_UNROLL for (int b = 0; b < VQ; b++) {
        const cz_steps s = {
            .factor = vf_load(r->e->factor + b * VL), .bias = vf_load(r->e->bias + b * VL), .high = high};
        q[b] = cz_requantize_low(&s, vf_fma(vf_from_i(sum[b]), s.factor, s.bias));
    }
    vi_store_quads(r->out + o * r->step, q, low);
}

/** A row for one size and stride of the kernel, constants where it is inlined. Outputs before the first, whose windows
 *  the first columns would be the end of, are summed too, and dropped. */
CZ_INLINE void row(const part *given, size_t quads, int kw, int stride) {
    const part r = *given; /* here, no store can change it */
    const vi low = r.low;
    const vf high = vf_set1(r.high);
    const int live = (kw - 1) / stride + 1;
    const uint8_t *rows[ROWS]; /* the same */
    CZ_UNROLL for (size_t i = 0; i < 4 * quads; i++) rows[i] = r.rows[i];
    vi sum[MOST][VQ];
    CZ_UNROLL for (int i = 0; i < live; i++) begin(&r, sum[i]);
    ptrdiff_t x = ((1 - live) * stride + kw - stride) * PIXEL; /* before the line: the column is of no output */
    for (ptrdiff_t o = 1 - live; o < (ptrdiff_t)r.count; o++) {
        CZ_UNROLL for (int k = kw - stride; k < kw; k++, x += PIXEL)
            add(&r, rows, quads, x < 0 ? 0 : x, k, kw, stride, live, sum);
        if (o >= 0) put(&r, (size_t)o, low, high, sum[0]);
        CZ_UNROLL for (int i = 0; i + 1 < live; i++) {
            CZ_UNROLL for (int b = 0; b < VQ; b++) sum[i][b] = sum[i + 1][b];
        }
        begin(&r, sum[live - 1]);
    }
}

static void row_3x1(const part *r) { row(r, 1, 3, 1); }
static void row_3x2(const part *r) { row(r, 1, 3, 2); }
static void row_5x1(const part *r) { row(r, 2, 5, 1); }
static void row_5x2(const part *r) { row(r, 2, 5, 2); }

/** The sizes and strides that conv_i8.c sends here. */
static void run(const part *r, const cz_conv *c) {
    if (c->kernel_w == 5)
        (c->stride_w == 2 ? row_5x2 : row_5x1)(r);
    else
        (c->stride_w == 2 ? row_3x2 : row_3x1)(r);
}

/** Values of EACH channels to the order of vi_quads. */
static void turn(void *to, const void *from) {
    const size_t piece = 4 * sizeof(float);
    for (size_t i = 0; i < VQ; i++)
        for (size_t v = 0; v < 4; v++, from = (const char *)from + piece)
            memcpy((char *)to + (v * VQ + i) * piece, from, piece);
}

/** Of the n channels from c on, which come again every `each`. */
static void set_ends(ends *to, const cz_epilogue *e, size_t c, size_t n, size_t each) {
    ends plain;
    for (size_t b = 0; b < EACH; b += VL) {
        const size_t i = b % each;
        const cz_steps s = cz_steps_of(e, c + i, n < i ? 0 : cz_min(VL, n - i));
        vf_store(plain.factor + b, s.factor);
        vf_store(plain.bias + b, s.bias);
        vi_store(plain.start + b, vi_load(e->start + c + i));
    }
    turn(to->factor, plain.factor);
    turn(to->bias, plain.bias);
    turn(to->start, plain.start);
}

/** n channels, constant where it is inlined. */
CZ_INLINE void copy_pixels(float *to, const uint8_t *from, size_t count, size_t step, size_t n) {
    for (; count > 0; count--, to += CZ_BLOCK, from += step) memcpy(to, from, n);
}

void CZ_NAME(cz_depthwise_copy_i8)(const cz_conv *c, float *to, const float *from, size_t count, size_t step,
                                   size_t n) {
    const uint8_t *x = (const uint8_t *)from;
    (void)c;
    if (n == EACH)
        copy_pixels(to, x, count, step, EACH);
    else if (n == EACH / 2)
        copy_pixels(to, x, count, step, EACH / 2);
    else
        copy_pixels(to, x, count, step, EACH / 4);
}

/** n bytes, fewer than EACH. */
static void copy_few(uint8_t *to, const uint8_t *from, size_t n) {
    for (; n >= VL; n -= VL, to += VL, from += VL) memcpy(to, from, VL);
    for (size_t i = 0; i < n; i++) to[i] = from[i];
}

/* The outputs of one row of a unit in one block of channels, or of several rows, from its lines. */
void CZ_NAME(cz_depthwise_row_i8)(const cz_depthwise *j, const cz_depthwise_row *o) {
    const cz_epilogue *e = j->e;
    const size_t kh = (size_t)j->c.kernel_h, quads = cz_ceil_div(kh, 4), n = o->n;
    const bool whole = n == EACH;
    uint8_t *const out = (uint8_t *)o->out + o->pixel * j->c.channels + o->c, *const aside = (uint8_t *)j->sums;
    const uint8_t **rows = (const uint8_t **)j->taps;
    ends *const to = (ends *)(void *)o->ends;
    for (size_t ky = 0; ky < 4 * quads; ky++) { /* weights of rows past the kernel are 0 */
        const size_t at = ky < kh ? (o->slot + ky) % kh : 0;
        rows[ky] = (const uint8_t *)(o->lines + at * j->line * CZ_BLOCK);
    }
    if (o->fresh) set_ends(to, e, o->c, n, EACH / o->fold);
    run(&(part){.rows = rows,
                .quads = quads,
                .count = o->count,
                .w = (const int32_t *)j->weights + quads * (size_t)j->c.kernel_w * o->c,
                .e = to,
                .low = cz_limit_bytes(e->low),
                .high = e->high,
                .out = whole ? out : aside,
                .step = whole ? j->c.channels : EACH},
        &j->c);
    if (whole) return;
    for (size_t f = 0; f < o->rows; f++) {
        uint8_t *to_row = out + f * (size_t)j->c.out_width * j->c.channels;
        for (size_t p = 0; p < o->count; p++, to_row += j->c.channels)
            copy_few(to_row, aside + p * EACH + f * (EACH / o->fold), n);
    }
}

#endif

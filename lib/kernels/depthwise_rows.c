/* SPDX-License-Identifier: BSD-2-Clause
 * The loops of a depthwise convolution: copying input pixels to lines, and rows of outputs, tile by tile. */
#include "kernels/depthwise.h"
#include "kernels/epilogue.h"
#include "kernels/set.h"

#include <string.h>

#define TILE   ((int)CZ_DEPTHWISE_TILE)
#define WIDEST 7 /* kernel whose row of weights is kept in registers */

/* A tile's loops over inputs are longer than CZ_UNROLL takes. */
#if defined(CZ_LOOP) || defined(__clang__) || !defined(__GNUC__)
#define UNROLL CZ_UNROLL
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

/** What goes through an output row, tile by tile: VREG channels of a block. */
typedef struct cursor {
    const float **taps;     /* [kernel_h]: the next tile's first input in the line of each kernel row */
    const float *w, *start; /* weights of the first tap; bias */
    float *out;             /* of the next tile's first output */
    size_t step;            /* floats from one output to the next */
    bool clamps;            /* to low .. high */
    float low, high;
    const float *ahead; /* input that the next output row will read, to be asked for */
    size_t next;        /* floats from pixel to pixel there */
} cursor;

/** Computes `tiles` times TILE outputs; the cursor moves on. */
typedef void (*row_fn)(const cz_depthwise *j, cursor *r, size_t tiles);

/** Stores a tile's sums and asks for as many inputs of the next row: memory works while the next tile is computed. */
CZ_INLINE void put(cursor *r, vreg sum[TILE], int stride) {
    UNROLL for (int i = 0; i < TILE * stride; i++) CZ_PREFETCH(r->ahead + (size_t)i * r->next);
    r->ahead += (size_t)(TILE * stride) * r->next;
    if (r->clamps) {
        const vreg low = vreg_set1(r->low), high = vreg_set1(r->high);
        UNROLL for (int p = 0; p < TILE; p++) sum[p] = vreg_min(vreg_max(sum[p], low), high);
    }
    UNROLL for (int p = 0; p < TILE; p++) vreg_store(r->out + (size_t)p * r->step, sum[p]);
    r->out += TILE * r->step;
}

/** A row_fn for one width and stride of the kernel, constants where it is inlined. */
CZ_INLINE void row(const cz_depthwise *j, cursor *r, size_t tiles, int kw, int stride) {
    const vreg start = vreg_load(r->start);
    const float **const taps = r->taps;
    const size_t kh = (size_t)j->c.kernel_h;
    for (; tiles > 0; tiles--) {
        const float *w = r->w;
        vreg sum[TILE];
        UNROLL for (int p = 0; p < TILE; p++) sum[p] = start;
        for (size_t ky = 0; ky < kh; ky++, w += kw * VL) {
            const float *x = taps[ky];
            vreg wt[WIDEST];
            taps[ky] = x + TILE * stride * VL;
            UNROLL for (int kx = 0; kx < kw; kx++) wt[kx] = vreg_load(w + kx * VL);
            UNROLL for (int i = 0; i < (TILE - 1) * stride + kw; i++) {
                const vreg v = vreg_keep(vreg_load(x + i * VL));
                /* input i is tap i - p stride of pixel p: for each pixel taps come in ascending order */
                UNROLL for (int p = 0; p < TILE; p++) {
                    const int kx = i - p * stride;
                    if (kx >= 0 && kx < kw) sum[p] = vreg_fma(v, wt[kx], sum[p]);
                }
            }
        }
        put(r, sum, stride);
    }
}

static void row_3x1(const cz_depthwise *j, cursor *r, size_t tiles) { row(j, r, tiles, 3, 1); }
static void row_3x2(const cz_depthwise *j, cursor *r, size_t tiles) { row(j, r, tiles, 3, 2); }
static void row_5x1(const cz_depthwise *j, cursor *r, size_t tiles) { row(j, r, tiles, 5, 1); }
static void row_5x2(const cz_depthwise *j, cursor *r, size_t tiles) { row(j, r, tiles, 5, 2); }
static void row_7x1(const cz_depthwise *j, cursor *r, size_t tiles) { row(j, r, tiles, 7, 1); }

/** A row_fn for any width, stride and dilation. */
static void row_any(const cz_depthwise *j, cursor *r, size_t tiles) {
    const size_t kh = (size_t)j->c.kernel_h, kw = (size_t)j->c.kernel_w;
    const size_t step = (size_t)j->c.stride_w * VL, right = (size_t)j->c.dilation_w * VL;
    for (; tiles > 0; tiles--) {
        const float *w = r->w;
        vreg sum[TILE];
        UNROLL for (int p = 0; p < TILE; p++) sum[p] = vreg_load(r->start);
        for (size_t ky = 0; ky < kh; ky++) {
            const float *x = r->taps[ky];
            r->taps[ky] = x + TILE * step;
            for (size_t kx = 0; kx < kw; kx++, x += right, w += VL) {
                const vreg wt = vreg_keep(vreg_load(w));
                UNROLL for (int p = 0; p < TILE; p++) sum[p] = vreg_fma(vreg_load(x + (size_t)p * step), wt, sum[p]);
            }
        }
        put(r, sum, 1);
    }
}

static row_fn row_for(const cz_conv *c) {
    if (c->dilation_w == 1 && c->stride_w == 1)
        return c->kernel_w == 3 ? row_3x1 : c->kernel_w == 5 ? row_5x1 : c->kernel_w == 7 ? row_7x1 : row_any;
    if (c->dilation_w == 1 && c->stride_w == 2)
        return c->kernel_w == 3 ? row_3x2 : c->kernel_w == 5 ? row_5x2 : row_any;
    return row_any;
}

/** n channels of `count` pixels, `step` floats apart, to 16 each. */
static void copy_f32(float *to, const float *from, size_t count, size_t step, size_t n) {
    if (n == VL)
        for (; count > 0; count--, to += VL, from += step) vf_store(to, vf_load(from));
    for (; count > 0; count--, to += VL, from += step) vf_store(to, vf_load_n(from, n));
}

static void copy_u8(float *to, const uint8_t *from, size_t count, size_t step, float zero) {
    const vf base = vf_set1(zero);
    for (; count > 0; count--, to += VL, from += step) vf_store(to, vf_sub(vf_load_u8(from), base));
}

void CZ_NAME(cz_depthwise_copy)(const cz_conv *c, float *to, const float *from, size_t count, size_t step, size_t n) {
    if (c->bytes)
        copy_u8(to, (const uint8_t *)from, count, step, c->zero);
    else
        copy_f32(to, from, count, step, n);
}

/** Finishes and stores sums of a row in steps of its u8: `out` is the first pixel's. */
static void store_u8(const cz_depthwise *j, uint8_t *out, size_t count, size_t c, size_t n) {
    const cz_steps s = cz_steps_of(j->e, c, n);
    const float *sums = j->sums;
    for (out += c; count > 0; count--, sums += VL, out += j->c.out_step)
        vi_store_u8(out, cz_requantize(&s, vf_fma(vf_load(sums), s.factor, s.bias)), n);
}

/* The outputs of one row of a unit in one block of channels, from its lines. */
void CZ_NAME(cz_depthwise_row)(const cz_depthwise *j, const cz_depthwise_row *o) {
    const size_t kh = (size_t)j->c.kernel_h, step = j->c.out_step, c = o->c, n = o->n;
    const bool plain = cz_epilogue_is_plain(j->e);
    const size_t tiles = cz_ceil_div(o->count, TILE), whole = plain && n == VL ? o->count / TILE : 0;
    const row_fn run = row_for(&j->c);
    float start[VL], low, high;
    const bool clamps = cz_epilogue_limits(j->e, &low, &high);
    vf_store(start, j->e->bias && !j->e->factor ? vf_load_n(j->e->bias + c, n) : vf_zero());
    for (size_t part = 0; part < VL; part += VREG) {
        cursor r = {.taps = j->taps,
                    .w = (const float *)j->weights + c * kh * (size_t)j->c.kernel_w + part,
                    .start = start + part,
                    .out = o->out + o->pixel * step + c + part,
                    .step = step,
                    .clamps = clamps,
                    .low = low,
                    .high = high,
                    .ahead = o->ahead ? cz_conv_at(&j->c, o->ahead, c) : o->lines,
                    .next = o->ahead ? j->c.bytes ? j->c.step / sizeof(float) : j->c.step : 0};
        for (size_t ky = 0, at = o->slot; ky < kh; ky++, at = at + 1 == kh ? 0 : at + 1)
            r.taps[ky] = o->lines + at * j->line * VL + part;
        run(j, &r, whole);
        r.out = j->sums + part;
        r.step = VL;
        r.clamps = false;
        run(j, &r, tiles - whole);
    }
    if (cz_epilogue_is_u8(j->e)) {
        store_u8(j, (uint8_t *)o->out + o->pixel * step, o->count, c, n);
        return;
    }
    for (size_t done = whole * TILE; done < o->count; done += TILE) {
        size_t at[TILE];
        for (size_t p = 0; p < TILE; p++) at[p] = o->pixel + done + p;
        CZ_NAME(cz_finish)
        (j->e, j->sums + (done - whole * TILE) * VL, VL, at, cz_min(TILE, o->count - done), step, c, n, o->out);
    }
}

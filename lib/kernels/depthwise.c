/* SPDX-License-Identifier: BSD-2-Clause
 * Depthwise convolution, the case groups == input channels == output channels of conv2d: the same formula and order,
 * with 16 channels in the lanes. A unit is one output row, or some of its channels.
 * Pixels whose taps all lie inside the width run in tiles that load each input once; the rest go by row pointers. */
#include "kernels/conv.h"
#include "kernels/micro.h"

#include <string.h>

#define TILE_PIXELS (CZ_MR >= 8 ? 8 : 4) /* sums in registers beside the weights and inputs of one kernel row */

/** How a layer is cut into units. */
typedef struct split {
    size_t rows, parts, part_blocks; /* output rows; units of a row; blocks of 16 channels in each */
} split;

static split split_of(const cz_call *call) {
    const size_t blocks = cz_ceil_div(call->out.d[3], VL);
    split s = {.rows = (size_t)call->out.d[0] * call->out.d[1], .parts = 1, .part_blocks = blocks};
    if (s.rows < 32) {
        s.part_blocks = cz_ceil_div(blocks, cz_min(cz_ceil_div(32, s.rows), cz_ceil_div(blocks, 8)));
        s.parts = cz_ceil_div(blocks, s.part_blocks);
    }
    return s;
}

/** One kernel row of a tile: what the input row holds for pixels and taps, and where. */
typedef struct line {
    const float *x; /* first tap of the first pixel of the row; channel 0 */
    size_t step;    /* floats to the next input pixel; 0 in a row of padding zeros */
} line;

typedef struct job {
    cz_conv c;
    const cz_epilogue *e;
    const float *weights;         /* [block][tap][16] */
    line *lines;                  /* [kernel_h] of the current output row */
    const float **rows;           /* [taps][TILE_PIXELS] of the current pixels, where they are not a tile */
    size_t channels, first, last; /* channels; of this unit: first .. last - 1 */
    bool plain;
} job;

/** Finishes and stores the sums of `count` pixels, channels c .. c + n - 1. `kept` is TILE_PIXELS vectors. */
static void finish(const job *j, float *out, const size_t *pixel, size_t count, size_t c, size_t n, const float *kept) {
    for (size_t p = 0; p < count; p++) {
        const size_t at = pixel[p] * j->channels + c;
        const float *r = j->e->residual ? j->e->residual + at : NULL;
        vf_store_n(out + at, cz_epilogue_apply(j->e, vf_load(kept + p * VL), r, c, n), n);
    }
}

/** The same; in registers where the epilogue is plain and the block full. */
CZ_INLINE void put(const job *j, float *out, const size_t *pixel, size_t count, size_t c, size_t n,
                   const vf sum[TILE_PIXELS]) {
    if (j->plain && n == VL && count == TILE_PIXELS) {
        CZ_UNROLL for (int p = 0; p < TILE_PIXELS; p++)
            vf_store(out + pixel[p] * j->channels + c, cz_epilogue_plain(j->e, sum[p]));
        return;
    }
    float kept[TILE_PIXELS * VL];
    CZ_UNROLL for (int p = 0; p < TILE_PIXELS; p++) vf_store(kept + p * VL, sum[p]);
    finish(j, out, pixel, count, c, n, kept);
}

/** TILE_PIXELS pixels of a row from `ox` on, all taps inside, dilation 1, channels c .. c + n - 1. kw, stride and
 *  `full` (n is 16) are constant where inlined. */
CZ_INLINE void block(const job *j, float *out, const size_t *pixel, size_t left, size_t c, size_t n, int kw, int stride,
                     bool full) {
    const size_t kh = (size_t)j->c.kernel_h;
    const float *w = j->weights + c * kh * (size_t)kw;
    const vf start = j->e->bias ? vf_load_n(j->e->bias + c, n) : vf_zero();
    vf sum[TILE_PIXELS];
    CZ_UNROLL for (int p = 0; p < TILE_PIXELS; p++) sum[p] = start;
    for (size_t ky = 0; ky < kh; ky++, w += kw * VL) {
        const line *l = &j->lines[ky];
        const float *x = l->x + left * l->step + c;
        CZ_UNROLL for (int i = 0; i < (TILE_PIXELS - 1) * stride + kw; i++) {
            const vf v = full ? vf_load(x + (size_t)i * l->step) : vf_load_n(x + (size_t)i * l->step, n);
            /* input i is tap i - p stride of pixel p: for each pixel taps come in ascending order */
            CZ_UNROLL for (int p = 0; p < TILE_PIXELS; p++) {
                const int kx = i - p * stride;
                if (kx >= 0 && kx < kw) sum[p] = vf_fma(v, vf_load(w + kx * VL), sum[p]);
            }
        }
    }
    put(j, out, pixel, TILE_PIXELS, c, full ? VL : n, sum);
}

CZ_INLINE void tile(const job *j, float *out, size_t first, size_t ox, int kw, int stride) {
    const size_t left = (size_t)((int64_t)ox * j->c.stride_w - j->c.pad_left);
    size_t pixel[TILE_PIXELS], c = j->first;
    CZ_UNROLL for (int p = 0; p < TILE_PIXELS; p++) pixel[p] = first + (size_t)p;
    for (; c + VL <= j->last; c += VL) block(j, out, pixel, left, c, VL, kw, stride, true);
    if (c < j->last) block(j, out, pixel, left, c, j->last - c, kw, stride, false);
}

static void tile_3x1(const job *j, float *out, size_t pixel, size_t ox) { tile(j, out, pixel, ox, 3, 1); }
static void tile_3x2(const job *j, float *out, size_t pixel, size_t ox) { tile(j, out, pixel, ox, 3, 2); }
static void tile_5x1(const job *j, float *out, size_t pixel, size_t ox) { tile(j, out, pixel, ox, 5, 1); }
static void tile_5x2(const job *j, float *out, size_t pixel, size_t ox) { tile(j, out, pixel, ox, 5, 2); }

typedef void (*tile_fn)(const job *j, float *out, size_t pixel, size_t ox);

static tile_fn tile_for(const cz_conv *c) {
    if (c->dilation_w != 1 || c->stride_w > 2) return NULL;
    if (c->kernel_w == 3) return c->stride_w == 1 ? tile_3x1 : tile_3x2;
    if (c->kernel_w == 5) return c->stride_w == 1 ? tile_5x1 : tile_5x2;
    return NULL;
}

/** Pixels at any place of one output row, any kernel: `count` of them, whose columns are ox[]. Each input pixel is
 *  looked up once and serves all channels. */
static void gather(const job *j, float *out, size_t row, const int64_t *ox, size_t count) {
    const cz_conv *g = &j->c;
    const size_t taps = (size_t)g->kernel_h * (size_t)g->kernel_w, image = row / (size_t)g->out_height;
    const int64_t y0 = (int64_t)(row % (size_t)g->out_height) * g->stride_h - g->pad_top;
    size_t pixel[TILE_PIXELS];
    for (size_t p = 0; p < TILE_PIXELS; p++) {
        const int64_t column = ox[cz_min(p, count - 1)], x0 = column * g->stride_w - g->pad_left;
        const float **x = j->rows + p;
        pixel[p] = row * (size_t)g->out_width + (size_t)column;
        for (int64_t ky = 0; ky < g->kernel_h; ky++)
            for (int64_t kx = 0; kx < g->kernel_w; kx++, x += TILE_PIXELS)
                *x = cz_conv_pixel(g, image, y0 + ky * g->dilation_h, x0 + kx * g->dilation_w);
    }
    for (size_t c = j->first; c < j->last; c += VL) {
        const size_t n = cz_min(VL, j->last - c);
        const float *w = j->weights + c * taps, *const *x = j->rows;
        const vf start = j->e->bias ? vf_load_n(j->e->bias + c, n) : vf_zero();
        vf sum[TILE_PIXELS];
        CZ_UNROLL for (int p = 0; p < TILE_PIXELS; p++) sum[p] = start;
        if (n == VL) {
            for (size_t t = 0; t < taps; t++, w += VL, x += TILE_PIXELS) {
                const vf wt = vf_load(w);
                CZ_UNROLL for (int p = 0; p < TILE_PIXELS; p++) sum[p] = vf_fma(vf_load(x[p] + c), wt, sum[p]);
            }
        } else {
            for (size_t t = 0; t < taps; t++, w += VL, x += TILE_PIXELS) {
                const vf wt = vf_load(w);
                CZ_UNROLL for (int p = 0; p < TILE_PIXELS; p++) sum[p] = vf_fma(vf_load_n(x[p] + c, n), wt, sum[p]);
            }
        }
        put(j, out, pixel, count, c, n, sum);
    }
}

/** The input row of each kernel row for output row oy. */
static void fill_lines(const job *j, size_t image, int64_t oy) {
    for (int64_t ky = 0; ky < j->c.kernel_h; ky++) {
        line *l = &j->lines[ky];
        l->x = cz_conv_pixel(&j->c, image, oy * j->c.stride_h - j->c.pad_top + ky * j->c.dilation_h, 0);
        l->step = l->x == j->c.zeros ? 0 : j->c.channels;
    }
}

static void run_row(const job *j, float *out, size_t row, tile_fn tiles) {
    const cz_conv *g = &j->c;
    const size_t pixel = row * (size_t)g->out_width;
    /* pixels begin .. end - 1 have every tap inside the width */
    int64_t begin = (g->pad_left + g->stride_w - 1) / g->stride_w;
    const int64_t room = g->width + g->pad_left - g->kernel_w;
    int64_t end = room < 0 ? 0 : room / g->stride_w + 1;
    end = end < g->out_width ? end : g->out_width;
    if (tiles == NULL || end - begin < TILE_PIXELS) begin = end = g->out_width;
    if (begin < end) fill_lines(j, row / (size_t)g->out_height, (int64_t)(row % (size_t)g->out_height));
    for (int64_t x = begin; x < end; x += TILE_PIXELS) {
        const int64_t ox = x + TILE_PIXELS <= end ? x : end - TILE_PIXELS; /* the last may redo pixels: same bits */
        tiles(j, out, pixel + (size_t)ox, (size_t)ox);
    }
    int64_t others[TILE_PIXELS];
    size_t count = 0;
    for (int64_t ox = 0; ox < g->out_width; ox++) {
        if (ox == begin) ox = end;
        if (ox < g->out_width) others[count++] = ox;
        if (count == TILE_PIXELS) {
            gather(j, out, row, others, count);
            count = 0;
        }
    }
    if (count > 0) gather(j, out, row, others, count);
}

/** Where the parts of the scratch lie. false: does not fit. */
typedef struct layout {
    size_t zeros, lines, rows, bytes;
} layout;

static bool layout_of(const cz_call *call, layout *l) {
    const cz_shape *w = &call->weight->shape;
    *l = (layout){0};
    return cz_layout(&l->bytes, call->in[0].d[3], sizeof(float), &l->zeros) &&
           cz_layout(&l->bytes, w->d[1], sizeof(line), &l->lines) &&
           cz_layout(&l->bytes, (size_t)w->d[1] * w->d[2], TILE_PIXELS * sizeof(float *), &l->rows) &&
           cz_align_up(l->bytes, &l->bytes);
}

bool CZ_NAME(cz_depthwise_prepare)(cz_call *call) {
    const split s = split_of(call);
    layout l;
    if (!layout_of(call, &l)) return false;
    call->scratch = l.bytes;
    return cz_mul(s.rows, s.parts, &call->units);
}

void CZ_NAME(cz_depthwise_run)(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end,
                               void *scratch) {
    const cz_attr_conv2d *a = call->attr;
    const cz_epilogue e = cz_epilogue_make(in, a->act, a->act_p0, a->act_p1, a->residual);
    const split s = split_of(call);
    job j = {.c = cz_conv_make(call), .e = &e, .weights = call->packed, .plain = cz_epilogue_is_plain(&e)};
    unsigned char *at = scratch;
    layout l;
    if (!layout_of(call, &l)) return; /* cannot be: prepare() has made the same */
    memset(at + l.zeros, 0, j.c.channels * sizeof(float));
    j.lines = (line *)(void *)(at + l.lines);
    j.rows = (const float **)(void *)(at + l.rows);
    j.c.x = in[0];
    j.c.zeros = (const float *)(const void *)(at + l.zeros);
    j.channels = j.c.channels;
    for (size_t unit = begin; unit < end; unit++) {
        j.first = unit % s.parts * s.part_blocks * VL;
        j.last = cz_min(j.channels, j.first + s.part_blocks * VL);
        run_row(&j, out, unit / s.parts, tile_for(&j.c));
    }
}

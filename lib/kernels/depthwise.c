/* SPDX-License-Identifier: BSD-2-Clause
 * Depthwise convolution, the case groups == input channels == output channels of conv2d: the same formula and order,
 * with 16 channels in the lanes. A unit is one output row, or some of its channels.
 * Pixels whose taps all lie inside the width run in tiles that load each input once; the rest go tap by tap. */
#include "kernels/conv.h"
#include "kernels/micro.h"

#include <string.h>

#if defined(CZ_ISA_AVX512)
#define TILE_PIXELS 8
#else
#define TILE_PIXELS 4
#endif

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
    size_t channels, first, last; /* channels; of this unit: first .. last - 1 */
    bool plain;
} job;

/** Finishes and stores a pixel's sum for channels c .. c + n - 1. */
CZ_INLINE void put(const job *j, float *out, size_t pixel, size_t c, size_t n, vf sum) {
    const size_t at = pixel * j->channels + c;
    const float *r = j->e->residual ? j->e->residual + at : NULL;
    sum = j->plain ? cz_epilogue_plain(j->e, sum) : cz_epilogue_apply(j->e, sum, r, c, n);
    vf_store_n(out + at, sum, n);
}

/** TILE_PIXELS pixels of a row from `ox` on, all taps inside, dilation 1; kw and stride constant where inlined. */
CZ_INLINE void tile(const job *j, float *out, size_t pixel, size_t ox, int kw, int stride) {
    const size_t kh = (size_t)j->c.kernel_h, taps = kh * (size_t)kw;
    const size_t left = (size_t)((int64_t)ox * j->c.stride_w - j->c.pad_left);
    for (size_t c = j->first; c < j->last; c += VL) {
        const size_t n = cz_min(VL, j->channels - c);
        const float *w = j->weights + c * taps;
        const vf start = j->e->bias ? vf_load_n(j->e->bias + c, n) : vf_zero();
        vf sum[TILE_PIXELS];
        CZ_UNROLL for (int p = 0; p < TILE_PIXELS; p++) sum[p] = start;
        for (size_t ky = 0; ky < kh; ky++, w += kw * VL) {
            const line *l = &j->lines[ky];
            const float *x = l->x + left * l->step + c;
            CZ_UNROLL for (int i = 0; i < (TILE_PIXELS - 1) * stride + kw; i++, x += l->step) {
                const vf v = n == VL ? vf_load(x) : vf_load_n(x, n);
                /* input i is tap i - p stride of pixel p: for each pixel taps come in ascending order */
                CZ_UNROLL for (int p = 0; p < TILE_PIXELS; p++) {
                    const int kx = i - p * stride;
                    if (kx >= 0 && kx < kw) sum[p] = vf_fma(v, vf_load(w + kx * VL), sum[p]);
                }
            }
        }
        CZ_UNROLL for (int p = 0; p < TILE_PIXELS; p++) put(j, out, pixel + (size_t)p, c, n, sum[p]);
    }
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

/** One pixel at any place, any kernel. */
static void one_pixel(const job *j, float *out, size_t pixel, size_t image, int64_t oy, int64_t ox) {
    const cz_conv *g = &j->c;
    const size_t taps = (size_t)g->kernel_h * (size_t)g->kernel_w;
    const int64_t y0 = oy * g->stride_h - g->pad_top, x0 = ox * g->stride_w - g->pad_left;
    for (size_t c = j->first; c < j->last; c += VL) {
        const size_t n = cz_min(VL, j->channels - c);
        const float *w = j->weights + c * taps;
        vf sum = j->e->bias ? vf_load_n(j->e->bias + c, n) : vf_zero();
        for (int64_t ky = 0; ky < g->kernel_h; ky++)
            for (int64_t kx = 0; kx < g->kernel_w; kx++, w += VL) {
                const float *x = cz_conv_pixel(g, image, y0 + ky * g->dilation_h, x0 + kx * g->dilation_w);
                sum = vf_fma(vf_load_n(x + c, n), vf_load(w), sum);
            }
        put(j, out, pixel, c, n, sum);
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

static void run_row(job *j, float *out, size_t row, tile_fn tiles) {
    const cz_conv *g = &j->c;
    const size_t image = row / (size_t)g->out_height, pixel = row * (size_t)g->out_width;
    const int64_t oy = (int64_t)(row % (size_t)g->out_height);
    /* pixels begin .. end - 1 have every tap inside the width */
    const int64_t begin = (g->pad_left + g->stride_w - 1) / g->stride_w;
    const int64_t room = g->width + g->pad_left - g->kernel_w;
    const int64_t inside = room < 0 ? 0 : room / g->stride_w + 1;
    const int64_t end = inside < g->out_width ? inside : g->out_width;
    int64_t ox = 0;
    if (tiles != NULL && end - begin >= TILE_PIXELS) {
        fill_lines(j, image, oy);
        for (; ox < begin; ox++) one_pixel(j, out, pixel + (size_t)ox, image, oy, ox);
        for (; ox < end; ox += TILE_PIXELS) {
            if (ox + TILE_PIXELS > end) ox = end - TILE_PIXELS; /* the last tile may redo pixels: same bits */
            tiles(j, out, pixel + (size_t)ox, (size_t)ox);
        }
    }
    for (; ox < g->out_width; ox++) one_pixel(j, out, pixel + (size_t)ox, image, oy, ox);
}

bool CZ_NAME(cz_depthwise_prepare)(cz_call *call) {
    const split s = split_of(call);
    size_t at;
    call->scratch = 0;
    return cz_mul(s.rows, s.parts, &call->units) && cz_layout(&call->scratch, call->in[0].d[3], sizeof(float), &at) &&
           cz_layout(&call->scratch, call->weight->shape.d[1], sizeof(line), &at) &&
           cz_align_up(call->scratch, &call->scratch);
}

void CZ_NAME(cz_depthwise_run)(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end,
                               void *scratch) {
    const cz_attr_conv2d *a = call->attr;
    const cz_epilogue e = cz_epilogue_make(in, a->act, a->act_p0, a->act_p1, a->residual);
    const split s = split_of(call);
    job j = {.c = cz_conv_make(call), .e = &e, .weights = call->packed, .plain = cz_epilogue_is_plain(&e)};
    size_t layout = 0, at_zeros = 0, at_lines = 0;
    (void)(cz_layout(&layout, call->in[0].d[3], sizeof(float), &at_zeros) &&
           cz_layout(&layout, call->weight->shape.d[1], sizeof(line), &at_lines)); /* fits: prepare() has said so */
    float *zeros = (float *)(void *)((unsigned char *)scratch + at_zeros);
    memset(zeros, 0, j.c.channels * sizeof *zeros);
    j.lines = (line *)(void *)((unsigned char *)scratch + at_lines);
    j.c.x = in[0];
    j.c.zeros = zeros;
    j.channels = j.c.channels;
    for (size_t unit = begin; unit < end; unit++) {
        j.first = unit % s.parts * s.part_blocks * VL;
        j.last = cz_min(j.channels, j.first + s.part_blocks * VL);
        run_row(&j, out, unit / s.parts, tile_for(&j.c));
    }
}

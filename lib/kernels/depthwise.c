/* SPDX-License-Identifier: BSD-2-Clause
 * Depthwise convolution, the case groups == input channels == output channels of conv2d: the same formula and order,
 * with channels in the lanes.
 *
 * A unit is some rows and columns of the output for some blocks of 16 channels. The input rows that one output row
 * needs are copied, padding and all, to lines in scratch: each row once, as the unit moves down. There every pixel of a
 * block is the next 64 bytes, wherever the image ends and whatever the distance between pixels in the tensor, so that
 * all outputs go by one loop over tiles of TILE pixels, out of the first-level cache. */
#include "kernels/conv.h"
#include "kernels/micro.h"

#define TILE 8 /* pixels: sums in registers, beside the weights of one kernel row and an input */

/* A tile's loops over inputs are longer than CZ_UNROLL takes. */
#if defined(CZ_LOOP) || defined(__clang__) || !defined(__GNUC__)
#define UNROLL CZ_UNROLL
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#define LINES 24576 /* bytes of lines that leave a first-level cache room for weights and outputs */
#define COLS  64
#define WORK  8192 /* multiply-adds of 16 lanes that are worth a unit */

/** How a layer is cut into units: of `rows` by `columns` outputs, `blocks` of 16 channels. */
typedef struct split {
    size_t rows, columns, blocks; /* of a unit; columns are whole tiles */
    size_t bands, strips, parts;  /* units along height, width and channels */
    size_t line;                  /* input pixels that `columns` outputs need: one line of scratch */
} split;

static split split_of(const cz_call *call) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape, *out = &call->out;
    const size_t blocks = cz_ceil_div(out->d[3], VL), kh = w->d[1], taps = kh * w->d[2];
    const size_t stride = (size_t)a->stride_w, span = (size_t)(w->d[2] - 1) * (size_t)a->dilation_w + 1;
    split s = {.columns = cz_min(cz_ceil_div(out->d[2], TILE) * TILE, COLS)};
    s.strips = cz_ceil_div(out->d[2], s.columns);
    s.columns = cz_ceil_div(cz_ceil_div(out->d[2], s.strips), TILE) * TILE;
    s.line = (s.columns - 1) * stride + span;
    s.blocks = LINES / (VL * sizeof(float)) / kh / s.line;
    s.blocks = cz_min(cz_max(s.blocks, 1), blocks);
    s.parts = cz_ceil_div(blocks, s.blocks);
    const size_t work = (size_t)out->d[0] * out->d[1] * out->d[2] * blocks;
    const size_t wanted = cz_min(work * taps / WORK, 32), have = out->d[0] * s.strips * s.parts;
    s.bands = cz_min(cz_max(cz_ceil_div(wanted, have), 1), out->d[1]);
    s.rows = cz_ceil_div(out->d[1], s.bands);
    s.bands = cz_ceil_div(out->d[1], s.rows);
    return s;
}

typedef struct job job;

/** Part of an output row, VREG channels of it, in tiles: sums[ox][16]. taps[ky] is where the first tile's inputs begin,
 *  `start` the bias. */
typedef void (*row_fn)(const job *j, const float **taps, const float *w, const float *start, float *sums, size_t tiles);

struct job {
    cz_conv c;
    const cz_epilogue *e;
    split s;
    const float *weights; /* [block][tap][16] */
    float *lines;         /* [block][kernel_h][line][16] */
    const float **taps;   /* [kernel_h]: the line of each kernel row, for the current output row; first block */
    float *sums;          /* [columns][16] */
    row_fn row;
    bool plain;
};

/** TILE outputs of VREG channels, and the taps move on to the next tile: kw and stride are constant where inlined. */
CZ_INLINE void tile(const float **taps, const float *w, vreg start, float *sums, size_t kh, int kw, int stride) {
    vreg sum[TILE];
    UNROLL for (int p = 0; p < TILE; p++) sum[p] = start;
    for (size_t ky = 0; ky < kh; ky++, w += kw * VL) {
        const float *x = taps[ky];
        vreg wt[7];
        taps[ky] = x + TILE * stride * VL;
        UNROLL for (int kx = 0; kx < kw; kx++) wt[kx] = vreg_load(w + kx * VL);
        UNROLL for (int i = 0; i < (TILE - 1) * stride + kw; i++) {
            const vreg v = vreg_load(x + i * VL);
            /* input i is tap i - p stride of pixel p: for each pixel taps come in ascending order */
            UNROLL for (int p = 0; p < TILE; p++) {
                const int kx = i - p * stride;
                if (kx >= 0 && kx < kw) sum[p] = vreg_fma(v, wt[kx], sum[p]);
            }
        }
    }
    UNROLL for (int p = 0; p < TILE; p++) vreg_store(sums + p * VL, sum[p]);
}

CZ_INLINE void row(const job *j, const float **taps, const float *w, const float *start, float *sums, size_t tiles,
                   int kw, int stride) {
    const size_t kh = (size_t)j->c.kernel_h;
    const vreg first = vreg_load(start);
    for (; tiles > 0; tiles--, sums += TILE * VL) tile(taps, w, first, sums, kh, kw, stride);
}

#define ROW(kw, stride)                                                                                                \
    static void row_##kw##x##stride(const job *j, const float **taps, const float *w, const float *start, float *sums, \
                                    size_t tiles) {                                                                    \
        row(j, taps, w, start, sums, tiles, kw, stride);                                                               \
    }
ROW(3, 1)
ROW(3, 2)
ROW(5, 1)
ROW(5, 2)
ROW(7, 1)
#undef ROW

/** The same for any width of kernel, stride and dilation. */
static void row_any(const job *j, const float **taps, const float *w, const float *start, float *sums, size_t tiles) {
    const size_t kh = (size_t)j->c.kernel_h, kw = (size_t)j->c.kernel_w;
    const size_t step = (size_t)j->c.stride_w * VL, right = (size_t)j->c.dilation_w * VL;
    for (; tiles > 0; tiles--, sums += TILE * VL) {
        const float *wt = w;
        vreg sum[TILE];
        UNROLL for (int p = 0; p < TILE; p++) sum[p] = vreg_load(start);
        for (size_t ky = 0; ky < kh; ky++) {
            const float *x = taps[ky];
            taps[ky] = x + TILE * step;
            for (size_t kx = 0; kx < kw; kx++, x += right, wt += VL) {
                const vreg v = vreg_load(wt);
                UNROLL for (int p = 0; p < TILE; p++) sum[p] = vreg_fma(vreg_load(x + (size_t)p * step), v, sum[p]);
            }
        }
        UNROLL for (int p = 0; p < TILE; p++) vreg_store(sums + p * VL, sum[p]);
    }
}

static row_fn row_for(const cz_conv *c) {
    if (c->dilation_w != 1 || c->stride_w > 2) return row_any;
    switch (c->kernel_w) {
    case 3:
        return c->stride_w == 1 ? row_3x1 : row_3x2;
    case 5:
        return c->stride_w == 1 ? row_5x1 : row_5x2;
    case 7:
        return c->stride_w == 1 ? row_7x1 : row_any;
    default:
        return row_any;
    }
}

/** n channels of `count` pixels, `step` floats apart, to 16 each. */
static void copy(float *to, const float *from, size_t count, size_t step, size_t n) {
    if (n == VL)
        for (; count > 0; count--, to += VL, from += step) vf_store(to, vf_load(from));
    for (; count > 0; count--, to += VL, from += step) vf_store(to, vf_load_n(from, n));
}

/** Fills a line with row y of the input from column x0 on, channels c .. c + n - 1: either may lie in the padding.
 *  `pads` false: the zeros beside the image are there already. */
static void fill(const job *j, float *to, size_t image, int64_t y, int64_t x0, size_t c, size_t n, bool pads) {
    static const float zeros[VL] = {0};
    const int64_t line = (int64_t)j->s.line, width = j->c.width;
    const bool repeat = j->c.replicate;
    if (!repeat && (y < 0 || y >= j->c.height)) {
        copy(to, zeros, (size_t)line, 0, VL);
        return;
    }
    const float *first = cz_conv_pixel(&j->c, image, y, 0) + c;
    const int64_t begin = x0 >= 0 ? 0 : -x0 < line ? -x0 : line; /* begin .. end - 1 lie in the image */
    const int64_t end = width - x0 < begin ? begin : width - x0 < line ? width - x0 : line;
    copy(to + begin * VL, first + (x0 + begin) * (int64_t)j->c.channels, (size_t)(end - begin), j->c.channels, n);
    if (!repeat && !pads) return;
    copy(to, repeat ? first : zeros, (size_t)begin, 0, repeat ? n : VL);
    copy(to + end * VL, repeat ? first + (size_t)(width - 1) * j->c.channels : zeros, (size_t)(line - end), 0,
         repeat ? n : VL);
}

/** Finishes and stores `count` pixels of a row, channels c .. c + n - 1. */
static void finish(const job *j, float *out, size_t pixel, size_t count, size_t c, size_t n) {
    const size_t channels = j->c.channels;
    const float *sum = j->sums, *r = j->e->residual ? j->e->residual + pixel * channels + c : j->sums;
    out += pixel * channels + c;
    if (j->plain && n == VL)
        for (; count > 0; count--, sum += VL, out += channels) vf_store(out, cz_epilogue_plain(j->e, vf_load(sum)));
    for (; count > 0; count--, sum += VL, out += channels, r += channels)
        vf_store_n(out, cz_epilogue_apply(j->e, vf_load(sum), r, c, n), n);
}

/** Where a unit lies. */
typedef struct place {
    size_t image, top, bottom; /* output rows top .. bottom - 1 */
    size_t ox, columns;        /* output columns */
    size_t first, last;        /* channels */
} place;

/** The output rows of a unit from `oy` on, dilation_h apart: each needs stride_h input rows more than the one before,
 *  and those go round the lines. */
static void run_rows(const job *j, float *out, const place *u, size_t oy) {
    const cz_conv *g = &j->c;
    const size_t kh = (size_t)g->kernel_h, block = kh * j->s.line * VL;
    const int64_t x0 = (int64_t)u->ox * g->stride_w - g->pad_left;
    int64_t y = (int64_t)oy * g->stride_h - g->pad_top; /* of the next input row */
    size_t slot = 0, more = kh;                         /* its line; how many are missing */
    bool pads = true;
    for (; oy < u->bottom; oy += (size_t)g->dilation_h, more = (size_t)g->stride_h) {
        for (; more > 0; more--, y += g->dilation_h) {
            float *to = j->lines + slot * j->s.line * VL;
            if (more <= kh)
                for (size_t c = u->first; c < u->last; c += VL, to += block)
                    fill(j, to, u->image, y, x0, c, cz_min(VL, u->last - c), pads);
            slot = slot + 1 == kh ? 0 : slot + 1;
        }
        pads = false;
        for (size_t c = u->first; c < u->last; c += VL) {
            const size_t n = cz_min(VL, u->last - c);
            const float *lines = j->lines + (c - u->first) / VL * block;
            float start[VL];
            vf_store(start, j->e->bias ? vf_load_n(j->e->bias + c, n) : vf_zero());
            for (size_t part = 0; part < VL; part += VREG) {
                for (size_t ky = 0, at = slot; ky < kh; ky++, at = at + 1 == kh ? 0 : at + 1)
                    j->taps[ky] = lines + at * j->s.line * VL + part;
                j->row(j, j->taps, j->weights + c * kh * (size_t)g->kernel_w + part, start + part, j->sums + part,
                       cz_ceil_div(u->columns, TILE));
            }
            finish(j, out, (u->image * (size_t)g->out_height + oy) * (size_t)g->out_width + u->ox, u->columns, c, n);
        }
    }
}

static void run_unit(const job *j, float *out, size_t unit) {
    const cz_conv *g = &j->c;
    const split *s = &j->s;
    place u = {.first = unit % s->parts * s->blocks * VL};
    u.last = cz_min(g->channels, u.first + s->blocks * VL);
    u.ox = unit / s->parts % s->strips * s->columns;
    u.columns = cz_min(s->columns, (size_t)g->out_width - u.ox);
    const size_t band = unit / s->parts / s->strips;
    u.image = band / s->bands;
    u.top = band % s->bands * s->rows;
    u.bottom = cz_min((size_t)g->out_height, u.top + s->rows);
    for (size_t i = 0; i < (size_t)g->dilation_h; i++) run_rows(j, out, &u, u.top + i);
}

/** Where the parts of the scratch lie. false: does not fit. */
typedef struct layout {
    size_t lines, taps, sums, bytes;
} layout;

static bool layout_of(const cz_call *call, const split *s, layout *l) {
    const size_t kh = call->weight->shape.d[1], pixel = VL * sizeof(float);
    *l = (layout){0};
    return cz_layout(&l->bytes, s->blocks * kh * s->line, pixel, &l->lines) &&
           cz_layout(&l->bytes, kh, sizeof(float *), &l->taps) && cz_layout(&l->bytes, s->columns, pixel, &l->sums) &&
           cz_align_up(l->bytes, &l->bytes);
}

bool CZ_NAME(cz_depthwise_prepare)(cz_call *call) {
    const split s = split_of(call);
    layout l;
    if (!layout_of(call, &s, &l)) return false;
    call->scratch = l.bytes;
    call->units = call->out.d[0] * s.bands * s.strips * s.parts; /* at most the elements of the output */
    return true;
}

void CZ_NAME(cz_depthwise_run)(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end,
                               void *scratch) {
    const cz_attr_conv2d *a = call->attr;
    const cz_epilogue e = cz_epilogue_make(in, a->act, a->act_p0, a->act_p1, a->residual);
    job j = {.c = cz_conv_make(call), .e = &e, .s = split_of(call), .weights = call->packed};
    unsigned char *at = scratch;
    layout l;
    if (!layout_of(call, &j.s, &l)) return; /* cannot be: prepare() has made the same */
    j.lines = (float *)(void *)(at + l.lines);
    j.taps = (const float **)(void *)(at + l.taps);
    j.sums = (float *)(void *)(at + l.sums);
    j.c.x = in[0];
    j.row = row_for(&j.c);
    j.plain = cz_epilogue_is_plain(&e);
    for (size_t unit = begin; unit < end; unit++) run_unit(&j, out, unit);
}

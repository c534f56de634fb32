/* SPDX-License-Identifier: BSD-2-Clause
 * Depthwise convolution, the case groups == input channels == output channels of conv2d: the same formula and order,
 * with channels in the lanes.
 *
 * A unit is some rows and columns of the output for some blocks of 16 channels. The input rows that an output row needs
 * are copied to lines in scratch, padding and all, each once as the unit moves down. There the next pixel of a block is
 * the next 64 bytes, wherever the image ends and however far apart pixels lie in the tensor: all outputs go by one loop
 * over tiles of TILE pixels, out of the first-level cache. */
#include "kernels/conv.h"

#include <math.h>

#define TILE    8     /* pixels: sums in registers, beside the weights of one kernel row and an input */
#define LINES   16384 /* bytes of lines that a unit takes where more than one block is a choice */
#define COLUMNS 64    /* of a unit at most */
#define ROWS    64    /* the same: what neighbouring units read twice is then in the second-level cache */
#define WORK    4096  /* multiply-adds of 16 lanes that are worth a unit */
#define UNITS   16    /* that a layer is cut into if it has the work: few, as neighbours copy some rows both */
#define WIDEST  7     /* kernel whose row of weights is kept in registers */

/* A tile's loops over inputs are longer than CZ_UNROLL takes. */
#if defined(CZ_LOOP) || defined(__clang__) || !defined(__GNUC__)
#define UNROLL CZ_UNROLL
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

/** How a layer is cut into units. */
typedef struct split {
    size_t rows, columns, blocks; /* of a unit; columns are whole tiles */
    size_t bands, strips, parts;  /* units along height, width and channels */
    size_t line;                  /* input pixels of `columns` outputs */
} split;

static split split_of(const cz_call *call) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape, *out = &call->out;
    const size_t kh = w->d[1], blocks = cz_ceil_div(out->d[3], VL), stride = (size_t)a->stride_w;
    const size_t reach = (size_t)(w->d[2] - 1) * (size_t)a->dilation_w + 1;
    split s = {.strips = cz_ceil_div(out->d[2], COLUMNS)};
    s.columns = cz_ceil_div(cz_ceil_div(out->d[2], s.strips), TILE) * TILE;
    s.strips = cz_ceil_div(out->d[2], s.columns);
    s.line = (s.columns - 1) * stride + cz_max(reach, stride);
    s.blocks = cz_min(cz_max(LINES / sizeof(float) / VL / kh / s.line, 1), blocks);
    s.parts = cz_ceil_div(blocks, s.blocks);
    const size_t pixels = (size_t)out->d[0] * out->d[1] * out->d[2], have = out->d[0] * s.strips * s.parts;
    const size_t wanted = cz_min(pixels * blocks / WORK * kh * w->d[2], UNITS);
    s.bands = cz_min(cz_max((wanted + have / 2) / have, cz_ceil_div(out->d[1], ROWS)), out->d[1]);
    s.rows = cz_ceil_div(out->d[1], s.bands);
    s.bands = cz_ceil_div(out->d[1], s.rows);
    return s;
}

/** Where a unit lies. */
typedef struct place {
    size_t image, bottom; /* output rows up to bottom - 1 */
    size_t ox, columns;
    size_t first, last; /* channels first .. last - 1 */
} place;

typedef struct job job;

/** What goes through an output row, tile by tile: VREG channels of a block. */
typedef struct cursor {
    const float **taps;     /* [kernel_h]: the next tile's first input in the line of each kernel row */
    const float *w, *start; /* weights of the first tap; bias */
    float *out;             /* of the next tile's first output */
    size_t step;            /* floats from one output to the next */
    bool clamps;            /* to low .. high of the job */
    const float *ahead;     /* input that the next output row will read, to be asked for */
    size_t next;            /* floats from pixel to pixel there */
} cursor;

/** Computes `tiles` times TILE outputs; the cursor moves on. */
typedef void (*row_fn)(const job *j, cursor *r, size_t tiles);

struct job {
    cz_conv c;
    const cz_epilogue *e;
    split s;
    row_fn row;
    const float *weights; /* [block][tap][16] */
    float *lines;         /* [block][kernel_h][line][16] */
    const float **taps;   /* see cursor */
    float *sums;          /* [columns][16], of what cannot go straight to the output */
    bool plain, clamps;   /* the epilogue is a clamp to low .. high, or nothing */
    float low, high;
};

/** Stores a tile's sums and asks for as many inputs of the next row: memory works while the next tile is computed. */
CZ_INLINE void put(const job *j, cursor *r, vreg sum[TILE], int stride) {
    UNROLL for (int i = 0; i < TILE * stride; i++) CZ_PREFETCH(r->ahead + (size_t)i * r->next);
    r->ahead += (size_t)(TILE * stride) * r->next;
    if (r->clamps) {
        const vreg low = vreg_set1(j->low), high = vreg_set1(j->high);
        UNROLL for (int p = 0; p < TILE; p++) sum[p] = vreg_min(vreg_max(sum[p], low), high);
    }
    UNROLL for (int p = 0; p < TILE; p++) vreg_store(r->out + (size_t)p * r->step, sum[p]);
    r->out += TILE * r->step;
}

/** A row_fn for one width and stride of the kernel, constants where it is inlined. */
CZ_INLINE void row(const job *j, cursor *r, size_t tiles, int kw, int stride) {
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
        put(j, r, sum, stride);
    }
}

static void row_3x1(const job *j, cursor *r, size_t tiles) { row(j, r, tiles, 3, 1); }
static void row_3x2(const job *j, cursor *r, size_t tiles) { row(j, r, tiles, 3, 2); }
static void row_5x1(const job *j, cursor *r, size_t tiles) { row(j, r, tiles, 5, 1); }
static void row_5x2(const job *j, cursor *r, size_t tiles) { row(j, r, tiles, 5, 2); }
static void row_7x1(const job *j, cursor *r, size_t tiles) { row(j, r, tiles, 7, 1); }

/** A row_fn for any width, stride and dilation. */
static void row_any(const job *j, cursor *r, size_t tiles) {
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
        put(j, r, sum, 1);
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
static void copy(float *to, const float *from, size_t count, size_t step, size_t n) {
    if (n == VL)
        for (; count > 0; count--, to += VL, from += step) vf_store(to, vf_load(from));
    for (; count > 0; count--, to += VL, from += step) vf_store(to, vf_load_n(from, n));
}

/** The same of u8 samples, less what stands for 0. May read CZ_U8_SLACK bytes more. */
static void copy_u8(float *to, const uint8_t *from, size_t count, size_t step, float zero) {
    const vf base = vf_set1(zero);
    for (; count > 0; count--, to += VL, from += step) vf_store(to, vf_sub(vf_load_u8(from), base));
}

static void copy_in(const job *j, float *to, const float *from, size_t count, size_t step, size_t n) {
    if (j->c.bytes)
        copy_u8(to, (const uint8_t *)from, count, step, j->c.zero);
    else
        copy(to, from, count, step, n);
}

/** Fills a line with row y of the input from column x0 on, channels c .. c + n - 1: either may lie in the padding.
 *  `fresh` false: the zeros beside the image are there already. */
static void fill(const job *j, float *to, size_t image, int64_t y, int64_t x0, size_t c, size_t n, bool fresh) {
    static const float zeros[VL] = {0};
    const int64_t line = (int64_t)j->s.line, width = j->c.width;
    const bool repeat = j->c.replicate;
    if (!repeat && (y < 0 || y >= j->c.height)) {
        copy(to, zeros, (size_t)line, 0, VL);
        return;
    }
    const size_t channels = j->c.channels;
    const float *left = cz_conv_at(&j->c, cz_conv_pixel(&j->c, image, y, 0), c);
    const float *right = cz_conv_at(&j->c, left, (size_t)(width - 1) * channels);
    const int64_t begin = x0 >= 0 ? 0 : -x0 < line ? -x0 : line; /* begin .. end - 1 lie in the image */
    const int64_t end = width - x0 < begin ? begin : width - x0 < line ? width - x0 : line;
    if (begin < end)
        copy_in(j, to + begin * VL, cz_conv_at(&j->c, left, (size_t)(x0 + begin) * channels), (size_t)(end - begin),
                channels, n);
    if (repeat) {
        copy_in(j, to, left, (size_t)begin, 0, n);
        copy_in(j, to + end * VL, right, (size_t)(line - end), 0, n);
    } else if (fresh) {
        copy(to, zeros, (size_t)begin, 0, VL);
        copy(to + end * VL, zeros, (size_t)(line - end), 0, VL);
    }
}

/** Finishes and stores sums of a row where that is fma and rounding to u8: `out` is the first pixel's. */
static void store_u8(const job *j, uint8_t *out, size_t count, size_t c, size_t n) {
    const cz_epilogue *e = j->e;
    const vf factor = vf_load(e->factor + c), bias = e->bias ? vf_load_n(e->bias + c, n) : vf_zero();
    const float *sums = j->sums;
    out += c;
    if (n == VL)
        for (; count > 0; count--, sums += VL, out += j->c.channels)
            vi_store_u8(out, cz_quantize(vf_fma(vf_load(sums), factor, bias), e->steps, e->zero), VL);
    for (; count > 0; count--, sums += VL, out += j->c.channels)
        vi_store_u8(out, cz_quantize(vf_fma(vf_load(sums), factor, bias), e->steps, e->zero), n);
}

/** The outputs of one row of a unit in the block of channel c, from its lines. `pixel` is the first one's number,
 * `slot` the line of the first kernel row, `ahead` where the next row's new inputs are, NULL where there are none. */
static void run_block(const job *j, const place *u, size_t c, const float *lines, size_t slot, float *out, size_t pixel,
                      const float *ahead) {
    const size_t kh = (size_t)j->c.kernel_h, channels = j->c.channels, n = cz_min(VL, u->last - c);
    const size_t tiles = cz_ceil_div(u->columns, TILE), whole = j->plain && n == VL ? u->columns / TILE : 0;
    float start[VL];
    vf_store(start, j->e->bias && !j->e->factor ? vf_load_n(j->e->bias + c, n) : vf_zero());
    for (size_t part = 0; part < VL; part += VREG) {
        cursor r = {.taps = j->taps,
                    .w = j->weights + c * kh * (size_t)j->c.kernel_w + part,
                    .start = start + part,
                    .out = out + pixel * channels + c + part,
                    .step = channels,
                    .clamps = j->clamps,
                    .ahead = ahead ? cz_conv_at(&j->c, ahead, c) : lines,
                    .next = ahead ? j->c.bytes ? channels / sizeof(float) : channels : 0};
        for (size_t ky = 0, at = slot; ky < kh; ky++, at = at + 1 == kh ? 0 : at + 1)
            r.taps[ky] = lines + at * j->s.line * VL + part;
        j->row(j, &r, whole);
        r.out = j->sums + part;
        r.step = VL;
        r.clamps = false;
        j->row(j, &r, tiles - whole);
    }
    if (cz_epilogue_is_u8(j->e)) {
        store_u8(j, (uint8_t *)out + pixel * channels, u->columns, c, n);
        return;
    }
    for (size_t done = whole * TILE; done < u->columns; done += TILE) {
        size_t at[TILE];
        for (size_t p = 0; p < TILE; p++) at[p] = pixel + done + p;
        CZ_NAME(cz_finish)
        (j->e, j->sums + (done - whole * TILE) * VL, VL, at, cz_min(TILE, u->columns - done), channels, c, n, out);
    }
}

/** The output rows of a unit from `oy` on, dilation_h apart: each needs stride_h input rows more than the one before,
 *  which go round the lines. */
static void run_rows(const job *j, const place *u, size_t oy, float *out) {
    const cz_conv *g = &j->c;
    const size_t kh = (size_t)g->kernel_h, width = (size_t)g->out_width, height = (size_t)g->out_height;
    const int64_t x0 = (int64_t)u->ox * g->stride_w - g->pad_left;
    int64_t y = (int64_t)oy * g->stride_h - g->pad_top; /* of the next input row */
    size_t slot = 0, more = kh;                         /* its line; how many are to come */
    for (bool fresh = true; oy < u->bottom; oy += (size_t)g->dilation_h, fresh = false) {
        const size_t skip = more > kh ? more - kh : 0, pixel = (u->image * height + oy) * width + u->ox;
        const int64_t next = y + (int64_t)more * g->dilation_h;
        const bool asks = next >= 0 && next < g->height && oy + (size_t)g->dilation_h < u->bottom;
        const float *ahead = asks ? cz_conv_pixel(g, u->image, next, x0 < 0 ? 0 : x0) : NULL;
        for (size_t c = u->first; c < u->last; c += VL) {
            float *lines = j->lines + (c - u->first) * kh * j->s.line;
            size_t at = (slot + skip) % kh;
            for (size_t i = skip; i < more; i++, at = at + 1 == kh ? 0 : at + 1)
                fill(j, lines + at * j->s.line * VL, u->image, y + (int64_t)i * g->dilation_h, x0, c,
                     cz_min(VL, u->last - c), fresh);
            run_block(j, u, c, lines, at, out, pixel, ahead);
        }
        slot = (slot + more) % kh;
        more = (size_t)g->stride_h;
        y = next;
    }
}

static void run_unit(const job *j, size_t unit, float *out) {
    const split *s = &j->s;
    const size_t part = unit % s->parts, strip = unit / s->parts % s->strips, band = unit / s->parts / s->strips;
    const size_t top = band % s->bands * s->rows, ox = strip * s->columns, first = part * s->blocks * VL;
    const place u = {.image = band / s->bands,
                     .bottom = cz_min((size_t)j->c.out_height, top + s->rows),
                     .ox = ox,
                     .columns = cz_min(s->columns, (size_t)j->c.out_width - ox),
                     .first = first,
                     .last = cz_min(j->c.channels, first + s->blocks * VL)};
    for (size_t i = 0; i < (size_t)j->c.dilation_h; i++) run_rows(j, &u, top + i, out);
}

/** Where the parts of the scratch lie. false: does not fit. */
typedef struct layout {
    size_t lines, taps, sums, bytes;
} layout;

static bool layout_of(const cz_call *call, const split *s, layout *l) {
    const size_t kh = call->weight->shape.d[1], pixel = VL * sizeof(float);
    *l = (layout){0};
    return cz_layout(&l->bytes, s->blocks * kh * s->line, pixel, &l->lines) && /* fits: kernels have a limit */
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

void CZ_NAME(cz_depthwise_run)(const cz_call *call, const cz_conv *c, const float *weights, const cz_epilogue *e,
                               float *out, size_t begin, size_t end, void *scratch) {
    job j = {.c = *c, .e = e, .s = split_of(call), .weights = weights};
    unsigned char *at = scratch;
    layout l;
    if (!layout_of(call, &j.s, &l)) return; /* cannot be: prepare() has made the same */
    j.lines = (float *)(void *)(at + l.lines);
    j.taps = (const float **)(void *)(at + l.taps);
    j.sums = (float *)(void *)(at + l.sums);
    j.row = row_for(&j.c);
    j.plain = cz_epilogue_is_plain(e);
    j.clamps = e->act != CZ_ACT_NONE;
    j.low = e->act == CZ_ACT_CLAMP ? e->p0 : 0.0f; /* relu: 0 .. infinity, the same bits */
    j.high = e->act == CZ_ACT_CLAMP ? e->p1 : INFINITY;
    for (size_t unit = begin; unit < end; unit++) run_unit(&j, unit, out);
}

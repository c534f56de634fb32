/* SPDX-License-Identifier: BSD-2-Clause
 * Depthwise convolution, the case groups == input channels == output channels of conv2d: the same formula and order,
 * with channels in the lanes.
 *
 * A unit is some rows and columns of the output for some blocks of 16 channels, or of 64 u8 for depthwise_i8.c. The
 * input rows that an output row needs are copied to lines in scratch, padding and all, each once as the unit moves
 * down. There the next pixel of a block is the next 64 bytes, wherever the image ends and however far apart pixels lie
 * in the tensor: all outputs go by one loop over tiles of TILE pixels, out of the first-level cache. */
#include "kernels/set.h"

#include <string.h>

#define TILE    CZ_DEPTHWISE_TILE
#define LINES   16384 /* bytes of lines that a unit takes where more than one block is a choice */
#define WIDE    ((int64_t)CZ_BLOCK)
#define PIXEL   CZ_DEPTHWISE_PIXEL
#define COLUMNS 64   /* of a unit at most */
#define ROWS    64   /* the same: what neighbouring units read twice is then in the second-level cache */
#define WORK    4096 /* multiply-adds of 16 lanes that are worth a unit */
#define UNITS   16   /* that a layer is cut into if it has the work: few, as neighbours copy some rows both */

/** How a layer is cut into units. */
typedef struct split {
    size_t rows, columns, blocks; /* of a unit; columns are whole tiles */
    size_t bands, strips, parts;  /* units along height, width and channels */
    size_t line;                  /* input pixels of `columns` outputs */
} split;

static split split_of(const cz_call *call, size_t block) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape, *out = &call->out;
    const size_t kh = w->d[1], blocks = cz_ceil_div(out->d[3], block), stride = (size_t)a->stride_w;
    const size_t reach = (size_t)(w->d[2] - 1) * (size_t)a->dilation_w + 1;
    split s = {.strips = cz_ceil_div(out->d[2], COLUMNS)};
    s.columns = cz_ceil_div(cz_ceil_div(out->d[2], s.strips), TILE) * TILE;
    s.strips = cz_ceil_div(out->d[2], s.columns);
    s.line = (s.columns - 1) * stride + cz_max(reach, stride);
    s.blocks = cz_min(cz_max(LINES / PIXEL / kh / s.line, 1), blocks);
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

/** A layer on one thread, and how it is cut. */
typedef struct job {
    cz_depthwise d;
    split s;
    const cz_set *set;
    float *out;
    float outside[CZ_BLOCK]; /* a pixel of the padding, as the input has it */
} job;

/** Fills a line, or where rows are side by side its channels from `to` on, with row y of the input from column x0 on,
 *  channels c .. c + n - 1: either may lie in the padding. `fresh` false: what is beside the image is there already. */
static void fill(const job *j, float *to, size_t image, int64_t y, int64_t x0, size_t c, size_t n, bool fresh) {
    const cz_depthwise *d = &j->d;
    const int64_t line = (int64_t)d->line, width = d->c.width;
    const bool repeat = d->c.replicate;
    cz_depthwise_copy_fn *const copy = d->block > CZ_BLOCK ? j->set->depthwise_copy_i8 : j->set->depthwise_copy;
    if (!repeat && (y < 0 || y >= d->c.height)) {
        copy(&d->c, to, j->outside, (size_t)line, 0, n);
        return;
    }
    const size_t step = d->c.step;
    const float *left = cz_conv_at(&d->c, cz_conv_pixel(&d->c, image, y, 0), c);
    const float *right = cz_conv_at(&d->c, left, (size_t)(width - 1) * step);
    const int64_t begin = x0 >= 0 ? 0 : -x0 < line ? -x0 : line; /* begin .. end - 1 lie in the image */
    const int64_t end = width - x0 < begin ? begin : width - x0 < line ? width - x0 : line;
    if (begin < end)
        copy(&d->c, to + begin * WIDE, cz_conv_at(&d->c, left, (size_t)(x0 + begin) * step), (size_t)(end - begin),
             step, n);
    if (!repeat && !fresh) return;
    copy(&d->c, to, repeat ? left : j->outside, (size_t)begin, 0, n);
    copy(&d->c, to + end * WIDE, repeat ? right : j->outside, (size_t)(line - end), 0, n);
}

/** The output rows of a unit from `oy` on, dilation_h apart: each needs stride_h input rows more than the one before,
 *  which go round the lines. `fold` rows at a time lie side by side in the channels of a line's pixel. */
static void run_rows(const job *j, const place *u, size_t oy, size_t fold) {
    const cz_depthwise *d = &j->d;
    const cz_conv *g = &d->c;
    const size_t kh = (size_t)g->kernel_h, width = (size_t)g->out_width, height = (size_t)g->out_height;
    const size_t block = d->block;
    cz_depthwise_row_fn *const row = block > CZ_BLOCK ? j->set->depthwise_row_i8 : j->set->depthwise_row;
    const int64_t x0 = (int64_t)u->ox * g->stride_w - g->pad_left;
    int64_t y = (int64_t)oy * g->stride_h - g->pad_top; /* of the next input row */
    size_t slot = 0, more = kh;                         /* its line; how many are to come */
    for (bool fresh = true; oy < u->bottom; oy += fold * (size_t)g->dilation_h, fresh = false) {
        const size_t skip = more > kh ? more - kh : 0, pixel = (u->image * height + oy) * width + u->ox;
        const int64_t next = y + (int64_t)more * g->dilation_h;
        const bool asks = next >= 0 && next < g->height && oy + (size_t)g->dilation_h < u->bottom;
        const float *ahead = asks ? cz_conv_pixel(g, u->image, next, x0 < 0 ? 0 : x0) : NULL;
        float *lines = d->lines;
        unsigned char *ends = d->ends;
        for (size_t c = u->first; c < u->last;
             c += block, lines += kh * d->line * CZ_BLOCK, ends += CZ_DEPTHWISE_ENDS) {
            const size_t n = cz_min(block, u->last - c), copied = block > CZ_BLOCK ? block / fold : n;
            size_t at = (slot + skip) % kh;
            for (size_t i = skip; i < more; i++, at = at + 1 == kh ? 0 : at + 1)
                for (size_t f = 0; f < fold; f++)
                    fill(j, lines + at * d->line * CZ_BLOCK + f * (CZ_BLOCK / fold), u->image,
                         y + (int64_t)i * g->dilation_h + (int64_t)f * g->stride_h, x0, c, copied, fresh);
            row(d, &(cz_depthwise_row){.pixel = pixel,
                                       .count = u->columns,
                                       .rows = cz_min(fold, u->bottom - oy),
                                       .fold = fold,
                                       .c = c,
                                       .n = n,
                                       .lines = lines,
                                       .slot = at,
                                       .ends = ends,
                                       .fresh = fresh,
                                       .ahead = ahead,
                                       .out = j->out});
        }
        slot = (slot + more) % kh;
        more = fold * (size_t)g->stride_h;
        y = next;
    }
}

static void run_unit(const job *j, size_t unit) {
    const split *s = &j->s;
    const size_t part = unit % s->parts, strip = unit / s->parts % s->strips, band = unit / s->parts / s->strips;
    const size_t top = band % s->bands * s->rows, ox = strip * s->columns;
    const size_t channels = s->blocks * j->d.block, first = part * channels;
    place u = {.image = band / s->bands,
               .bottom = cz_min((size_t)j->d.c.out_height, top + s->rows),
               .ox = ox,
               .columns = cz_min(s->columns, (size_t)j->d.c.out_width - ox),
               .first = first,
               .last = cz_min(j->d.c.channels, first + channels)};
    const size_t end = u.last, rest = end % j->d.block, fold = cz_depthwise_fold(j->d.block, rest);
    if (fold > 1) u.last -= rest;
    for (size_t i = 0; u.first < u.last && i < (size_t)j->d.c.dilation_h; i++) run_rows(j, &u, top + i, 1);
    u.first = u.last;
    u.last = end;
    if (fold > 1) run_rows(j, &u, top, fold);
}

/** Where the parts of the scratch lie. false: does not fit. */
typedef struct layout {
    size_t lines, ends, taps, sums, bytes;
} layout;

static bool layout_of(const cz_call *call, size_t block, const split *s, layout *l) {
    const size_t kh = call->weight->shape.d[1];
    *l = (layout){0};
    return cz_layout(&l->bytes, s->blocks * kh * s->line, PIXEL, &l->lines) && /* fits: kernels have a limit */
           cz_layout(&l->bytes, block > CZ_BLOCK ? s->blocks : 0, CZ_DEPTHWISE_ENDS, &l->ends) &&
           cz_layout(&l->bytes, kh + 3, sizeof(float *), &l->taps) &&
           cz_layout(&l->bytes, s->columns, block * sizeof(float), &l->sums) && cz_align_up(l->bytes, &l->bytes);
}

bool cz_depthwise_prepare(cz_call *call, size_t block) {
    const split s = split_of(call, block);
    layout l;
    if (!layout_of(call, block, &s, &l)) return false;
    call->scratch = l.bytes;
    call->units = call->out.d[0] * s.bands * s.strips * s.parts; /* at most the elements of the output */
    return true;
}

void cz_depthwise_run(const cz_call *call, const cz_conv *c, size_t block, const void *weights, const cz_epilogue *e,
                      float *out, size_t begin, size_t end, void *scratch) {
    unsigned char *at = scratch;
    job j = {.d = {.c = *c, .e = e, .block = block, .weights = weights}, .set = call->set, .out = out};
    layout l;
    j.s = split_of(call, block);
    if (!layout_of(call, block, &j.s, &l)) return; /* cannot be: prepare() has made the same */
    memset(j.outside, c->bytes ? (int)c->zero : 0, sizeof j.outside);
    j.d.line = j.s.line;
    j.d.lines = (float *)(void *)(at + l.lines);
    j.d.ends = at + l.ends;
    j.d.taps = (const float **)(void *)(at + l.taps);
    j.d.sums = (float *)(void *)(at + l.sums);
    for (size_t unit = begin; unit < end; unit++) run_unit(&j, unit);
}

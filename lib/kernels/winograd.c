/* SPDX-License-Identifier: BSD-2-Clause
 * Winograd convolution (Lavin & Gray 2015), n = taps + 3, in tiles of 4 by 4 outputs:
 *   V[f][tile][ci] = B^T d B of the tile's n by n inputs;  U[f][ci][co] = G g G^T of the taps;  f: n n of them
 *   M[f][tile][co] = sum, sum = 0; for ci ascending: sum = fma(V[f][tile][ci], U[f][ci][co], sum)
 *   out = epilogue(A^T M A + bias[co])
 * Transforms are winograd_transform.c's. Outside the input d is zero, or the nearest pixel. A dilation of d is d d
 * ordinary convolutions over every d-th pixel, by addressing alone.
 *
 * A unit is a strip of tiles times a range of output channels. V is made of all input channels, if they are not too
 * many; then 32 output channels at a time, piece by piece of the input channels, U is made and used for the whole strip
 * while it is near, and their sums leave before the next 32. Of more input channels V is made in passes of a piece,
 * and the sums of the whole range wait for the last: scratch has a bound whatever the layer. */
#include "kernels/set.h"

#include <stdatomic.h>
#include <string.h>

/** Tile `tile` of one axis: its first output and input coordinates, and how many outputs it has. */
static size_t locate(const cz_wino_axis *a, size_t tile, int64_t *out, int64_t *in) {
    const size_t tall = cz_ceil_div(a->pixels + 1, CZ_WINO_TILE), low = cz_ceil_div(a->pixels, CZ_WINO_TILE);
    const bool longer = tile < a->longer * tall;
    const size_t at = longer ? tile : tile - a->longer * tall, each = longer ? tall : low;
    const int64_t phase = (int64_t)(at / each + (longer ? 0 : a->longer));
    const size_t first = at % each * CZ_WINO_TILE;
    *out = a->out + phase + (int64_t)first * a->out_step;
    *in = a->in + phase + (int64_t)first * a->step;
    return cz_min(CZ_WINO_TILE, a->pixels + longer - first);
}

static void locate_strip(const cz_wino *w, size_t first, size_t count, cz_wino_place *tiles) {
    for (size_t t = 0; t < count; t++) {
        const size_t at = first + t;
        cz_wino_place *p = &tiles[t];
        p->image = at / w->tiles_x / w->tiles_y;
        p->rows = locate(&w->y, at / w->tiles_x % w->tiles_y, &p->out_y, &p->in_y);
        p->columns = locate(&w->x, at % w->tiles_x, &p->out_x, &p->in_x);
    }
}

/** Pointers to the tile's inputs from channel `first` on, row by row. */
static void tile_pixels(const cz_wino *w, const cz_wino_place *p, size_t first, const float **pixel) {
    const int64_t side = (int64_t)w->taps + 3, reach_y = (side - 1) * w->y.step, reach_x = (side - 1) * w->x.step;
    const cz_conv *c = &w->c;
    if (p->in_y >= 0 && p->in_x >= 0 && p->in_y + reach_y < c->height && p->in_x + reach_x < c->width) {
        const float *line = cz_conv_pixel(c, p->image, p->in_y, p->in_x) + first;
        const size_t right = (size_t)w->x.step * c->step, down = (size_t)(w->y.step * c->width) * c->step;
        for (int64_t y = 0; y < side; y++, line += down)
            for (int64_t x = 0; x < side; x++) *pixel++ = line + (size_t)x * right;
    } else {
        for (int64_t y = 0; y < side; y++)
            for (int64_t x = 0; x < side; x++)
                *pixel++ = cz_conv_pixel(c, p->image, p->in_y + y * w->y.step, p->in_x + x * w->x.step) + first;
    }
}

/* ---------------------------------------------------------------- units */

/** What one thread works with. */
typedef struct work {
    const cz_wino *w;
    const cz_epilogue *e;
    const float *weights;
    float *out, *v, *u, *m;
    const float **rows; /* of plane 0 of V, by tile */
    cz_wino_place *tiles;
    size_t first, count; /* the strip's tiles */
} work;

/** V of the piece of input channels first .. first + depth - 1. Each tile asks for the inputs of the next: they lie in
 * pieces too short for the processor to foresee. */
static void make_v(const work *k, size_t first, size_t depth, float *v) {
    const cz_wino *w = k->w;
    const float *pixels[2][CZ_WINO_INPUT * CZ_WINO_INPUT], *pieces[CZ_WINO_INPUT * CZ_WINO_INPUT];
    const size_t inputs = (w->taps + 3) * (w->taps + 3), whole = depth / CZ_BLOCK * CZ_BLOCK;
    float some[CZ_WINO_INPUT * CZ_WINO_INPUT * CZ_BLOCK];
    tile_pixels(w, &k->tiles[0], first, pixels[0]);
    memset(some, 0, sizeof some);
    for (size_t t = 0; t < k->count; t++, v += w->piece) {
        const float **pixel = pixels[t % 2], **next = pixels[(t + 1) % 2];
        tile_pixels(w, &k->tiles[cz_min(t + 1, k->count - 1)], first, next);
        w->set->wino_input(w->taps, pixel, next, whole, v, k->w->p.v_plane);
        if (whole == depth) continue; /* else the last channels: whole vectors of a copy */
        for (size_t i = 0; i < inputs; i++) {
            pieces[i] = some + i * CZ_BLOCK;
            memcpy(some + i * CZ_BLOCK, pixel[i] + whole, (depth - whole) * sizeof *some);
            CZ_PREFETCH(next[i] + whole);
        }
        w->set->wino_input(w->taps, pieces, pieces, CZ_BLOCK, v + whole, k->w->p.v_plane);
    }
}

/** The packed weights of block `block` of output channels, from input channel `first` on. */
static const float *weights_at(const work *k, size_t block, size_t first) {
    const cz_wino *w = k->w;
    return k->weights + (block * w->taps * w->taps * w->c.channels + first) * CZ_BLOCK;
}

/** U of the same channels and block `block` of output channels. */
static void make_u(const work *k, size_t block, size_t first, size_t depth, float *u) {
    const cz_wino *w = k->w;
    const size_t taps = w->taps * w->taps, tap = w->c.channels * CZ_BLOCK;
    const float *weights = weights_at(k, block, first);
    const ptrdiff_t step = (ptrdiff_t)tap;
    w->set->wino_weights(w->taps, w->reversed ? weights + (taps - 1) * tap : weights, w->reversed ? -step : step, depth,
                         w->c.channels - first, u, k->w->p.u_plane);
}

/** M += V U for one pair and the input channels first .. first + depth - 1 of a pass; the first start it. Each tile
 *  asks for the next one's part of V; the first of each of the last planes for the weights at `next`, a tap each: those
 *  of the piece that comes next lie too far apart for the processor to foresee. NULL: none. */
static void multiply(const work *k, size_t pair, size_t first, size_t depth, const float *next, float *m) {
    const cz_wino *w = k->w;
    const size_t nb = cz_min(2, cz_ceil_div(w->out, CZ_BLOCK) - 2 * pair), planes = (w->taps + 3) * (w->taps + 3);
    const size_t pixels = w->set->pixels, blocks = w->set->blocks, block = w->piece * CZ_BLOCK;
    const size_t taps = w->taps * w->taps, tap = w->c.channels * CZ_BLOCK;
    for (size_t b = 0; b < nb; b++) make_u(k, 2 * pair + b, first, depth, k->u + b * block);
    cz_micro micro = {.taps = 1, .depth = depth, .next_block = block};
    for (size_t f = 0; f < planes; f++, m += k->w->p.m_plane) {
        micro.offset = f * k->w->p.v_plane + first % w->depth / w->piece * k->w->p.v_piece;
        for (size_t b = 0; b < nb; b += blocks) {
            micro.weights = k->u + f * k->w->p.u_plane + b * block;
            for (size_t t = 0; t < k->count; t += pixels) {
                const bool asks = next != NULL && t == 0 && f + taps >= planes;
                micro.rows = k->rows + t;
                micro.ahead = asks                    ? next + (b * taps + f + taps - planes) * tap
                              : t + pixels < k->count ? k->rows[t + pixels] + micro.offset
                                                      : micro.weights;
                micro.next_ahead = asks ? taps * tap : 0;
                w->set->add(&micro, cz_min(pixels, k->count - t), nb - b, m + t * CZ_WINO_PAIR + b * CZ_BLOCK,
                            CZ_WINO_PAIR, first > 0);
            }
        }
    }
}

/** Asks for the lines that a tile's results of one pair go to, and those of the residual. To be inlined: gcc drops
 *  calls of a function that does nothing but ask. */
static inline void ask_for_outputs(const cz_epilogue *e, const cz_wino_out *o) {
    for (size_t y = 0; y < o->rows; y++)
        for (size_t x = 0; x < o->columns; x++) {
            const size_t at = (o->first + y * o->down + x * o->right) * o->channels + o->c;
            if (!o->streamed) {
                CZ_PREFETCH_WRITE(o->out + at);
                CZ_PREFETCH_WRITE(o->out + at + CZ_BLOCK);
            }
            if (e->residual == NULL) continue;
            CZ_PREFETCH(e->residual + at);
            CZ_PREFETCH(e->residual + at + CZ_BLOCK);
        }
}

/** Where tile t's results from channel c on go. */
static cz_wino_out place_out(const work *k, size_t t, size_t c) {
    const cz_wino *w = k->w;
    const cz_wino_place *p = &k->tiles[t];
    const size_t row = p->image * (size_t)w->c.out_height + (size_t)p->out_y;
    return (cz_wino_out){.out = k->out,
                         .first = row * (size_t)w->c.out_width + (size_t)p->out_x,
                         .down = (size_t)w->y.out_step * (size_t)w->c.out_width,
                         .right = (size_t)w->x.out_step,
                         .rows = p->rows,
                         .columns = p->columns,
                         .channels = w->c.out_step,
                         .c = c,
                         .n = cz_min(CZ_BLOCK, w->out - c),
                         .streamed = w->streamed};
}

static void store_pair(const work *k, size_t pair, const float *m) {
    cz_wino_out next = place_out(k, 0, pair * CZ_WINO_PAIR);
    for (size_t t = 0; t < k->count; t++, m += CZ_WINO_PAIR) {
        cz_wino_out o = next;
        if (t + 1 < k->count) {
            next = place_out(k, t + 1, pair * CZ_WINO_PAIR);
            ask_for_outputs(k->e, &next);
        }
        k->w->set->wino_output(k->w->taps, m, k->w->p.m_plane, k->e, &o);
        o.c += CZ_BLOCK;
        if (o.c >= k->w->out) continue;
        o.n = cz_min(CZ_BLOCK, k->w->out - o.c);
        k->w->set->wino_output(k->w->taps, m + CZ_BLOCK, k->w->p.m_plane, k->e, &o);
    }
}

/** One unit; `held`: V holds this strip's only pass already. */
static void run_unit(const work *k, size_t range, bool held) {
    const cz_wino *w = k->w;
    const size_t first = range * w->range, last = cz_min(first + w->range, cz_ceil_div(w->out, CZ_WINO_PAIR));
    const bool once = w->depths == 1; /* then the sums of one pair are all that is kept of M */
    const size_t each = once ? 0 : (w->taps + 3) * (w->taps + 3) * k->w->p.m_plane;
    for (size_t pass = 0; pass < w->depths; pass++) {
        const size_t start = pass * w->depth, end = cz_min(start + w->depth, w->c.channels);
        for (size_t at = start; !held && at < end; at += w->piece)
            make_v(k, at, cz_min(w->piece, end - at), k->v + (at - start) / w->piece * k->w->p.v_piece);
        for (size_t pair = first; pair < last; pair++) {
            float *m = k->m + (pair - first) * each;
            for (size_t at = start; at < end; at += w->piece) {
                const size_t after = at + w->piece;
                const float *next = after < end           ? weights_at(k, 2 * pair, after)
                                    : pair + 1 < last     ? weights_at(k, 2 * (pair + 1), start)
                                    : end < w->c.channels ? weights_at(k, 2 * first, end)
                                                          : NULL;
                multiply(k, pair, at, cz_min(after, end) - at, next, m);
            }
            if (once) store_pair(k, pair, m);
        }
    }
    for (size_t pair = first; !once && pair < last; pair++) store_pair(k, pair, k->m + (pair - first) * each);
}

void cz_wino_run(const cz_wino *w, const float *weights, const cz_epilogue *e, float *out, size_t begin, size_t end,
                 void *scratch) {
    unsigned char *base = scratch;
    work k = {.e = e, .weights = weights, .out = out};
    cz_wino copy = *w;
    copy.streamed = w->streamed && (uintptr_t)out % CZ_ALIGN == 0;
    copy.c.zeros = memset(base + w->p.zeros, 0, w->c.channels * sizeof(float));
    k.w = &copy;
    k.v = (float *)(void *)(base + w->p.v);
    k.u = (float *)(void *)(base + w->p.u);
    k.m = (float *)(void *)(base + w->p.m);
    k.rows = (const float **)(void *)(base + w->p.rows);
    k.tiles = (cz_wino_place *)(void *)(base + w->p.tiles);
    size_t held = SIZE_MAX; /* the strip that `tiles` and V are of */
    for (size_t unit = begin; unit < end; unit++) {
        const size_t strip = unit / w->ranges;
        if (strip != held) {
            k.first = strip * w->strip;
            k.count = cz_min(w->strip, w->tiles - k.first);
            locate_strip(w, k.first, k.count, k.tiles);
            for (size_t t = 0; t < cz_ceil_div(k.count, w->set->pixels) * w->set->pixels; t++)
                k.rows[t] = k.v + cz_min(t, k.count - 1) * w->piece;
        }
        run_unit(&k, unit % w->ranges, strip == held && w->depths == 1);
        held = strip;
    }
    if (copy.streamed) atomic_thread_fence(memory_order_seq_cst); /* or another thread might not see them */
}

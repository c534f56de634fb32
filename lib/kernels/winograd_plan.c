/* SPDX-License-Identifier: BSD-2-Clause
 * How a Winograd convolution is cut into units, whether it is cheaper than the direct sum, and where its parts lie. */
#include "kernels/set.h"

#define STRIP  128        /* tiles of a strip, at most; half as many where V takes several passes */
#define DEPTH  512        /* input channels of a layer that is one pass */
#define PIECE  256        /* input channels of a piece, at most */
#define RANGE  8          /* pairs of a unit, at most */
#define LITTLE 32768.0    /* tiles times inputs times outputs: about 10 microseconds, not worth sharing */
#define LARGE  (1u << 22) /* floats: results that no cache keeps for the next step, 16 MiB */
#define SKEW   CZ_BLOCK   /* floats between the planes of V, U, M: else their lines would fall on one set of a cache */

/** Parts of `count` channels that are at most `most` and alike, but for the multiple of 16. */
static size_t part_of(size_t count, size_t most) {
    return cz_ceil_div(cz_ceil_div(count, cz_ceil_div(count, most)), CZ_BLOCK) * CZ_BLOCK;
}

static size_t axis_tiles(const cz_wino_axis *a) {
    return a->longer * cz_ceil_div(a->pixels + 1, CZ_WINO_TILE) +
           (a->phases - a->longer) * cz_ceil_div(a->pixels, CZ_WINO_TILE);
}
static double axis_pixels(const cz_wino_axis *a) { return (double)a->phases * (double)a->pixels + (double)a->longer; }

/** The cost model of docs/kernels.md, in multiply-adds of 16 lanes. */
static bool is_cheaper(const cz_wino *w) {
    const double planes = (double)((w->taps + 3) * (w->taps + 3)), in = (double)w->c.channels;
    const double blocks = (double)cz_ceil_div(w->out, CZ_BLOCK), tiles = (double)w->tiles;
    const double pixels = (double)w->images * axis_pixels(&w->y) * axis_pixels(&w->x);
    const double direct = pixels * blocks * ((double)(w->taps * w->taps) * in + 4);
    const double product = tiles * planes * blocks * (in + 8 * (double)cz_ceil_div(w->c.channels, w->piece));
    const double input = tiles * 5 * planes * (double)cz_ceil_div(w->c.channels, CZ_BLOCK) * (double)w->ranges;
    const double weight = (double)w->strips * 3 * planes * blocks * in;
    const double output = tiles * 4 * planes * blocks;
    return product + input + weight + output < 0.9 * direct;
}

/** Lays out the scratch. false: does not fit. */
static bool lay_out(cz_wino *w) {
    cz_wino_parts *p = &w->p;
    const size_t planes = (w->taps + 3) * (w->taps + 3),
                 padded = cz_ceil_div(w->strip, w->set->pixels) * w->set->pixels;
    *p = (cz_wino_parts){.v_plane = w->strip * w->piece + SKEW,
                         .u_plane = CZ_WINO_PAIR * w->piece + SKEW,
                         .m_plane = padded * CZ_WINO_PAIR + SKEW};
    p->v_piece = planes * p->v_plane;
    return cz_layout(&p->end, p->v_piece * cz_ceil_div(w->depth, w->piece), sizeof(float), &p->v) &&
           cz_layout(&p->end, planes * p->u_plane, sizeof(float), &p->u) &&
           cz_layout(&p->end, planes * p->m_plane * (w->depths == 1 ? 1 : w->range), sizeof(float), &p->m) &&
           cz_layout(&p->end, w->c.channels, sizeof(float), &p->zeros) &&
           cz_layout(&p->end, padded, sizeof(float *), &p->rows) &&
           cz_layout(&p->end, w->strip, sizeof(cz_wino_place), &p->tiles) && cz_align_up(p->end, &p->end);
}

/** Cuts the layer into units: strips and ranges as large as they may be, as each strip transforms the weights again and
 *  each range the inputs; smaller where that leaves too few units. */
static void cut(cz_wino *w) {
    const size_t pairs = cz_ceil_div(w->out, CZ_WINO_PAIR);
    w->strips = cz_ceil_div(w->tiles, w->depths == 1 ? STRIP : STRIP / 2);
    w->ranges = cz_ceil_div(pairs, RANGE);
    /* in double: only an estimate, so it may round, and it cannot overflow */
    const bool little = (double)w->tiles * (double)w->out * (double)w->c.channels < LITTLE;
    const size_t wanted = little ? 1 : w->wanted;
    while (w->strips * w->ranges < wanted && w->tiles / (w->strips + 1) >= STRIP / 4) w->strips++;
    while (w->strips * w->ranges < wanted && w->ranges < pairs) w->ranges++;
    w->strip = cz_ceil_div(w->tiles, w->strips);
    w->strips = cz_ceil_div(w->tiles, w->strip);
    w->range = cz_ceil_div(pairs, w->ranges);
    w->ranges = cz_ceil_div(pairs, w->range);
    w->units = w->strips * w->ranges;
}

bool cz_wino_plan(cz_wino *w) {
    w->tiles_y = axis_tiles(&w->y);
    w->tiles_x = axis_tiles(&w->x);
    /* no more tiles than output pixels, so these products fit */
    w->tiles = w->images * w->tiles_y * w->tiles_x;
    if (w->tiles == 0) return false;
    w->piece = part_of(w->c.channels, PIECE);
    w->depth = w->c.channels <= DEPTH ? part_of(w->c.channels, DEPTH) : w->piece;
    w->depths = cz_ceil_div(w->c.channels, w->depth);
    w->streamed = w->set->streams && w->out % CZ_BLOCK == 0 && w->c.out_step % CZ_BLOCK == 0 &&
                  w->images * (size_t)w->c.out_height * (size_t)w->c.out_width * w->out >= LARGE;
    cut(w);
    return is_cheaper(w) && lay_out(w);
}

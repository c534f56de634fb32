/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernels/set.h"

static size_t blocks_of(size_t channels) { return cz_ceil_div(channels, CZ_BLOCK); }

bool cz_gemm_packed(size_t groups, size_t group_out, size_t taps, size_t group_in, size_t *floats) {
    return cz_mul(groups, blocks_of(group_out), floats) && cz_mul(*floats, taps, floats) &&
           cz_mul(*floats, group_in, floats) && cz_mul(*floats, CZ_BLOCK, floats);
}

void cz_pack_rows(const cz_constant *w, size_t first_row, size_t out_channels, size_t depth, float *packed) {
    float piece[256];
    for (size_t c = 0; c < out_channels; c++) {
        float *to = packed + c / CZ_BLOCK * depth * CZ_BLOCK + c % CZ_BLOCK;
        for (size_t k = 0; k < depth; k += CZ_COUNT(piece)) {
            const size_t n = cz_min(CZ_COUNT(piece), depth - k);
            cz_constant_read(w, (first_row + c) * depth + k, n, piece);
            for (size_t i = 0; i < n; i++) to[(k + i) * CZ_BLOCK] = piece[i];
        }
    }
}

void cz_fill_dense(const void *context, size_t tile, size_t first, size_t count, const float **rows, size_t *pixel) {
    const cz_dense_rows *c = context;
    for (size_t p = 0; p < tile; p++) {
        pixel[p] = first + cz_min(p, count - 1);
        rows[p] = c->x + pixel[p] * c->channels;
    }
}

/** Bytes of the row pointers and pixel numbers of one tile. */
static bool tile_bytes(const cz_gemm *g, size_t *bytes) {
    const size_t tile = g->set->pixels;
    return cz_mul(g->taps, tile * sizeof(float *), bytes) && cz_add(*bytes, tile * sizeof(size_t), bytes);
}

bool cz_gemm_plan(cz_gemm *g) {
    const size_t near = (size_t)1 << 18; /* bytes of input that stay in the second-level cache beside the weights */
    const size_t runs = cz_ceil_div(blocks_of(g->group_out), g->set->blocks);
    size_t each;
    if (!tile_bytes(g, &each) || !cz_mul(g->groups, runs, &g->items)) return false;
    g->tiles = cz_ceil_div(g->pixels, g->set->pixels);

    /* Units worth a thread's while: about 2^18 multiply-adds each, and not more than can matter for balance. In
     * double: only an estimate, so it may round, and it cannot overflow. */
    const double work = (double)g->pixels * (double)g->taps * (double)g->groups * (double)g->group_in *
                        (double)g->group_out / (1 << 18);
    const size_t wanted = work < 1 ? 1 : work > 48 ? 48 : (size_t)work;

    /* Tiles share each block of weights while it is near; more of them, fewer passes over all the weights. */
    const size_t row = g->set->pixels * sizeof(float) * g->groups * g->group_in;
    g->chunk = cz_max(4, cz_min(CZ_MAX_CHUNK, near / cz_max(1, row)));
    g->chunk = cz_max(1, cz_min(g->chunk, (near / 4) / cz_max(1, each)));
    g->chunk = cz_min(g->chunk, g->tiles);
    size_t chunks = cz_ceil_div(g->tiles, g->chunk);
    g->item_units = cz_min(g->items, cz_ceil_div(wanted, chunks));
    if (chunks * g->item_units < wanted && g->chunk > 4) {
        const size_t more = cz_ceil_div(wanted, g->item_units);
        g->chunk = cz_max(4, cz_ceil_div(g->tiles, more));
        chunks = cz_ceil_div(g->tiles, g->chunk);
    }
    g->unit_items = cz_ceil_div(g->items, g->item_units);
    g->item_units = cz_ceil_div(g->items, g->unit_items);
    size_t bytes;
    return cz_mul(chunks, g->item_units, &g->units) && cz_mul(each, g->chunk, &bytes) &&
           cz_align_up(bytes, &g->scratch);
}

/** Item `item` of one chunk of tiles: every tile by one run of blocks. */
static void run_item(const cz_gemm *g, cz_tile_fn *tile, const float *weights, const cz_epilogue *e, size_t item,
                     size_t first, size_t last, const float **rows, const size_t *pixel, cz_tile_out *o) {
    const size_t pixels = g->set->pixels, most = g->set->blocks;
    const size_t blocks = blocks_of(g->group_out), runs = cz_ceil_div(blocks, most);
    const size_t group = item / runs, block = item % runs * most, depth = g->taps * g->group_in * CZ_BLOCK;
    cz_micro k = {
        .taps = g->taps, .offset = group * g->group_in, .depth = g->group_in, .next_block = depth, .next_ahead = depth};
    k.weights = weights + (group * blocks + block) * depth;
    o->first = group * g->group_out + block * CZ_BLOCK;
    o->last = cz_min(o->first + most * CZ_BLOCK, (group + 1) * g->group_out);
    for (size_t t = first; t < last; t++, rows += g->taps * pixels, pixel += pixels) {
        k.rows = rows;
        o->pixel = pixel;
        o->count = cz_min(pixels, g->pixels - t * pixels);
        k.apart = o->count == pixels ? g->apart : 0;
        /* the weights of the next item; where there is but one, the inputs of the next tile, which no other item read
         */
        k.ahead = t + 1 == last ? k.weights + most * depth : g->items == 1 && g->taps == 1 ? rows[pixels] : k.weights;
        tile(&k, e, o);
    }
}

void cz_gemm_run(const cz_gemm *g, cz_tile_fn *tile, const float *weights, const cz_epilogue *e, cz_rows_fn *fill,
                 const void *context, float *out, size_t channels, size_t begin, size_t end, void *scratch) {
    const size_t pixels = g->set->pixels;
    const float **rows = scratch;
    size_t *pixel = (size_t *)(void *)(rows + g->chunk * g->taps * pixels);
    size_t held = SIZE_MAX; /* the chunk whose row pointers the scratch holds */
    cz_tile_out o = {.out = out, .channels = channels};
    for (size_t unit = begin; unit < end; unit++) {
        const size_t chunk = unit / g->item_units, item = unit % g->item_units * g->unit_items;
        const size_t first = chunk * g->chunk, last = cz_min(first + g->chunk, g->tiles);
        if (chunk != held) {
            for (size_t t = first; t < last; t++)
                fill(context, pixels, t * pixels, cz_min(pixels, g->pixels - t * pixels),
                     rows + (t - first) * g->taps * pixels, pixel + (t - first) * pixels);
            held = chunk;
        }
        for (size_t i = item; i < cz_min(item + g->unit_items, g->items); i++)
            run_item(g, tile, weights, e, i, first, last, rows, pixel, &o);
    }
}

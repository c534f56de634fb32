/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernels/gemm.h"

/* Pixels of a tile are computed by the smallest of four sizes that holds them. */
#define M_THIRD  ((CZ_MR + 2) / 3)
#define M_THIRDS ((2 * CZ_MR + 2) / 3)

/** One tile: m pixels by nb blocks, both constant where inlined. */
CZ_INLINE void tile(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o, int m, int nb) {
    vf sum[CZ_MR][CZ_NB];
    CZ_UNROLL for (int b = 0; b < nb; b++) {
        const size_t c = o->first + (size_t)b * VL;
        const vf start = e->bias ? vf_load_n(e->bias + c, cz_min(VL, o->last - c)) : vf_zero();
        CZ_UNROLL for (int p = 0; p < m; p++) sum[p][b] = start;
    }
    CZ_UNROLL for (int p = 0; p < m; p++) {
        const float *at = o->out + o->pixel[p] * o->channels + o->first;
        CZ_UNROLL for (int b = 0; b < nb; b++) CZ_PREFETCH_WRITE(at + b * VL);
    }
    cz_micro_sum(k, m, nb, sum);
    const size_t last = o->last - o->first - (size_t)(nb - 1) * VL; /* channels of the last block */
    if (cz_epilogue_is_plain(e) && o->count == (size_t)m) {
        CZ_UNROLL for (int p = 0; p < m; p++) {
            float *at = o->out + o->pixel[p] * o->channels + o->first;
            CZ_UNROLL for (int b = 0; b < nb; b++) {
                const vf v = cz_epilogue_plain(e, sum[p][b]);
                if (b < nb - 1)
                    vf_store(at + b * VL, v);
                else
                    vf_store_n(at + b * VL, v, last);
            }
        }
        return;
    }
    float kept[CZ_MR * CZ_NB * VL];
    CZ_UNROLL for (int p = 0; p < m; p++) {
        CZ_UNROLL for (int b = 0; b < nb; b++) vf_store(kept + (p * CZ_NB + b) * VL, sum[p][b]);
    }
    CZ_NAME(cz_finish)
    (e, kept, CZ_NB * VL, o->pixel, o->count, o->channels, o->first, o->last - o->first, o->out);
}

/** The tile sizes, each its own function so that each gets the registers to itself. */
#define TILE(name, m, nb)                                                                                              \
    static void name(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) { tile(k, e, o, m, nb); }
TILE(tile_full, CZ_MR, CZ_NB)
TILE(tile_thirds, M_THIRDS, CZ_NB)
TILE(tile_third, M_THIRD, CZ_NB)
TILE(tile_one, 1, CZ_NB)
#if CZ_NB > 1
TILE(narrow_full, CZ_MR, 1)
TILE(narrow_thirds, M_THIRDS, 1)
TILE(narrow_third, M_THIRD, 1)
TILE(narrow_one, 1, 1)
#endif

static void run_tile(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) {
    const int size = o->count > M_THIRDS ? 0 : o->count > M_THIRD ? 1 : o->count > 1 ? 2 : 3;
#if CZ_NB > 1
    if (o->last - o->first <= VL) {
        switch (size) {
        case 0:
            narrow_full(k, e, o);
            return;
        case 1:
            narrow_thirds(k, e, o);
            return;
        case 2:
            narrow_third(k, e, o);
            return;
        default:
            narrow_one(k, e, o);
            return;
        }
    }
#endif
    switch (size) {
    case 0:
        tile_full(k, e, o);
        return;
    case 1:
        tile_thirds(k, e, o);
        return;
    case 2:
        tile_third(k, e, o);
        return;
    default:
        tile_one(k, e, o);
        return;
    }
}

/** Sums that go on from memory, or start at zero: m pixels by nb blocks, both constant where inlined. */
CZ_INLINE void add(const cz_micro *k, float *at, size_t step, bool more, int m, int nb) {
    vf sum[CZ_MR][CZ_NB];
    CZ_UNROLL for (int p = 0; p < m; p++) {
        CZ_UNROLL for (int b = 0; b < nb; b++) sum[p][b] = more ? vf_load(at + (size_t)p * step + b * VL) : vf_zero();
    }
    cz_micro_sum(k, m, nb, sum);
    CZ_UNROLL for (int p = 0; p < m; p++) {
        CZ_UNROLL for (int b = 0; b < nb; b++) vf_store(at + (size_t)p * step + b * VL, sum[p][b]);
    }
}

#define ADD(name, m, nb)                                                                                               \
    static void name(const cz_micro *k, float *at, size_t step, bool more) { add(k, at, step, more, m, nb); }
ADD(add_full, CZ_MR, CZ_NB)
ADD(add_thirds, M_THIRDS, CZ_NB)
ADD(add_third, M_THIRD, CZ_NB)
#if CZ_NB > 1
ADD(add_narrow, CZ_MR, 1)
#endif

void CZ_NAME(cz_gemm_add)(const cz_micro *k, size_t pixels, size_t blocks, float *at, size_t step, bool more) {
#if CZ_NB > 1
    if (blocks < CZ_NB) {
        add_narrow(k, at, step, more);
        return;
    }
#endif
    (void)blocks;
    if (pixels > M_THIRDS)
        add_full(k, at, step, more);
    else if (pixels > M_THIRD)
        add_thirds(k, at, step, more);
    else
        add_third(k, at, step, more);
}

static size_t blocks_of(size_t channels) { return cz_ceil_div(channels, VL); }

bool CZ_NAME(cz_gemm_packed)(size_t groups, size_t group_out, size_t taps, size_t group_in, size_t *floats) {
    return cz_mul(groups, blocks_of(group_out), floats) && cz_mul(*floats, taps, floats) &&
           cz_mul(*floats, group_in, floats) && cz_mul(*floats, VL, floats);
}

void CZ_NAME(cz_pack_rows)(const cz_constant *w, size_t first_row, size_t out_channels, size_t depth, float *packed) {
    float piece[256];
    for (size_t c = 0; c < out_channels; c++) {
        float *to = packed + c / VL * depth * VL + c % VL;
        for (size_t k = 0; k < depth; k += CZ_COUNT(piece)) {
            const size_t n = cz_min(CZ_COUNT(piece), depth - k);
            cz_constant_read(w, (first_row + c) * depth + k, n, piece);
            for (size_t i = 0; i < n; i++) to[(k + i) * VL] = piece[i];
        }
    }
}

/** Bytes of the row pointers and pixel numbers of one tile. */
static bool tile_bytes(size_t taps, size_t *bytes) {
    return cz_mul(taps, CZ_MR * sizeof(float *), bytes) && cz_add(*bytes, CZ_MR * sizeof(size_t), bytes);
}

bool CZ_NAME(cz_gemm_plan)(cz_gemm *g) {
    const size_t near = (size_t)1 << 18; /* bytes of input that stay in the second-level cache beside the weights */
    const size_t runs = cz_ceil_div(blocks_of(g->group_out), CZ_NB);
    size_t each;
    if (!tile_bytes(g->taps, &each) || !cz_mul(g->groups, runs, &g->items)) return false;
    g->tiles = cz_ceil_div(g->pixels, CZ_MR);

    /* Units worth a thread's while: about 2^18 multiply-adds each, and not more than can matter for balance. In
     * double: only an estimate, so it may round, and it cannot overflow. */
    const double work = (double)g->pixels * (double)g->taps * (double)g->groups * (double)g->group_in *
                        (double)g->group_out / (1 << 18);
    const size_t wanted = work < 1 ? 1 : work > 48 ? 48 : (size_t)work;

    /* Tiles share each block of weights while it is near; more of them, fewer passes over all the weights. */
    const size_t row = CZ_MR * sizeof(float) * g->groups * g->group_in;
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
static void run_item(const cz_gemm *g, const float *weights, const cz_epilogue *e, cz_tile_fn tile_fn, size_t item,
                     size_t first, size_t last, const float **rows, const size_t *pixel, cz_tile_out *o) {
    const size_t blocks = blocks_of(g->group_out), runs = cz_ceil_div(blocks, CZ_NB);
    const size_t group = item / runs, block = item % runs * CZ_NB, depth = g->taps * g->group_in * VL;
    cz_micro k = {.taps = g->taps, .offset = group * g->group_in, .depth = g->group_in, .next_block = depth};
    k.weights = weights + (group * blocks + block) * depth;
    o->first = group * g->group_out + block * VL;
    o->last = cz_min(o->first + CZ_NB * VL, (group + 1) * g->group_out);
    for (size_t t = first; t < last; t++, rows += g->taps * CZ_MR, pixel += CZ_MR) {
        k.rows = rows;
        o->pixel = pixel;
        o->count = cz_min(CZ_MR, g->pixels - t * CZ_MR);
        k.ahead = t + 1 == last ? CZ_NB * depth : 0;
        tile_fn(&k, e, o);
    }
}

void CZ_NAME(cz_gemm_run)(const cz_gemm *g, const float *weights, const cz_epilogue *e, cz_rows_fn fill,
                          const void *context, float *out, size_t channels, size_t begin, size_t end, void *scratch) {
    CZ_NAME(cz_gemm_tiles)(g, weights, e, run_tile, fill, context, out, channels, begin, end, scratch);
}

void CZ_NAME(cz_gemm_tiles)(const cz_gemm *g, const float *weights, const cz_epilogue *e, cz_tile_fn tile_fn,
                            cz_rows_fn fill, const void *context, float *out, size_t channels, size_t begin, size_t end,
                            void *scratch) {
    const float **rows = scratch;
    size_t *pixel = (size_t *)(void *)(rows + g->chunk * g->taps * CZ_MR);
    size_t held = SIZE_MAX; /* the chunk whose row pointers the scratch holds */
    cz_tile_out o = {.out = out, .channels = channels};
    for (size_t unit = begin; unit < end; unit++) {
        const size_t chunk = unit / g->item_units, item = unit % g->item_units * g->unit_items;
        const size_t first = chunk * g->chunk, last = cz_min(first + g->chunk, g->tiles);
        if (chunk != held) {
            for (size_t t = first; t < last; t++)
                fill(context, t * CZ_MR, cz_min(CZ_MR, g->pixels - t * CZ_MR), rows + (t - first) * g->taps * CZ_MR,
                     pixel + (t - first) * CZ_MR);
            held = chunk;
        }
        for (size_t i = item; i < cz_min(item + g->unit_items, g->items); i++)
            run_item(g, weights, e, tile_fn, i, first, last, rows, pixel, &o);
    }
}

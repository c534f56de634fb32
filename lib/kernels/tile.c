/* SPDX-License-Identifier: BSD-2-Clause
 * Tiles of the micro kernel. A whole tile, whose sums leave from registers, is written out in each of its widths; one
 * with fewer pixels, at the end of the picture, goes by way of memory. */
#include "kernels/epilogue.h"
#include "kernels/micro.h"

/* Sums in memory are added to by the smallest of three sizes that holds them. */
#define M_THIRD  ((CZ_MR + 2) / 3)
#define M_THIRDS ((2 * CZ_MR + 2) / 3)

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

/* The sizes, each its own function so that each gets the registers to itself. */
#define ADD(name, m, nb)                                                                                               \
    static void name(const cz_micro *k, float *at, size_t step, bool more) { add(k, at, step, more, m, nb); }
ADD(add_full, CZ_MR, CZ_NB)
ADD(add_thirds, M_THIRDS, CZ_NB)
ADD(add_third, M_THIRD, CZ_NB)
#if CZ_NB > 1
ADD(add_narrow, CZ_MR, 1)
#endif

void CZ_NAME(cz_add)(const cz_micro *k, size_t pixels, size_t blocks, float *at, size_t step, bool more) {
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

/** What the sums of a block start at. */
static inline vf start_of(const cz_epilogue *e, const cz_tile_out *o, size_t b) {
    const size_t c = o->first + b * VL;
    return e->bias ? vf_load_n(e->bias + c, cz_min(VL, o->last - c)) : vf_zero();
}

/** A whole tile of nb blocks, constant where inlined. */
CZ_INLINE void whole(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o, int nb) {
    vf sum[CZ_MR][CZ_NB];
    CZ_UNROLL for (int b = 0; b < nb; b++) {
        const vf start = start_of(e, o, (size_t)b);
        CZ_UNROLL for (int p = 0; p < CZ_MR; p++) sum[p][b] = start;
    }
    float *at[CZ_MR];
    for (int p = 0; p < CZ_MR; p++) {
        at[p] = o->out + o->pixel[p] * o->channels + o->first;
        for (int b = 0; b < nb; b++) CZ_PREFETCH_WRITE(at[p] + b * VL);
    }
    cz_micro_sum(k, CZ_MR, nb, sum);
    if (!cz_epilogue_is_plain(e)) {
        float kept[CZ_MR * CZ_NB * VL];
        CZ_UNROLL for (int p = 0; p < CZ_MR; p++) {
            CZ_UNROLL for (int b = 0; b < nb; b++) vf_store(kept + (p * CZ_NB + b) * VL, sum[p][b]);
        }
        CZ_NAME(cz_finish)
        (e, kept, CZ_NB * VL, o->pixel, CZ_MR, o->channels, o->first, o->last - o->first, o->out);
        return;
    }
    float low, high;
    if (cz_epilogue_limits(e, &low, &high)) {
        const vf l = vf_set1(low), h = vf_set1(high);
        CZ_UNROLL for (int p = 0; p < CZ_MR; p++) {
            CZ_UNROLL for (int b = 0; b < nb; b++) sum[p][b] = vf_min(vf_max(sum[p][b], l), h);
        }
    }
    const size_t last = o->last - o->first - (size_t)(nb - 1) * VL; /* channels of the last block */
    CZ_UNROLL for (int p = 0; p < CZ_MR; p++) {
        CZ_UNROLL for (int b = 0; b < nb - 1; b++) vf_store(at[p] + b * VL, sum[p][b]);
    }
    if (last == VL) {
        CZ_UNROLL for (int p = 0; p < CZ_MR; p++) vf_store(at[p] + (nb - 1) * VL, sum[p][nb - 1]);
    } else {
        CZ_UNROLL for (int p = 0; p < CZ_MR; p++) vf_store_n(at[p] + (nb - 1) * VL, sum[p][nb - 1], last);
    }
}

#define WHOLE(name, nb)                                                                                                \
    static void name(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) { whole(k, e, o, nb); }
WHOLE(whole_tile, CZ_NB)
#if CZ_NB > 1
WHOLE(narrow_tile, 1)
#endif

static void part(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) {
    const size_t channels = o->last - o->first, blocks = cz_ceil_div(channels, VL);
    float sums[CZ_MR * CZ_NB * VL];
    for (size_t b = 0; b < blocks; b++) {
        const vf start = start_of(e, o, b);
        for (size_t p = 0; p < CZ_MR; p++) vf_store(sums + (p * CZ_NB + b) * VL, start);
    }
    CZ_NAME(cz_add)(k, o->count, blocks, sums, CZ_NB * VL, true);
    CZ_NAME(cz_finish)(e, sums, CZ_NB * VL, o->pixel, o->count, o->channels, o->first, channels, o->out);
}

void CZ_NAME(cz_tile)(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) {
    if (o->count < CZ_MR) part(k, e, o);
#if CZ_NB > 1
    else if (o->last - o->first <= VL)
        narrow_tile(k, e, o);
#endif
    else
        whole_tile(k, e, o);
}

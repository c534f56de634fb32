/* SPDX-License-Identifier: BSD-2-Clause
 * Tiles of conv2d_i8: sums of products of bytes, from e->start on, and their end. */
#include "kernels/epilogue.h"
#include "kernels/set.h"

#include <string.h>

#if !defined(VI_DOT4_VNNI)
#define vi_dot4_vnni vi_dot4
#endif

/** As cz_micro_sum, of bytes: m pixels by nb blocks. Reads up to 3 bytes past a pixel's channels. */
CZ_INLINE void sum_tile(const cz_micro *k, int m, int nb, bool vnni, vi sum[CZ_MR][CZ_NB]) {
    const int32_t *w = (const int32_t *)(const void *)k->weights;
    const size_t next = k->next_block, ahead = k->ahead;
    const ptrdiff_t depth = (ptrdiff_t)k->depth * 4;
    const float *const *rows = k->rows;
    for (size_t t = k->taps; t > 0; t--, rows += CZ_MR) {
        const uint8_t *x[CZ_MR];
        CZ_UNROLL for (int p = 0; p < m; p++) x[p] = (const uint8_t *)rows[p] + depth;
        for (ptrdiff_t i = -depth; i != 0; i += 4, w += VL) {
            vi wb[CZ_NB];
            CZ_UNROLL for (int b = 0; b < nb; b++) {
                wb[b] = vi_load(w + (size_t)b * next);
                CZ_PREFETCH(w + (size_t)b * next + ahead);
            }
            CZ_UNROLL for (int p = 0; p < m; p++) {
                int32_t four;
                memcpy(&four, x[p] + i, sizeof four);
                const vi v = vi_set1(four);
                CZ_UNROLL for (int b = 0; b < nb; b++) sum[p][b] =
                    vnni ? vi_dot4_vnni(sum[p][b], v, wb[b]) : vi_dot4(sum[p][b], v, wb[b]);
            }
        }
    }
}

/** Finishes and stores a tile whose sums begin at `sums`: in one go where no activation needs more than a clamp. */
static void finish_tile(const cz_epilogue *e, const cz_tile_out *o, const int32_t *sums) {
    const size_t n = o->last - o->first;
    const bool relu = e->act == CZ_ACT_LEAKY_RELU && e->p0 == 0;
    const vf low = vf_set1(e->act == CZ_ACT_CLAMP ? e->p0 : relu ? 0.0f : -INFINITY);
    const vf high = vf_set1(e->act == CZ_ACT_CLAMP ? e->p1 : INFINITY);
    if (e->residual_mode == 2 || (e->act > CZ_ACT_CLAMP && !relu)) {
        float kept[CZ_MR * CZ_NB * VL];
        for (size_t i = 0; i < CZ_COUNT(kept); i += VL) vf_store(kept + i, vf_from_i(vi_load(sums + i)));
        CZ_NAME(cz_finish)(e, kept, CZ_NB * VL, o->pixel, o->count, o->channels, o->first, n, o->out);
        return;
    }
    for (size_t b = 0; b < n; b += VL) {
        const size_t c = o->first + b, m = cz_min(VL, n - b);
        const vf factor = vf_load(e->factor + c), bias = e->bias ? vf_load_n(e->bias + c, m) : vf_zero();
        const int32_t *from = sums + b;
        if (cz_epilogue_is_u8(e) && m == VL) {
            const vf steps = vf_set1(e->steps), zero = vf_set1(e->zero), top = vf_set1(CZ_U8_MAX);
            uint8_t *const out = (uint8_t *)o->out + c;
            for (size_t p = 0; p < o->count; p++, from += CZ_NB * VL) {
                const vf v = vf_fma(vf_fma(vf_from_i(vi_load(from)), factor, bias), steps, zero);
                vi_store_u8(out + o->pixel[p] * o->channels, vi_round(vf_min(vf_max(v, vf_zero()), top)), VL);
            }
            continue;
        }
        for (size_t p = 0; p < o->count; p++, from += CZ_NB * VL) {
            const size_t at = o->pixel[p] * o->channels + c;
            vf v = vf_fma(vf_from_i(vi_load(from)), factor, bias);
            if (e->residual_mode == 1) v = vf_add(v, vf_load_n(e->residual + at, m));
            if (e->act != CZ_ACT_NONE) v = vf_min(vf_max(v, low), high);
            if (e->steps != 0)
                vi_store_u8((uint8_t *)o->out + at, cz_quantize(v, e->steps, e->zero), m);
            else
                vf_store_n(o->out + at, v, m);
        }
    }
}

CZ_INLINE void tile(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o, int m, int nb, bool vnni) {
    vi sum[CZ_MR][CZ_NB];
    CZ_UNROLL for (int b = 0; b < nb; b++) {
        const vi start = vi_load(e->start + o->first + (size_t)b * VL);
        CZ_UNROLL for (int p = 0; p < m; p++) sum[p][b] = start;
    }
    sum_tile(k, m, nb, vnni, sum);
    int32_t kept[CZ_MR * CZ_NB * VL];
    CZ_UNROLL for (int p = 0; p < m; p++) {
        CZ_UNROLL for (int b = 0; b < nb; b++) vi_store(kept + (p * CZ_NB + b) * VL, sum[p][b]);
    }
    finish_tile(e, o, kept);
}

/* The tile sizes, each its own function, so that each gets the registers to itself. */
#define TILE(name, m, nb, vnni)                                                                                        \
    static void name(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) { tile(k, e, o, m, nb, vnni); }
#define SOME ((CZ_MR + 2) / 3)
TILE(tile_full, CZ_MR, CZ_NB, false)
TILE(tile_some, SOME, CZ_NB, false)
#if CZ_NB > 1
TILE(narrow_full, CZ_MR, 1, false)
#endif

void CZ_NAME(cz_tile_i8)(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) {
#if CZ_NB > 1
    if (o->last - o->first <= VL) {
        narrow_full(k, e, o);
        return;
    }
#endif
    (o->count <= SOME ? tile_some : tile_full)(k, e, o);
}

#if defined(VI_DOT4_VNNI)
TILE(vnni_full, CZ_MR, CZ_NB, true)
TILE(vnni_some, SOME, CZ_NB, true)
void CZ_NAME(cz_tile_i8_vnni)(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) {
    (o->count <= SOME ? vnni_some : vnni_full)(k, e, o);
}
#endif

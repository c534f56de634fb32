/* SPDX-License-Identifier: BSD-2-Clause
 * Tiles of conv2d_i8: sums of products of bytes, from e->start on, and their end. */
#include "kernels/epilogue.h"
#include "kernels/set.h"

#include <string.h>

#if !defined(VI_DOT4_FAST)
#define vi_dot4_fast vi_dot4
#endif
#if !defined(VI_DOT4_WIDE)
#define vi_dot4_wide vi_dot4
#endif
#if !defined(CZ_FAST_TARGET)
#define CZ_FAST_TARGET
#endif

enum way { PLAIN, WIDE, FAST };

CZ_INLINE vi dot4(enum way way, vi sum, vi x, vi w) {
    return way == FAST ? vi_dot4_fast(sum, x, w) : way == WIDE ? vi_dot4_wide(sum, x, w) : vi_dot4(sum, x, w);
}

/** Four inputs, for all lanes. */
CZ_INLINE vi load_four(const uint8_t *x) {
    uint32_t four;
    memcpy(&four, x, sizeof four);
#if defined(VI_X_SIGNED)
    four ^= 0x80808080u;
#endif
    return vi_set1((int32_t)four);
}

/** As cz_micro_sum, of bytes: m pixels by nb blocks. Reads up to 3 bytes past a pixel's channels. */
CZ_INLINE void sum_tile(const cz_micro *k, int m, int nb, enum way way, vi sum[CZ_MR][CZ_NB]) {
    const int32_t *w = (const int32_t *)(const void *)k->weights;
    const float *ahead = k->ahead;
    const size_t next = k->next_block, next_ahead = k->next_ahead;
    const ptrdiff_t depth = (ptrdiff_t)k->depth * 4;
    const float *const *rows = k->rows;
    for (size_t t = k->taps; t > 0; t--, rows += CZ_MR) {
        const uint8_t *x[CZ_MR];
        CZ_UNROLL for (int p = 0; p < m; p++) x[p] = (const uint8_t *)rows[p] + depth;
        for (ptrdiff_t i = -depth; i != 0; i += 4, w += VL, ahead += VL) {
            vi wb[CZ_NB];
            CZ_UNROLL for (int b = 0; b < nb; b++) {
                wb[b] = vi_load(w + (size_t)b * next);
                if (m == CZ_MR && nb == CZ_NB) CZ_PREFETCH(ahead + (size_t)b * next_ahead); /* others are few */
            }
            CZ_UNROLL for (int p = 0; p < m; p++) {
                const vi v = load_four(x[p] + i);
                CZ_UNROLL for (int b = 0; b < nb; b++) sum[p][b] = dot4(way, sum[p][b], v, wb[b]);
            }
        }
    }
}

#define EVEN_ROWS (CZ_MR > 6)
#if EVEN_ROWS
/** The same where rows lie `apart`: every third is pointed to, for twelve pointers and the rest are more than there are
 *  registers. */
CZ_INLINE void sum_even(const cz_micro *k, int nb, vi sum[CZ_MR][CZ_NB]) {
    const int32_t *w = (const int32_t *)(const void *)k->weights;
    const float *ahead = k->ahead;
    const size_t next = k->next_block, next_ahead = k->next_ahead, apart = k->apart;
    const uint8_t *x[CZ_MR / 3];
    CZ_UNROLL for (int p = 0; p < CZ_MR / 3; p++) x[p] = (const uint8_t *)k->rows[0] + (size_t)p * 3 * apart;
    for (size_t i = k->depth; i > 0; i--, w += VL, ahead += VL) {
        vi wb[CZ_NB];
        CZ_UNROLL for (int b = 0; b < nb; b++) {
            wb[b] = vi_load(w + (size_t)b * next);
            if (nb == CZ_NB) CZ_PREFETCH(ahead + (size_t)b * next_ahead);
        }
        CZ_UNROLL for (int p = 0; p < CZ_MR; p++) {
            const vi v = load_four(x[p / 3] + (size_t)(p % 3) * apart);
            CZ_UNROLL for (int b = 0; b < nb; b++) sum[p][b] = vi_dot4(sum[p][b], v, wb[b]);
        }
        CZ_UNROLL for (int p = 0; p < CZ_MR / 3; p++) x[p] += 4;
    }
}
#endif

/** A block's channels of a tile, all in steps of the u8 result. */
static void store_steps(const cz_epilogue *e, const cz_tile_out *o, size_t c, size_t n, const int32_t *from) {
    const cz_steps s = cz_steps_of(e, c, n);
    for (size_t p = 0; p < o->count; p++, from += CZ_NB * VL) {
        const size_t at = o->pixel[p] * o->channels + c;
        vf v = vf_fma(vf_from_i(vi_load(from)), s.factor, s.bias);
        if (e->residual_mode == 1) v = vf_fma(vf_load_n(e->residual + at, n), vf_set1(e->steps), v);
        vi_store_u8((uint8_t *)o->out + at, cz_requantize(&s, v), n);
    }
}

#if !defined(CZ_ISA_SCALAR)
/* What leaves a whole tile out of registers: whole blocks, without a residual. Its pixels follow one another. */

/** One block. */
CZ_INLINE void store_single(const cz_epilogue *e, const cz_tile_out *o, vi sum[CZ_MR][CZ_NB]) {
    const cz_steps s = cz_steps_of(e, o->first, VL);
    uint8_t *to = (uint8_t *)o->out + o->pixel[0] * o->channels + o->first;
    CZ_UNROLL for (int p = 0; p < CZ_MR; p++, to += o->channels) {
        vi_store_u8(to, cz_requantize(&s, vf_fma(vf_from_i(sum[p][0]), s.factor, s.bias)), VL);
    }
}

#if CZ_NB > 1
/** Two blocks in steps of the u8 result, two pixels at a time. false: a bias is beyond all bounds. */
CZ_INLINE bool store_pairs(const cz_epilogue *e, const cz_tile_out *o, vi sum[CZ_MR][CZ_NB]) {
    const cz_steps s[2] = {cz_steps_of(e, o->first, VL), cz_steps_of(e, o->first + VL, VL)};
    uint8_t *to = (uint8_t *)o->out + o->pixel[0] * o->channels + o->first;
    const vf most = vf_max(vf_abs(s[0].bias), vf_abs(s[1].bias));
    if (vm_any(vm_not(vf_lt(most, vf_set1(CZ_BOUNDED))))) return false;
    const vi low = cz_limit_bytes(e->low), high = cz_limit_bytes(e->high);
    CZ_UNROLL for (int p = 0; p < CZ_MR; p += 2, to += 2 * o->channels) {
        vi q[2][2];
        CZ_UNROLL for (int k = 0; k < 2; k++) {
            CZ_UNROLL for (int b = 0; b < 2; b++) {
                q[k][b] = vi_round(vf_fma(vf_from_i(sum[p + k][b]), s[b].factor, s[b].bias));
            }
        }
        vi_store_u8_4(to, to + o->channels, q[0][0], q[0][1], q[1][0], q[1][1], low, high);
    }
    return true;
}

/** Two blocks as f32, without an activation. */
CZ_INLINE void store_plain(const cz_epilogue *e, const cz_tile_out *o, vi sum[CZ_MR][CZ_NB]) {
    float *to = o->out + o->pixel[0] * o->channels + o->first;
    vf factor[2], bias[2];
    CZ_UNROLL for (int b = 0; b < 2; b++) {
        factor[b] = vf_load(e->factor + o->first + b * VL);
        bias[b] = e->bias ? vf_load(e->bias + o->first + b * VL) : vf_zero();
    }
    CZ_UNROLL for (int p = 0; p < CZ_MR; p++, to += o->channels) {
        CZ_UNROLL for (int b = 0; b < 2; b++) vf_store(to + b * VL, vf_fma(vf_from_i(sum[p][b]), factor[b], bias[b]));
    }
}

#endif

/** Stores a tile by one of these, if one does what its end asks for. */
CZ_INLINE bool stored(const cz_epilogue *e, const cz_tile_out *o, int nb, vi sum[CZ_MR][CZ_NB]) {
    if (o->count < CZ_MR || o->last - o->first < (size_t)nb * VL) return false;
    const bool bytes = cz_epilogue_is_u8(e);
#if CZ_NB > 1
    if (nb == 2) {
        const bool plain = e->steps == 0 && e->act == CZ_ACT_NONE && e->residual_mode == 0;
        if (plain) store_plain(e, o, sum);
        return plain || (bytes && e->bounded && store_pairs(e, o, sum));
    }
#endif
    if (bytes) store_single(e, o, sum);
    return bytes;
}
#endif

/** A block's channels of a tile as f32, where the activation is a clamp at most. */
static void store_f32(const cz_epilogue *e, const cz_tile_out *o, size_t c, size_t n, const int32_t *from) {
    const vf factor = vf_load(e->factor + c), bias = e->bias ? vf_load_n(e->bias + c, n) : vf_zero();
    float low, high;
    const bool clamps = cz_epilogue_limits(e, &low, &high);
    for (size_t p = 0; p < o->count; p++, from += CZ_NB * VL) {
        const size_t at = o->pixel[p] * o->channels + c;
        vf v = vf_fma(vf_from_i(vi_load(from)), factor, bias);
        if (e->residual_mode == 1) v = vf_add(v, vf_load_n(e->residual + at, n));
        if (clamps) v = vf_min(vf_max(v, vf_set1(low)), vf_set1(high));
        vf_store_n(o->out + at, v, n);
    }
}

/** Finishes and stores a tile whose sums begin at `sums`. */
static void finish_tile(const cz_epilogue *e, const cz_tile_out *o, const int32_t *sums) {
    const size_t n = o->last - o->first;
    if (!e->direct) {
        float kept[CZ_MR * CZ_NB * VL];
        for (size_t i = 0; i < CZ_COUNT(kept); i += VL) vf_store(kept + i, vf_from_i(vi_load(sums + i)));
        CZ_NAME(cz_finish)(e, kept, CZ_NB * VL, o->pixel, o->count, o->channels, o->first, n, o->out);
        return;
    }
    for (size_t b = 0; b < n; b += VL)
        (e->steps != 0 ? store_steps : store_f32)(e, o, o->first + b, cz_min(VL, n - b), sums + b);
}

CZ_INLINE void tile(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o, int m, int nb, enum way way) {
    vi sum[CZ_MR][CZ_NB];
    CZ_UNROLL for (int b = 0; b < nb; b++) {
        const vi start = vi_load(e->start + o->first + (size_t)b * VL);
        CZ_UNROLL for (int p = 0; p < m; p++) sum[p][b] = start;
    }
#if EVEN_ROWS
    if (m == CZ_MR && k->apart != 0)
        sum_even(k, nb, sum);
    else
#endif
        sum_tile(k, m, nb, way, sum);
#if !defined(CZ_ISA_SCALAR)
    if (m == CZ_MR && stored(e, o, nb, sum)) return;
#endif
    int32_t kept[CZ_MR * CZ_NB * VL];
    CZ_UNROLL for (int p = 0; p < m; p++) {
        CZ_UNROLL for (int b = 0; b < nb; b++) vi_store(kept + (p * CZ_NB + b) * VL, sum[p][b]);
    }
    finish_tile(e, o, kept);
}

/* The tile sizes, each its own function, so that each gets the registers to itself. */
#define TILE(target, name, m, nb, way)                                                                                 \
    target static void name(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) {                           \
        tile(k, e, o, m, nb, way);                                                                                     \
    }
#define SOME ((CZ_MR + 2) / 3)
TILE(, tile_full, CZ_MR, CZ_NB, PLAIN)
TILE(, tile_some, SOME, CZ_NB, PLAIN)
#if CZ_NB > 1
TILE(, narrow_full, CZ_MR, 1, PLAIN)
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

#if defined(VI_DOT4_WIDE)
#if defined(__GNUC__)
#define RARE __attribute__((cold))
#else
#define RARE
#endif
TILE(RARE, wide_pixel, 1, CZ_NB, WIDE)
/** Pixel by pixel: rare, and thus small. */
RARE void CZ_NAME(cz_tile_i8_wide)(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) {
    cz_micro part = *k;
    cz_tile_out to = *o;
    for (to.count = 1; to.pixel < o->pixel + o->count; to.pixel++, part.rows++) wide_pixel(&part, e, &to);
}
#endif

#if defined(VI_DOT4_FAST)
TILE(CZ_FAST_TARGET, fast_full, CZ_MR, CZ_NB, FAST)
TILE(CZ_FAST_TARGET, fast_some, SOME, CZ_NB, FAST)
void CZ_NAME(cz_tile_i8_fast)(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) {
    (o->count <= SOME ? fast_some : fast_full)(k, e, o);
}
#endif

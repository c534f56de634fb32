/* SPDX-License-Identifier: BSD-2-Clause
 * attention: for each head and query, out = sum over keys of softmax(scale q.k) v, streamed over tiles of KEYS keys
 * (Dao et al., "FlashAttention", 2022), never holding more than a tile of scores. A lane is a query. For each tile:
 *   s[j] = scale (0; for d ascending: fma(k[j][d], q[d], .))
 *   m' = max(m, s[0], s[1], ...);  c = exp(m - m');  l = l c;  o = o c        (before the first: m = -inf, l = o = 0)
 *   for j ascending: p = exp(s[j] - m'); l = l + p; o[e] = fma(v[j][e], p, o[e])
 * and at the end out[e] = o[e] / l. */
#include "kernels/math.h"
#include "kernels/micro.h"

#define KEYS    64 /* of one tile: part of the order of summation, so the same on every instruction set */
#define QUERIES ((size_t)CZ_NB * VL)
#define SOME    ((CZ_MR + 2) / 3) /* the smaller of two sizes of a group of keys or value channels */

/** Sizes, and where the parts of the scratch lie in bytes. */
typedef struct layout {
    size_t queries, keys, heads, depth, values; /* depth and values: channels of one head in q and k, and in v */
    size_t q, scores, o, bytes;
} layout;

static bool layout_of(const cz_call *call, layout *l) {
    const cz_attr_attention *a = call->attr;
    const cz_shape *q = &call->in[0], *k = &call->in[1], *v = &call->in[2];
    *l = (layout){.queries = (size_t)q->d[1] * q->d[2], .keys = (size_t)k->d[1] * k->d[2], .heads = (size_t)a->heads};
    l->depth = q->d[3] / l->heads;
    l->values = v->d[3] / l->heads;
    return cz_layout(&l->bytes, l->depth, QUERIES * sizeof(float), &l->q) &&
           cz_layout(&l->bytes, KEYS, QUERIES * sizeof(float), &l->scores) &&
           cz_layout(&l->bytes, l->values, QUERIES * sizeof(float), &l->o) && cz_align_up(l->bytes, &l->bytes);
}

static bool prepare(cz_call *call) {
    layout l;
    if (!layout_of(call, &l)) return false;
    call->units = l.heads * cz_ceil_div(l.queries, QUERIES); /* fits: no more than q's elements */
    call->scratch = l.bytes;
    return true;
}

/** The scores of m keys by all query lanes, before scaling. */
CZ_INLINE void score(const cz_micro *k, float *to, int m) {
    vf sum[CZ_MR][CZ_NB];
    CZ_UNROLL for (int p = 0; p < m; p++) { CZ_UNROLL for (int b = 0; b < CZ_NB; b++) sum[p][b] = vf_zero(); }
    cz_micro_sum(k, m, CZ_NB, sum);
    CZ_UNROLL for (int p = 0; p < m; p++) {
        CZ_UNROLL for (int b = 0; b < CZ_NB; b++) vf_store(to + (p * CZ_NB + b) * VL, sum[p][b]);
    }
}
static void score_full(const cz_micro *k, float *to) { score(k, to, CZ_MR); }
static void score_some(const cz_micro *k, float *to) { score(k, to, SOME); }

/** Raw scores of n <= KEYS keys whose rows lie `stride` floats apart. */
static void tile_scores(const layout *l, const float *q, const float *keys, size_t stride, size_t n, float *scores) {
    const float *rows[CZ_MR];
    const size_t block = l->depth * VL;
    const cz_micro k = {
        .rows = rows, .taps = 1, .depth = l->depth, .weights = q, .next_block = block, .ahead = q, .next_ahead = block};
    size_t j = 0;
    while (j < n) {
        const size_t m = n - j >= CZ_MR ? CZ_MR : SOME;
        for (size_t p = 0; p < CZ_MR; p++) rows[p] = keys + cz_min(j + p, n - 1) * stride;
        if (m == CZ_MR) {
            score_full(&k, scores + j * QUERIES);
            j += m;
        } else if (n - j >= m) {
            score_some(&k, scores + j * QUERIES);
            j += m;
        } else {
            float kept[SOME * CZ_NB * VL]; /* the rows past the last key are not wanted */
            score_some(&k, kept);
            for (size_t i = 0; i < (n - j) * QUERIES; i++) scores[j * QUERIES + i] = kept[i];
            j = n;
        }
    }
}

/** Scores to weights p in place for one block of lanes; returns c, updates m and l. */
static vf tile_softmax(float *scores, size_t n, float scale, vf *m, vf *l) {
    const vf old = *m, factor = vf_set1(scale);
    vf top = old, sum;
    for (size_t j = 0; j < n; j++) {
        const vf s = vf_mul(vf_load(scores + j * QUERIES), factor);
        vf_store(scores + j * QUERIES, s);
        top = vf_max(top, s);
    }
    const vf c = vf_exp_neg(vf_sub(old, top));
    sum = vf_mul(*l, c);
    for (size_t j = 0; j < n; j++) {
        const vf p = vf_exp_neg(vf_sub(vf_load(scores + j * QUERIES), top));
        vf_store(scores + j * QUERIES, p);
        sum = vf_add(sum, p);
    }
    *m = top;
    *l = sum;
    return c;
}

/** o = o c, then for j ascending o = fma(v[j], p[j], o), for m value channels. */
CZ_INLINE void accumulate(float *o, const vf *c, const float *v, size_t stride, size_t n, const float *p, int m) {
    vf sum[CZ_MR][CZ_NB];
    CZ_UNROLL for (int e = 0; e < m; e++) {
        CZ_UNROLL for (int b = 0; b < CZ_NB; b++) sum[e][b] = vf_mul(vf_load(o + (e * CZ_NB + b) * VL), c[b]);
    }
    for (size_t j = 0; j < n; j++, v += stride, p += QUERIES) {
        vf pb[CZ_NB];
        CZ_UNROLL for (int b = 0; b < CZ_NB; b++) pb[b] = vf_load(p + b * VL);
        CZ_UNROLL for (int e = 0; e < m; e++) {
            const vf x = vf_set1(v[e]);
            CZ_UNROLL for (int b = 0; b < CZ_NB; b++) sum[e][b] = vf_fma(x, pb[b], sum[e][b]);
        }
    }
    CZ_UNROLL for (int e = 0; e < m; e++) {
        CZ_UNROLL for (int b = 0; b < CZ_NB; b++) vf_store(o + (e * CZ_NB + b) * VL, sum[e][b]);
    }
}
static void add_full(float *o, const vf *c, const float *v, size_t stride, size_t n, const float *p) {
    accumulate(o, c, v, stride, n, p, CZ_MR);
}
static void add_some(float *o, const vf *c, const float *v, size_t stride, size_t n, const float *p) {
    accumulate(o, c, v, stride, n, p, SOME);
}
static void add_one(float *o, const vf *c, const float *v, size_t stride, size_t n, const float *p) {
    accumulate(o, c, v, stride, n, p, 1);
}

static void tile_values(const layout *l, float *o, const vf *c, const float *v, size_t stride, size_t n,
                        const float *p) {
    size_t e = 0;
    for (; e + CZ_MR <= l->values; e += CZ_MR) add_full(o + e * QUERIES, c, v + e, stride, n, p);
    for (; e + SOME <= l->values; e += SOME) add_some(o + e * QUERIES, c, v + e, stride, n, p);
    for (; e < l->values; e++) add_one(o + e * QUERIES, c, v + e, stride, n, p);
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    const cz_attr_attention *a = call->attr;
    layout l;
    if (!layout_of(call, &l)) return; /* cannot be: prepare() has made the same */
    unsigned char *at = scratch;
    float *q = (float *)(void *)(at + l.q), *scores = (float *)(void *)(at + l.scores),
          *o = (float *)(void *)(at + l.o);
    const size_t q_stride = l.heads * l.depth, v_stride = l.heads * l.values;
    for (size_t unit = begin; unit < end; unit++) {
        const size_t head = unit % l.heads, first = unit / l.heads * QUERIES;
        const size_t count = cz_min(QUERIES, l.queries - first);
        /* q transposed to [block][d][lane]; lanes past the last query repeat it and are not stored */
        for (size_t i = 0; i < QUERIES; i++) {
            const float *from = in[0] + (first + cz_min(i, count - 1)) * q_stride + head * l.depth;
            float *to = q + i / VL * l.depth * VL + i % VL;
            for (size_t d = 0; d < l.depth; d++) to[d * VL] = from[d];
        }
        for (size_t i = 0; i < l.values * QUERIES; i++) o[i] = 0.0f;
        vf top[CZ_NB], sum[CZ_NB], c[CZ_NB];
        for (int b = 0; b < CZ_NB; b++) {
            top[b] = vf_bits(vi_set1((int32_t)0xFF800000u)); /* -inf */
            sum[b] = vf_zero();
        }
        for (size_t key = 0; key < l.keys; key += KEYS) {
            const size_t n = cz_min(KEYS, l.keys - key);
            tile_scores(&l, q, in[1] + key * q_stride + head * l.depth, q_stride, n, scores);
            for (int b = 0; b < CZ_NB; b++) c[b] = tile_softmax(scores + b * VL, n, a->scale, &top[b], &sum[b]);
            tile_values(&l, o, c, in[2] + key * v_stride + head * l.values, v_stride, n, scores);
        }
        for (size_t e = 0; e < l.values; e++)
            for (size_t b = 0; b < CZ_NB; b++) {
                float *lanes = o + (e * CZ_NB + b) * VL;
                vf_store(lanes, vf_div(vf_load(lanes), sum[b]));
            }
        for (size_t i = 0; i < count; i++) {
            float *to = out + (first + i) * v_stride + head * l.values;
            for (size_t e = 0; e < l.values; e++) to[e] = o[e * QUERIES + i];
        }
    }
}

const cz_kernel CZ_NAME(cz_kernel_attention) = {NULL, NULL, prepare, run};

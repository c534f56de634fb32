/* SPDX-License-Identifier: BSD-2-Clause
 * Chroma of a network's distribution over bins; docs/color.md derives it. The lanes are bins and sums run over the tree
 * of vec.h. */
#include "kernels/color.h"
#include "kernels/epilogue.h"

void CZ_NAME(cz_color_chroma)(const cz_chroma_bins *q, const float *logits, const float *residual, size_t n, float *a,
                              float *b, float *confidence);

void CZ_NAME(cz_color_probability)(const cz_chroma_bins *q, const float *logits, float *p);

/** A finite ab: what overflowed in a network of absurd weights becomes gray or the end of the range. */
static float safe_ab(float v) { return v > -128.0f ? (v < 128.0f ? v : 128.0f) : v <= -128.0f ? -128.0f : 0.0f; }

/** max over the bins of (logit - shift) scale, and these values themselves in z; lanes past the last bin get the
 * padding's -1e30 or less. */
static float shifted_logits(const cz_chroma_bins *q, const float *row, const float *shift, float scale, float *z) {
    const vf by = vf_set1(scale);
    vf top = vf_set1(-3e38f);
    VF_FOR(i, q->bins, count) {
        const vf v = vf_mul(vf_sub(vf_load_n(row + i, count), vf_load(shift + i)), by);
        top = vf_max(v, top);
        vf_store(z + i, v);
    }
    return vf_hmax(top);
}

static vf above(const float *z, vf top) { return vf_max(vf_sub(vf_load(z), top), vf_set1(-100.0f)); }

/** Share of the distribution softmax(logit - weight_shift) that lies near a, b: sum e near / sum e with
 *  near = (CZ_NEAR_OUTER - d^2) / (CZ_NEAR_OUTER - CZ_NEAR_INNER) held in 0..1, d the distance of a bin's centre. Lanes
 *  are bins; both sums are kept in 16 lanes, bins ascending, and closed by vf_sum's tree. */
static float share_near(const cz_chroma_bins *q, const float *row, float *z, float a, float b) {
    const vf top = vf_set1(shifted_logits(q, row, q->weight_shift, 1.0f, z)), va = vf_set1(a), vb = vf_set1(b);
    const vf slope = vf_set1(1.0f / (CZ_NEAR_OUTER - CZ_NEAR_INNER)), outer = vf_set1(CZ_NEAR_OUTER);
    vf s = vf_zero(), sn = vf_zero();
    for (size_t i = 0; i < q->bins; i += VL) {
        const vf e = vf_exp_neg(above(z + i, top));
        const vf da = vf_sub(vf_load(q->a + i), va), db = vf_sub(vf_load(q->b + i), vb);
        const vf near = vf_mul(vf_sub(outer, vf_fma(da, da, vf_mul(db, db))), slope);
        s = vf_add(s, e);
        sn = vf_fma(e, vf_min(vf_max(near, vf_zero()), vf_set1(1.0f)), sn);
    }
    const float share = vf_sum(sn) / vf_sum(s);
    return share > 0.0f ? (share < 1.0f ? share : 1.0f) : 0.0f;
}

/** p = softmax(logit - weight_shift): e over the sum of e, kept in 16 lanes, bins ascending, and closed by vf_sum's
 * tree. */
void CZ_NAME(cz_color_probability)(const cz_chroma_bins *q, const float *logits, float *p) {
    const vf top = vf_set1(shifted_logits(q, logits, q->weight_shift, 1.0f, p));
    vf s = vf_zero();
    for (size_t i = 0; i < q->bins; i += VL) {
        const vf e = vf_exp_neg(above(p + i, top));
        s = vf_add(s, e);
        vf_store(p + i, e);
    }
    const vf sum = vf_set1(vf_sum(s));
    for (size_t i = 0; i < q->bins; i += VL) vf_store(p + i, vf_div(vf_load(p + i), sum));
}

/** z = (logit - shift) / T, m = max z, e = exp(z - m): ab = sum e center / sum e + 110 residual, and confidence as
 *  share_near() has it. Lanes are bins; each of the three sums is kept in 16 lanes, bins ascending, and closed by
 *  vf_sum's tree. */
void CZ_NAME(cz_color_chroma)(const cz_chroma_bins *q, const float *logits, const float *residual, size_t n, float *a,
                              float *b, float *confidence) {
    float z[CZ_COLOR_MAX_BINS];
    for (size_t p = 0; p < n; p++) {
        const float *row = logits + p * q->bins;
        const vf m = vf_set1(shifted_logits(q, row, q->shift, q->inv_temperature, z));
        vf s = vf_zero(), sa = vf_zero(), sb = vf_zero();
        for (size_t i = 0; i < q->bins; i += VL) {
            const vf e = vf_exp_neg(above(z + i, m));
            s = vf_add(s, e);
            sa = vf_fma(e, vf_load(q->a + i), sa);
            sb = vf_fma(e, vf_load(q->b + i), sb);
        }
        const float sum = vf_sum(s), ra = residual ? residual[2 * p] : 0.0f, rb = residual ? residual[2 * p + 1] : 0.0f;
        a[p] = safe_ab(vf_sum(sa) / sum + 110.0f * ra);
        b[p] = safe_ab(vf_sum(sb) / sum + 110.0f * rb);
        confidence[p] = share_near(q, row, z, a[p], b[p]);
    }
}

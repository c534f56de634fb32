/* SPDX-License-Identifier: BSD-2-Clause
 * Chroma of a network's distribution over bins; docs/color.md derives it. The lanes are bins and sums run over the tree
 * of vec.h. */
#include "kernels/color.h"
#include "kernels/epilogue.h"

void CZ_NAME(cz_color_mean)(const cz_chroma_bins *q, float *logits, size_t n, float *a, float *b);

void CZ_NAME(cz_color_confidence)(const cz_chroma_bins *q, const float *shares, size_t n, const float *a,
                                  const float *b, float *confidence);

static vf shifted(const cz_chroma_bins *q, const float *row, size_t i, size_t count) {
    return vf_sub(vf_load_n(row + i, count), vf_load(q->shift + i));
}

/** z = logit - shift, e = exp(z - max z), which takes the place of the logit; the mean colour sum e center / sum e.
 *  Lanes are bins; each of the three sums is kept in 16 lanes, bins ascending, and closed by vf_sum's tree. */
void CZ_NAME(cz_color_mean)(const cz_chroma_bins *q, float *logits, size_t n, float *a, float *b) {
    for (size_t p = 0; p < n; p++) {
        float *row = logits + p * q->bins;
        vf top = vf_set1(-3e38f), s = vf_zero(), sa = vf_zero(), sb = vf_zero();
        VF_FOR(i, q->bins, count) top = vf_max(shifted(q, row, i, count), top);
        top = vf_set1(vf_hmax(top));
        VF_FOR(i, q->bins, count) {
            const vf e = vf_exp_neg(vf_max(vf_sub(shifted(q, row, i, count), top), vf_set1(-100.0f)));
            vf_store_n(row + i, e, count);
            s = vf_add(s, e);
            sa = vf_fma(e, vf_load(q->a + i), sa);
            sb = vf_fma(e, vf_load(q->b + i), sb);
        }
        const float sum = vf_sum(s);
        a[p] = cz_held_ab(vf_sum(sa) / sum);
        b[p] = cz_held_ab(vf_sum(sb) / sum);
    }
}

/** What of the shares lies near a, b: sum e near / sum e with
 *  near = (CZ_NEAR_OUTER - d^2) / (CZ_NEAR_OUTER - CZ_NEAR_INNER) held in 0..1, d the distance of a bin's centre. Lanes
 *  are bins; sums as above. */
static float share_near(const cz_chroma_bins *q, const float *shares, float a, float b) {
    const vf va = vf_set1(a), vb = vf_set1(b);
    const vf slope = vf_set1(1.0f / (CZ_NEAR_OUTER - CZ_NEAR_INNER)), outer = vf_set1(CZ_NEAR_OUTER);
    vf s = vf_zero(), sn = vf_zero();
    VF_FOR(i, q->bins, count) {
        const vf e = vf_load_n(shares + i, count);
        const vf da = vf_sub(vf_load(q->a + i), va), db = vf_sub(vf_load(q->b + i), vb);
        const vf near = vf_mul(vf_sub(outer, vf_fma(da, da, vf_mul(db, db))), slope);
        s = vf_add(s, e);
        sn = vf_fma(e, vf_min(vf_max(near, vf_zero()), vf_set1(1.0f)), sn);
    }
    const float share = vf_sum(sn) / vf_sum(s);
    return share > 0.0f ? (share < 1.0f ? share : 1.0f) : 0.0f;
}

void CZ_NAME(cz_color_confidence)(const cz_chroma_bins *q, const float *shares, size_t n, const float *a,
                                  const float *b, float *confidence) {
    for (size_t p = 0; p < n; p++) confidence[p] = share_near(q, shares + p * q->bins, a[p], b[p]);
}

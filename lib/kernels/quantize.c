/* SPDX-License-Identifier: BSD-2-Clause
 * quantize: out = rint(min(max(fma(x, 1 / scale, zero), 0), 255)), ties to even, as u8; NaN gives 0. */
#define CZ_LANE_WISE /* see vec.h */
#include "kernels/epilogue.h"
#include "kernels/light.h"

static bool prepare(cz_call *call) { return cz_prepare_flat(call); }

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    const cz_attr_quantize *a = call->attr;
    size_t first, last;
    (void)scratch;
    cz_flat_range(call, begin, end, &first, &last);
    const float *x = in[0] + first;
    uint8_t *q = (uint8_t *)out + first;
    size_t left = last - first;
    const cz_steps s = {vf_set1(1.0f / a->scale), vf_set1((float)a->zero), vf_zero(), vf_set1(CZ_U8_MAX)};
#if CZ_NB > 1
    for (; left >= 4 * VL; left -= 4 * VL, x += 4 * VL, q += 4 * VL) {
        vi v[4];
        CZ_UNROLL for (int i = 0; i < 4; i++) v[i] =
            cz_requantize_low(&s, vf_fma(vf_load(x + i * VL), s.factor, s.bias));
        vi_store_u8_4(q, q + 2 * VL, v[0], v[1], v[2], v[3], vi_set1(0), vi_set1(-1));
    }
#endif
    for (; left >= VL; left -= VL, x += VL, q += VL)
        vi_store_u8(q, cz_requantize(&s, vf_fma(vf_load(x), s.factor, s.bias)), VL);
    VF_FOR(i, left, n) vi_store_u8(q + i, cz_requantize(&s, vf_fma(vf_load_n(x + i, n), s.factor, s.bias)), n);
}

const cz_kernel CZ_NAME(cz_kernel_quantize) = {NULL, NULL, prepare, run};

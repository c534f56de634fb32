/* SPDX-License-Identifier: BSD-2-Clause
 * The end of fused operators where it is more than registers can do at once: activations are not inlined into every
 * kernel, and run over many vectors at a time, so that their long chains of operations overlap. */
#define CZ_LANE_WISE /* see vec.h */
#include "kernels/epilogue.h"

#if defined(CZ_ISA_SCALAR)
void cz_exp_neg_scalar(float *x); /* math.h declares it where lanes are 16 */
void cz_exp_neg_scalar(float *x) {
    for (int i = 0; i < 16; i++) vf_store(x + i, vf_exp_neg(vf_load(x + i)));
}
#endif

/** One activation over whole vectors and a rest; `act` is constant where inlined. */
CZ_INLINE void each(int32_t act, float p0, float p1, float *v, size_t n) {
    VF_FOR(i, n, m) vf_store_n(v + i, vf_activate(act, vf_load_n(v + i, m), p0, p1), m);
}

void CZ_NAME(cz_activate)(int32_t act, float p0, float p1, float *v, size_t n) {
#if defined(CZ_LOOP)
    each(act, p0, p1, v, n);
#else
    switch (act) {
    case CZ_ACT_CLAMP:
        each(CZ_ACT_CLAMP, p0, p1, v, n);
        return;
    case CZ_ACT_LEAKY_RELU:
        each(CZ_ACT_LEAKY_RELU, p0, p1, v, n);
        return;
    case CZ_ACT_HARD_SWISH:
        each(CZ_ACT_HARD_SWISH, p0, p1, v, n);
        return;
    case CZ_ACT_SILU:
        each(CZ_ACT_SILU, p0, p1, v, n);
        return;
    case CZ_ACT_GELU:
        each(CZ_ACT_GELU, p0, p1, v, n);
        return;
    case CZ_ACT_GELU_TANH:
        each(CZ_ACT_GELU_TANH, p0, p1, v, n);
        return;
    case CZ_ACT_TANH:
        each(CZ_ACT_TANH, p0, p1, v, n);
        return;
    case CZ_ACT_SIGMOID:
        each(CZ_ACT_SIGMOID, p0, p1, v, n);
        return;
    default:
        return;
    }
#endif
}

/** What comes before the activation: factor and bias of integers, alpha and residual 1, of one pixel. */
static void begin(const cz_epilogue *e, float *sums, const float *r, size_t c, size_t n) {
    const vf alpha = vf_set1(e->alpha);
    VF_FOR(i, n, m) {
        vf v = vf_load(sums + i);
        if (e->factor) v = vf_fma(v, vf_load(e->factor + c + i), e->bias ? vf_load_n(e->bias + c + i, m) : vf_zero());
        if (e->alpha != 1.0f) v = vf_mul(v, alpha);
        if (e->residual_mode == 1) v = vf_add(v, vf_load_n(r + i, m));
        vf_store(sums + i, v);
    }
}

/** What comes after it: affine, residual 2 and the store, of one pixel. */
static void end(const cz_epilogue *e, const float *sums, const float *r, size_t c, size_t n, float *out) {
    const bool affine = e->scale != NULL || e->shift != NULL;
    VF_FOR(i, n, m) {
        vf v = vf_load(sums + i);
        if (affine)
            v = vf_fma(v, e->scale ? vf_load_n(e->scale + c + i, m) : vf_set1(1.0f),
                       e->shift ? vf_load_n(e->shift + c + i, m) : vf_zero());
        if (e->residual_mode == 2) v = vf_add(v, vf_load_n(r + i, m));
        vf_store_n(out + i, v, m);
    }
}

/** What comes after it where the result is u8; `sums` already have the rest. */
static void store_u8(const cz_epilogue *e, const float *sums, size_t n, uint8_t *out) {
    VF_FOR(i, n, m) vi_store_u8(out + i, cz_quantize(vf_load(sums + i), e->steps, e->zero), m);
}

void CZ_NAME(cz_finish)(const cz_epilogue *e, float *sums, size_t step, const size_t *pixel, size_t count,
                        size_t channels, size_t c, size_t n, float *out) {
    const size_t whole = cz_ceil_div(n, VL) * VL;
    if (e->alpha != 1.0f || e->residual_mode == 1 || e->factor)
        for (size_t p = 0; p < count; p++)
            begin(e, sums + p * step, e->residual ? e->residual + pixel[p] * channels + c : sums, c, n);
    if (whole == step)
        CZ_NAME(cz_activate)(e->act, e->p0, e->p1, sums, count * step);
    else
        for (size_t p = 0; p < count; p++) CZ_NAME(cz_activate)(e->act, e->p0, e->p1, sums + p * step, whole);
    for (size_t p = 0; p < count; p++) {
        const size_t at = pixel[p] * channels + c;
        float *v = sums + p * step;
        end(e, v, e->residual ? e->residual + at : sums, c, n, e->steps != 0 ? v : out + at);
        if (e->steps != 0) store_u8(e, v, n, (uint8_t *)out + at);
    }
}

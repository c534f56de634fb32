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

/** Sums of `count` pixels, `step` floats apart, whose n channels from c on are finished: cz_finish. */
typedef struct tile {
    float *sums;
    size_t step, count, channels, c, n;
    const size_t *pixel;
} tile;

/** What comes before the activation: factor and bias of integers, alpha and residual 1. */
static void begin(const cz_epilogue *e, const tile *t) {
    const vf alpha = vf_set1(e->alpha);
    VF_FOR(i, t->n, m) {
        const size_t c = t->c + i;
        const vf factor = e->factor ? vf_load(e->factor + c) : vf_zero();
        const vf bias = e->bias ? vf_load_n(e->bias + c, m) : vf_zero();
        for (size_t p = 0; p < t->count; p++) {
            float *at = t->sums + p * t->step + i;
            vf v = vf_load(at);
            if (e->factor) v = vf_fma(v, factor, bias);
            if (e->alpha != 1.0f) v = vf_mul(v, alpha);
            if (e->residual_mode == 1) v = vf_add(v, vf_load_n(e->residual + t->pixel[p] * t->channels + c, m));
            vf_store(at, v);
        }
    }
}

/** What comes after it: affine, residual 2 and the store. */
static void end(const cz_epilogue *e, const tile *t, float *out) {
    const bool affine = e->scale != NULL || e->shift != NULL, adds = e->residual_mode == 2, bytes = e->steps != 0;
    VF_FOR(i, t->n, m) {
        const size_t c = t->c + i;
        const vf scale = e->scale ? vf_load_n(e->scale + c, m) : vf_set1(1.0f);
        const vf shift = e->shift ? vf_load_n(e->shift + c, m) : vf_zero();
        for (size_t p = 0; p < t->count; p++) {
            const size_t at = t->pixel[p] * t->channels + c;
            vf v = vf_load(t->sums + p * t->step + i);
            if (affine) v = vf_fma(v, scale, shift);
            if (adds) v = vf_add(v, vf_load_n(e->residual + at, m));
            if (bytes)
                vi_store_u8((uint8_t *)out + at, cz_quantize(v, e->steps, e->zero), m);
            else
                vf_store_n(out + at, v, m);
        }
    }
}

void CZ_NAME(cz_finish)(const cz_epilogue *e, float *sums, size_t step, const size_t *pixel, size_t count,
                        size_t channels, size_t c, size_t n, float *out) {
    const tile t = {sums, step, count, channels, c, n, pixel};
    const size_t whole = cz_ceil_div(n, VL) * VL;
    if (e->alpha != 1.0f || e->residual_mode == 1 || e->factor) begin(e, &t);
    if (whole == step)
        CZ_NAME(cz_activate)(e->act, e->p0, e->p1, sums, count * step);
    else
        for (size_t p = 0; p < count; p++) CZ_NAME(cz_activate)(e->act, e->p0, e->p1, sums + p * step, whole);
    end(e, &t, out);
}

/* SPDX-License-Identifier: BSD-2-Clause
 * The end of every operator that fuses: activation, per-channel affine, residual. For each output, in this order:
 *   v = alpha sum (where alpha is not 1), or fma(sum, factor, bias) of integers; residual 1: v = v + r; v = act(v); v =
 * fma(v, scale, shift) where either is given (the absent one is 1 or 0); residual 2: v = v + r; u8 results:
 * cz_quantize(v) */
#ifndef CZ_KERNELS_EPILOGUE_H
#define CZ_KERNELS_EPILOGUE_H

#include "kernels/math.h"

typedef struct cz_epilogue {
    const float *bias, *scale, *shift; /* by output channel; NULL: absent */
    const float *residual;             /* laid out as the output; NULL: absent */
    int32_t residual_mode;             /* 0, 1 before the activation, 2 at the end */
    int32_t act;
    float p0, p1, alpha;
    /* of conv2d_i8; all 0 elsewhere */
    const float *factor;  /* by output channel, whole vectors: what one step of the sum is worth */
    const int32_t *start; /* the same: sums start here */
    float steps, zero;    /* u8 results: 1 / scale and the zero point; steps 0: results are f32 */
} cz_epilogue;

/** rint(min(max(fma(v, steps, zero), 0), 127)), ties to even, NaN to 0: the u8 of v. */
static inline vi cz_quantize(vf v, float steps, float zero) {
    v = vf_fma(v, vf_set1(steps), vf_set1(zero));
    return vi_round(vf_min(vf_max(v, vf_zero()), vf_set1(CZ_U8_MAX)));
}

/** The epilogue of an operator whose optional inputs 2 .. 5 are bias, scale, shift and residual. */
static inline cz_epilogue cz_epilogue_make(const float *const *in, int32_t act, float p0, float p1, int32_t residual) {
    return (cz_epilogue){.bias = in[2],
                         .scale = in[3],
                         .shift = in[4],
                         .residual = in[5],
                         .residual_mode = in[5] != NULL ? residual : 0,
                         .act = act,
                         .p0 = p0,
                         .p1 = p1,
                         .alpha = 1.0f};
}

/** True when all there is to do is nothing, a relu or a clamp: the micro kernel then does it in registers, by
 *  cz_epilogue_plain. */
static inline bool cz_epilogue_is_plain(const cz_epilogue *e) {
    const bool relu = e->act == CZ_ACT_LEAKY_RELU && e->p0 == 0.0f;
    return e->residual_mode == 0 && e->factor == NULL && e->scale == NULL && e->shift == NULL && e->alpha == 1.0f &&
           (e->act <= CZ_ACT_CLAMP || relu);
}

/** True when all there is to do is cz_quantize(fma(sum, factor, bias)). */
static inline bool cz_epilogue_is_u8(const cz_epilogue *e) {
    return e->steps != 0 && e->act == CZ_ACT_NONE && e->residual_mode == 0;
}

/** vf_activate for a plain epilogue, bit for bit. */
static inline vf cz_epilogue_plain(const cz_epilogue *e, vf v) {
    if (e->act == CZ_ACT_NONE) return v;
    return e->act == CZ_ACT_CLAMP ? vf_clamp(v, e->p0, e->p1) : vf_max(v, vf_zero());
}

/** v[i] = act(v[i]), n of them: enum cz_activation, the bits of vf_activate. */
void CZ_NAME(cz_activate)(int32_t act, float p0, float p1, float *v, size_t n);

/** Finishes and stores channels c .. c + n - 1 of `count` pixels. Their sums begin at `sums` and are `step` floats
 * apart, n rounded up to whole vectors of 16 or more; they change. Pixel p is number pixel[p] of `out`, whose pixels
 * have `channels` channels. */
void CZ_NAME(cz_finish)(const cz_epilogue *e, float *sums, size_t step, const size_t *pixel, size_t count,
                        size_t channels, size_t c, size_t n, float *out);

/** The same for n sums of one pixel that are in a register, not stored; `r` is the residual at the first of them. Where
 *  many pixels are at hand, cz_finish is faster. */
static inline vf cz_epilogue_apply(const cz_epilogue *e, vf v, const float *r, size_t c, size_t n) {
    if (e->alpha != 1.0f) v = vf_mul(v, vf_set1(e->alpha));
    if (e->residual_mode == 1) v = vf_add(v, vf_load_n(r, n));
    if (e->act != CZ_ACT_NONE) {
        float x[VL];
        vf_store(x, v);
        CZ_NAME(cz_activate)(e->act, e->p0, e->p1, x, VL);
        v = vf_load(x);
    }
    if (e->scale != NULL || e->shift != NULL)
        v = vf_fma(v, e->scale ? vf_load_n(e->scale + c, n) : vf_set1(1.0f),
                   e->shift ? vf_load_n(e->shift + c, n) : vf_zero());
    if (e->residual_mode == 2) v = vf_add(v, vf_load_n(r, n));
    return v;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 * The end of every operator that fuses: activation, per-channel affine, residual. For each output, in this order:
 *   v = alpha sum (where alpha is not 1), or fma(sum, factor, bias) of integers; residual 1: v = v + r; v = act(v); v =
 * fma(v, scale, shift) where either is given (the absent one is 1 or 0); residual 2: v = v + r; u8 results:
 * cz_quantize(v). epilogue.h computes it. */
#ifndef CZ_KERNELS_FUSED_H
#define CZ_KERNELS_FUSED_H

#include "kernels/kernel.h"

#include <math.h>

#define CZ_BOUNDED 0x1p29f /* steps: far from where vi_round has no integer for its result */

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
    bool bounded;         /* u8 results of dense weights: no sum, in steps, reaches CZ_BOUNDED either way */
    bool direct;          /* the activation is a clamp at most, and no residual comes after it */
    float low, high;      /* u8 results, `direct`: that clamp, in steps */
} cz_epilogue;

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

/** True when the activation is none, a relu, leaky or not, or a clamp, which registers can do while they hold sums. */
static inline bool cz_epilogue_is_simple(const cz_epilogue *e) {
    return e->factor == NULL && e->steps == 0 && e->alpha == 1.0f &&
           (e->act <= CZ_ACT_CLAMP || e->act == CZ_ACT_LEAKY_RELU);
}

/** True when all there is to do is nothing, a relu or a clamp: cz_epilogue_limits. */
static inline bool cz_epilogue_is_plain(const cz_epilogue *e) {
    return cz_epilogue_is_simple(e) && (e->act != CZ_ACT_LEAKY_RELU || e->p0 == 0.0f) && e->residual_mode == 0 &&
           e->scale == NULL && e->shift == NULL;
}

/** The clamp that a plain epilogue is, a relu being one, bit for bit, to 0 .. infinity. false: it does nothing. */
static inline bool cz_epilogue_limits(const cz_epilogue *e, float *low, float *high) {
    *low = e->act == CZ_ACT_CLAMP ? e->p0 : 0.0f;
    *high = e->act == CZ_ACT_CLAMP ? e->p1 : INFINITY;
    return e->act != CZ_ACT_NONE;
}

/** True when all there is to do is cz_requantize. */
static inline bool cz_epilogue_is_u8(const cz_epilogue *e) {
    return e->direct && e->steps != 0 && e->residual_mode == 0;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 * fused.h, computed. */
#ifndef CZ_KERNELS_EPILOGUE_H
#define CZ_KERNELS_EPILOGUE_H

#include "kernels/fused.h"
#include "kernels/math.h"

/** rint(min(max(fma(v, steps, zero), 0), 255)), ties to even, NaN to 0: the u8 of v. */
static inline vi cz_quantize(vf v, float steps, float zero) {
    v = vf_fma(v, vf_set1(steps), vf_set1(zero));
    return vi_round(vf_min(vf_max(v, vf_zero()), vf_set1(CZ_U8_MAX)));
}

/** What makes steps of a u8 result of integer sums in a `direct` end, fma(sum, factor, bias), and their limits. */
typedef struct cz_steps {
    vf factor, bias, low, high;
} cz_steps;

/** Of channels c .. c + n - 1. */
static inline cz_steps cz_steps_of(const cz_epilogue *e, size_t c, size_t n) {
    const vf steps = vf_set1(e->steps), bias = e->bias ? vf_load_n(e->bias + c, n) : vf_zero();
    return (cz_steps){vf_mul(vf_load(e->factor + c), steps), vf_fma(bias, steps, vf_set1(e->zero)), vf_set1(e->low),
                      vf_set1(e->high)};
}

/** The u8 of v steps. */
static inline vi cz_requantize(const cz_steps *s, vf v) { return vi_round(vf_min(vf_max(v, s->low), s->high)); }

/** The same for vi_store_quads, which cuts at `low`, in bytes: whole numbers may be cut after rounding. */
static inline vi cz_requantize_low(const cz_steps *s, vf v) { return vi_round(vf_min(s->high, v)); }

/** A limit, for those who cut bytes. vi_store_u8_4 cuts so at both. */
static inline vi cz_limit_bytes(float limit) { return vi_set1((int32_t)((uint32_t)rintf(limit) * 0x01010101u)); }

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

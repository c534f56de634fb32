/* SPDX-License-Identifier: BSD-2-Clause
 * Elementary functions, lane by lane over vec.h. Only IEEE add, multiply, fma, divide and integer operations on the
 * bits, in one fixed order: the same bits on every machine. The polynomials are our own minimax fits (math_fit.py).
 *
 * Largest errors in units in the last place, measured against long double libm by tests/test_math.c:
 *   vf_exp 1.05   vf_log2 0.95   vf_log 0.95   vf_tanh 2.7   vf_sigmoid 2.4   vf_erf 1.7   vf_cbrt 0.9
 *   vf_powf_const 1.2   vf_pow_5_12 1.9   vf_gelu 7 from x = 0 up, 8 from -1 up
 *
 * Every function is defined for every bit pattern. Unless said otherwise a NaN counts as minus infinity, so that what
 * comes out is finite and the same everywhere: exp, sigmoid, cbrt, pow give 0, tanh and erf -1, the logarithms their
 * value at 2^-126. The activations that multiply by x (leaky relu with a slope, hard swish, SiLU, GELU) keep the NaN.
 */
#ifndef CZ_KERNELS_MATH_H
#define CZ_KERNELS_MATH_H

#include "kernels/vec.h"

#define CZ_LN2_HI     0x1.62e430p-1f
#define CZ_LN2_LO     (-0x1.05c610p-29f)
#define CZ_LOG2E      0x1.715476p0f
#define CZ_MIN_NORMAL 0x1p-126f

/** x in low .. high; NaN gives low. */
static inline vf vf_clamp(vf x, float low, float high) { return vf_min(vf_max(x, vf_set1(low)), vf_set1(high)); }

/** c[0] + c[1] x + ... + c[n-1] x^(n-1) by Horner's rule, one fma a step. */
CZ_INLINE vf vf_poly(vf x, const float *c, int n) {
    vf r = vf_set1(c[n - 1]);
    CZ_UNROLL for (int i = n - 2; i >= 0; i--) r = vf_fma(r, x, vf_set1(c[i]));
    return r;
}

/** x 2^n by adding to the exponent; the result must be a normal number. */
static inline vf vf_scale_(vf x, vi n) { return vf_bits(vi_add(vi_bits(x), vi_shl(n, 23))); }

/** e^x for x in -87.3365 .. 88.7228: x = n ln 2 + r, 2^n (1 + (r + r^2 P(r))). */
static inline vf vf_exp_core_(vf x) {
    static const float c[5] = {0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558aep-5f, 0x1.123988p-7f, 0x1.6a500ep-10f};
    const vi n = vi_round(vf_mul(x, vf_set1(CZ_LOG2E)));
    const vf nf = vf_from_i(n);
    /* both steps exact: n ln2_hi has no bit below 2^-24 and the difference is below 1/2 */
    const vf r = vf_fnma(nf, vf_set1(CZ_LN2_LO), vf_fnma(nf, vf_set1(CZ_LN2_HI), x));
    const vf p = vf_fma(vf_mul(r, r), vf_poly(r, c, 5), r);
    return vf_scale_(vf_add(vf_set1(1.0f), p), n);
}

#define CZ_EXP_LOW  (-87.3365f)   /* just above ln 2^-126: e^x is normal from here on */
#define CZ_EXP_HIGH 0x1.62e42ep6f /* 88.72283, the last f32 below ln of the largest f32 */

/** e^x; 0 below -87.3365 (no subnormals), infinity above 88.72283. */
static inline vf vf_exp(vf x) {
    const vf y = vf_exp_core_(vf_clamp(x, CZ_EXP_LOW, CZ_EXP_HIGH));
    const vf z = vf_select(vf_le(vf_set1(CZ_EXP_LOW), x), y, vf_zero());
    return vf_select(vf_lt(vf_set1(CZ_EXP_HIGH), x), vf_bits(vi_set1(0x7F800000)), z);
}

/** vf_exp for x <= 0 (softmax), its bits exactly and cheaper; x above 0 counts as 0. */
#if defined(CZ_ISA_SCALAR) && VL > 1
void cz_exp_neg_scalar(float *x); /* 16 of them: inlined into softmax and others they would be most of their code */
static inline vf vf_exp_neg(vf x) {
    float v[VL];
    vf_store(v, x);
    cz_exp_neg_scalar(v);
    return vf_load(v);
}
#else
static inline vf vf_exp_neg(vf x) {
    const vf y = vf_exp_core_(vf_clamp(x, CZ_EXP_LOW, 0.0f));
    return vf_select(vf_le(vf_set1(CZ_EXP_LOW), x), y, vf_zero());
}
#endif

/** e^x - 1 for x in -80 .. 0, small relative to itself: 2^n q + (2^n - 1) with q = e^r - 1. */
static inline vf vf_expm1_neg_(vf x) {
    static const float c[6] = {0.5f, 0x1.555554p-3f, 0x1.5554f8p-5f, 0x1.1112d8p-7f, 0x1.6d3a38p-10f, 0x1.9e72aap-13f};
    const vi n = vi_round(vf_mul(x, vf_set1(CZ_LOG2E)));
    const vf nf = vf_from_i(n);
    const vf r = vf_fnma(nf, vf_set1(CZ_LN2_LO), vf_fnma(nf, vf_set1(CZ_LN2_HI), x));
    const vf q = vf_fma(vf_mul(r, r), vf_poly(r, c, 6), r);
    const vf s = vf_scale_(vf_set1(1.0f), n);
    return vf_fma(s, q, vf_sub(s, vf_set1(1.0f)));
}

/** magnitude (not negative) with the sign of x. */
static inline vf vf_with_sign_(vf magnitude, vf x) {
    return vf_bits(vi_or(vi_bits(magnitude), vi_and(vi_bits(x), vi_set1(INT32_MIN))));
}

/** tanh x = -t / (2 + t), t = e^(-2|x|) - 1. */
static inline vf vf_tanh(vf x) {
    const vf y = vf_clamp(x, -10.0f, 10.0f); /* tanh is 1 in f32 from 9.02 on */
    const vf t = vf_expm1_neg_(vf_mul(vf_abs(y), vf_set1(-2.0f)));
    return vf_with_sign_(vf_div(vf_neg(t), vf_add(vf_set1(2.0f), t)), y);
}

/** 1 / (1 + e^-x), as z / (1 + z) with z = e^-|x| for negative x: nothing overflows. 0 below -87.3365. */
static inline vf vf_sigmoid(vf x) {
    const vf one = vf_set1(1.0f), z = vf_exp_neg(vf_neg(vf_abs(x)));
    return vf_div(vf_select(vf_le(vf_zero(), x), one, z), vf_add(one, z));
}

#define CZ_ERFC_HIGH 5.5f

/** -ln(erfc(a)) = a (2 / sqrt(pi) + a P(a)) for a in 0 .. 5.5, the constant in two parts. */
static inline vf vf_minus_ln_erfc_(vf a) {
    static const float c[10] = {0x1.45f304p-1f,  0x1.a4f584p-4f,   -0x1.395aeap-6f, -0x1.f6097ap-13f,
                                0x1.d57ac2p-10f, -0x1.85f2d4p-11f, 0x1.6deb66p-13f, -0x1.a4d8fap-16f,
                                0x1.12e75ep-19f, -0x1.37c586p-24f};
    const vf q = vf_fma(a, vf_poly(a, c, 10), vf_set1(-0x1.f7ac92p-25f));
    return vf_fma(a, vf_set1(0x1.20dd76p+0f), vf_mul(a, q));
}

/** erf x = 1 - erfc |x|, with the sign of x. */
static inline vf vf_erf(vf x) {
    const vf y = vf_clamp(x, -CZ_ERFC_HIGH, CZ_ERFC_HIGH);
    return vf_with_sign_(vf_neg(vf_expm1_neg_(vf_neg(vf_minus_ln_erfc_(vf_abs(y))))), y);
}

/** log2 x = e + hi + lo for x >= 2^-126 (what is below counts as 2^-126, infinity as 2^128), e whole, |hi| <= 1/2, lo
 *  the rounding error of hi: x = 2^e (1 + f), log2(1 + f) = f log2(e) + f^2 P(f). */
static inline void vf_log2_parts_(vf x, vf *e, vf *hi, vf *lo) {
    static const float c[9] = {-0x1.715470p-1f, 0x1.ec7094p-2f,  -0x1.715ad8p-2f, 0x1.277f0cp-2f, -0x1.eaade2p-3f,
                               0x1.a2df70p-3f,  -0x1.87932ep-3f, 0x1.7e499ep-3f,  -0x1.c38860p-4f};
    const vi bits = vi_bits(vf_max(x, vf_set1(CZ_MIN_NORMAL)));
    const vi n = vi_sra(vi_sub(bits, vi_set1(0x3F3504F3)), 23); /* 1 + f in sqrt(1/2) .. sqrt(2) */
    const vf f = vf_sub(vf_bits(vi_sub(bits, vi_shl(n, 23))), vf_set1(1.0f));
    const vf head = vf_mul(f, vf_set1(CZ_LOG2E));
    const vf tail = vf_fma(f, vf_set1(0x1.4ae0c0p-26f), vf_fma(f, vf_set1(CZ_LOG2E), vf_neg(head)));
    const vf q = vf_mul(vf_mul(f, f), vf_poly(f, c, 9));
    *e = vf_from_i(n);
    *hi = vf_add(head, q);
    *lo = vf_add(vf_add(vf_sub(head, *hi), q), tail); /* |head| > |q|: the difference is the exact rounding error */
}

/** log2 x; x below 2^-126 counts as 2^-126. */
static inline vf vf_log2(vf x) {
    vf e, hi, lo;
    vf_log2_parts_(x, &e, &hi, &lo);
    const vf s = vf_add(e, hi);
    const vf s_near = vf_add(vf_sub(e, s), hi); /* exact where e is not 0; 0 where it is */
    return vf_add(s, vf_add(s_near, lo));
}

/** ln x = e ln 2 + ln(1 + f), ln(1 + f) = f - f^2 / 2 + f^3 P(f); x below 2^-126 counts as 2^-126. */
static inline vf vf_log(vf x) {
    static const float c[9] = {-0.5f,          0x1.555554p-2f,  -0x1.000228p-2f, 0x1.99a022p-3f, -0x1.547204p-3f,
                               0x1.22d84cp-3f, -0x1.0d869ep-3f, 0x1.0566e4p-3f,  -0x1.38c628p-4f};
    const vi bits = vi_bits(vf_max(x, vf_set1(CZ_MIN_NORMAL)));
    const vi n = vi_sra(vi_sub(bits, vi_set1(0x3F3504F3)), 23);
    const vf f = vf_sub(vf_bits(vi_sub(bits, vi_shl(n, 23))), vf_set1(1.0f));
    const vf e = vf_from_i(n), q = vf_mul(vf_mul(f, f), vf_poly(f, c, 9));
    return vf_fma(e, vf_set1(CZ_LN2_HI), vf_add(f, vf_fma(e, vf_set1(CZ_LN2_LO), q)));
}

/** x^p = 2^(p log2 x) for x >= 0 and a constant p > 0; x below 2^-126 (negative, NaN) and results below 2^-126 give 0,
 *  results of 2^128 and more infinity. p is taken in two parts, the first of at most 12 bits, so p e is exact. */
static inline vf vf_powf_const(vf x, double p) {
    static const float c[7] = {0x1.62e430p-1f,  0x1.ebfbe0p-3f,  0x1.c6b070p-5f, 0x1.3b2a5ap-7f,
                               0x1.5da2c2p-10f, 0x1.44113cp-13f, 0x1.e44342p-17f};
    const float split = (float)(p * 4097.0), ph = split - (split - (float)p), pl = (float)(p - (double)ph);
    vf e, hi, lo;
    vf_log2_parts_(x, &e, &hi, &lo);
    const vf head = vf_set1(ph), tail = vf_set1(pl), sum = vf_add(e, hi), y = vf_mul(vf_set1((float)p), sum);
    const vi n = vi_round(vf_clamp(y, -126.0f, 128.0f));
    vf r = vf_fma(head, hi, vf_fma(head, e, vf_neg(vf_from_i(n))));
    r = vf_add(r, vf_fma(head, lo, vf_mul(tail, sum)));
    const vf z = vf_scale_(vf_fma(r, vf_poly(r, c, 7), vf_set1(1.0f)), n);
    const vm some = vm_and(vf_le(vf_set1(CZ_MIN_NORMAL), x), vf_le(vf_set1(-126.0f), y));
    return vf_select(some, vf_select(vf_lt(y, vf_set1(128.0f)), z, vf_bits(vi_set1(0x7F800000))), vf_zero());
}

/** x^(5/12), the power of sRGB's encoding; x below 2^-126 counts as 2^-126. x = 2^n (1 + f), 5 n = 12 q + k:
 *  2^q 2^(k/12) (1 + f P(f)). */
static inline vf vf_pow_5_12(vf x) {
    static const float c[8] = {0x1.aaaaa8p-2f, -0x1.f1c7d2p-4f, 0x1.06bc0ap-4f, -0x1.52fe88p-5f,
                               0x1.e3a69ap-6f, -0x1.7f05eep-6f, 0x1.51d978p-6f, -0x1.9605bap-7f};
    static const float twelfths[16] = {0x1.0p0f,      0x1.0f38fap0f, 0x1.1f59acp0f, 0x1.306fep0f,
                                       0x1.428a3p0f,  0x1.55b81p0f,  0x1.6a09e6p0f, 0x1.7f910ep0f,
                                       0x1.965feap0f, 0x1.ae89fap0f, 0x1.c823ep0f,  0x1.e3437ep0f};
    const vi bits = vi_bits(vf_max(x, vf_set1(CZ_MIN_NORMAL)));
    const vi n = vi_sra(vi_sub(bits, vi_set1(0x3F3504F3)), 23);
    const vf f = vf_sub(vf_bits(vi_sub(bits, vi_shl(n, 23))), vf_set1(1.0f)),
             five = vf_mul(vf_from_i(n), vf_set1(5.0f));
    const vf q = vf_floor(vf_fma(five, vf_set1(1.0f / 12.0f), vf_set1(1.0f / 24.0f)));
    const vf power = vf_lookup(twelfths, vi_round(vf_fnma(q, vf_set1(12.0f), five)));
    return vf_mul(vf_fma(f, vf_poly(f, c, 8), vf_set1(1.0f)), vf_scale_(power, vi_round(q)));
}

/** The cube root of x >= 0: 0 below 2^-126, what is above 2^126 counts as 2^126. A third of the bits as a number is a
 *  start within 4 %; one step of Halley's method and one of Newton's with the exact residual follow. */
static inline vf vf_cbrt(vf x) {
    const vf a = vf_clamp(x, CZ_MIN_NORMAL, 0x1p126f), half = vf_set1(0.5f);
    vf y = vf_bits(vi_round(vf_fma(vf_from_i(vi_bits(a)), vf_set1(1.0f / 3.0f), vf_set1(709958130.0f))));
    const vf cube = vf_mul(vf_mul(y, y), y);
    y = vf_mul(y, vf_div(vf_fma(half, cube, a), vf_fma(half, a, cube)));
    const vf square = vf_mul(y, y), lost = vf_fma(y, y, vf_neg(square));
    const vf residual = vf_fma(lost, y, vf_fma(square, y, vf_neg(a))); /* y^3 - a */
    y = vf_sub(y, vf_div(residual, vf_mul(square, vf_set1(3.0f))));
    return vf_select(vf_le(vf_set1(CZ_MIN_NORMAL), x), y, vf_zero());
}

/** x sigmoid(x). */
static inline vf vf_silu(vf x) { return vf_mul(x, vf_sigmoid(x)); }

/** x min(max(x + 3, 0), 6) (1/6 rounded to f32). */
static inline vf vf_hard_swish(vf x) {
    return vf_mul(vf_mul(x, vf_clamp(vf_add(x, vf_set1(3.0f)), 0.0f, 6.0f)), vf_set1(1.0f / 6.0f));
}

/** x (1 + erf(x / sqrt 2)) / 2 = max(x, 0) - a erfc(sqrt 2 a), a = |x| / 2: nothing cancels. The complement is the
 *  8th power of a polynomial of a, which has a root at 4.189: 0 from x = -8.38 down. A power of 8 costs three
 *  multiplications where an exponential costs ten, and gives a polynomial's errors 8 times: units in the last place are
 *  above, and below x = -1 it is within 1.2e-7. */
static inline vf vf_gelu(vf x) {
    static const float c[9] = {1.0f,
                               -0x1.98842ap-3f,
                               -0x1.1d3778p-3f,
                               -0x1.814714p-8f,
                               0x1.ae870ep-6f,
                               0x1.31f37ap-10f,
                               -0x1.127318p-8f,
                               0x1.102d76p-10f,
                               -0x1.57322cp-14f};
    const vf a = vf_min(vf_mul(vf_abs(x), vf_set1(0.5f)), vf_set1(4.18914218f));
    vf p = vf_poly(a, c, 9);
    p = vf_mul(p, p);
    p = vf_mul(p, p);
    return vf_fnma(a, vf_mul(p, p), vf_max(vf_zero(), x));
}

/** x (1 + tanh u) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3). */
static inline vf vf_gelu_tanh(vf x) {
    const vf inner = vf_fma(vf_mul(x, x), vf_set1(0.044715f), vf_set1(1.0f));
    return vf_mul(x, vf_sigmoid(vf_mul(vf_mul(x, inner), vf_set1(0x1.988454p0f)))); /* 2 sqrt(2 / pi) */
}

/** enum cz_activation; p0 and p1 as there. leaky relu with p0 = 0 is max(x, 0): +0 for x <= 0 and for NaN. */
static inline vf vf_activate(int32_t act, vf x, float p0, float p1) {
    switch (act) {
    case CZ_ACT_CLAMP:
        return vf_clamp(x, p0, p1);
    case CZ_ACT_LEAKY_RELU:
        if (p0 == 0.0f) return vf_max(x, vf_zero());
        return vf_select(vf_lt(vf_zero(), x), x, vf_mul(vf_set1(p0), x));
    case CZ_ACT_HARD_SWISH:
        return vf_hard_swish(x);
    case CZ_ACT_SILU:
        return vf_silu(x);
    case CZ_ACT_GELU:
        return vf_gelu(x);
    case CZ_ACT_GELU_TANH:
        return vf_gelu_tanh(x);
    case CZ_ACT_TANH:
        return vf_tanh(x);
    case CZ_ACT_SIGMOID:
        return vf_sigmoid(x);
    default:
        return x;
    }
}

#endif

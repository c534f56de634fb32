/* SPDX-License-Identifier: BSD-2-Clause
 * vec.h for AArch64: four registers of four lanes. Included by vec.h only. */
#ifndef CZ_KERNELS_VEC_NEON_H
#define CZ_KERNELS_VEC_NEON_H

#include <arm_neon.h>

#define CZ_MR 6 /* 24 accumulators, 4 weights, 1 broadcast of 32 registers */
#define CZ_NB 1

typedef struct {
    float32x4_t a, b, c, d;
} vf;
typedef struct {
    int32x4_t a, b, c, d;
} vi;
typedef struct {
    uint32x4_t a, b, c, d;
} vm;

/* The result type's constructor, and a function of one or two arguments quarter by quarter. */
#define V_EACH1(type, f, x)    ((type){f((x).a), f((x).b), f((x).c), f((x).d)})
#define V_EACH2(type, f, x, y) ((type){f((x).a, (y).a), f((x).b, (y).b), f((x).c, (y).c), f((x).d, (y).d)})

static inline vf vf_set1(float x) {
    const float32x4_t v = vdupq_n_f32(x);
    return (vf){v, v, v, v};
}
static inline vf vf_zero(void) { return vf_set1(0.0f); }
static inline vf vf_load(const float *p) {
    return (vf){vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)};
}
static inline void vf_store(float *p, vf x) {
    vst1q_f32(p, x.a);
    vst1q_f32(p + 4, x.b);
    vst1q_f32(p + 8, x.c);
    vst1q_f32(p + 12, x.d);
}
/** Lanes 0 .. n - 1 of a quarter; all four where n is 4 or more. There are no masked loads. */
static inline float32x4_t vf_load4_(const float *p, size_t n) {
    if (n >= 4) return vld1q_f32(p);
    float32x4_t r = vdupq_n_f32(0.0f);
    if (n > 0) r = vld1q_lane_f32(p, r, 0);
    if (n > 1) r = vld1q_lane_f32(p + 1, r, 1);
    if (n > 2) r = vld1q_lane_f32(p + 2, r, 2);
    return r;
}
static inline void vf_store4_(float *p, float32x4_t x, size_t n) {
    if (n >= 4) {
        vst1q_f32(p, x);
        return;
    }
    if (n > 0) vst1q_lane_f32(p, x, 0);
    if (n > 1) vst1q_lane_f32(p + 1, x, 1);
    if (n > 2) vst1q_lane_f32(p + 2, x, 2);
}
/** What is left of n after the quarters before. */
static inline size_t vf_left_(size_t n, size_t before) { return n > before ? n - before : 0; }
/* Tails are called, not inlined at every use: a vf travels in four registers. */
__attribute__((noinline, unused)) static vf vf_load_tail_(const float *p, size_t n) {
    vf r = vf_zero();
    r.a = vf_load4_(p, n);
    if (n > 4) r.b = vf_load4_(p + 4, vf_left_(n, 4));
    if (n > 8) r.c = vf_load4_(p + 8, vf_left_(n, 8));
    if (n > 12) r.d = vf_load4_(p + 12, vf_left_(n, 12));
    return r;
}
__attribute__((noinline, unused)) static void vf_store_tail_(float *p, vf x, size_t n) {
    vf_store4_(p, x.a, n);
    if (n > 4) vf_store4_(p + 4, x.b, vf_left_(n, 4));
    if (n > 8) vf_store4_(p + 8, x.c, vf_left_(n, 8));
    if (n > 12) vf_store4_(p + 12, x.d, vf_left_(n, 12));
}
static inline vf vf_load_n(const float *p, size_t n) { return n == VL ? vf_load(p) : vf_load_tail_(p, n); }
static inline void vf_store_n(float *p, vf x, size_t n) {
    if (n == VL)
        vf_store(p, x);
    else
        vf_store_tail_(p, x, n);
}
static inline vf vf_add(vf x, vf y) { return V_EACH2(vf, vaddq_f32, x, y); }
static inline vf vf_sub(vf x, vf y) { return V_EACH2(vf, vsubq_f32, x, y); }
static inline vf vf_mul(vf x, vf y) { return V_EACH2(vf, vmulq_f32, x, y); }
static inline vf vf_div(vf x, vf y) { return V_EACH2(vf, vdivq_f32, x, y); }
static inline vf vf_sqrt(vf x) { return V_EACH1(vf, vsqrtq_f32, x); }
static inline vf vf_fma(vf x, vf y, vf z) {
    return (vf){vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b), vfmaq_f32(z.c, x.c, y.c), vfmaq_f32(z.d, x.d, y.d)};
}
static inline vf vf_fnma(vf x, vf y, vf z) {
    return (vf){vfmsq_f32(z.a, x.a, y.a), vfmsq_f32(z.b, x.b, y.b), vfmsq_f32(z.c, x.c, y.c), vfmsq_f32(z.d, x.d, y.d)};
}
static inline vf vf_neg(vf x) { return V_EACH1(vf, vnegq_f32, x); }
static inline vf vf_abs(vf x) { return V_EACH1(vf, vabsq_f32, x); }
static inline vf vf_floor(vf x) { return V_EACH1(vf, vrndmq_f32, x); }
static inline vm vf_lt(vf x, vf y) { return V_EACH2(vm, vcltq_f32, x, y); }
static inline vm vf_le(vf x, vf y) { return V_EACH2(vm, vcleq_f32, x, y); }
static inline vm vf_eq(vf x, vf y) { return V_EACH2(vm, vceqq_f32, x, y); }
static inline bool vm_any(vm m) { return vmaxvq_u32(vorrq_u32(vorrq_u32(m.a, m.b), vorrq_u32(m.c, m.d))) != 0; }
static inline vm vm_and(vm x, vm y) { return V_EACH2(vm, vandq_u32, x, y); }
static inline vm vm_or(vm x, vm y) { return V_EACH2(vm, vorrq_u32, x, y); }
static inline vm vm_not(vm x) { return V_EACH1(vm, vmvnq_u32, x); }
static inline vf vf_select(vm m, vf x, vf y) {
    return (vf){vbslq_f32(m.a, x.a, y.a), vbslq_f32(m.b, x.b, y.b), vbslq_f32(m.c, x.c, y.c), vbslq_f32(m.d, x.d, y.d)};
}
/* by comparison: fmin and fminnm have other rules for NaN and for zeros of two signs */
static inline vf vf_min(vf x, vf y) { return vf_select(vf_lt(x, y), x, y); }
static inline vf vf_max(vf x, vf y) { return vf_select(vf_lt(y, x), x, y); }

static inline vi vi_set1(int32_t x) {
    const int32x4_t v = vdupq_n_s32(x);
    return (vi){v, v, v, v};
}
static inline vi vi_load(const int32_t *p) {
    return (vi){vld1q_s32(p), vld1q_s32(p + 4), vld1q_s32(p + 8), vld1q_s32(p + 12)};
}
static inline void vi_store(int32_t *p, vi x) {
    vst1q_s32(p, x.a);
    vst1q_s32(p + 4, x.b);
    vst1q_s32(p + 8, x.c);
    vst1q_s32(p + 12, x.d);
}
static inline vi vi_add(vi x, vi y) { return V_EACH2(vi, vaddq_s32, x, y); }
static inline vi vi_sub(vi x, vi y) { return V_EACH2(vi, vsubq_s32, x, y); }
static inline vi vi_and(vi x, vi y) { return V_EACH2(vi, vandq_s32, x, y); }
static inline vi vi_or(vi x, vi y) { return V_EACH2(vi, vorrq_s32, x, y); }
#define vi_shl(x, k)                                                                                                   \
    ((vi){vshlq_n_s32((x).a, (k)), vshlq_n_s32((x).b, (k)), vshlq_n_s32((x).c, (k)), vshlq_n_s32((x).d, (k))})
#define vi_sra(x, k)                                                                                                   \
    ((vi){vshrq_n_s32((x).a, (k)), vshrq_n_s32((x).b, (k)), vshrq_n_s32((x).c, (k)), vshrq_n_s32((x).d, (k))})
static inline vi vi_round(vf x) { return V_EACH1(vi, vcvtnq_s32_f32, x); }
static inline vf vf_from_i(vi x) { return V_EACH1(vf, vcvtq_f32_s32, x); }
static inline vi vi_bits(vf x) { return V_EACH1(vi, vreinterpretq_s32_f32, x); }
static inline vf vf_bits(vi x) { return V_EACH1(vf, vreinterpretq_f32_s32, x); }
static inline float32x4_t vf_low16_(uint16x8_t x) { return vcvtq_f32_u32(vmovl_u16(vget_low_u16(x))); }
static inline float32x4_t vf_high16_(uint16x8_t x) { return vcvtq_f32_u32(vmovl_high_u16(x)); }
static inline vf vf_load_u8(const uint8_t *p) {
    const uint8x16_t v = vld1q_u8(p);
    const uint16x8_t low = vmovl_u8(vget_low_u8(v)), high = vmovl_high_u8(v);
    return (vf){vf_low16_(low), vf_high16_(low), vf_low16_(high), vf_high16_(high)};
}
static inline vf vf_load_u16(const uint16_t *p) {
    const uint16x8_t low = vld1q_u16(p), high = vld1q_u16(p + 8);
    return (vf){vf_low16_(low), vf_high16_(low), vf_low16_(high), vf_high16_(high)};
}
static inline float32x4_t vf_lookup4_(const float *table, int32x4_t i) { /* by the bytes of each float */
    const uint8x16x4_t bytes = vld1q_u8_x4((const uint8_t *)table);
    const int32x4_t at = vmlaq_n_s32(vdupq_n_s32(0x03020100), i, 0x04040404);
    return vreinterpretq_f32_u8(vqtbl4q_u8(bytes, vreinterpretq_u8_s32(at)));
}
static inline vf vf_lookup(const float *table, vi i) {
    return (vf){vf_lookup4_(table, i.a), vf_lookup4_(table, i.b), vf_lookup4_(table, i.c), vf_lookup4_(table, i.d)};
}
static inline float32x4_t vf_gather4_(const float *base, int32x4_t i) {
    float32x4_t r = vdupq_n_f32(base[vgetq_lane_s32(i, 0)]);
    r = vld1q_lane_f32(base + vgetq_lane_s32(i, 1), r, 1);
    r = vld1q_lane_f32(base + vgetq_lane_s32(i, 2), r, 2);
    return vld1q_lane_f32(base + vgetq_lane_s32(i, 3), r, 3);
}
static inline vf vf_gather(const float *base, vi i) {
    return (vf){vf_gather4_(base, i.a), vf_gather4_(base, i.b), vf_gather4_(base, i.c), vf_gather4_(base, i.d)};
}

#define VI_X_SIGNED
/* two products fit 16 bits, mostly */
static inline int32x4_t vi_dot4_(int32x4_t sum, int32x4_t x, int32x4_t w) {
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sum, vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(w));
#else
    const int8x16_t a = vreinterpretq_s8_s32(x), b = vreinterpretq_s8_s32(w);
    const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b)), high = vmull_high_s8(a, b);
    return vpadalq_s16(sum, vpaddq_s16(low, high));
#endif
}
static inline vi vi_dot4(vi sum, vi x, vi w) {
    return (vi){vi_dot4_(sum.a, x.a, w.a), vi_dot4_(sum.b, x.b, w.b), vi_dot4_(sum.c, x.c, w.c),
                vi_dot4_(sum.d, x.d, w.d)};
}
#if !defined(__ARM_FEATURE_DOTPROD)
#define VI_DOT4_WIDE
static inline int32x4_t vi_dot4_wide_(int32x4_t sum, int32x4_t x, int32x4_t w) {
    const int8x16_t a = vreinterpretq_s8_s32(x), b = vreinterpretq_s8_s32(w);
    const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b))),
                    high = vpaddlq_s16(vmull_high_s8(a, b));
    return vaddq_s32(sum, vpaddq_s32(low, high));
}
static inline vi vi_dot4_wide(vi sum, vi x, vi w) {
    return (vi){vi_dot4_wide_(sum.a, x.a, w.a), vi_dot4_wide_(sum.b, x.b, w.b), vi_dot4_wide_(sum.c, x.c, w.c),
                vi_dot4_wide_(sum.d, x.d, w.d)};
}
#endif
#if !defined(__ARM_FEATURE_DOTPROD) && defined(__OPTIMIZE__) /* else it stays in functions that never come to it */
/* The same sums by Armv8.2's dot product, in functions of CZ_FAST_TARGET. To be used where cz_cpu_has_fast_dot() says
 * so only. */
#define VI_DOT4_FAST
#if defined(__clang__)
#define CZ_FAST_TARGET __attribute__((target("dotprod")))
#else
#define CZ_FAST_TARGET __attribute__((target("arch=armv8.2-a+dotprod")))
#endif
CZ_INLINE int32x4_t vi_dot4_fast_(int32x4_t sum, int32x4_t x, int32x4_t w) {
    __asm__("sdot %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(x), "w"(w));
    return sum;
}
CZ_INLINE vi vi_dot4_fast(vi sum, vi x, vi w) {
    return (vi){vi_dot4_fast_(sum.a, x.a, w.a), vi_dot4_fast_(sum.b, x.b, w.b), vi_dot4_fast_(sum.c, x.c, w.c),
                vi_dot4_fast_(sum.d, x.d, w.d)};
}
#endif
static inline void vi_store_u8(uint8_t *p, vi x, size_t n) {
    const int16x8_t low = vcombine_s16(vmovn_s32(x.a), vmovn_s32(x.b));
    const int16x8_t high = vcombine_s16(vmovn_s32(x.c), vmovn_s32(x.d));
    uint8_t all[VL];
    vst1q_u8(n == VL ? p : all, vcombine_u8(vqmovun_s16(low), vqmovun_s16(high)));
    for (size_t i = 0; n < VL && i < n; i++) p[i] = all[i];
}

#define CZ_OWN_TREE
static inline float vf_sum(vf x) {
    const float32x4_t s = vaddq_f32(vaddq_f32(x.a, x.c), vaddq_f32(x.b, x.d)); /* i with i + 8, then + 4 */
    const float32x2_t t = vadd_f32(vget_low_f32(s), vget_high_f32(s));
    return vget_lane_f32(t, 0) + vget_lane_f32(t, 1);
}
static inline float32x4_t vf_max4_(float32x4_t x, float32x4_t y) { return vbslq_f32(vcgtq_f32(x, y), x, y); }
static inline float vf_hmax(vf x) {
    const float32x4_t s = vf_max4_(vf_max4_(x.a, x.c), vf_max4_(x.b, x.d));
    const float32x2_t low = vget_low_f32(s), high = vget_high_f32(s), t = vbsl_f32(vcgt_f32(low, high), low, high);
    const float p = vget_lane_f32(t, 0), q = vget_lane_f32(t, 1);
    return p > q ? p : q;
}

#undef V_EACH1
#undef V_EACH2
#define VREG      4
#define VREG_KEEP "+w" /* the constraint of such a register */
typedef struct {
    float32x4_t a;
} vreg;
static inline vreg vreg_load(const float *p) { return (vreg){vld1q_f32(p)}; }
static inline void vreg_store(float *p, vreg x) { vst1q_f32(p, x.a); }
static inline vreg vreg_set1(float x) { return (vreg){vdupq_n_f32(x)}; }
static inline vreg vreg_fma(vreg x, vreg y, vreg z) { return (vreg){vfmaq_f32(z.a, x.a, y.a)}; }
static inline vreg vreg_min(vreg x, vreg y) { return (vreg){vbslq_f32(vcltq_f32(x.a, y.a), x.a, y.a)}; }
static inline vreg vreg_max(vreg x, vreg y) { return (vreg){vf_max4_(x.a, y.a)}; }

#endif

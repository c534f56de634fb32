/* SPDX-License-Identifier: BSD-2-Clause
 * vec.h in plain C: the reference that every other instruction set must equal. Included by vec.h only. */
#ifndef CZ_KERNELS_VEC_SCALAR_H
#define CZ_KERNELS_VEC_SCALAR_H

#include <math.h>
#include <string.h>

#define CZ_NB 1
#define CZ_MR 4 /* pixels of a convolution tile: accumulators that stay in registers or first-level cache */

/* Sixteen checked lanes, inlined at every use, would take a compiler minutes a file: sanitizer builds call them. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define CZ_LANES __attribute__((noinline, unused)) static
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CZ_LANES __attribute__((noinline, unused)) static
#endif
#if !defined(CZ_LANES)
#define CZ_LANES static inline
#endif

typedef struct {
    float v[VL];
} vf;
typedef struct {
    int32_t v[VL];
} vi;
typedef struct {
    bool v[VL];
} vm;

/** a b + c rounded once. Where the machine has no fused multiply-add: the product of two f32 is exact in f64; the sum
 *  is rounded to odd (Boldo & Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using
 *  rounding to odd", 2008), after which rounding to f32 gives the correctly rounded result, subnormals too. */
CZ_LANES float cz_fma1(float a, float b, float c) {
#if defined(FP_FAST_FMAF)
    return fmaf(a, b, c);
#else
    const double p = (double)a * (double)b, z = (double)c, s = p + z;
    const double bb = s - p, lost = (p - (s - bb)) + (z - bb); /* TwoSum: s + lost == p + z exactly */
    uint64_t bits;
    memcpy(&bits, &s, sizeof bits);
    if (lost != 0 && s - s == 0 && (bits & 1) == 0) {
        /* toward the lost part: up in magnitude when the signs agree */
        if ((lost > 0) == (s > 0))
            bits++;
        else
            bits--;
        double odd;
        memcpy(&odd, &bits, sizeof odd);
        return (float)odd;
    }
    return (float)s;
#endif
}

#define VF_LANES(expression)                                                                                           \
    vf r;                                                                                                              \
    for (int i = 0; i < VL; i++) r.v[i] = (expression);                                                                \
    return r
#define VI_LANES(expression)                                                                                           \
    vi r;                                                                                                              \
    for (int i = 0; i < VL; i++) r.v[i] = (int32_t)(expression);                                                       \
    return r
#define VM_LANES(expression)                                                                                           \
    vm r;                                                                                                              \
    for (int i = 0; i < VL; i++) r.v[i] = (expression);                                                                \
    return r

CZ_LANES vf vf_set1(float x) { VF_LANES(x); }
CZ_LANES vf vf_zero(void) { return vf_set1(0.0f); }
CZ_LANES vf vf_load(const float *p) {
    vf r;
    memcpy(r.v, p, sizeof r.v);
    return r;
}
CZ_LANES void vf_store(float *p, vf a) { memcpy(p, a.v, sizeof a.v); }
CZ_LANES vf vf_load_n(const float *p, size_t n) {
    vf r = vf_zero();
    memcpy(r.v, p, n * sizeof *p);
    return r;
}
CZ_LANES void vf_store_n(float *p, vf a, size_t n) { memcpy(p, a.v, n * sizeof *p); }
CZ_LANES vf vf_add(vf a, vf b) { VF_LANES(a.v[i] + b.v[i]); }
CZ_LANES vf vf_sub(vf a, vf b) { VF_LANES(a.v[i] - b.v[i]); }
CZ_LANES vf vf_mul(vf a, vf b) { VF_LANES(a.v[i] * b.v[i]); }
CZ_LANES vf vf_div(vf a, vf b) { VF_LANES(a.v[i] / b.v[i]); }
CZ_LANES vf vf_sqrt(vf a) { VF_LANES(sqrtf(a.v[i])); }
CZ_LANES vf vf_fma(vf a, vf b, vf c) { VF_LANES(cz_fma1(a.v[i], b.v[i], c.v[i])); }
CZ_LANES vf vf_fnma(vf a, vf b, vf c) { VF_LANES(cz_fma1(-a.v[i], b.v[i], c.v[i])); }
CZ_LANES vf vf_min(vf a, vf b) { VF_LANES(a.v[i] < b.v[i] ? a.v[i] : b.v[i]); }
CZ_LANES vf vf_max(vf a, vf b) { VF_LANES(a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
CZ_LANES vf vf_neg(vf a) { VF_LANES(-a.v[i]); }
CZ_LANES vf vf_abs(vf a) { VF_LANES(fabsf(a.v[i])); }
CZ_LANES vf vf_floor(vf a) { VF_LANES(floorf(a.v[i])); }
CZ_LANES vm vf_lt(vf a, vf b) { VM_LANES(a.v[i] < b.v[i]); }
CZ_LANES vm vf_le(vf a, vf b) { VM_LANES(a.v[i] <= b.v[i]); }
CZ_LANES vm vf_eq(vf a, vf b) { VM_LANES(a.v[i] == b.v[i]); }
CZ_LANES bool vm_any(vm m) {
    bool any = false;
    for (int i = 0; i < VL; i++) any = any || m.v[i];
    return any;
}
CZ_LANES vm vm_and(vm a, vm b) { VM_LANES(a.v[i] && b.v[i]); }
CZ_LANES vm vm_or(vm a, vm b) { VM_LANES(a.v[i] || b.v[i]); }
CZ_LANES vm vm_not(vm a) { VM_LANES(!a.v[i]); }
CZ_LANES vf vf_select(vm m, vf a, vf b) { VF_LANES(m.v[i] ? a.v[i] : b.v[i]); }

CZ_LANES vi vi_set1(int32_t x) { VI_LANES(x); }
CZ_LANES vi vi_load(const int32_t *p) { VI_LANES(p[i]); }
CZ_LANES void vi_store(int32_t *p, vi a) { memcpy(p, a.v, sizeof a.v); }
/* two's complement wrap, as vector units do */
CZ_LANES vi vi_add(vi a, vi b) { VI_LANES((uint32_t)a.v[i] + (uint32_t)b.v[i]); }
CZ_LANES vi vi_sub(vi a, vi b) { VI_LANES((uint32_t)a.v[i] - (uint32_t)b.v[i]); }
CZ_LANES vi vi_and(vi a, vi b) { VI_LANES(a.v[i] & b.v[i]); }
CZ_LANES vi vi_or(vi a, vi b) { VI_LANES(a.v[i] | b.v[i]); }
#define vi_shl(a, k) vi_shl_((a), (k))
CZ_LANES vi vi_shl_(vi a, int k) { VI_LANES((uint32_t)a.v[i] << k); }
#define vi_sra(a, k) vi_sra_((a), (k))
CZ_LANES vi vi_sra_(vi a, int k) { VI_LANES(a.v[i] >= 0 ? a.v[i] >> k : ~(~a.v[i] >> k)); }
/** Nearest, ties to even, without asking the rounding mode's library call: the default mode rounds the sum so. */
CZ_LANES int32_t vi_round1(float x) {
    const double magic = 6755399441055744.0; /* 1.5 * 2^52: the sum's last bit is worth one */
    volatile double sum = (double)x + magic; /* volatile: the two steps must not be merged */
    return (int32_t)(sum - magic);
}
CZ_LANES vi vi_round(vf a) { VI_LANES(vi_round1(a.v[i])); }
CZ_LANES vf vf_from_i(vi a) { VF_LANES((float)a.v[i]); }
CZ_LANES vi vi_bits(vf a) {
    vi r;
    memcpy(r.v, a.v, sizeof r.v);
    return r;
}
CZ_LANES vf vf_bits(vi a) {
    vf r;
    memcpy(r.v, a.v, sizeof r.v);
    return r;
}
CZ_LANES vf vf_load_u8(const uint8_t *p) { VF_LANES((float)p[i]); }
CZ_LANES vf vf_load_u16(const uint16_t *p) { VF_LANES((float)p[i]); }
CZ_LANES vf vf_lookup(const float *table, vi index) { VF_LANES(table[index.v[i]]); }
CZ_LANES vf vf_gather(const float *base, vi index) { VF_LANES(base[index.v[i]]); }

CZ_LANES int32_t vi_dot4_1(int32_t sum, int32_t x, int32_t w) {
    uint8_t a[4];
    int8_t b[4];
    memcpy(a, &x, 4);
    memcpy(b, &w, 4);
    return (int32_t)((uint32_t)sum + (uint32_t)(a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]));
}
CZ_LANES vi vi_dot4(vi sum, vi x, vi w) { VI_LANES(vi_dot4_1(sum.v[i], x.v[i], w.v[i])); }
CZ_LANES void vi_store_u8(uint8_t *p, vi a, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)a.v[i];
}

#undef VF_LANES
#undef VI_LANES
#undef VM_LANES
#endif

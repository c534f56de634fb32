/* SPDX-License-Identifier: BSD-2-Clause
 * The vector type of every kernel: 16 lanes of f32, whatever the machine's registers hold. One header an instruction
 * set implements the same functions, each lane exactly as IEEE 754 binary32 says (fma rounds once):
 *
 *   vf 16 x f32, vi 16 x i32, vm 16 x truth
 *   vf_zero() vf_set1(x) vf_load(p) vf_store(p, a)              pointers need no alignment beyond 4
 *   vf_load_n(p, n) vf_store_n(p, a, n)                         lanes 0..n-1 only, n in 0..16; other lanes load as 0
 *   vf_stream(p, a)                     where VF_STREAM is defined: vf_store past the caches, p aligned to 64; other
 *                                       threads see it after a fence
 *   vf_add vf_sub vf_mul vf_div (a, b)   vf_sqrt(a)
 *   vf_fma(a, b, c) = a b + c            vf_fnma(a, b, c) = c - a b
 *   vf_min(a, b) = a < b ? a : b         vf_max(a, b) = a > b ? a : b        (b where either is NaN)
 *   vf_neg(a) vf_abs(a) vf_floor(a)
 *   vf_lt(a, b) vf_le(a, b) vf_eq(a, b) -> vm                   false where either is NaN
 *   vm_any(m) vm_and(a, b) vm_or(a, b) vm_not(a)   vf_select(m, a, b) = m ? a : b
 *   vi_set1(x) vi_add vi_sub vi_and vi_or (a, b)   vi_shl(a, k) vi_sra(a, k) (k constant)
 *   vi_round(a)  nearest integer, ties to even, |a| < 2^31      vf_from_i(i)
 *   vi_bits(a) vf_bits(i)                                       reinterpret
 *   vi_load(p) vi_store(p, i)
 *   vi_dot4(i, x, w)       each lane i + the sum of x w over its 4 bytes: w signed, x unsigned, or where VI_X_SIGNED is
 *                          defined signed and all of it less 128
 *   vi_dot4_wide(i, x, w)  where VI_DOT4_WIDE is defined: the same for any w. vi_dot4 is then for such w only whose
 *                          bytes 0 and 1 sum up to -128..128, and 2 and 3
 *   vi_dot4_fast(i, x, w)  where VI_DOT4_FAST is defined: the same for any w by an instruction that not all processors
 *                          of the set have, in functions that are CZ_FAST_TARGET
 *   vi_store_u8(p, i, n)   lanes 0..n-1, each in 0..255, as bytes
 *   vi_store_u8_4(p, q, a, b, c, d, low, high)  where CZ_NB is 2: a and b to 32 bytes at p, c and d to 32 at q, of
 *                          any values, cut at the bytes of low and high
 *   vf_load_u8(p) vf_load_u16(p)     16 unsigned samples as f32
 *   vf_gather(base, i)     base[i[lane]]
 *   vf_lookup(table, i)    table[i[lane]] of 16 floats, i in 0..15
 *
 * Where four products of bytes and their sum are one instruction, VQ is defined, 16-channel vectors that make a group:
 *   vi_quads(rows, x, q)  q[VQ]: 4 bytes of each channel, one from each of rows[0..3] + x, channels in another order:
 *                         lane 4 (v VQ + i) + k of all is channel 16 i + 4 v + k, v, k < 4
 *   vi_store_quads(p, q, low)  lanes in that order, at most 255, cut at the bytes of low, as bytes in the channels'
 *                         order
 *
 * and, built on those, the reductions: the one tree by which 16 lanes become one number. */
#ifndef CZ_KERNELS_VEC_H
#define CZ_KERNELS_VEC_H

#include "kernels/kernel.h"

/* Lanes. A file that says CZ_LANE_WISE has no use for 16 of them at once: no lane's result depends on another's, and
 * what it shares with other files is floats in memory. Plain C then takes them one by one and AVX2 a register at a
 * time, in a third and in half of the code. */
#if !defined(CZ_LANE_WISE) || !(defined(CZ_ISA_SCALAR) || defined(CZ_ISA_AVX2))
#define VL 16
#else
#define CZ_OWN_TREE /* none: it is of 16 lanes */
#if defined(CZ_ISA_SCALAR)
#define VL 1
#else
#define VL 8
#endif
#endif

/* Unrolled and inlined, sums and coefficients stay in registers. Plain C has none wide enough, and under the address
 * sanitizer they cannot: there a loop is as good, a third of the code, and does not take a compiler minutes. */
#if defined(CZ_ISA_SCALAR) || defined(__SANITIZE_ADDRESS__)
#define CZ_LOOP 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CZ_LOOP 1
#endif
#endif

#if defined(CZ_LOOP)
#define CZ_UNROLL
#define CZ_ROLLED
#elif defined(__clang__)
#define CZ_UNROLL _Pragma("clang loop unroll(full)")
#define CZ_ROLLED _Pragma("clang loop unroll(disable)")
#elif defined(__GNUC__)
#define CZ_UNROLL _Pragma("GCC unroll 16")
#define CZ_ROLLED _Pragma("GCC unroll 1") /* where a copy of the code for each turn gains nothing */
#else
#define CZ_UNROLL
#define CZ_ROLLED
#endif
#if defined(__GNUC__) && !defined(CZ_LOOP)
#define CZ_INLINE static inline __attribute__((always_inline))
#else
#define CZ_INLINE static inline
#endif

/* vec_<set>.h of the instruction set that this file is compiled for */
#define CZ_QUOTE_(x)      #x
#define CZ_QUOTE(x)       CZ_QUOTE_(x)
#define CZ_VEC_FILE_(set) CZ_QUOTE(vec_##set.h)
#define CZ_VEC_FILE(set)  CZ_VEC_FILE_(set)
#if VL == 8
#include "kernels/vec_avx2_8.h"
#else
#include CZ_VEC_FILE(CZ_ISA)
#endif

/* vreg is one register of the machine, VREG lanes of a vf, for loops that keep many sums: vreg_load(p) vreg_store(p, a)
 * vreg_set1(x) vreg_fma(a, b, c) vreg_min(a, b) vreg_max(a, b), as of vf. Where a header brings none, it is the whole
 * vf. vreg_keep(a) is a, which the compiler then does not load again at every use. */
#if !defined(VREG)
#define VREG VL
typedef vf vreg;
static inline vreg vreg_load(const float *p) { return vf_load(p); }
static inline void vreg_store(float *p, vreg a) { vf_store(p, a); }
static inline vreg vreg_set1(float x) { return vf_set1(x); }
static inline vreg vreg_fma(vreg a, vreg b, vreg c) { return vf_fma(a, b, c); }
static inline vreg vreg_min(vreg a, vreg b) { return vf_min(a, b); }
static inline vreg vreg_max(vreg a, vreg b) { return vf_max(a, b); }
#endif
static inline vreg vreg_keep(vreg x) {
#if defined(VREG_KEEP)
    __asm__("" : VREG_KEEP(x.a));
#endif
    return x;
}

/** Sum of the lanes: i with i + 8, then + 4, + 2, + 1. Each lane of s below is one addition of that tree. A header may
 *  bring its own, of the same tree. */
#if !defined(CZ_OWN_TREE)
static inline float vf_sum(vf a) {
    float s[VL];
    vf_store(s, a);
    for (int step = VL / 2; step > 0; step /= 2)
        for (int i = 0; i < step; i++) s[i] = s[i] + s[i + step];
    return s[0];
}

/** Largest lane, by the same tree and vf_max's rule. */
static inline float vf_hmax(vf a) {
    float s[VL];
    vf_store(s, a);
    for (int step = VL / 2; step > 0; step /= 2)
        for (int i = 0; i < step; i++) s[i] = s[i] > s[i + step] ? s[i] : s[i + step];
    return s[0];
}
#endif

/** Applies a function lane block by lane block: loads min(16, n - i) samples, stores as many. */
#define VF_FOR(i, n, count) for (size_t i = 0, count; i < (n) && ((count = cz_min(VL, (n)-i)), true); i += VL)

#endif

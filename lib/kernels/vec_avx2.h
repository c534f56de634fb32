/* SPDX-License-Identifier: BSD-2-Clause
 * vec.h for AVX2 and FMA: two registers of eight lanes. Included by vec.h only. */
#ifndef CZ_KERNELS_VEC_AVX2_H
#define CZ_KERNELS_VEC_AVX2_H

#include <immintrin.h>

#define CZ_MR 6 /* 12 accumulators, 2 weights, 1 broadcast of 16 registers */
#define CZ_NB 1

typedef struct {
    __m256 a, b;
} vf;
typedef struct {
    __m256i a, b;
} vi;
typedef struct {
    __m256 a, b;
} vm;

static inline vf vf_make_(__m256 a, __m256 b) { return (vf){a, b}; }
static inline vi vi_make_(__m256i a, __m256i b) { return (vi){a, b}; }
static inline vm vm_make_(__m256 a, __m256 b) { return (vm){a, b}; }

static inline vf vf_set1(float x) { return vf_make_(_mm256_set1_ps(x), _mm256_set1_ps(x)); }
static inline vf vf_zero(void) { return vf_make_(_mm256_setzero_ps(), _mm256_setzero_ps()); }
static inline vf vf_load(const float *p) { return vf_make_(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)); }
static inline void vf_store(float *p, vf x) {
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
}
/** All-ones in lanes below n - first. */
static inline __m256i vf_tail_(size_t n, int first) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - first), lane);
}
static inline vf vf_load_n(const float *p, size_t n) {
    if (n == VL) return vf_load(p);
    return vf_make_(_mm256_maskload_ps(p, vf_tail_(n, 0)),
                    n > 8 ? _mm256_maskload_ps(p + 8, vf_tail_(n, 8)) : _mm256_setzero_ps());
}
static inline void vf_store_n(float *p, vf x, size_t n) {
    if (n == VL) {
        vf_store(p, x);
        return;
    }
    _mm256_maskstore_ps(p, vf_tail_(n, 0), x.a);
    if (n > 8) _mm256_maskstore_ps(p + 8, vf_tail_(n, 8), x.b);
}
static inline vf vf_add(vf x, vf y) { return vf_make_(_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)); }
static inline vf vf_sub(vf x, vf y) { return vf_make_(_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)); }
static inline vf vf_mul(vf x, vf y) { return vf_make_(_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)); }
static inline vf vf_div(vf x, vf y) { return vf_make_(_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)); }
static inline vf vf_sqrt(vf x) { return vf_make_(_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)); }
static inline vf vf_fma(vf x, vf y, vf z) {
    return vf_make_(_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b));
}
static inline vf vf_fnma(vf x, vf y, vf z) {
    return vf_make_(_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b));
}
static inline vf vf_min(vf x, vf y) { return vf_make_(_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)); }
static inline vf vf_max(vf x, vf y) { return vf_make_(_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)); }
static inline vf vf_neg(vf x) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return vf_make_(_mm256_xor_ps(x.a, sign), _mm256_xor_ps(x.b, sign));
}
static inline vf vf_abs(vf x) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return vf_make_(_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b));
}
static inline vf vf_floor(vf x) { return vf_make_(_mm256_floor_ps(x.a), _mm256_floor_ps(x.b)); }
static inline vm vf_lt(vf x, vf y) {
    return vm_make_(_mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ), _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ));
}
static inline vm vf_le(vf x, vf y) {
    return vm_make_(_mm256_cmp_ps(x.a, y.a, _CMP_LE_OQ), _mm256_cmp_ps(x.b, y.b, _CMP_LE_OQ));
}
static inline vm vf_eq(vf x, vf y) {
    return vm_make_(_mm256_cmp_ps(x.a, y.a, _CMP_EQ_OQ), _mm256_cmp_ps(x.b, y.b, _CMP_EQ_OQ));
}
static inline bool vm_any(vm m) { return _mm256_movemask_ps(_mm256_or_ps(m.a, m.b)) != 0; }
static inline vm vm_and(vm x, vm y) { return vm_make_(_mm256_and_ps(x.a, y.a), _mm256_and_ps(x.b, y.b)); }
static inline vm vm_or(vm x, vm y) { return vm_make_(_mm256_or_ps(x.a, y.a), _mm256_or_ps(x.b, y.b)); }
static inline vm vm_not(vm x) {
    const __m256 ones = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
    return vm_make_(_mm256_xor_ps(x.a, ones), _mm256_xor_ps(x.b, ones));
}
static inline vf vf_select(vm m, vf x, vf y) {
    return vf_make_(_mm256_blendv_ps(y.a, x.a, m.a), _mm256_blendv_ps(y.b, x.b, m.b));
}

static inline vi vi_set1(int32_t x) { return vi_make_(_mm256_set1_epi32(x), _mm256_set1_epi32(x)); }
static inline vi vi_load(const int32_t *p) {
    return vi_make_(_mm256_loadu_si256((const void *)p), _mm256_loadu_si256((const void *)(p + 8)));
}
static inline void vi_store(int32_t *p, vi x) {
    _mm256_storeu_si256((void *)p, x.a);
    _mm256_storeu_si256((void *)(p + 8), x.b);
}
static inline vi vi_add(vi x, vi y) { return vi_make_(_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)); }
static inline vi vi_sub(vi x, vi y) { return vi_make_(_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b)); }
static inline vi vi_and(vi x, vi y) { return vi_make_(_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)); }
static inline vi vi_or(vi x, vi y) { return vi_make_(_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)); }
#define vi_shl(x, k) vi_make_(_mm256_slli_epi32((x).a, (k)), _mm256_slli_epi32((x).b, (k)))
#define vi_sra(x, k) vi_make_(_mm256_srai_epi32((x).a, (k)), _mm256_srai_epi32((x).b, (k)))
/* cvtps rounds by MXCSR, which is nearest-even unless the host changed it; the library does not touch it */
static inline vi vi_round(vf x) { return vi_make_(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)); }
static inline vf vf_from_i(vi x) { return vf_make_(_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)); }
static inline vi vi_bits(vf x) { return vi_make_(_mm256_castps_si256(x.a), _mm256_castps_si256(x.b)); }
static inline vf vf_bits(vi x) { return vf_make_(_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)); }
static inline vf vf_load_u8(const uint8_t *p) {
    return vf_from_i(vi_make_(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p)),
                              _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(p + 8)))));
}
static inline vf vf_load_u16(const uint16_t *p) {
    return vf_from_i(vi_make_(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)),
                              _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(p + 8)))));
}
static inline __m256 vf_lookup_(const float *table, __m256i i) { /* bit 3 says which half */
    const __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), i);
    const __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), i);
    return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(i, 28)));
}
static inline vf vf_lookup(const float *table, vi i) {
    return vf_make_(vf_lookup_(table, i.a), vf_lookup_(table, i.b));
}
static inline vf vf_gather(const float *base, vi i) {
    return vf_make_(_mm256_i32gather_ps(base, i.a, 4), _mm256_i32gather_ps(base, i.b, 4));
}

static inline __m256i vi_dot4_(__m256i sum, __m256i x, __m256i w) { /* two products fit 16 bits, mostly */
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w), _mm256_set1_epi16(1)));
}
static inline vi vi_dot4(vi sum, vi x, vi w) { return vi_make_(vi_dot4_(sum.a, x.a, w.a), vi_dot4_(sum.b, x.b, w.b)); }
#define VI_DOT4_WIDE
static inline __m256i vi_dot4_wide_(__m256i sum, __m256i x, __m256i w) { /* even and odd bytes as words */
    const __m256i even =
        _mm256_madd_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0xFF)), _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(x, 8), _mm256_srai_epi16(w, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}
static inline vi vi_dot4_wide(vi sum, vi x, vi w) {
    return vi_make_(vi_dot4_wide_(sum.a, x.a, w.a), vi_dot4_wide_(sum.b, x.b, w.b));
}
/* AVX-VNNI, of processors that have it without AVX-512 or with: the same sums by one instruction. To be used where
 * cz_cpu_has_fast_dot() says so only. */
#define VI_DOT4_FAST
static inline vi vi_dot4_fast(vi sum, vi x, vi w) {
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum.a) : "x"(x.a), "x"(w.a));
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum.b) : "x"(x.b), "x"(w.b));
    return sum;
}
static inline void vi_store_u8(uint8_t *p, vi x, size_t n) {
    /* packs work in halves of a register: lanes come out as 0-3, 8-11, 4-7, 12-15 */
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(x.a, x.b), _MM_SHUFFLE(3, 1, 2, 0));
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    if (n == VL) {
        _mm_storeu_si128((void *)p, bytes);
        return;
    }
    uint8_t all[VL];
    _mm_storeu_si128((void *)all, bytes);
    for (size_t i = 0; i < n; i++) p[i] = all[i];
}

#define VREG      8
#define VREG_KEEP "+x" /* the constraint of such a register */
typedef struct {
    __m256 a;
} vreg;
static inline vreg vreg_load(const float *p) { return (vreg){_mm256_loadu_ps(p)}; }
static inline void vreg_store(float *p, vreg x) { _mm256_storeu_ps(p, x.a); }
static inline vreg vreg_set1(float x) { return (vreg){_mm256_set1_ps(x)}; }
static inline vreg vreg_fma(vreg x, vreg y, vreg z) { return (vreg){_mm256_fmadd_ps(x.a, y.a, z.a)}; }
static inline vreg vreg_min(vreg x, vreg y) { return (vreg){_mm256_min_ps(x.a, y.a)}; }
static inline vreg vreg_max(vreg x, vreg y) { return (vreg){_mm256_max_ps(x.a, y.a)}; }

#define CZ_OWN_TREE
static inline float vf_sum8_(__m256 a) {
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
static inline float vf_hmax8_(__m256 a) {
    const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}
static inline float vf_sum(vf x) { return vf_sum8_(_mm256_add_ps(x.a, x.b)); }
static inline float vf_hmax(vf x) { return vf_hmax8_(_mm256_max_ps(x.a, x.b)); }

#endif

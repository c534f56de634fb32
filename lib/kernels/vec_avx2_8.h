/* SPDX-License-Identifier: BSD-2-Clause
 * vec.h for AVX2 and FMA where files are CZ_LANE_WISE: one register of eight lanes, half the code of two. Included by
 * vec.h only. */
#ifndef CZ_KERNELS_VEC_AVX2_8_H
#define CZ_KERNELS_VEC_AVX2_8_H

#include <immintrin.h>

typedef struct {
    __m256 a;
} vf;
typedef struct {
    __m256i a;
} vi;
typedef struct {
    __m256 a;
} vm;

static inline vf vf_set1(float x) { return (vf){_mm256_set1_ps(x)}; }
static inline vf vf_zero(void) { return (vf){_mm256_setzero_ps()}; }
static inline vf vf_load(const float *p) { return (vf){_mm256_loadu_ps(p)}; }
static inline void vf_store(float *p, vf x) { _mm256_storeu_ps(p, x.a); }
/** All-ones in lanes below n. */
static inline __m256i vf_tail_(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vf vf_load_n(const float *p, size_t n) {
    return n == VL ? vf_load(p) : (vf){_mm256_maskload_ps(p, vf_tail_(n))};
}
static inline void vf_store_n(float *p, vf x, size_t n) {
    if (n == VL)
        vf_store(p, x);
    else
        _mm256_maskstore_ps(p, vf_tail_(n), x.a);
}
static inline vf vf_add(vf x, vf y) { return (vf){_mm256_add_ps(x.a, y.a)}; }
static inline vf vf_sub(vf x, vf y) { return (vf){_mm256_sub_ps(x.a, y.a)}; }
static inline vf vf_mul(vf x, vf y) { return (vf){_mm256_mul_ps(x.a, y.a)}; }
static inline vf vf_div(vf x, vf y) { return (vf){_mm256_div_ps(x.a, y.a)}; }
static inline vf vf_sqrt(vf x) { return (vf){_mm256_sqrt_ps(x.a)}; }
static inline vf vf_fma(vf x, vf y, vf z) { return (vf){_mm256_fmadd_ps(x.a, y.a, z.a)}; }
static inline vf vf_fnma(vf x, vf y, vf z) { return (vf){_mm256_fnmadd_ps(x.a, y.a, z.a)}; }
static inline vf vf_min(vf x, vf y) { return (vf){_mm256_min_ps(x.a, y.a)}; }
static inline vf vf_max(vf x, vf y) { return (vf){_mm256_max_ps(x.a, y.a)}; }
static inline vf vf_neg(vf x) { return (vf){_mm256_xor_ps(x.a, _mm256_set1_ps(-0.0f))}; }
static inline vf vf_abs(vf x) { return (vf){_mm256_andnot_ps(_mm256_set1_ps(-0.0f), x.a)}; }
static inline vf vf_floor(vf x) { return (vf){_mm256_floor_ps(x.a)}; }
static inline vm vf_lt(vf x, vf y) { return (vm){_mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ)}; }
static inline vm vf_le(vf x, vf y) { return (vm){_mm256_cmp_ps(x.a, y.a, _CMP_LE_OQ)}; }
static inline vm vf_eq(vf x, vf y) { return (vm){_mm256_cmp_ps(x.a, y.a, _CMP_EQ_OQ)}; }
static inline bool vm_any(vm m) { return _mm256_movemask_ps(m.a) != 0; }
static inline vm vm_and(vm x, vm y) { return (vm){_mm256_and_ps(x.a, y.a)}; }
static inline vm vm_or(vm x, vm y) { return (vm){_mm256_or_ps(x.a, y.a)}; }
static inline vm vm_not(vm x) { return (vm){_mm256_xor_ps(x.a, _mm256_castsi256_ps(_mm256_set1_epi32(-1)))}; }
static inline vf vf_select(vm m, vf x, vf y) { return (vf){_mm256_blendv_ps(y.a, x.a, m.a)}; }

static inline vi vi_set1(int32_t x) { return (vi){_mm256_set1_epi32(x)}; }
static inline vi vi_load(const int32_t *p) { return (vi){_mm256_loadu_si256((const void *)p)}; }
static inline void vi_store(int32_t *p, vi x) { _mm256_storeu_si256((void *)p, x.a); }
static inline vi vi_add(vi x, vi y) { return (vi){_mm256_add_epi32(x.a, y.a)}; }
static inline vi vi_sub(vi x, vi y) { return (vi){_mm256_sub_epi32(x.a, y.a)}; }
static inline vi vi_and(vi x, vi y) { return (vi){_mm256_and_si256(x.a, y.a)}; }
static inline vi vi_or(vi x, vi y) { return (vi){_mm256_or_si256(x.a, y.a)}; }
#define vi_shl(x, k) ((vi){_mm256_slli_epi32((x).a, (k))})
#define vi_sra(x, k) ((vi){_mm256_srai_epi32((x).a, (k))})
/* rounds by MXCSR, which is nearest-even unless the host changed it; the library does not touch it */
static inline vi vi_round(vf x) { return (vi){_mm256_cvtps_epi32(x.a)}; }
static inline vf vf_from_i(vi x) { return (vf){_mm256_cvtepi32_ps(x.a)}; }
static inline vi vi_bits(vf x) { return (vi){_mm256_castps_si256(x.a)}; }
static inline vf vf_bits(vi x) { return (vf){_mm256_castsi256_ps(x.a)}; }
static inline vf vf_load_u8(const uint8_t *p) {
    return (vf){_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p)))};
}
static inline vf vf_load_u16(const uint16_t *p) {
    return (vf){_mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)))};
}
static inline __m256 vf_lookup_(const float *table, __m256i i) { /* bit 3 says which half */
    const __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), i);
    const __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), i);
    return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(i, 28)));
}
static inline vf vf_lookup(const float *table, vi i) { return (vf){vf_lookup_(table, i.a)}; }
static inline vf vf_gather(const float *base, vi i) { return (vf){_mm256_i32gather_ps(base, i.a, 4)}; }

static inline void vi_store_u8(uint8_t *p, vi x, size_t n) {
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(x.a), _mm256_extracti128_si256(x.a, 1));
    const __m128i bytes = _mm_packus_epi16(words, words);
    if (n == VL) {
        _mm_storel_epi64((void *)p, bytes);
        return;
    }
    uint8_t all[VL];
    _mm_storel_epi64((void *)all, bytes);
    for (size_t i = 0; i < n; i++) p[i] = all[i];
}

#endif

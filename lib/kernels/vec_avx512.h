/* SPDX-License-Identifier: BSD-2-Clause
 * vec.h for AVX-512 (F, BW, DQ, VL, VNNI): one register of sixteen lanes. Included by vec.h only. */
#ifndef CZ_KERNELS_VEC_AVX512_H
#define CZ_KERNELS_VEC_AVX512_H

#include <immintrin.h>

#define CZ_MR 12 /* 24 accumulators, 2 weights, 1 broadcast of 32 registers; 12 row pointers of 16 */
#define CZ_NB 2  /* blocks of 16 channels side by side: fewer loads than multiply-adds */

typedef struct {
    __m512 a;
} vf;
typedef struct {
    __m512i a;
} vi;
typedef struct {
    __mmask16 a;
} vm;

static inline vf vf_set1(float x) { return (vf){_mm512_set1_ps(x)}; }
static inline vf vf_zero(void) { return (vf){_mm512_setzero_ps()}; }
static inline vf vf_load(const float *p) { return (vf){_mm512_loadu_ps(p)}; }
static inline void vf_store(float *p, vf x) { _mm512_storeu_ps(p, x.a); }
#define VF_STREAM
static inline void vf_stream(float *p, vf x) { _mm512_stream_ps(p, x.a); }
static inline __mmask16 vf_tail_(size_t n) { return (__mmask16)((1u << n) - 1u); }
/* 16 lanes go the plain way: a masked store does not forward to the loads after it, and a mask costs to make */
static inline vf vf_load_n(const float *p, size_t n) {
    return n == VL ? vf_load(p) : (vf){_mm512_maskz_loadu_ps(vf_tail_(n), p)};
}
static inline void vf_store_n(float *p, vf x, size_t n) {
    if (n == VL)
        vf_store(p, x);
    else
        _mm512_mask_storeu_ps(p, vf_tail_(n), x.a);
}
static inline vf vf_add(vf x, vf y) { return (vf){_mm512_add_ps(x.a, y.a)}; }
static inline vf vf_sub(vf x, vf y) { return (vf){_mm512_sub_ps(x.a, y.a)}; }
static inline vf vf_mul(vf x, vf y) { return (vf){_mm512_mul_ps(x.a, y.a)}; }
static inline vf vf_div(vf x, vf y) { return (vf){_mm512_div_ps(x.a, y.a)}; }
static inline vf vf_sqrt(vf x) { return (vf){_mm512_sqrt_ps(x.a)}; }
static inline vf vf_fma(vf x, vf y, vf z) { return (vf){_mm512_fmadd_ps(x.a, y.a, z.a)}; }
static inline vf vf_fnma(vf x, vf y, vf z) { return (vf){_mm512_fnmadd_ps(x.a, y.a, z.a)}; }
static inline vf vf_min(vf x, vf y) { return (vf){_mm512_min_ps(x.a, y.a)}; }
static inline vf vf_max(vf x, vf y) { return (vf){_mm512_max_ps(x.a, y.a)}; }
static inline vf vf_neg(vf x) { return (vf){_mm512_xor_ps(x.a, _mm512_set1_ps(-0.0f))}; }
static inline vf vf_abs(vf x) { return (vf){_mm512_andnot_ps(_mm512_set1_ps(-0.0f), x.a)}; }
static inline vf vf_floor(vf x) { return (vf){_mm512_roundscale_ps(x.a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)}; }
static inline vm vf_lt(vf x, vf y) { return (vm){_mm512_cmp_ps_mask(x.a, y.a, _CMP_LT_OQ)}; }
static inline vm vf_le(vf x, vf y) { return (vm){_mm512_cmp_ps_mask(x.a, y.a, _CMP_LE_OQ)}; }
static inline vm vf_eq(vf x, vf y) { return (vm){_mm512_cmp_ps_mask(x.a, y.a, _CMP_EQ_OQ)}; }
static inline bool vm_any(vm m) { return m.a != 0; }
static inline vm vm_and(vm x, vm y) { return (vm){(__mmask16)(x.a & y.a)}; }
static inline vm vm_or(vm x, vm y) { return (vm){(__mmask16)(x.a | y.a)}; }
static inline vm vm_not(vm x) { return (vm){(__mmask16)~x.a}; }
static inline vf vf_select(vm m, vf x, vf y) { return (vf){_mm512_mask_blend_ps(m.a, y.a, x.a)}; }

static inline vi vi_set1(int32_t x) { return (vi){_mm512_set1_epi32(x)}; }
static inline vi vi_load(const int32_t *p) { return (vi){_mm512_loadu_si512(p)}; }
static inline void vi_store(int32_t *p, vi x) { _mm512_storeu_si512(p, x.a); }
static inline vi vi_add(vi x, vi y) { return (vi){_mm512_add_epi32(x.a, y.a)}; }
static inline vi vi_sub(vi x, vi y) { return (vi){_mm512_sub_epi32(x.a, y.a)}; }
static inline vi vi_and(vi x, vi y) { return (vi){_mm512_and_si512(x.a, y.a)}; }
static inline vi vi_or(vi x, vi y) { return (vi){_mm512_or_si512(x.a, y.a)}; }
#define vi_shl(x, k) ((vi){_mm512_slli_epi32((x).a, (k))})
#define vi_sra(x, k) ((vi){_mm512_srai_epi32((x).a, (k))})
/* rounds by MXCSR, which is nearest-even unless the host changed it; the library does not touch it */
static inline vi vi_round(vf x) { return (vi){_mm512_cvtps_epi32(x.a)}; }
static inline vf vf_from_i(vi x) { return (vf){_mm512_cvtepi32_ps(x.a)}; }
static inline vi vi_bits(vf x) { return (vi){_mm512_castps_si512(x.a)}; }
static inline vf vf_bits(vi x) { return (vf){_mm512_castsi512_ps(x.a)}; }
static inline vf vf_load_u8(const uint8_t *p) {
    return (vf){_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)p)))};
}
static inline vf vf_load_u16(const uint16_t *p) {
    return (vf){_mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p)))};
}
static inline vf vf_lookup(const float *table, vi i) {
    return (vf){_mm512_permutexvar_ps(i.a, _mm512_loadu_ps(table))};
}
static inline vf vf_gather(const float *base, vi i) { return (vf){_mm512_i32gather_ps(i.a, base, 4)}; }

/* not the intrinsic: gcc 12 copies its sums about, and to memory and back */
static inline vi vi_dot4(vi sum, vi x, vi w) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum.a) : "v"(x.a), "vm"(w.a));
    return sum;
}
static inline void vi_store_u8(uint8_t *p, vi x, size_t n) {
    if (n == VL)
        _mm_storeu_si128((void *)p, _mm512_cvtepi32_epi8(x.a));
    else
        _mm512_mask_cvtepi32_storeu_epi8(p, vf_tail_(n), x.a);
}

/* Packing cuts at 0 and 255 by itself; narrower limits cut bytes. */
static inline void vi_store_u8_4(uint8_t *p, uint8_t *q, vi a, vi b, vi c, vi d, vi low, vi high) {
    /* packs take the quarters of registers in turn: quarter i comes out as that of a, of b, of c, of d */
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i words[2] = {_mm512_packs_epi32(a.a, b.a), _mm512_packs_epi32(c.a, d.a)};
    const __m512i mixed = _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(words[0], words[1]), low.a), high.a);
    const __m512i bytes = _mm512_permutexvar_epi32(order, mixed);
    _mm256_storeu_si256((void *)p, _mm512_castsi512_si256(bytes));
    _mm256_storeu_si256((void *)q, _mm512_extracti64x4_epi64(bytes, 1));
}

#define VQ 4 /* unpacking to bytes of a channel, and packing again, work in quarters of a register */
static inline void vi_quads(const uint8_t *const *rows, ptrdiff_t x, vi q[VQ]) {
    const __m512i a = _mm512_loadu_si512(rows[0] + x), b = _mm512_loadu_si512(rows[1] + x);
    const __m512i c = _mm512_loadu_si512(rows[2] + x), d = _mm512_loadu_si512(rows[3] + x);
    const __m512i ab[2] = {_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b)};
    const __m512i cd[2] = {_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d)};
    q[0].a = _mm512_unpacklo_epi16(ab[0], cd[0]);
    q[1].a = _mm512_unpackhi_epi16(ab[0], cd[0]);
    q[2].a = _mm512_unpacklo_epi16(ab[1], cd[1]);
    q[3].a = _mm512_unpackhi_epi16(ab[1], cd[1]);
}
static inline void vi_store_quads(uint8_t *p, const vi q[VQ], vi low) {
    const __m512i words[2] = {_mm512_packs_epi32(q[0].a, q[1].a), _mm512_packs_epi32(q[2].a, q[3].a)};
    _mm512_storeu_si512(p, _mm512_max_epu8(_mm512_packus_epi16(words[0], words[1]), low.a));
}

#define VREG_KEEP "+v" /* the constraint of a register, for vreg_keep */

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
static inline __m256 vf_low_(vf x) { return _mm512_castps512_ps256(x.a); }
static inline __m256 vf_high_(vf x) { return _mm512_extractf32x8_ps(x.a, 1); }
static inline float vf_sum(vf x) { return vf_sum8_(_mm256_add_ps(vf_low_(x), vf_high_(x))); }
static inline float vf_hmax(vf x) { return vf_hmax8_(_mm256_max_ps(vf_low_(x), vf_high_(x))); }

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 * The colour loops of every instruction set in this build. */
#include "kernels/color.h"

extern const cz_color_kernels cz_color_scalar;
#ifdef CZ_HAVE_AVX2
extern const cz_color_kernels cz_color_avx2;
#endif
#ifdef CZ_HAVE_AVX512
extern const cz_color_kernels cz_color_avx512;
#endif
#ifdef CZ_HAVE_NEON
extern const cz_color_kernels cz_color_neon;
#endif

const cz_color_kernels *cz_color(int32_t cpu) {
    switch (cpu) {
#ifdef CZ_HAVE_AVX2
    case COLORIZER_CPU_AVX2:
        return &cz_color_avx2;
#endif
#ifdef CZ_HAVE_AVX512
    case COLORIZER_CPU_AVX512:
        return &cz_color_avx512;
#endif
#ifdef CZ_HAVE_NEON
    case COLORIZER_CPU_NEON:
        return &cz_color_neon;
#endif
    default:
        return &cz_color_scalar;
    }
}

void cz_color_tables_init(cz_color_tables *tables, const cz_color_kernels *k) { k->tables(tables); }

/* SPDX-License-Identifier: BSD-2-Clause
 * The tables of every instruction set in this build; compiled once, with CZ_HAVE_<SET> for those beside scalar. */
#include "kernels/kernel.h"

extern const cz_kernel *const cz_kernel_table_scalar[];
#ifdef CZ_HAVE_AVX2
extern const cz_kernel *const cz_kernel_table_avx2[];
#endif
#ifdef CZ_HAVE_AVX512
extern const cz_kernel *const cz_kernel_table_avx512[];
#endif
#ifdef CZ_HAVE_NEON
extern const cz_kernel *const cz_kernel_table_neon[];
#endif

const cz_kernel *const *cz_kernels(int32_t cpu) {
    switch (cpu) {
#ifdef CZ_HAVE_AVX2
    case COLORIZER_CPU_AVX2:
        return cz_kernel_table_avx2;
#endif
#ifdef CZ_HAVE_AVX512
    case COLORIZER_CPU_AVX512:
        return cz_kernel_table_avx512;
#endif
#ifdef CZ_HAVE_NEON
    case COLORIZER_CPU_NEON:
        return cz_kernel_table_neon;
#endif
    default:
        return cz_kernel_table_scalar;
    }
}

/* SPDX-License-Identifier: BSD-2-Clause */
#define _DEFAULT_SOURCE /* sysconf */
#include "base/cpu.h"

#include <stdlib.h>
#include <string.h>
#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const names[] = {"best", "scalar", "avx2", "avx512", "neon"};

#if defined(CZ_HAVE_AVX2) || defined(CZ_HAVE_AVX512)
/** Register state the system saves on a context switch, XCR0; 0 where the instruction is missing. */
static unsigned saved_state(unsigned leaf1_ecx) {
    unsigned low, high;
    if ((leaf1_ecx & (1u << 27)) == 0) return 0; /* OSXSAVE */
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/** Intel SDM vol. 2A, CPUID: leaf 1 ecx FMA 12, AVX 28, F16C 29; leaf 7 ebx AVX2 5, F 16, DQ 17, BW 30, VL 31. */
static int32_t best_x86(void) {
    unsigned a, b, c, d, b7, c7, d7;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) return COLORIZER_CPU_SCALAR;
    const unsigned fma_avx_f16c = 1u << 12 | 1u << 28 | 1u << 29, avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    const unsigned state = saved_state(c);
    if ((c & fma_avx_f16c) != fma_avx_f16c || (b7 & 1u << 5) == 0 || (state & 0x06) != 0x06)
        return COLORIZER_CPU_SCALAR;
    return (b7 & avx512) == avx512 && (state & 0xe6) == 0xe6 ? COLORIZER_CPU_AVX512 : COLORIZER_CPU_AVX2;
}
#endif

bool cz_cpu_supported(int32_t cpu) {
    switch (cpu) {
    case COLORIZER_CPU_SCALAR:
        return true;
#if defined(CZ_HAVE_AVX2)
    case COLORIZER_CPU_AVX2:
        return best_x86() >= COLORIZER_CPU_AVX2;
#endif
#if defined(CZ_HAVE_AVX512)
    case COLORIZER_CPU_AVX512:
        return best_x86() >= COLORIZER_CPU_AVX512;
#endif
#if defined(CZ_HAVE_NEON)
    case COLORIZER_CPU_NEON:
        return true; /* every AArch64 has it */
#endif
    default:
        return false;
    }
}

/** The set that COLORIZER_CPU names, or COLORIZER_CPU_BEST. */
static int32_t from_environment(void) {
#if defined(CZ_STDIO) /* a build without files has no environment either */
    const char *value = getenv("COLORIZER_CPU");
    for (int32_t i = 1; value != NULL && i < (int32_t)CZ_COUNT(names); i++)
        if (strcmp(value, names[i]) == 0) return i;
#endif
    return COLORIZER_CPU_BEST;
}

int32_t cz_cpu_choose(int32_t limit) {
    const int32_t environment = from_environment();
    int32_t top = limit == COLORIZER_CPU_BEST ? COLORIZER_CPU_NEON : limit;
    if (environment != COLORIZER_CPU_BEST && environment < top) top = environment;
    while (top > COLORIZER_CPU_SCALAR && !cz_cpu_supported(top)) top--;
    return top;
}

const char *cz_cpu_name(int32_t cpu) { return cpu >= 0 && cpu < (int32_t)CZ_COUNT(names) ? names[cpu] : "unknown"; }

uint32_t cz_cpu_count(void) {
    long count = 1;
#if defined(_SC_NPROCESSORS_ONLN)
    count = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return count < 1 ? 1 : count > 64 ? 64 : (uint32_t)count;
}

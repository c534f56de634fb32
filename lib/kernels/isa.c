/* SPDX-License-Identifier: BSD-2-Clause
 * The kernels of every instruction set in this build, and which of them this machine runs; compiled once, for any
 * processor. */
#include "kernels/isa.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/color.h"
#include "kernels/set.h"
#include "kernels/table.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

/** What a set may need of the processor and the system, as bits. */
enum { CZ_ANY_CPU = 0, CZ_X86_AVX2 = 1, CZ_X86_AVX512 = 2, CZ_FAST_DOT = 4, CZ_ASKED = 8 };

#if defined(__x86_64__)
/** Register state the system saves on a context switch, XCR0; 0 where the instruction is missing. */
static unsigned saved_state(unsigned leaf1_ecx) {
    unsigned low, high;
    if ((leaf1_ecx & (1u << 27)) == 0) return 0; /* OSXSAVE */
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/** Intel SDM vol. 2A, CPUID: leaf 1 ecx FMA 12, AVX 28, F16C 29; leaf 7 ebx AVX2 5, F 16, DQ 17, BW 30, VL 31,
 *  ecx VNNI 11; leaf 7.1 eax AVX-VNNI 4. */
static unsigned machine_has(void) {
    unsigned a, b, c, d, b7, c7, d7, leaves, rest;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !__get_cpuid_count(7, 0, &leaves, &b7, &c7, &d7)) return CZ_ANY_CPU;
    const bool vnni = leaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &rest, &d) && (a & 1u << 4) != 0;
    const unsigned fma_avx_f16c = 1u << 12 | 1u << 28 | 1u << 29, avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    const unsigned state = saved_state(c);
    if ((c & fma_avx_f16c) != fma_avx_f16c || (b7 & 1u << 5) == 0 || (state & 0x06) != 0x06) return CZ_ANY_CPU;
    const bool wide = (b7 & avx512) == avx512 && (c7 & 1u << 11) != 0 && (state & 0xe6) == 0xe6;
    return CZ_X86_AVX2 | (wide ? CZ_X86_AVX512 : 0) | (vnni ? CZ_FAST_DOT : 0);
}
#elif defined(__aarch64__) && defined(__linux__)
/** Linux, "ARM64 ELF hwcaps": bit 20 of AT_HWCAP is ASIMDDP, the dot product. Elsewhere it is taken where the compiler
 * has been told of it. */
static unsigned machine_has(void) { return (getauxval(AT_HWCAP) & 1ul << 20) != 0 ? CZ_FAST_DOT : CZ_ANY_CPU; }
#else
static unsigned machine_has(void) { return CZ_ANY_CPU; }
#endif

#define CZ_SET(name, NAME, needs)                                                                                      \
    extern const cz_set cz_set_##name;                                                                                 \
    extern const cz_color_kernels cz_color_##name;
#include "kernels/sets.def"
#undef CZ_SET

/** By COLORIZER_CPU_ constant; a set that is not in this build has no kernels. */
static const struct {
    char name[8];
    unsigned needs;
    const cz_set *set;
    const cz_color_kernels *color;
} sets[] = {
    [COLORIZER_CPU_BEST] = {"best", CZ_ANY_CPU, NULL, NULL},
#define CZ_SET(name, NAME, needs)                                                                                      \
    [COLORIZER_CPU_##NAME] = {#name, needs, CZ_IF_BUILT(NAME, &cz_set_##name), CZ_IF_BUILT(NAME, &cz_color_##name)},
#include "kernels/sets.def"
#undef CZ_SET
};

bool cz_cpu_supported(int32_t cpu) {
    return cpu >= COLORIZER_CPU_SCALAR && cpu <= CZ_CPU_LAST && sets[cpu].set != NULL &&
           (sets[cpu].needs & ~machine_has()) == 0;
}

/* Asked for once: that takes microseconds in a virtual machine. Threads that ask at once store the same. */
static atomic_uint known;

bool cz_cpu_has_fast_dot(void) {
    unsigned has = atomic_load_explicit(&known, memory_order_relaxed);
    if (has == 0) {
        has = machine_has() | CZ_ASKED;
        atomic_store_explicit(&known, has, memory_order_relaxed);
    }
    return (has & CZ_FAST_DOT) != 0;
}

void cz_cpu_use_fast_dot(bool use) { atomic_store_explicit(&known, use ? 0 : CZ_ASKED, memory_order_relaxed); }

/** The set that COLORIZER_CPU names, or COLORIZER_CPU_BEST. */
static int32_t from_environment(void) {
#if defined(CZ_STDIO) /* a build without files has no environment either */
    const char *value = getenv("COLORIZER_CPU");
    for (int32_t i = 1; value != NULL && i <= CZ_CPU_LAST; i++)
        if (strcmp(value, sets[i].name) == 0) return i;
#endif
    return COLORIZER_CPU_BEST;
}

int32_t cz_cpu_choose(int32_t limit) {
    const int32_t environment = from_environment();
    int32_t top = limit == COLORIZER_CPU_BEST ? CZ_CPU_LAST : limit;
    if (environment != COLORIZER_CPU_BEST && environment < top) top = environment;
    while (top > COLORIZER_CPU_SCALAR && !cz_cpu_supported(top)) top--;
    return top;
}

const char *cz_cpu_name(int32_t cpu) { return cpu >= 0 && cpu <= CZ_CPU_LAST ? sets[cpu].name : "unknown"; }

const cz_set *cz_set_of(int32_t cpu) { return sets[cpu].set; }

/** The kernels that are the same for every set. */
#define ONCE(name) [CZ_OP_##name] = &cz_kernel_##name
static const cz_kernel *const once[CZ_OP_COUNT] = {
    ONCE(conv2d),        ONCE(conv_transpose2d), ONCE(linear),    ONCE(matmul),
    ONCE(pixel_shuffle), ONCE(concat),           ONCE(slice),     ONCE(pad),
    ONCE(reshape),       ONCE(transpose),        ONCE(conv2d_i8), ONCE(pool2d),
    ONCE(global_pool)};

const cz_kernel *cz_kernel_of(const cz_set *set, uint32_t op) {
    for (; set != NULL; set = set->below)
        if (set->own[op] != NULL) return set->own[op];
    return once[op];
}

const cz_color_kernels *cz_color(int32_t cpu) { return sets[cpu].color; }

void cz_color_tables_init(cz_color_tables *tables, const cz_color_kernels *k) { k->tables(tables); }

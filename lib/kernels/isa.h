/* SPDX-License-Identifier: BSD-2-Clause
 * Which instruction sets this build holds and this machine runs. */
#ifndef CZ_KERNELS_ISA_H
#define CZ_KERNELS_ISA_H

#include "base/base.h"

/** x where the build holds the set (meson.build defines CZ_HAVE_<SET> as 1 or 0), else NULL. */
#define CZ_IF_BUILT(SET, x)    CZ_IF_BUILT_(CZ_HAVE_##SET, x)
#define CZ_IF_BUILT_(have, x)  CZ_IF_BUILT__(have, x)
#define CZ_IF_BUILT__(have, x) CZ_IF_BUILT_##have(x)
#define CZ_IF_BUILT_0(x)       NULL
#define CZ_IF_BUILT_1(x)       x

/** The highest COLORIZER_CPU_ constant: they count from 1 without a gap. */
enum {
    CZ_CPU_LAST = 0
#define CZ_SET(name, NAME, needs) +1
#include "kernels/sets.def"
#undef CZ_SET
};

/** True when `cpu` (COLORIZER_CPU_SCALAR ...) is in this build and the processor and system run it. */
bool cz_cpu_supported(int32_t cpu);

/** The best supported set that is not above `limit` (COLORIZER_CPU_BEST: no limit) nor above what the environment
 *  variable COLORIZER_CPU names. Always at least COLORIZER_CPU_SCALAR. */
int32_t cz_cpu_choose(int32_t limit);

/** True where the processor has an instruction for vi_dot4_fast that its set does not ask for: AVX-VNNI, or on AArch64
 * the dot product of Armv8.2. */
bool cz_cpu_has_fast_dot(void);
/** For tests: false says that it has not, true asks it again. */
void cz_cpu_use_fast_dot(bool use);

/** "scalar", "avx2", ... */
const char *cz_cpu_name(int32_t cpu);

#endif

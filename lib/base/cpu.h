/* SPDX-License-Identifier: BSD-2-Clause
 * Which instruction sets this build holds and this machine runs. */
#ifndef CZ_BASE_CPU_H
#define CZ_BASE_CPU_H

#include "base/base.h"

/** True when `cpu` (COLORIZER_CPU_SCALAR ...) is in this build and the processor and system run it. */
bool cz_cpu_supported(int32_t cpu);

/** The best supported set that is not above `limit` (COLORIZER_CPU_BEST: no limit) nor above what the environment
 *  variable COLORIZER_CPU names. Always at least COLORIZER_CPU_SCALAR. */
int32_t cz_cpu_choose(int32_t limit);

/** "scalar", "avx2", ... */
const char *cz_cpu_name(int32_t cpu);

/** Processors this process may run on, at least 1, at most 64. */
uint32_t cz_cpu_count(void);

#endif

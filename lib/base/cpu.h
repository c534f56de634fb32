/* SPDX-License-Identifier: BSD-2-Clause
 * How many processors there are; what they run is in kernels/isa.h. */
#ifndef CZ_BASE_CPU_H
#define CZ_BASE_CPU_H

#include "base/base.h"

/** Processors this process may run on, at least 1, at most 64. */
uint32_t cz_cpu_count(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#define _DEFAULT_SOURCE /* sysconf */
#include "base/cpu.h"

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

uint32_t cz_cpu_count(void) {
    long count = 1;
#if defined(_SC_NPROCESSORS_ONLN)
    count = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return count < 1 ? 1 : count > 64 ? 64 : (uint32_t)count;
}

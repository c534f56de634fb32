/* SPDX-License-Identifier: BSD-2-Clause
 * What the memory-bound kernels over vec.h share: units.h and the mask of a tail. */
#ifndef CZ_KERNELS_LIGHT_H
#define CZ_KERNELS_LIGHT_H

#include "kernels/units.h"
#include "kernels/vec.h"

#if VL == 16
/** True in lanes 0 .. n - 1. */
static inline vm vm_first(size_t n) {
    static const float lane[VL] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return vf_lt(vf_load(lane), vf_set1((float)n));
}
#endif

#endif

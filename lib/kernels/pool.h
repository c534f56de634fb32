/* SPDX-License-Identifier: BSD-2-Clause
 * What pool2d and global_pool call of an instruction set. */
#ifndef CZ_KERNELS_POOL_H
#define CZ_KERNELS_POOL_H

#include "kernels/kernel.h"

enum { CZ_POOL_LARGEST, CZ_POOL_MEAN, CZ_POOL_LEAST }; /* pool2d's kind */

/** One axis of a window: samples first .. last - 1 of the input, `counted` of input and padding. */
typedef struct cz_span {
    size_t first, last, counted;
} cz_span;

/** y[i], i < n, is made of x[i + row down + column right] over a window's rows and columns. y may be x. */
typedef void cz_pool_window_fn(const cz_attr_pool2d *a, const float *x, size_t down, size_t right, cz_span rows,
                               cz_span columns, float *y, size_t n);

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 * The operators' formulas as plain loops in double: what the scalar kernels are held against. */
#ifndef CZ_TESTS_KERNEL_NAIVE_H
#define CZ_TESTS_KERNEL_NAIVE_H

#include "kernel_harness.h"

/** Fills out with the result; false when there is no naive form of the operator here. */
bool naive_run(const problem *p, double *out);

#endif

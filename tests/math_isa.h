/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CZ_TESTS_MATH_ISA_H
#define CZ_TESTS_MATH_ISA_H

#include <stddef.h>

enum math_function {
    MATH_EXP,
    MATH_EXP_NEG,
    MATH_LOG2,
    MATH_LOG,
    MATH_TANH,
    MATH_SIGMOID,
    MATH_ERF,
    MATH_CBRT,
    MATH_POW_2_4,
    MATH_POW_1_2_4,
    MATH_POW_5_12,
    MATH_HARD_SWISH,
    MATH_SILU,
    MATH_GELU,
    MATH_GELU_TANH,
    MATH_CLAMP,
    MATH_LEAKY_RELU,
    MATH_RELU,
    MATH_COUNT
};

#endif

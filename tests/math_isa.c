/* SPDX-License-Identifier: BSD-2-Clause
 * The functions of kernels/math.h over arrays, compiled once for each instruction set; tests/test_math.c calls them. */
#include "math_isa.h"

#include "kernels/math.h"

/** n is a multiple of 16. */
void CZ_NAME(cz_math_eval)(enum math_function function, const float *x, float *y, size_t n);

static vf evaluate(enum math_function function, vf x) {
    switch (function) {
    case MATH_EXP:
        return vf_exp(x);
    case MATH_EXP_NEG:
        return vf_exp_neg(x);
    case MATH_LOG2:
        return vf_log2(x);
    case MATH_LOG:
        return vf_log(x);
    case MATH_TANH:
        return vf_tanh(x);
    case MATH_SIGMOID:
        return vf_sigmoid(x);
    case MATH_ERF:
        return vf_erf(x);
    case MATH_CBRT:
        return vf_cbrt(x);
    case MATH_POW_2_4:
        return vf_powf_const(x, 2.4);
    case MATH_POW_1_2_4:
        return vf_powf_const(x, 1.0 / 2.4);
    case MATH_POW_5_12:
        return vf_pow_5_12(x);
    case MATH_HARD_SWISH:
        return vf_activate(CZ_ACT_HARD_SWISH, x, 0.0f, 0.0f);
    case MATH_SILU:
        return vf_activate(CZ_ACT_SILU, x, 0.0f, 0.0f);
    case MATH_GELU:
        return vf_activate(CZ_ACT_GELU, x, 0.0f, 0.0f);
    case MATH_GELU_TANH:
        return vf_activate(CZ_ACT_GELU_TANH, x, 0.0f, 0.0f);
    case MATH_CLAMP:
        return vf_activate(CZ_ACT_CLAMP, x, 0.0f, 6.0f);
    case MATH_LEAKY_RELU:
        return vf_activate(CZ_ACT_LEAKY_RELU, x, 0.01f, 0.0f);
    case MATH_RELU:
        return vf_activate(CZ_ACT_LEAKY_RELU, x, 0.0f, 0.0f);
    case MATH_COUNT:
        break;
    }
    return x;
}

void CZ_NAME(cz_math_eval)(enum math_function function, const float *x, float *y, size_t n) {
    for (size_t i = 0; i < n; i += VL) vf_store(y + i, evaluate(function, vf_load(x + i)));
}

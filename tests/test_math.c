/* SPDX-License-Identifier: BSD-2-Clause
 * kernels/math.h against long double libm, and the same bits on every instruction set. The argument is the distance of
 * the samples in bit patterns, 10007 without one; 1 takes every f32. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/isa.h"
#include "math_isa.h"

#define BLOCK 4096u

typedef void (*eval_fn)(enum math_function function, const float *x, float *y, size_t n);

#define CZ_SET(name, NAME, needs)                                                                                      \
    void cz_math_eval_##name(enum math_function function, const float *x, float *y, size_t n);
#include "kernels/sets.def"
#undef CZ_SET

/** By COLORIZER_CPU_ constant; NULL where this build lacks the set. */
static const eval_fn evals[] = {
#define CZ_SET(name, NAME, needs) [COLORIZER_CPU_##NAME] = CZ_IF_BUILT(NAME, cz_math_eval_##name),
#include "kernels/sets.def"
#undef CZ_SET
};

static long double sigmoid(long double x) { return 1.0L / (1.0L + expl(-x)); }
static long double pow_2_4(long double x) { return powl(x, 2.4L); }
static long double pow_1_2_4(long double x) { return powl(x, 1.0L / 2.4L); }
static long double hard_swish(long double x) { return x * fminl(fmaxl(x + 3, 0), 6) / 6; }
static long double silu(long double x) { return x * sigmoid(x); }
static long double gelu(long double x) { return x * erfcl(-x / sqrtl(2.0L)) / 2; }
static long double gelu_tanh(long double x) {
    return x * sigmoid(2 * sqrtl(2 / 3.14159265358979323846L) * (x + 0.044715L * x * x * x));
}
static long double clamp(long double x) { return fminl(fmaxl(x, 0), 6); }
static long double leaky_relu(long double x) { return x > 0 ? x : 0.01L * x; }
static long double relu(long double x) { return fmaxl(x, 0); }

/* Where errors are measured: in units in the last place of the true value, or of `floor` where that is larger (a
 * function that goes to zero is judged there by its absolute error). `most` is what math.h promises. */
static const struct range {
    const char *name;
    enum math_function function;
    long double (*truth)(long double);
    double low, high, floor, most;
} ranges[] = {
    {"exp", MATH_EXP, expl, -87.3364, 88.7228, 0, 1.05},
    {"exp_neg", MATH_EXP_NEG, expl, -87.3364, 0, 0, 1.05},
    {"log2", MATH_LOG2, log2l, FLT_MIN, FLT_MAX, 0, 0.95},
    {"log2 near 1", MATH_LOG2, log2l, 0.5, 2, 0, 0.95},
    {"log", MATH_LOG, logl, FLT_MIN, FLT_MAX, 0, 0.95},
    {"log near 1", MATH_LOG, logl, 0.5, 2, 0, 0.95},
    {"tanh", MATH_TANH, tanhl, -12, 12, 0, 2.7},
    {"sigmoid", MATH_SIGMOID, sigmoid, -87, 40, 0, 2.4},
    {"erf", MATH_ERF, erfl, -6, 6, 0, 1.7},
    {"cbrt", MATH_CBRT, cbrtl, FLT_MIN, 1e37, 0, 0.9},
    {"x^2.4", MATH_POW_2_4, pow_2_4, 1e-6, 4, 0, 1.2},
    {"x^(1/2.4)", MATH_POW_1_2_4, pow_1_2_4, 1e-6, 4, 0, 1.2},
    {"x^2.4 wide", MATH_POW_2_4, pow_2_4, 1e-15, 1e15, 0, 1.2},
    {"x^(1/2.4) wide", MATH_POW_1_2_4, pow_1_2_4, FLT_MIN, FLT_MAX, 0, 1.2},
    {"x^(5/12)", MATH_POW_5_12, pow_1_2_4, 1e-3, 4, 0, 1.9},
    {"x^(5/12) wide", MATH_POW_5_12, pow_1_2_4, FLT_MIN, FLT_MAX, 0, 1.9},
    {"hard_swish", MATH_HARD_SWISH, hard_swish, -10, 10, 1, 2.2},
    {"silu", MATH_SILU, silu, -80, 40, 0, 3.4},
    {"gelu", MATH_GELU, gelu, 0, 8, 0, 7},
    {"gelu below 0", MATH_GELU, gelu, -1, 0, 0, 8},
    {"gelu tail", MATH_GELU, gelu, -9, -1, 0.125, 8},
    {"gelu_tanh", MATH_GELU_TANH, gelu_tanh, -1, 8, 0, 4},
    {"gelu_tanh tail", MATH_GELU_TANH, gelu_tanh, -9, -1, 0.1, 8},
    {"clamp", MATH_CLAMP, clamp, -10, 10, 0, 0},
    {"leaky_relu", MATH_LEAKY_RELU, leaky_relu, -10, 10, FLT_MIN, 1.1},
    {"relu", MATH_RELU, relu, -10, 10, 0, 0},
};

static float from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t to_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/** Distance in units in the last place of the larger of |truth| and floor. */
static double ulps(float got, long double truth, double floor) {
    int exponent;
    const double scale = fmax(fabs((double)truth), floor);
    if (scale == 0) return got == 0 ? 0 : INFINITY;
    frexp(scale, &exponent);
    return (double)(fabsl((long double)got - truth) / ldexpl(1, exponent < -125 ? -149 : exponent - 24));
}

static uint32_t step = 10007;

/** Walks over the f32 between low and high in their order by steps of `step` patterns. */
static double worst_of(const struct range *r, double *relative) {
    float x[BLOCK], y[BLOCK];
    double worst = 0;
    *relative = 0;
    for (uint64_t begin = 0; begin < UINT64_C(1) << 32; begin += (uint64_t)step * BLOCK) {
        size_t n = 0;
        for (uint32_t i = 0; i < BLOCK; i++) {
            const float v = from_bits((uint32_t)(begin + (uint64_t)i * step));
            if (v >= r->low && v <= r->high) x[n++] = v;
        }
        for (size_t i = n; i % 16 != 0; i++) x[i] = 1.0f;
        evals[COLORIZER_CPU_SCALAR](r->function, x, y, (n + 15) / 16 * 16);
        for (size_t i = 0; i < n; i++) {
            const long double truth = r->truth(x[i]);
            worst = fmax(worst, ulps(y[i], truth, r->floor));
            if (fabsl(truth) >= FLT_MIN) *relative = fmax(*relative, (double)fabsl((y[i] - truth) / truth));
        }
    }
    return worst;
}

static void test_accuracy(void **state) {
    (void)state;
    bool good = true;
    for (size_t i = 0; i < CZ_COUNT(ranges); i++) {
        double relative;
        const double worst = worst_of(&ranges[i], &relative);
        print_message("%-15s %10g .. %-10g  %.3f ulp (<= %.2g)  relative %.2e\n", ranges[i].name, ranges[i].low,
                      ranges[i].high, worst, ranges[i].most, relative);
        good = good && worst <= ranges[i].most;
    }
    assert_true(good);
}

/* Every function on bit patterns of every kind: all instruction sets agree (a NaN with a NaN of any bits). */
static void test_same_bits(void **state) {
    (void)state;
    float x[BLOCK], y[2][BLOCK];
    for (int32_t cpu = COLORIZER_CPU_SCALAR + 1; cpu <= CZ_CPU_LAST; cpu++) {
        if (!cz_cpu_supported(cpu)) {
            print_message("%s: not run, this machine or build lacks it\n", cz_cpu_name(cpu));
            continue;
        }
        for (uint32_t begin = 0; begin < 128; begin++) {
            for (uint32_t i = 0; i < BLOCK; i++) x[i] = from_bits((begin * BLOCK + i) * 2049u + begin);
            for (int f = 0; f < MATH_COUNT; f++) {
                evals[COLORIZER_CPU_SCALAR]((enum math_function)f, x, y[0], BLOCK);
                evals[cpu]((enum math_function)f, x, y[1], BLOCK);
                for (uint32_t i = 0; i < BLOCK; i++) {
                    if (y[0][i] != y[0][i] && y[1][i] != y[1][i]) continue;
                    if (to_bits(y[0][i]) != to_bits(y[1][i]))
                        fail_msg("%s: function %d of %a: %a, scalar %a", cz_cpu_name(cpu), f, (double)x[i],
                                 (double)y[1][i], (double)y[0][i]);
                }
            }
        }
    }
}

/* What the header says of arguments outside the range of interest. */
static void test_edges(void **state) {
    (void)state;
    static const struct {
        enum math_function function;
        float x, y;
    } cases[] = {
        {MATH_EXP, NAN, 0},
        {MATH_EXP, -INFINITY, 0},
        {MATH_EXP, INFINITY, INFINITY},
        {MATH_EXP, -88, 0},
        {MATH_EXP, 88.73f, INFINITY},
        {MATH_EXP, 0, 1},
        {MATH_EXP_NEG, NAN, 0},
        {MATH_EXP_NEG, -INFINITY, 0},
        {MATH_EXP_NEG, 0, 1},
        {MATH_EXP_NEG, 3e9f, 1},
        {MATH_LOG2, 0, -126},
        {MATH_LOG2, -1, -126},
        {MATH_LOG2, NAN, -126},
        {MATH_LOG2, INFINITY, 128},
        {MATH_LOG2, 8, 3},
        {MATH_LOG2, 1, 0},
        {MATH_LOG, 1, 0},
        {MATH_TANH, INFINITY, 1},
        {MATH_TANH, -INFINITY, -1},
        {MATH_TANH, NAN, -1},
        {MATH_TANH, 0, 0},
        {MATH_SIGMOID, NAN, 0},
        {MATH_SIGMOID, 0, 0.5f},
        {MATH_SIGMOID, INFINITY, 1},
        {MATH_SIGMOID, -INFINITY, 0},
        {MATH_ERF, NAN, -1},
        {MATH_ERF, INFINITY, 1},
        {MATH_ERF, -INFINITY, -1},
        {MATH_CBRT, NAN, 0},
        {MATH_CBRT, -8, 0},
        {MATH_CBRT, 0, 0},
        {MATH_CBRT, 27, 3},
        {MATH_CBRT, INFINITY, 0x1p42f},
        {MATH_POW_2_4, NAN, 0},
        {MATH_POW_2_4, 0, 0},
        {MATH_POW_2_4, -1, 0},
        {MATH_POW_2_4, 1, 1},
        {MATH_POW_2_4, 1e30f, INFINITY},
        {MATH_POW_2_4, 1e-30f, 0},
        {MATH_POW_1_2_4, INFINITY, 0x1.428a30p53f},
        {MATH_POW_5_12, INFINITY, 0x1.428a30p53f},
        {MATH_POW_5_12, 1, 1},
        {MATH_POW_5_12, NAN, 0x1.6a09e6p-53f},
        {MATH_SILU, -1e38f, 0},
        {MATH_GELU, -1e38f, 0},
        {MATH_GELU_TANH, -1e38f, 0},
        {MATH_GELU, 1e38f, 1e38f},
        {MATH_GELU_TANH, 1e38f, 1e38f},
        {MATH_RELU, NAN, 0},
        {MATH_RELU, -INFINITY, 0},
        {MATH_CLAMP, NAN, 0},
        {MATH_CLAMP, INFINITY, 6},
    };
    for (size_t i = 0; i < CZ_COUNT(cases); i++) {
        float x[16], y[16];
        for (int lane = 0; lane < 16; lane++) x[lane] = cases[i].x;
        evals[COLORIZER_CPU_SCALAR](cases[i].function, x, y, 16);
        if (!(y[7] == cases[i].y))
            fail_msg("function %d of %a: %a, not %a", (int)cases[i].function, (double)x[7], (double)y[7],
                     (double)cases[i].y);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) step = (uint32_t)strtoul(argv[1], NULL, 10);
    if (step == 0) return 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests_name("math", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause
 * Winograd convolution: when it is chosen, that every instruction set chooses alike, and how exact it is. Its bits are
 * compared by test_kernels.c, with the rows of kernel_cases_winograd.c; here also for random shapes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel_harness.h"
#include "kernel_naive.h"

#include "kernels/isa.h"
#include "kernels/set.h"

static uint64_t seed = 20151;

/** The call of a problem, as the plan makes it. */
static cz_call call_of(const problem *p, int32_t cpu) {
    cz_call call = {.set = cz_set_of(cpu), .attr = &p->c->attr, .out = p->out, .weight = &p->weight};
    memcpy(call.in, p->c->in, sizeof call.in);
    return call;
}

static problem make(const kernel_case *c, rng *r) {
    problem p;
    const char *why = NULL;
    if (!problem_make(&p, c, r, &why)) fail_msg("\"%s\": %s", c->name, why);
    return p;
}

static bool chosen(const kernel_case *c) {
    rng r = {seed};
    problem p = make(c, &r);
    const cz_call call = call_of(&p, COLORIZER_CPU_SCALAR);
    cz_wino w;
    const bool yes = cz_conv_winograd(&call, &w);
    problem_free(&p);
    return yes;
}

static void test_rows_are_winograd(void **state) {
    (void)state;
    for (const kernel_case *c = kernel_cases_winograd; c->name != NULL; c++)
        if (c->op == CZ_OP_conv2d && !chosen(c)) fail_msg("\"%s\" goes by the direct kernel", c->name);
}

/** The rows of kernel_cases_narrow.c take the kernel they are there for. */
static void test_rows_are_narrow(void **state) {
    (void)state;
    rng r = {seed};
    for (const kernel_case *c = kernel_cases_narrow; c->name != NULL; c++) {
        problem p = make(c, &r);
        const cz_call call = call_of(&p, COLORIZER_CPU_SCALAR);
        if (!cz_narrow_fits(&call)) fail_msg("\"%s\" goes by another kernel", c->name);
        problem_free(&p);
    }
}

typedef struct layer {
    uint32_t height, width, in, out, kernel;
    int32_t stride, dilation, groups;
    bool winograd;
} layer;

static kernel_case case_of(const layer *l) {
    kernel_case c = {.name = "layer", .op = CZ_OP_conv2d};
    const int32_t pad = l->dilation * (int32_t)(l->kernel / 2);
    c.in[0] = (cz_shape)S4(1, l->height, l->width, l->in);
    c.in[1] = (cz_shape)S4(l->out, l->kernel, l->kernel, l->in / (uint32_t)l->groups);
    c.attr.conv2d = (cz_attr_conv2d){.stride_h = l->stride,
                                     .stride_w = l->stride,
                                     .dilation_h = l->dilation,
                                     .dilation_w = l->dilation,
                                     .pad_top = pad,
                                     .pad_left = pad,
                                     .pad_bottom = pad,
                                     .pad_right = pad,
                                     .groups = l->groups};
    return c;
}

/** What the cost model of docs/kernels.md says of layers that matter. */
static void test_choice(void **state) {
    (void)state;
    static const layer layers[] = {
        {64, 64, 64, 64, 3, 1, 1, 1, true},   {32, 32, 256, 512, 3, 1, 1, 1, true},
        {32, 32, 512, 512, 3, 1, 2, 1, true}, {16, 16, 243, 160, 3, 1, 1, 1, true},
        {8, 8, 256, 256, 3, 1, 1, 1, true},   {256, 256, 64, 64, 3, 1, 1, 1, true},
        {256, 256, 3, 64, 3, 1, 1, 1, false}, {256, 256, 64, 2, 3, 1, 1, 1, true},
        {1, 1, 256, 256, 3, 1, 1, 1, false},  {2, 2, 256, 256, 3, 1, 1, 1, false},
        {64, 64, 64, 64, 3, 2, 1, 1, false},  {64, 64, 64, 64, 3, 1, 1, 2, false},
        {64, 64, 64, 64, 1, 1, 1, 1, false},  {64, 64, 64, 64, 5, 1, 1, 1, false},
        {12, 12, 64, 64, 3, 1, 12, 1, false},
    };
    for (size_t i = 0; i < CZ_COUNT(layers); i++) {
        const kernel_case c = case_of(&layers[i]);
        if (chosen(&c) != layers[i].winograd)
            fail_msg("layer %zu goes by %s", i, layers[i].winograd ? "the direct kernel" : "Winograd");
    }
}

/** The choice, the units and a bound on scratch are the same on every instruction set. */
static void test_same_plan_everywhere(void **state) {
    (void)state;
    rng r = {seed};
    for (const kernel_case *c = kernel_cases_winograd; c->name != NULL; c++) {
        if (c->op != CZ_OP_conv2d) continue;
        problem p = make(c, &r);
        cz_call first = call_of(&p, COLORIZER_CPU_SCALAR);
        assert_true(cz_kernel_of(first.set, c->op)->prepare(&first));
        for (int32_t cpu = COLORIZER_CPU_AVX2; cpu <= CZ_CPU_LAST; cpu++) {
            if (!cz_cpu_supported(cpu)) continue;
            cz_call call = call_of(&p, cpu);
            assert_true(cz_kernel_of(call.set, c->op)->prepare(&call));
            assert_int_equal(call.units, first.units);
            assert_true(call.scratch < 4u << 20);
        }
        problem_free(&p);
    }
}

/** Results that no cache holds go past them, where the set can do that. */
static void test_large_results_are_streamed(void **state) {
    (void)state;
    static const layer layers[] = {{256, 256, 32, 64, 3, 1, 1, 1, true}, {255, 256, 32, 64, 3, 1, 1, 1, true}};
    for (size_t i = 0; i < CZ_COUNT(layers); i++) {
        const kernel_case c = case_of(&layers[i]);
        rng r = {seed};
        problem p = make(&c, &r);
        for (int32_t cpu = COLORIZER_CPU_SCALAR; cpu <= CZ_CPU_LAST; cpu++) {
            if (!cz_cpu_supported(cpu)) continue;
            const cz_call call = call_of(&p, cpu);
            cz_wino w;
            assert_true(cz_conv_winograd(&call, &w));
            assert_int_equal(w.streamed, i == 0 && call.set->streams);
        }
        problem_free(&p);
    }
}

/** Scratch has a bound that does not grow with the layer. */
static void test_scratch_bound(void **state) {
    (void)state;
    static const layer layers[] = {{2048, 2048, 2048, 2048, 3, 1, 1, 1, true},
                                   {2048, 2048, 512, 512, 3, 1, 1, 1, true}};
    for (size_t i = 0; i < CZ_COUNT(layers); i++)
        for (int32_t cpu = COLORIZER_CPU_SCALAR; cpu <= CZ_CPU_LAST; cpu++) {
            if (!cz_cpu_supported(cpu)) continue;
            const layer *l = &layers[i];
            const kernel_case c = case_of(l);
            const cz_constant weight = {.shape = c.in[1], .dtype = CZ_F32};
            cz_call call = {
                .set = cz_set_of(cpu), .attr = &c.attr, .out = {{1, l->height, l->width, l->out}}, .weight = &weight};
            memcpy(call.in, c.in, sizeof call.in);
            assert_true(cz_kernel_of(call.set, CZ_OP_conv2d)->prepare(&call));
            assert_true(call.scratch < 12u << 20);
        }
}

/** Relative RMS error of the scalar kernel against the formula in double. */
static double error_of(const problem *p, rng *r, float *got) {
    const size_t n = cz_elements(&p->out);
    double *expected = malloc(n * sizeof *expected), error = 0, size = 0;
    assert_null(problem_run(p, COLORIZER_CPU_SCALAR, SPLIT_ALL, r, got));
    assert_true(naive_run(p, expected));
    for (size_t i = 0; i < n; i++) {
        error += ((double)got[i] - expected[i]) * ((double)got[i] - expected[i]);
        size += expected[i] * expected[i];
    }
    free(expected);
    return sqrt(error / size);
}

/** docs/numerics.md gives these bounds. */
static void test_accuracy(void **state) {
    (void)state;
    static const layer layers[] = {{16, 16, 64, 64, 3, 1, 1, 1, true}, {12, 12, 512, 64, 3, 1, 1, 1, true}};
    rng r = {seed};
    for (size_t i = 0; i <= CZ_COUNT(layers); i++) {
        kernel_case c = case_of(&layers[i % CZ_COUNT(layers)]);
        if (i == CZ_COUNT(layers)) {
            c.op = CZ_OP_conv_transpose2d;
            c.in[1] = (cz_shape)S4(64, 4, 4, 64);
            c.attr.conv_transpose2d = (cz_attr_conv_transpose2d){2, 2, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
        }
        problem p = make(&c, &r);
        float *got = malloc(cz_elements(&p.out) * sizeof *got);
        const double error = error_of(&p, &r, got);
        print_message("%u input channels, %s: relative RMS error %.2g\n", c.in[0].d[3],
                      c.op == CZ_OP_conv2d ? "F(4,3)" : "F(4,2)", error);
        assert_true(error < 3e-6);
        free(got);
        problem_free(&p);
    }
}

/** A shape at random, near the edges of what Winograd takes. */
static kernel_case random_case(rng *r) {
    kernel_case c = {.name = "random", .range = 0.5f};
    const int32_t act = rng_int(r, 0, 1) ? CZ_ACT_LEAKY_RELU : CZ_ACT_NONE;
    const uint32_t in = (uint32_t)rng_int(r, 24, 140), out = (uint32_t)rng_int(r, 12, 140);
    c.in[0] = (cz_shape)S4(1, (uint32_t)rng_int(r, 2, 15), (uint32_t)rng_int(r, 2, 15), in);
    if (rng_int(r, 0, 3) == 0) {
        c.op = CZ_OP_conv_transpose2d;
        c.in[1] = (cz_shape)S4(out, 4, 4, in);
        c.attr.conv_transpose2d = (cz_attr_conv_transpose2d){
            2, 2, 1, 1, rng_int(r, 0, 1), rng_int(r, 0, 2), rng_int(r, 0, 1), rng_int(r, 0, 2), 1, act, 0, 0, 0};
    } else {
        c.op = CZ_OP_conv2d;
        c.in[1] = (cz_shape)S4(out, 3, 3, in);
        c.attr.conv2d = (cz_attr_conv2d){.stride_h = 1, .stride_w = 1, .groups = 1, .act = act};
        c.attr.conv2d.dilation_h = rng_int(r, 1, 3);
        c.attr.conv2d.dilation_w = rng_int(r, 1, 3);
        c.attr.conv2d.pad_top = rng_int(r, 2, 5);
        c.attr.conv2d.pad_left = rng_int(r, 2, 5);
        c.attr.conv2d.pad_bottom = rng_int(r, 2, 5);
        c.attr.conv2d.pad_right = rng_int(r, 2, 5);
        c.attr.conv2d.pad_mode = rng_int(r, 0, 1);
    }
    if (rng_int(r, 0, 1)) c.in[2] = (cz_shape)VEC(out);
    return c;
}

static void test_random(void **state) {
    (void)state;
    rng r = {seed};
    size_t by_winograd = 0;
    for (int i = 0; i < 40; i++) {
        const kernel_case c = random_case(&r);
        problem p = make(&c, &r);
        const size_t bytes = cz_elements(&p.out) * sizeof(float);
        float *expected = malloc(bytes), *got = malloc(bytes);
        if (!(error_of(&p, &r, expected) < 3e-6)) {
            problem_print(&p);
            fail_msg("seed %llu: off the formula", (unsigned long long)seed);
        }
        for (int32_t cpu = COLORIZER_CPU_SCALAR; cpu <= CZ_CPU_LAST; cpu++)
            for (int split = SPLIT_ALL; split <= SPLIT_RANDOM && cz_cpu_supported(cpu); split++) {
                const char *wrong = problem_run(&p, cpu, (enum split)split, &r, got);
                if (wrong == NULL && memcmp(expected, got, bytes) == 0) continue;
                problem_print(&p);
                fail_msg("seed %llu, %s: %s", (unsigned long long)seed, cz_cpu_name(cpu), wrong ? wrong : "other bits");
            }
        by_winograd += c.op == CZ_OP_conv2d && chosen(&c);
        free(expected);
        free(got);
        problem_free(&p);
    }
    assert_true(by_winograd >= 15); /* of some 30: else the cases have drifted from the cost model */
}

int main(void) {
    const char *given = getenv("COLORIZER_TEST_SEED");
    if (given != NULL) seed = strtoull(given, NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_winograd),
        cmocka_unit_test(test_rows_are_narrow),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_same_plan_everywhere),
        cmocka_unit_test(test_large_results_are_streamed),
        cmocka_unit_test(test_scratch_bound),
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("winograd", tests, NULL, NULL);
}

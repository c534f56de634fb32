/* SPDX-License-Identifier: BSD-2-Clause
 * Every operator: each instruction set against the scalar kernels, bit for bit, for every way of giving out the units;
 * and the scalar kernels of the heavy operators against plain loops in double. COLORIZER_TEST_SEED sets the seed. */
#include "kernel_harness.h"
#include "kernel_naive.h"

#include "kernels/isa.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t seed = 20240229;

/** Prints what failed and how to see it again. */
static void report(const problem *p, int32_t cpu, const char *what) {
    fprintf(stderr, "%s, seed %llu: %s\n  ", cz_cpu_name(cpu), (unsigned long long)seed, what);
    problem_print(p);
}

/** Runs on one instruction set in one way and compares with the expected bytes. */
static bool same_bits(const problem *p, int32_t cpu, enum split split, rng *r, const float *expected, float *got) {
    const size_t bytes = problem_bytes(p), n = p->out_u8 ? 0 : bytes / sizeof *got;
    const char *wrong = problem_run(p, cpu, split, r, got);
    if (wrong != NULL) {
        report(p, cpu, wrong);
        return false;
    }
    if (memcmp(expected, got, bytes) == 0) return true;
    if (p->out_u8) report(p, cpu, "other u8 than scalar");
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&expected[i], &got[i], sizeof *got) == 0) continue;
        char text[160];
        snprintf(text, sizeof text, "element %zu is %a, not %a (units %s)", i, (double)got[i], (double)expected[i],
                 split == SPLIT_ALL        ? "at once"
                 : split == SPLIT_REVERSED ? "one by one, backwards"
                                           : "in pieces");
        report(p, cpu, text);
        break;
    }
    return false;
}

/** The scalar result against the formula in double: an error of some units in the last place of the terms' size. */
static bool near_naive(const problem *p, const float *got) {
    const size_t n = cz_elements(&p->out);
    double *expected = malloc(n * sizeof *expected);
    bool good = true;
    if (naive_run(p, expected)) {
        for (size_t i = 0; i < n && good; i++) {
            /* u8: the exact value before it was rounded */
            const double value = p->out_u8 ? ((const unsigned char *)got)[i] : (double)got[i];
            const double error = fabs(value - expected[i]);
            good = error <= (p->out_u8 ? 0.5001 : 2e-5 + 2e-5 * fabs(expected[i])); /* false for NaN */
            if (good) continue;
            char text[160];
            snprintf(text, sizeof text, "element %zu is %g, by the formula %g", i, value, expected[i]);
            report(p, COLORIZER_CPU_SCALAR, text);
        }
    }
    free(expected);
    return good;
}

/** Everything about one case; of a convolution's input channels those whose bits are set in `unused` have no weights.
 */
static bool check_without(const kernel_case *c, rng *r, uint32_t unused) {
    problem p;
    const char *why;
    if (!problem_make(&p, c, r, &why)) {
        fprintf(stderr, "\"%s\": %s\n", c->name, why);
        return false;
    }
    for (size_t i = 0; unused != 0 && i < cz_elements(&p.weight.shape); i++)
        if (unused >> i % p.weight.shape.d[3] & 1) p.in[1][i] = 0;
    const size_t bytes = problem_bytes(&p);
    float *expected = malloc(bytes), *got = malloc(bytes);
    const char *wrong = problem_run(&p, COLORIZER_CPU_SCALAR, SPLIT_ALL, r, expected);
    bool good = wrong == NULL;
    if (!good) report(&p, COLORIZER_CPU_SCALAR, wrong);
    good = good && near_naive(&p, expected);
    good = good && same_bits(&p, COLORIZER_CPU_SCALAR, SPLIT_RANDOM, r, expected, got);
    for (int32_t cpu = COLORIZER_CPU_AVX2; cpu <= CZ_CPU_LAST; cpu++) {
        if (!cz_cpu_supported(cpu)) continue;
        for (int split = SPLIT_ALL; split <= SPLIT_RANDOM; split++)
            good = good && same_bits(&p, cpu, (enum split)split, r, expected, got);
        if (c->op != CZ_OP_conv2d_i8 || !cz_cpu_has_fast_dot()) continue;
        cz_cpu_use_fast_dot(false); /* the way of processors without */
        good = good && same_bits(&p, cpu, SPLIT_ALL, r, expected, got);
        cz_cpu_use_fast_dot(true);
    }
    free(expected);
    free(got);
    problem_free(&p);
    return good;
}

static bool check(const kernel_case *c, rng *r) { return check_without(c, r, 0); }

/** Every row of the tables for one operator. */
static void test_operator(void **state) {
    const uint32_t op = *(const uint32_t *)*state;
    rng r = {seed};
    size_t cases = 0;
    for (size_t l = 0; l < kernel_case_list_count; l++)
        for (const kernel_case *c = kernel_case_lists[l]; c->name != NULL; c++)
            if (c->op == op) {
                for (int draws = op == CZ_OP_conv2d_i8 ? 4 : 1; draws > 0; draws--) assert_true(check(c, &r));
                cases++;
            }
    assert_true(cases > 0);
}

/** Random ends of a convolution or linear; `out` is the result's shape. */
static void random_end(rng *r, kernel_case *c, const cz_shape *out, int32_t *act, float *p0, float *p1, int32_t *res) {
    const cz_shape vector = {{1, 1, 1, out->d[3]}};
    if (rng_int(r, 0, 2) > 0) c->in[2] = vector;
    if (rng_int(r, 0, 3) == 0) c->in[3] = c->in[4] = vector;
    *res = rng_int(r, 0, 2);
    if (*res != 0) c->in[5] = *out;
    *act = rng_int(r, CZ_ACT_NONE, CZ_ACT_SIGMOID);
    if (*act == CZ_ACT_CLAMP) {
        *p0 = -0.5f;
        *p1 = 1.0f;
    }
    if (*act == CZ_ACT_LEAKY_RELU) *p0 = rng_int(r, 0, 1) ? 0.1f : 0.0f;
}

/** Sizes and attributes at random, until the shape rule takes them and the work is small. */
static kernel_case random_conv(rng *r, uint32_t op) {
    for (;;) {
        kernel_case c = {.name = "random", .op = op};
        cz_attr_conv2d a = {.stride_h = rng_int(r, 1, 3), .stride_w = rng_int(r, 1, 3), .pad_mode = rng_int(r, 0, 1)};
        a.dilation_h = rng_int(r, 0, 3) ? 1 : rng_int(r, 2, 3);
        a.dilation_w = rng_int(r, 0, 3) ? 1 : rng_int(r, 2, 3);
        a.pad_top = rng_int(r, 0, 3);
        a.pad_left = rng_int(r, 0, 3);
        a.pad_bottom = rng_int(r, 0, 3);
        a.pad_right = rng_int(r, 0, 3);
        a.groups = rng_int(r, 0, 2) ? 1 : rng_int(r, 2, 20);
        const int32_t in = rng_int(r, 1, a.groups == 1 ? 40 : 3), out = rng_int(r, 1, a.groups == 1 ? 40 : 3);
        const bool depthwise = a.groups > 1 && rng_int(r, 0, 1);
        const uint32_t cin = depthwise ? 1 : (uint32_t)in, cout = (uint32_t)(a.groups * (depthwise ? 1 : out));
        c.in[0] = (cz_shape)S4(1, (uint32_t)rng_int(r, 1, 9), (uint32_t)rng_int(r, 1, 20), (uint32_t)a.groups * cin);
        c.in[1] = (cz_shape)S4(cout, (uint32_t)rng_int(r, 1, 5), (uint32_t)rng_int(r, 1, 5), cin);
        for (int pass = 0; pass < 2; pass++) { /* first for the result's shape, then with the end that needs it */
            cz_shape shape;
            memset(&c.attr, 0, sizeof c.attr); /* the words past a member too, which its initializer need not clear */
            if (op == CZ_OP_conv2d)
                c.attr.conv2d = a;
            else
                c.attr.conv_transpose2d = (cz_attr_conv_transpose2d){
                    a.stride_h,  a.stride_w, a.dilation_h, a.dilation_w, a.pad_top, a.pad_left, a.pad_bottom,
                    a.pad_right, a.groups,   a.act,        a.act_p0,     a.act_p1,  a.residual};
            if (cz_op_shape(op, &c.attr, c.in, &shape, NULL) != COLORIZER_OK) break;
            const size_t work = cz_elements(&shape) / shape.d[3] * cz_elements(&c.in[1]);
            if (work > 200000) break;
            if (pass == 1) return c;
            random_end(r, &c, &shape, &a.act, &a.act_p0, &a.act_p1, &a.residual);
        }
    }
}

static void test_random_conv(void **state) {
    rng r = {seed ^ *(const uint32_t *)*state};
    for (int i = 0; i < 150; i++) {
        const kernel_case c = random_conv(&r, *(const uint32_t *)*state);
        assert_true(check(&c, &r));
    }
}

/** Input channels without weights, all of them even, in layers that leave them out and in one that does not. */
static void test_unused_channels(void **state) {
    static const struct {
        int32_t stride, pad, mode, width;
        uint32_t kernel;
    } geometries[] = {{2, 1, 0, 20, 3}, {3, 3, 1, 11, 4}, {2, 0, 0, 5, 5}, {1, 1, 0, 40, 3}};
    rng r = {seed};
    (void)state;
    for (size_t g = 0; g < CZ_COUNT(geometries); g++)
        for (uint32_t unused = 1; unused < 16; unused++) {
            const int32_t s = geometries[g].stride, pad = geometries[g].pad;
            kernel_case c = {.name = "unused channels", .op = CZ_OP_conv2d};
            c.attr.conv2d =
                (cz_attr_conv2d){s, s, 1, 1, pad, pad, pad, pad, geometries[g].mode, 1, CZ_ACT_NONE, 0, 0, 0};
            c.in[0] = (cz_shape)S4(1, 9, (uint32_t)geometries[g].width, 4);
            c.in[1] = (cz_shape)S4(33, geometries[g].kernel, geometries[g].kernel, 4);
            assert_true(check_without(&c, &r, unused));
        }
}

/** A conv2d_i8 with the geometry of a random conv2d. */
static kernel_case random_conv_i8(rng *r) {
    for (;;) {
        kernel_case c = random_conv(r, CZ_OP_conv2d);
        const cz_attr_conv2d a = c.attr.conv2d;
        cz_attr_conv2d_i8 *b = &c.attr.conv2d_i8;
        cz_shape shape;
        memset(&c.attr, 0, sizeof c.attr);
        *b = (cz_attr_conv2d_i8){.stride = a.stride_h,
                                 .dilation = a.dilation_h,
                                 .pad_top = a.pad_top,
                                 .pad_left = a.pad_left,
                                 .pad_bottom = a.pad_bottom,
                                 .pad_right = a.pad_right,
                                 .groups = a.groups,
                                 .act = a.act,
                                 .act_p0 = a.act_p0,
                                 .act_p1 = a.act_p1,
                                 .x_scale = 0.02f,
                                 .x_zero = rng_int(r, 0, 255)};
        b->out_scale = rng_int(r, 0, 2) ? 0.01f + 0.05f * (float)rng_int(r, 0, 4) : 0;
        b->out_zero = b->out_scale != 0 && rng_int(r, 0, 1) ? rng_int(r, 0, 255) : 0;
        c.op = CZ_OP_conv2d_i8;
        c.in[3] = c.in[4] = c.in[5] = (cz_shape)NONE;
        if (cz_op_shape(c.op, &c.attr, c.in, &shape, NULL) != COLORIZER_OK) continue;
        b->residual = a.residual;
        if (a.residual != 0) c.in[5] = shape;
        return c;
    }
}

static void test_random_conv_i8(void **state) {
    rng r = {seed};
    (void)state;
    for (int i = 0; i < 300; i++) {
        const kernel_case c = random_conv_i8(&r);
        assert_true(check(&c, &r));
    }
}

static void test_random_linear(void **state) {
    (void)state;
    rng r = {seed};
    for (int i = 0; i < 60; i++) {
        kernel_case c = {.name = "random", .op = CZ_OP_linear};
        c.in[0] =
            (cz_shape)S4(1, (uint32_t)rng_int(&r, 1, 4), (uint32_t)rng_int(&r, 1, 10), (uint32_t)rng_int(&r, 1, 70));
        c.in[1] = (cz_shape)S4((uint32_t)rng_int(&r, 1, 70), 1, 1, c.in[0].d[3]);
        const cz_shape out = S4(1, c.in[0].d[1], c.in[0].d[2], c.in[1].d[0]);
        cz_attr_linear *a = &c.attr.linear;
        random_end(&r, &c, &out, &a->act, &a->act_p0, &a->act_p1, &a->residual);
        assert_true(check(&c, &r));
    }
}

static void test_random_attention(void **state) {
    (void)state;
    rng r = {seed};
    for (int i = 0; i < 40; i++) {
        kernel_case c = {.name = "random", .op = CZ_OP_attention, .range = 2};
        const uint32_t heads = (uint32_t)rng_int(&r, 1, 3), depth = heads * (uint32_t)rng_int(&r, 1, 20);
        const uint32_t keys = (uint32_t)rng_int(&r, 1, 140);
        c.in[0] = (cz_shape)S4(1, 1, (uint32_t)rng_int(&r, 1, 40), depth);
        c.in[1] = (cz_shape)S4(1, 1, keys, depth);
        c.in[2] = (cz_shape)S4(1, 1, keys, heads * (uint32_t)rng_int(&r, 1, 20));
        c.attr.attention = (cz_attr_attention){.heads = (int32_t)heads, .scale = 0.3f};
        assert_true(check(&c, &r));
    }
}

int main(void) {
    const char *given = getenv("COLORIZER_TEST_SEED");
    if (given != NULL) seed = strtoull(given, NULL, 10);
    static uint32_t ids[] = {
#define CZ_OP(id, name, required, optional, packed, attributes) id,
#include "model/ops.def"
#undef CZ_OP
    };
    static const char *const names[] = {
#define CZ_OP(id, name, required, optional, packed, attributes) #name,
#include "model/ops.def"
#undef CZ_OP
    };
    struct CMUnitTest tests[CZ_COUNT(ids) + 6];
    for (size_t i = 0; i < CZ_COUNT(ids); i++)
        tests[i] = (struct CMUnitTest){.name = names[i], .test_func = test_operator, .initial_state = &ids[i]};
    struct CMUnitTest *more = &tests[CZ_COUNT(ids)];
    more[0] = (struct CMUnitTest){.name = "random conv2d", .test_func = test_random_conv, .initial_state = &ids[0]};
    more[1] =
        (struct CMUnitTest){.name = "random conv_transpose2d", .test_func = test_random_conv, .initial_state = &ids[1]};
    more[2] = (struct CMUnitTest){.name = "random linear", .test_func = test_random_linear};
    more[3] = (struct CMUnitTest){.name = "random attention", .test_func = test_random_attention};
    more[4] = (struct CMUnitTest){.name = "random conv2d_i8", .test_func = test_random_conv_i8};
    more[5] = (struct CMUnitTest){.name = "unused channels", .test_func = test_unused_channels};
    for (int32_t cpu = COLORIZER_CPU_SCALAR; cpu <= CZ_CPU_LAST; cpu++)
        if (!cz_cpu_supported(cpu)) fprintf(stderr, "not on this machine or not in this build: %s\n", cz_cpu_name(cpu));
    return cmocka_run_group_tests(tests, NULL, NULL);
}

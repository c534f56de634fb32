/* SPDX-License-Identifier: BSD-2-Clause
 * The heavy layers of the default network at 256x256, one thread: GFLOP/s and share of the multiply-add peak.
 *
 *     bench_kernels [SET] [SECONDS a row, default 0.2]        SET: scalar, avx2, ...; default: all but scalar
 *
 * Best of many runs by the thread's own clock, weights packed beforehand, data where the run before left it. */
#define _POSIX_C_SOURCE 200112L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/isa.h"
#include "kernels/kernel.h"
#include "model/model.h"

#define CZ_SET(name, NAME, needs) float bench_peak_##name(size_t steps, const float *start, double *flop);
#include "kernels/sets.def"
#undef CZ_SET

/** By COLORIZER_CPU_ constant; NULL where this build lacks the set. */
static float (*const peaks[])(size_t steps, const float *start, double *flop) = {
#define CZ_SET(name, NAME, needs) [COLORIZER_CPU_##NAME] = CZ_IF_BUILT(NAME, bench_peak_##name),
#include "kernels/sets.def"
#undef CZ_SET
};

typedef struct layer {
    const char *name;
    uint32_t op;
    uint32_t side, cin, cout, kernel, stride, groups;
    uint32_t times; /* how often the network has it */
} layer;

#define CONV(name, side, cin, cout, kernel, stride, times)                                                             \
    { name, CZ_OP_conv2d, side, cin, cout, kernel, stride, 1, times }
#define DEPTHWISE(name, side, c, kernel, stride, times)                                                                \
    { name, CZ_OP_conv2d, side, c, c, kernel, stride, c, times }

/* side: of the input */
static const layer layers[] = {
    CONV("stem", 256, 4, 32, 3, 2, 1),
    DEPTHWISE("1 depthwise", 128, 32, 3, 1, 1),
    CONV("1 project", 128, 32, 16, 1, 1, 1),
    CONV("2a expand", 128, 16, 96, 1, 1, 1),
    DEPTHWISE("2a depthwise", 128, 96, 3, 2, 1),
    CONV("2a project", 64, 96, 24, 1, 1, 1),
    CONV("2b expand", 64, 24, 144, 1, 1, 2),
    DEPTHWISE("2b depthwise", 64, 144, 3, 1, 1),
    CONV("2b project", 64, 144, 24, 1, 1, 1),
    DEPTHWISE("3a depthwise", 64, 144, 5, 2, 1),
    CONV("3a project", 32, 144, 40, 1, 1, 1),
    CONV("3b expand", 32, 40, 240, 1, 1, 2),
    DEPTHWISE("3b depthwise", 32, 240, 5, 1, 1),
    CONV("3b project", 32, 240, 40, 1, 1, 1),
    DEPTHWISE("4a depthwise", 32, 240, 3, 2, 1),
    CONV("4a project", 16, 240, 80, 1, 1, 1),
    CONV("4b expand", 16, 80, 480, 1, 1, 3),
    DEPTHWISE("4b depthwise", 16, 480, 3, 1, 2),
    CONV("4b project", 16, 480, 80, 1, 1, 2),
    DEPTHWISE("5a depthwise", 16, 480, 5, 1, 1),
    CONV("5a project", 16, 480, 112, 1, 1, 1),
    CONV("5b expand", 16, 112, 672, 1, 1, 3),
    DEPTHWISE("5b depthwise", 16, 672, 5, 1, 2),
    CONV("5b project", 16, 672, 112, 1, 1, 2),
    DEPTHWISE("6a depthwise", 16, 672, 5, 2, 1),
    CONV("6a project", 8, 672, 192, 1, 1, 1),
    CONV("6b expand", 8, 192, 1152, 1, 1, 4),
    DEPTHWISE("6b depthwise", 8, 1152, 5, 1, 3),
    CONV("6b project", 8, 1152, 192, 1, 1, 3),
    DEPTHWISE("7 depthwise", 8, 1152, 3, 1, 1),
    CONV("7 project", 8, 1152, 320, 1, 1, 1),
    CONV("proj32", 8, 323, 256, 1, 1, 1),
    {"attention 32", CZ_OP_attention, 8, 256, 256, 1, 1, 8, 2},
    {"attention 16", CZ_OP_attention, 16, 160, 160, 1, 1, 5, 1},
    CONV("merge16", 16, 243, 160, 3, 1, 1),
    CONV("merge8", 32, 136, 128, 3, 1, 1),
    CONV("merge4", 64, 91, 64, 3, 1, 1),
    CONV("refine4", 64, 64, 64, 3, 1, 1),
    CONV("logits", 64, 64, 313, 1, 1, 1),
    /* not in the network: what others' networks are made of */
    CONV("3x3 256", 32, 256, 256, 3, 1, 0),
    CONV("3x3 512", 32, 512, 512, 3, 1, 0),
    {"transposed 4x4", CZ_OP_conv_transpose2d, 32, 256, 128, 4, 2, 1, 0},
    {"linear 1024", CZ_OP_linear, 16, 1024, 1024, 1, 1, 1, 0},
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/** `n` floats in memory, none of them special. */
static float *floats(size_t n) {
    void *p;
    if (posix_memalign(&p, CZ_ALIGN, (n + 16) * sizeof(float)) != 0) exit(1);
    for (size_t i = 0; i < n; i++) ((float *)p)[i] = (float)(i % 17) / 16.0f - 0.5f;
    return p;
}

static double peak(int32_t cpu) {
    double best = 0, flop = 0;
    volatile float sink = 0;
    float start[1024];
    for (size_t i = 0; i < CZ_COUNT(start); i++) start[i] = (float)i;
    for (int i = 0; i < 20; i++) {
        const double begin = now();
        const size_t steps = cpu == COLORIZER_CPU_SCALAR ? 20000 : 2000000;
        sink = sink + peaks[cpu](steps, start, &flop);
        const double rate = flop / (now() - begin) / 1e9;
        best = rate > best ? rate : best;
    }
    return best;
}

/** Attributes and input shapes of a layer; with relu6 and bias, as the network's are. */
static void make_call(const layer *l, cz_attr *attr, cz_call *call) {
    memset(attr, 0, sizeof *attr);
    memset(call, 0, sizeof *call);
    const int32_t pad = (int32_t)l->kernel / 2, stride = (int32_t)l->stride;
    const cz_shape x = {{1, l->side, l->side, l->cin}};
    call->in[0] = x;
    call->in[1] = (cz_shape){{l->cout, l->kernel, l->kernel, l->cin / l->groups}};
    call->in[2] = (cz_shape){{1, 1, 1, l->cout}};
    if (l->op == CZ_OP_conv2d)
        attr->conv2d = (cz_attr_conv2d){.stride_h = stride,
                                        .stride_w = stride,
                                        .dilation_h = 1,
                                        .dilation_w = 1,
                                        .pad_top = pad,
                                        .pad_left = pad,
                                        .pad_bottom = pad,
                                        .pad_right = pad,
                                        .groups = (int32_t)l->groups,
                                        .act = CZ_ACT_CLAMP,
                                        .act_p1 = 6};
    else if (l->op == CZ_OP_conv_transpose2d)
        attr->conv_transpose2d = (cz_attr_conv_transpose2d){.stride_h = stride,
                                                            .stride_w = stride,
                                                            .dilation_h = 1,
                                                            .dilation_w = 1,
                                                            .pad_top = 1,
                                                            .pad_left = 1,
                                                            .pad_bottom = 1,
                                                            .pad_right = 1,
                                                            .groups = 1};
    else if (l->op == CZ_OP_attention) {
        attr->attention = (cz_attr_attention){.heads = (int32_t)l->groups, .scale = 0.2f};
        call->in[1] = call->in[2] = x;
    }
    call->attr = attr;
}

/** Floating-point operations, padding's included. */
static double flop_of(const layer *l, const cz_call *call) {
    const double out = (double)cz_elements(&call->out);
    if (l->op == CZ_OP_attention) return 4.0 * out * l->side * l->side;
    const double taps = (double)l->kernel * l->kernel * l->cin / l->groups;
    return 2.0 * out * taps / (l->op == CZ_OP_conv_transpose2d ? (double)l->stride * l->stride : 1);
}

/** Best time of one layer. */
static double seconds_of(const layer *l, cz_call *call, int32_t cpu, double budget) {
    const cz_kernel *k = cz_kernels(cpu)[l->op];
    float *in[CZ_MAX_INPUTS] = {NULL};
    const float *inputs[CZ_MAX_INPUTS];
    for (int i = 0; i < CZ_MAX_INPUTS; i++)
        inputs[i] = in[i] = call->in[i].d[0] ? floats(cz_elements(&call->in[i])) : NULL;
    const cz_constant weight = {.shape = call->in[1], .dtype = CZ_F32, .data = in[1]};
    void *packed = NULL, *scratch;
    size_t bytes = 0;
    call->weight = &weight;
    if (k->packed_size != NULL && !k->packed_size(call, &bytes)) exit(1);
    packed = floats(bytes / sizeof(float));
    memset(packed, 0, bytes);
    if (k->pack != NULL) k->pack(call, packed);
    call->packed = packed;
    if (!k->prepare(call)) exit(1);
    scratch = floats(call->scratch / sizeof(float) + 1);
    float *out = floats(cz_elements(&call->out));
    double best = 1e9;
    for (double begin = now(); now() - begin < budget;) {
        const double start = now();
        k->run(call, inputs, out, 0, call->units, scratch);
        const double took = now() - start;
        best = took < best ? took : best;
    }
    for (int i = 0; i < CZ_MAX_INPUTS; i++) free(in[i]);
    free(packed);
    free(scratch);
    free(out);
    return best;
}

static void bench(int32_t cpu, double budget) {
    const double top = peak(cpu);
    double total = 0, total_flop = 0;
    printf("%s: peak %.1f GFLOP/s\n%-18s %6s %10s %9s %7s %6s\n", cz_cpu_name(cpu), top, "layer", "times", "MFLOP",
           "us", "GFLOP/s", "peak");
    for (size_t i = 0; i < CZ_COUNT(layers); i++) {
        cz_attr attr;
        cz_call call;
        make_call(&layers[i], &attr, &call);
        if (cz_op_shape(layers[i].op, &attr, call.in, &call.out, NULL) != COLORIZER_OK) exit(1);
        const double flop = flop_of(&layers[i], &call), s = seconds_of(&layers[i], &call, cpu, budget);
        printf("%-18s %6u %10.2f %9.1f %7.1f %5.0f%%\n", layers[i].name, layers[i].times, flop / 1e6, s * 1e6,
               flop / s / 1e9, 100 * flop / s / 1e9 / top);
        total += layers[i].times * s;
        total_flop += layers[i].times * flop;
    }
    printf("%-18s %6s %10.2f %9.1f %7.1f %5.0f%%\n\n", "network", "", total_flop / 1e6, total * 1e6,
           total_flop / total / 1e9, 100 * total_flop / total / 1e9 / top);
}

int main(int argc, char **argv) {
    const double budget = argc > 2 ? strtod(argv[2], NULL) : 0.2;
    bool any = false;
    for (int32_t cpu = COLORIZER_CPU_SCALAR; cpu <= CZ_CPU_LAST; cpu++) {
        if (!cz_cpu_supported(cpu)) continue;
        if (argc > 1 ? strcmp(argv[1], cz_cpu_name(cpu)) != 0 : cpu == COLORIZER_CPU_SCALAR) continue;
        bench(cpu, budget);
        any = true;
    }
    if (!any) fprintf(stderr, "usage: bench_kernels [SET] [SECONDS]; SET is one that this build and machine have\n");
    return any ? 0 : 2;
}

/* SPDX-License-Identifier: BSD-2-Clause
 * The heavy layers of the default network and of others at 256x256, one thread: GFLOP/s and share of the multiply-add
 * peak. Operations are counted as the direct sum has them, so a layer that goes by Winograd (W) can pass the peak.
 *
 *     bench_kernels [SET] [SECONDS a row, default 0.2] [NETWORK]
 *     bench_kernels peak
 *
 * SET: scalar, avx2, ...; default: all but scalar. NETWORK: default, eccv16, ..., other; default: all.
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

#include "kernels/winograd.h"

#define CZ_SET(name, NAME, needs) float bench_peak_##name(size_t steps, const float *start, double *flop);
#include "kernels/sets.def"
#undef CZ_SET

/** By COLORIZER_CPU_ constant; NULL where this build lacks the set. */
static float (*const peaks[])(size_t steps, const float *start, double *flop) = {
#define CZ_SET(name, NAME, needs) [COLORIZER_CPU_##NAME] = CZ_IF_BUILT(NAME, bench_peak_##name),
#include "kernels/sets.def"
#undef CZ_SET
};

#include "bench_layers.h"

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
    const int32_t dilation = (int32_t)l->dilation, pad = dilation * (int32_t)((l->kernel - 1) / 2),
                  stride = (int32_t)l->stride;
    const cz_shape x = {{1, l->side, l->side, l->in}};
    call->in[0] = x;
    call->in[1] = (cz_shape){{l->out, l->kernel, l->kernel, l->in / l->groups}};
    call->in[2] = (cz_shape){{1, 1, 1, l->out}};
    if (l->op == CZ_OP_conv2d)
        attr->conv2d = (cz_attr_conv2d){.stride_h = stride,
                                        .stride_w = stride,
                                        .dilation_h = dilation,
                                        .dilation_w = dilation,
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
    const double taps = (double)l->kernel * l->kernel * l->in / l->groups;
    return 2.0 * out * taps / (l->op == CZ_OP_conv_transpose2d ? (double)l->stride * l->stride : 1);
}

/** Best time of one layer. */
static double seconds_of(const layer *l, cz_call *call, int32_t cpu, double budget) {
    call->set = cz_set_of(cpu);
    const cz_kernel *k = cz_kernel_of(call->set, l->op);
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

/** True where the layer goes by Winograd: the choice is the same on every instruction set. */
static bool is_winograd(const layer *l, const cz_call *call) {
    const cz_constant weight = {.shape = call->in[1], .dtype = CZ_F32};
    cz_call copy = *call;
    cz_wino w;
    copy.weight = &weight;
    return l->op == CZ_OP_conv2d && cz_conv_winograd(&copy, &w);
}

static void bench(int32_t cpu, double top, double budget, const network *n) {
    double total = 0, total_flop = 0;
    printf("%s, %s\n%-18s %6s %10s %9s %7s %6s\n", n->name, cz_cpu_name(cpu), "layer", "times", "MFLOP", "us",
           "GFLOP/s", "peak");
    for (size_t i = 0; i < n->count; i++) {
        const layer *l = &n->layers[i];
        cz_attr attr;
        cz_call call;
        make_call(l, &attr, &call);
        if (cz_op_shape(l->op, &attr, call.in, &call.out, NULL) != COLORIZER_OK) exit(1);
        const double flop = flop_of(l, &call), s = seconds_of(l, &call, cpu, budget);
        printf("%-18s %6u %10.2f %9.1f %7.1f %5.0f%%%s\n", l->name, l->times, flop / 1e6, s * 1e6, flop / s / 1e9,
               100 * flop / s / 1e9 / top, is_winograd(l, &call) ? " W" : "");
        total += l->times * s;
        total_flop += l->times * flop;
    }
    printf("%-18s %6s %10.2f %9.1f %7.1f %5.0f%%\n\n", "all", "", total_flop / 1e6, total * 1e6,
           total_flop / total / 1e9, 100 * total_flop / total / 1e9 / top);
}

/** The peaks alone, a line a set. */
static int print_peaks(void) {
    for (int32_t cpu = COLORIZER_CPU_SCALAR; cpu <= CZ_CPU_LAST; cpu++)
        if (cz_cpu_supported(cpu)) printf("%s: %.1f GFLOP/s\n", cz_cpu_name(cpu), peak(cpu));
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "peak") == 0) return print_peaks();
    const double budget = argc > 2 ? strtod(argv[2], NULL) : 0.2;
    bool any = false;
    for (int32_t cpu = COLORIZER_CPU_SCALAR; cpu <= CZ_CPU_LAST; cpu++) {
        if (!cz_cpu_supported(cpu)) continue;
        if (argc > 1 ? strcmp(argv[1], cz_cpu_name(cpu)) != 0 : cpu == COLORIZER_CPU_SCALAR) continue;
        const double top = peak(cpu);
        printf("%s: peak %.1f GFLOP/s\n\n", cz_cpu_name(cpu), top);
        for (size_t i = 0; i < CZ_COUNT(networks); i++) {
            if (argc > 3 && strcmp(argv[3], networks[i].name) != 0) continue;
            bench(cpu, top, budget, &networks[i]);
            any = true;
        }
    }
    if (!any)
        fprintf(stderr,
                "usage: bench_kernels [SET] [SECONDS] [NETWORK]; SET is one that this build and machine have\n");
    return any ? 0 : 2;
}

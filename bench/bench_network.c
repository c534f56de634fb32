/* SPDX-License-Identifier: BSD-2-Clause
 * Where the time of a network goes: every step of its plan, best of many runs, and the sums by operator.
 *
 *     bench_network MODEL.czw [THREADS, default 1] [HEIGHTxWIDTH, default 256x256] [SECONDS, default 2]
 *
 * Operations are counted as the direct sum has them, so a layer that goes by Winograd can pass the machine's peak. */
#define _POSIX_C_SOURCE 200112L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <colorizer/colorizer_experimental.h>

#include "handle.h"
#include "run/run.h"

enum { MOST_STEPS = 4096, MOST_KINDS = 64 };

static double best[MOST_STEPS], total = 1e9, last;
static size_t step;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/** Told after every step. */
static int32_t note(void *user, float done) {
    (void)user;
    (void)done;
    const double t = now(), took = t - last;
    best[step] = took < best[step] ? took : best[step];
    step++;
    last = now();
    return 0;
}

static void run_for(colorizer *c, double seconds) {
    const cz_exec exec = cz_handle_exec(c);
    for (size_t i = 0; i < MOST_STEPS; i++) best[i] = 1e9;
    for (const double begin = now(); now() - begin < seconds;) {
        const double start = now();
        step = 0;
        last = start;
        cz_run(c->graph, c->graph_arena, &exec, note, NULL);
        const double took = now() - start;
        total = took < total ? took : total;
    }
}

static void print_shape(const cz_shape *s) { printf("%4ux%-4ux%-5u", s->d[1], s->d[2], s->d[3]); }

static void print_steps(const cz_plan *p) {
    double sum = 0, kinds[MOST_KINDS] = {0};
    printf("%-18s %-15s %-15s %-7s %9s %8s %6s\n", "operator", "input", "output", "kernel", "us", "GFLOP/s", "share");
    for (size_t i = 0; i < p->n_steps; i++) sum += best[i];
    for (size_t i = 0; i < p->n_steps; i++) {
        const cz_call *call = &p->steps[i].call;
        const cz_op *op = &p->model->ops[i];
        const uint32_t counted = op->id == CZ_OP_conv2d_i8 ? CZ_OP_conv2d : op->id; /* its products cost less work */
        const uint64_t work = cz_op_work(counted, &op->attr, call->in, &call->out);
        printf("%-18s ", cz_op_find(op->id)->name);
        print_shape(&call->in[0]);
        print_shape(&call->out);
        printf(" %ux%-5u %9.1f %8.1f %5.1f%%\n", call->weight ? call->in[1].d[1] : 0,
               call->weight ? call->in[1].d[2] : 0, best[i] * 1e6, 2e-9 * (double)work / best[i], 100 * best[i] / sum);
        if (op->id < MOST_KINDS) kinds[op->id] += best[i];
    }
    for (uint32_t id = 0; id < MOST_KINDS; id++)
        if (kinds[id] > 0)
            printf("%-18s %9.3f ms %5.1f%%\n", cz_op_find(id)->name, kinds[id] * 1e3, 100 * kinds[id] / sum);
    printf("sum of the steps %.3f ms, best run %.3f ms\n", sum * 1e3, total * 1e3);
}

/** Plans for inputs of this size, every value between -1 and 1. */
static int32_t prepare(colorizer *c, int32_t height, int32_t width) {
    colorizer_tensor in[CZ_FILE_MAX_INPUTS], out;
    uint32_t n = 0;
    memset(in, 0, sizeof in);
    memset(&out, 0, sizeof out);
    for (; n < CZ_FILE_MAX_INPUTS; n++) {
        in[n].struct_size = sizeof in[n];
        if (colorizer_graph_input(c, n, &in[n]) != COLORIZER_OK) break;
        if (in[n].dims[1] == 0) {
            in[n].dims[1] = height;
            in[n].dims[2] = width;
        }
    }
    out.struct_size = sizeof out;
    const int32_t status = colorizer_graph_output(c, in, n, 0, &out);
    for (uint32_t i = 0; status == COLORIZER_OK && i < n; i++) {
        float *x = cz_plan_tensor(c->graph, c->graph_arena, i);
        const size_t count = cz_elements(&c->graph->shapes[i]);
        for (size_t k = 0; k < count; k++) x[k] = (float)(k * 7919 % 257) / 128 - 1;
    }
    return status;
}

int main(int argc, char **argv) {
    int height = 256, width = 256;
    if (argc < 2 || (argc > 3 && sscanf(argv[3], "%dx%d", &height, &width) != 2)) {
        fprintf(stderr, "usage: bench_network MODEL.czw [THREADS] [HEIGHTxWIDTH] [SECONDS]\n");
        return 2;
    }
    colorizer *c = NULL;
    int32_t status = colorizer_graph_open(&c, argv[1], NULL);
    if (status == COLORIZER_OK) status = colorizer_set_i(c, COLORIZER_KEY_THREADS, argc > 2 ? atoi(argv[2]) : 1);
    if (status == COLORIZER_OK) status = prepare(c, height, width);
    if (status == COLORIZER_OK && c->graph->n_steps > MOST_STEPS) status = COLORIZER_E_RANGE;
    if (status == COLORIZER_OK) {
        run_for(c, argc > 4 ? strtod(argv[4], NULL) : 2);
        print_steps(c->graph);
    } else
        fprintf(stderr, "bench_network: %s: %s\n", argv[1], colorizer_strerror(status));
    colorizer_close(c);
    return status == COLORIZER_OK ? 0 : 1;
}

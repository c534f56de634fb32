/* SPDX-License-Identifier: BSD-2-Clause
 * What a user at a window notices: how soon a call ends once it is cancelled, how long the host is without news of its
 * progress, what two handles on one model in two threads lose to each other, and whether the threads of a host
 * (OpenMP's) do as well as the library's.
 *
 *     bench_responsive [CALLS a row, default 40]
 *
 * Cancels come from another thread at moments spread evenly over the length of a whole call. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

static void sleep_for(double s) {
    const struct timespec t = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};
    nanosleep(&t, NULL);
}

static void fill(const colorizer_image *p) {
    float *at = p->data[0];
    for (int32_t y = 0; y < p->height; y++)
        for (int32_t x = 0; x < p->width; x++)
            *at++ = 0.8f * (float)x / (float)p->width + 0.2f * (float)(((x >> 5) ^ (y >> 5)) & 1);
}

/* ---------------------------------------------------------------- cancelling */

typedef struct {
    double last, longest; /* between two reports */
    float share;
    int back; /* reports that were not above the one before */
} news;

static int32_t listen(void *user, float share) {
    news *n = user;
    const double now = seconds();
    if (now - n->last > n->longest) n->longest = now - n->last;
    n->last = now;
    n->back += share < n->share;
    n->share = share;
    return 0;
}

typedef struct {
    colorizer *c;
    double delay, at;
} canceller;

static void *cancel_later(void *context) {
    canceller *k = context;
    sleep_for(k->delay);
    k->at = seconds();
    colorizer_cancel(k->c);
    return NULL;
}

static void cancel_row(int32_t width, int32_t height, int32_t threads, int calls) {
    const colorizer_image src = picture(COLORIZER_GRAY_F32, 4, width, height);
    const colorizer_image dst = picture(COLORIZER_RGB_U8, 3, width, height);
    const colorizer_options options = {.struct_size = sizeof options, .threads = threads};
    colorizer *c;
    news n = {0};
    double worst = 0, sum = 0;
    int cancelled = 0;
    fill(&src);
    if (colorizer_open(&c, NULL, &options) != COLORIZER_OK) exit(1);
    if (colorizer_colorize(c, &src, &dst) != COLORIZER_OK) exit(1);
    colorizer_set_progress(c, listen, &n);
    const double begin = n.last = seconds();
    if (colorizer_colorize(c, &src, &dst) != COLORIZER_OK) exit(1);
    const double whole = seconds() - begin;
    colorizer_set_progress(c, NULL, NULL);
    for (int i = 0; i < calls; i++) {
        canceller k = {c, whole * (i + 0.5) / calls, 0};
        pthread_t thread;
        if (pthread_create(&thread, NULL, cancel_later, &k) != 0) exit(1);
        const int32_t status = colorizer_colorize(c, &src, &dst);
        const double end = seconds();
        pthread_join(thread, NULL);
        if (status != COLORIZER_E_CANCELLED) continue; /* it was done before */
        cancelled++;
        sum += end - k.at;
        if (end - k.at > worst) worst = end - k.at;
    }
    printf("%6d x %-6d %8d %10.1f %10d %10.2f %10.2f %12.2f %6d\n", width, height, threads, whole * 1e3, cancelled,
           cancelled == 0 ? 0 : sum / cancelled * 1e3, worst * 1e3, n.longest * 1e3, n.back);
    colorizer_close(c);
    free(src.data[0]);
    free(dst.data[0]);
}

/* ---------------------------------------------------------------- two handles */

typedef struct {
    colorizer *c;
    colorizer_image src, dst;
    int calls;
} worker;

static void *work(void *context) {
    const worker *w = context;
    for (int i = 0; i < w->calls; i++)
        if (colorizer_colorize(w->c, &w->src, &w->dst) != COLORIZER_OK) exit(1);
    return NULL;
}

/** Photographs a second of one handle alone, then of two on one model at once. */
static void two_handles(int calls) {
    const colorizer_options one = {.struct_size = sizeof one, .threads = 1};
    worker w[2];
    if (colorizer_open(&w[0].c, NULL, &one) != COLORIZER_OK || colorizer_clone(w[0].c, &w[1].c) != COLORIZER_OK)
        exit(1);
    for (int i = 0; i < 2; i++) {
        w[i].src = picture(COLORIZER_GRAY_F32, 4, 512, 384);
        w[i].dst = picture(COLORIZER_RGB_U8, 3, 512, 384);
        w[i].calls = calls;
        fill(&w[i].src);
        work(&w[i]); /* plans are made, weights packed */
    }
    const double t0 = seconds();
    work(&w[0]);
    const double t1 = seconds();
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, &w[1]) != 0) exit(1);
    work(&w[0]);
    pthread_join(thread, NULL);
    const double t2 = seconds();
    printf("512 x 384: one handle %.1f photographs/s, two in two threads %.1f, ratio %.2f\n", calls / (t1 - t0),
           2 * calls / (t2 - t1), 2 * (t1 - t0) / (t2 - t1));
    for (int i = 0; i < 2; i++) {
        colorizer_close(w[i].c);
        free(w[i].src.data[0]);
        free(w[i].dst.data[0]);
    }
}

/* ---------------------------------------------------------------- threads of the host */

#if defined(_OPENMP)
static void by_openmp(void *user, colorizer_task_fn task, void *context, uint32_t count) {
    (void)user;
#pragma omp parallel for schedule(static, 1) num_threads((int)count)
    for (uint32_t i = 0; i < count; i++) task(context, i);
}

/** The two in turn, so that both meet the same machine; the best time of each counts. */
static void host_runner(int calls) {
    double best[2] = {1e9, 1e9};
    worker w[2];
    for (int k = 0; k < 2; k++) {
        const colorizer_options two = {.struct_size = sizeof two, .threads = 2};
        if (colorizer_open(&w[k].c, NULL, &two) != COLORIZER_OK) exit(1);
        w[k].src = picture(COLORIZER_GRAY_F32, 4, 256, 256);
        w[k].dst = picture(COLORIZER_RGB_U8, 3, 256, 256);
        w[k].calls = 1;
        fill(&w[k].src);
    }
    if (colorizer_set_runner(w[1].c, by_openmp, NULL) != COLORIZER_OK) exit(1);
    for (int i = 0; i < calls; i++)
        for (int k = 0; k < 2; k++) {
            const double begin = seconds();
            for (int j = 0; j < 5; j++) work(&w[k]);
            const double each = (seconds() - begin) / 5;
            if (each < best[k]) best[k] = each;
        }
    printf("256 x 256 on 2 threads: the library's %.2f ms, the host's (OpenMP) %.2f ms, ratio %.2f\n", best[0] * 1e3,
           best[1] * 1e3, best[0] / best[1]);
    for (int k = 0; k < 2; k++) {
        colorizer_close(w[k].c);
        free(w[k].src.data[0]);
        free(w[k].dst.data[0]);
    }
}
#endif

int main(int argc, char **argv) {
    const int calls = argc > 1 ? atoi(argv[1]) : 40;
    static const int32_t sizes[][2] = {{256, 256}, {6000, 4000}, {12000, 8400}};
    printf("%15s %8s %10s %10s %10s %10s %12s %6s\n", "f32 in, u8 out", "threads", "whole ms", "cancelled", "mean ms",
           "worst ms", "no news ms", "back");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int32_t threads = 1; threads <= 2; threads++) cancel_row(sizes[i][0], sizes[i][1], threads, calls);
    two_handles(calls * 3);
#if defined(_OPENMP)
    host_runner(calls);
#else
    puts("built without OpenMP: the host's threads are not timed");
#endif
    return 0;
}

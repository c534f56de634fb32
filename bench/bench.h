/* SPDX-License-Identifier: BSD-2-Clause
 * What the benchmarks of whole photographs share. Before the first #include: #define _DEFAULT_SOURCE. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdlib.h>
#include <time.h>

#include <colorizer/colorizer.h>

static inline double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/** For qsort() of doubles. */
static inline int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/** An image with memory of its own, `bytes` a pixel; free data[0]. */
static inline colorizer_image picture(int32_t format, int32_t bytes, int32_t width, int32_t height) {
    colorizer_image p = {.struct_size = sizeof p, .format = format, .width = width, .height = height};
    p.stride[0] = (int64_t)width * bytes;
    p.size[0] = (uint64_t)p.stride[0] * (uint64_t)height;
    p.data[0] = malloc((size_t)p.size[0]);
    if (p.data[0] == NULL) exit(1);
    return p;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause
 * Whole photographs through the built-in model: time and memory by size and threads.
 *
 *     bench_photo [SECONDS a row, default 3]
 *
 * Each row runs in a process of its own, so that its peak memory is its own. `memory` is what the process took at its
 * peak beyond the two pictures and what it held before the handle was opened. Last, a photograph that is nowhere in
 * memory: strips of rows, computed as they are read and summed up as they are written. */
#define _DEFAULT_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum { MOST_RUNS = 1000 };

static double peak_mib(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss / 1024;
}

/** Smooth shapes with grain: neither flat nor noise. */
static void fill(const colorizer_image *p) {
    unsigned char *at = p->data[0];
    uint32_t noise = 1;
    for (int32_t y = 0; y < p->height; y++)
        for (int32_t x = 0; x < p->width; x++) {
            noise = noise * 1664525u + 1013904223u;
            *at++ = (unsigned char)((x * 200 / p->width + y * 40 / p->height) % 240 + (int32_t)(noise >> 29));
        }
}

static void fail(colorizer *c, const char *what, int32_t status) {
    char detail[256] = "";
    colorizer_last_error(c, detail, sizeof detail);
    fprintf(stderr, "%s: %s: %s\n", what, colorizer_strerror(status), detail);
    exit(1);
}

static void row(int32_t width, int32_t height, int32_t threads, double budget) {
    static double times[MOST_RUNS];
    const colorizer_image src = picture(COLORIZER_GRAY_U8, 1, width, height);
    const colorizer_image dst = picture(COLORIZER_RGB_U8, 3, width, height);
    const colorizer_options options = {.struct_size = sizeof options, .threads = threads};
    colorizer *c;
    fill(&src);
    memset(dst.data[0], 127, (size_t)dst.size[0]); /* zero would be left to the system to fill in later */
    const double before = peak_mib(), t0 = seconds();
    int32_t status = colorizer_open(&c, NULL, &options);
    if (status != COLORIZER_OK) fail(NULL, "open", status);
    const double t1 = seconds();
    status = colorizer_colorize(c, &src, &dst);
    if (status != COLORIZER_OK) fail(c, "colorize", status);
    const double first = seconds() - t1, begin = seconds();
    size_t n = 0;
    while (n < 3 || (n < MOST_RUNS && seconds() - begin < budget)) {
        const double t = seconds();
        status = colorizer_colorize(c, &src, &dst);
        if (status != COLORIZER_OK) fail(c, "colorize", status);
        times[n++] = seconds() - t;
    }
    int64_t held = 0;
    colorizer_get_i(c, COLORIZER_KEY_MEMORY, &held);
    qsort(times, n, sizeof *times, ascending);
    printf("%5d x %-5d %8.2f %8d %9.1f %10.1f %9.1f %9.1f %6zu %11.1f %10.1f\n", width, height,
           (double)width * height / 1e6, threads, (t1 - t0) * 1e3, first * 1e3, times[0] * 1e3, times[n / 2] * 1e3, n,
           peak_mib() - before, (double)held / (1 << 20));
    colorizer_close(c);
    free(src.data[0]);
    free(dst.data[0]);
}

enum { STRIP = 64 };

/** The pixels of fill() with no state from row to row. */
static int32_t make_rows(void *user, const colorizer_image *strip, int32_t y) {
    const int32_t *height = user;
    for (int32_t i = 0; i < strip->height; i++) {
        unsigned char *row = (unsigned char *)strip->data[0] + i * strip->stride[0];
        uint32_t noise = (uint32_t)(y + i);
        for (int32_t x = 0; x < strip->width; x++) {
            noise = noise * 1664525u + 1013904223u;
            row[x] = (unsigned char)((x * 200 / strip->width + (y + i) * 40 / *height) % 240 + (int32_t)(noise >> 29));
        }
    }
    return 0;
}

static unsigned colours;

static int32_t take_rows(void *user, const colorizer_image *strip, int32_t y) {
    const unsigned char *at = strip->data[0];
    (void)user, (void)y;
    for (uint64_t i = 0; i < (uint64_t)strip->stride[0] * (uint64_t)strip->height; i++) colours += at[i];
    return 0;
}

/** Analyzed from a small version, rendered strip by strip; `memory` counts all that the process took, strips too. */
static void strips(int32_t width, int32_t height, int32_t threads) {
    const double before = peak_mib(), t0 = seconds();
    const colorizer_image small = picture(COLORIZER_GRAY_U8, 1, width / 16, height / 16);
    const colorizer_image src = picture(COLORIZER_GRAY_U8, 1, width, STRIP);
    const colorizer_image dst = picture(COLORIZER_RGB_U8, 3, width, STRIP);
    const colorizer_options options = {.struct_size = sizeof options, .threads = threads};
    colorizer *c;
    fill(&small);
    int32_t status = colorizer_open(&c, NULL, &options);
    if (status != COLORIZER_OK) fail(NULL, "open", status);
    status = colorizer_analyze(c, &small);
    if (status != COLORIZER_OK) fail(c, "analyze", status);
    const double t1 = seconds();
    status = colorizer_render_strips(c, &src, &dst, height, make_rows, take_rows, &height);
    if (status != COLORIZER_OK) fail(c, "render", status);
    printf(
        "strips of %d rows, %d x %d, %d threads: open and analyze %.1f ms, render %.1f ms, memory %.1f MiB (sum %u)\n",
        STRIP, width, height, threads, (t1 - t0) * 1e3, (seconds() - t1) * 1e3, peak_mib() - before, colours);
    colorizer_close(c);
    free(small.data[0]);
    free(src.data[0]);
    free(dst.data[0]);
}

/** Runs a row in a process of its own; false when it failed. */
static bool apart(int32_t width, int32_t height, int32_t threads, double budget) {
    int status;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        if (budget > 0)
            row(width, height, threads, budget);
        else
            strips(width, height, threads);
        exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(int argc, char **argv) {
    static const int32_t sizes[][2] = {{256, 256}, {1024, 768}, {4000, 3000}, {6000, 4000}, {12000, 8400}};
    const double budget = argc > 1 ? atof(argv[1]) : 3;
    printf("%13s %8s %8s %9s %10s %9s %9s %6s %11s %10s\n", "size", "Mpixel", "threads", "open ms", "first ms",
           "min ms", "median", "runs", "memory MiB", "held MiB");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int32_t threads = 1; threads <= 2; threads++)
            if (!apart(sizes[i][0], sizes[i][1], threads, budget)) return 1;
    for (int32_t threads = 1; threads <= 2; threads++)
        if (!apart(12000, 8400, threads, 0)) return 1;
    return 0;
}

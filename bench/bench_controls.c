/* SPDX-License-Identifier: BSD-2-Clause
 * What an editor waits for at preview size: a photograph of 256 x 256, the built-in model, one thread.
 *
 *     bench_controls [RUNS, default 30] */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

enum { SIDE = 256, MOST_RUNS = 1000, HINTS = 20 };

static uint8_t gray[SIDE * SIDE], rgb[SIDE * SIDE * 3];
static const colorizer_image src = {.struct_size = sizeof src,
                                    .format = COLORIZER_GRAY_U8,
                                    .width = SIDE,
                                    .height = SIDE,
                                    .data = {gray},
                                    .stride = {SIDE},
                                    .size = {sizeof gray}};
static const colorizer_image dst = {.struct_size = sizeof dst,
                                    .format = COLORIZER_RGB_U8,
                                    .width = SIDE,
                                    .height = SIDE,
                                    .data = {rgb},
                                    .stride = {3 * SIDE},
                                    .size = {sizeof rgb}};

static void check(int32_t status) {
    if (status == COLORIZER_OK) return;
    fprintf(stderr, "%s\n", colorizer_strerror(status));
    exit(1);
}

/** Another place or colour of the last of `count` hints, looked at and rendered. */
static void change_hint(colorizer *c, uint32_t count, int run) {
    colorizer_hint h[HINTS] = {0};
    for (uint32_t i = 0; i < count; i++) {
        const int at = i + 1 == count ? run : 0;
        h[i] = (colorizer_hint){.struct_size = sizeof h[i],
                                .x = (float)(((int)i * 67 + at * 5) % SIDE),
                                .y = (float)(((int)i * 41 + at * 3) % SIDE),
                                .radius = 4,
                                .dx = i % 2 == 0 ? 0.0f : 40.0f,
                                .red = (float)(i % 5) / 4,
                                .green = 0.3f,
                                .blue = (float)(i % 3) / 2};
    }
    check(colorizer_set_hints(c, h, count));
    check(colorizer_analyze(c, &src));
    check(colorizer_render(c, &src, &dst, NULL));
}

static void one_hint(colorizer *c, int run) { change_hint(c, 1, run); }
static void many_hints(colorizer *c, int run) { change_hint(c, HINTS, run); }

static void change_hues(colorizer *c, int run) {
    float hues[COLORIZER_HUES];
    for (int i = 0; i < COLORIZER_HUES; i++) hues[i] = 0.5f + 0.1f * (float)((run + i) % 10);
    check(colorizer_set_hues(c, hues));
    check(colorizer_render(c, &src, &dst, NULL));
}

static void suggest(colorizer *c, int run) {
    colorizer_suggestion s[COLORIZER_MAX_SUGGESTIONS];
    uint32_t count;
    for (int i = 0; i < COLORIZER_MAX_SUGGESTIONS; i++) s[i].struct_size = sizeof s[i];
    check(colorizer_suggest(c, (float)(run * 7 % SIDE), 100, s, COLORIZER_MAX_SUGGESTIONS, &count));
}

static void alternatives(colorizer *c, int run) {
    colorizer_hint h[4 * COLORIZER_ALTERNATIVE_HINTS];
    float probability[4];
    uint32_t found;
    for (int i = 0; i < 4 * COLORIZER_ALTERNATIVE_HINTS; i++) h[i].struct_size = sizeof h[i];
    check(colorizer_alternatives(c, (uint64_t)run, 4, probability, h, &found));
}

static void row(colorizer *c, const char *name, int runs, void (*work)(colorizer *, int)) {
    static double times[MOST_RUNS];
    for (int i = -1; i < runs; i++) {
        const double begin = seconds();
        work(c, i + 1);
        if (i >= 0) times[i] = seconds() - begin;
    }
    qsort(times, (size_t)runs, sizeof *times, ascending);
    printf("%-44s %7.1f %7.1f\n", name, times[0] * 1e3, times[runs / 2] * 1e3);
}

int main(int argc, char **argv) {
    const int asked = argc > 1 ? atoi(argv[1]) : 30, runs = asked < 1 ? 1 : asked > MOST_RUNS ? MOST_RUNS : asked;
    const colorizer_options options = {.struct_size = sizeof options, .threads = 1};
    colorizer *c;
    for (int i = 0; i < SIDE * SIDE; i++)
        gray[i] = (uint8_t)(40 + i % SIDE / 2 + (i / SIDE / 40 + i % SIDE / 50) % 2 * 60);
    check(colorizer_open(&c, NULL, &options));
    printf("%-44s %7s %7s\n", "256 x 256, one thread", "min ms", "median");
    row(c, "one hint changed: analyze, render", runs, one_hint);
    row(c, "one of 20 hints changed: analyze, render", runs, many_hints);
    row(c, "strength of hues changed: render", runs, change_hues);
    row(c, "suggestions for a place", runs, suggest);
    row(c, "four alternatives", runs / 10 + 1, alternatives);
    colorizer_close(c);
    return 0;
}

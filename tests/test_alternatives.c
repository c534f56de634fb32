/* SPDX-License-Identifier: BSD-2-Clause
 * Alternatives: ordered, distinct, reproducible everywhere, and nothing of the analysis is touched. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "kernels/isa.h"
#include "picture.h"
#include "tiny_model.h"

enum { W = 150, H = 110, N = COLORIZER_ALTERNATIVE_HINTS, MOST = COLORIZER_MAX_ALTERNATIVES };

/** The tiny model at a vividness where it is not sure of anything; analyzed. */
static colorizer *open_analyzed(int32_t cpu, int32_t threads) {
    colorizer *c = tiny_open(cpu, threads);
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, W, H);
    assert_int_equal(colorizer_analyze(c, &src), COLORIZER_OK);
    free(src.data[0]);
    return c;
}

typedef struct {
    float probability[MOST];
    colorizer_hint hints[MOST * N];
    uint32_t found;
} answer;

static answer ask(colorizer *c, uint64_t seed, uint32_t count) {
    answer a = {.found = 99};
    for (size_t i = 0; i < MOST * N; i++) a.hints[i].struct_size = sizeof a.hints[i];
    assert_int_equal(colorizer_alternatives(c, seed, count, a.probability, a.hints, &a.found), COLORIZER_OK);
    assert_in_range(a.found, 1, count);
    return a;
}

static void they_are_hints_in_order(void **state) {
    (void)state;
    colorizer *c = open_analyzed(0, 1);
    size_t most = 0;
    for (uint64_t seed = 0; seed < 6; seed++) {
        const answer a = ask(c, seed, MOST);
        most = a.found > most ? a.found : most;
        for (uint32_t i = 0; i < a.found; i++) {
            assert_true(a.probability[i] > 0 && a.probability[i] <= 1);
            assert_true(i == 0 || a.probability[i] <= a.probability[i - 1]);
            for (size_t k = 0; k < N; k++) {
                const colorizer_hint *h = &a.hints[i * N + k];
                assert_int_equal(h->struct_size, sizeof *h);
                if (h->x < 0) continue;
                assert_true(h->x < W && h->y >= 0 && h->y < H && h->space == COLORIZER_HINT_AB);
            }
            assert_int_equal(colorizer_set_hints(c, &a.hints[i * N], N), COLORIZER_OK);
        }
        assert_int_equal(colorizer_set_hints(c, NULL, 0), COLORIZER_OK);
    }
    assert_true(most >= 2);
    colorizer_close(c);
}

/** What was analyzed is rendered as before; asking again gives the same. */
static void nothing_else_changes(void **state) {
    (void)state;
    colorizer *c = open_analyzed(0, 2);
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, W, H);
    const colorizer_image before = picture_make(COLORIZER_RGB_U8, W, H), after = picture_make(COLORIZER_RGB_U8, W, H);
    const colorizer_hint own = {.struct_size = sizeof own, .x = 30, .y = 40, .radius = 6, .red = 1};
    const float hues[COLORIZER_HUES] = {1, 1, 0.5f, 1, 1, 2, 1, 1};
    assert_int_equal(colorizer_set_hints(c, &own, 1), COLORIZER_OK);
    assert_int_equal(colorizer_colorize(c, &src, &before), COLORIZER_OK);
    const answer first = ask(c, 3, 5), second = ask(c, 3, 5), fewer = ask(c, 0, 1);
    assert_memory_equal(&first, &second, sizeof first);
    assert_int_equal(fewer.found, 1);
    assert_int_equal(colorizer_set_hues(c, hues), COLORIZER_OK); /* makes the lines anew, with the spots as they were */
    assert_int_equal(colorizer_render(c, &src, &after, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_set_hues(c, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_render(c, &src, &after, NULL), COLORIZER_OK);
    assert_memory_equal(before.data[0], after.data[0], after.size[0]);
    free(src.data[0]);
    free(before.data[0]);
    free(after.data[0]);
    colorizer_close(c);
}

static void the_same_everywhere(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed += 11) {
        colorizer *c = open_analyzed(COLORIZER_CPU_SCALAR, 1);
        const answer want = ask(c, seed, 4);
        colorizer_close(c);
        for (int32_t cpu = COLORIZER_CPU_SCALAR; cpu <= CZ_CPU_LAST; cpu++) {
            if (!cz_cpu_supported(cpu)) continue;
            for (int32_t threads = 1; threads <= 5; threads += 2) {
                c = open_analyzed(cpu, threads);
                const answer got = ask(c, seed, 4);
                if (memcmp(&got, &want, sizeof got) != 0)
                    fail_msg("%s with %d threads differs from scalar with 1", cz_cpu_name(cpu), threads);
                colorizer_close(c);
            }
        }
    }
}

/** Photographs of any shape, and a handle whose hints are all taken: fewer places, no harm. */
static void odd_shapes_and_no_room(void **state) {
    (void)state;
    static const int32_t sizes[][2] = {{1, 1}, {1, 400}, {500, 2}, {33, 31}};
    static colorizer_hint all[COLORIZER_MAX_HINTS];
    colorizer *c = open_analyzed(0, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, sizes[i][0], sizes[i][1]);
        assert_int_equal(colorizer_analyze(c, &src), COLORIZER_OK);
        const answer a = ask(c, i, 3);
        for (size_t k = 0; k < a.found * N; k++)
            assert_true(a.hints[k].x < 0 || (a.hints[k].x < (float)sizes[i][0] && a.hints[k].y < (float)sizes[i][1]));
        free(src.data[0]);
    }
    for (size_t i = 0; i < COLORIZER_MAX_HINTS; i++)
        all[i] = (colorizer_hint){.struct_size = sizeof *all, .x = (float)(i % 16), .y = (float)(i / 16), .green = 1};
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 16, 16);
    for (uint32_t room = 0; room < 3; room++) {
        assert_int_equal(colorizer_set_hints(c, all, COLORIZER_MAX_HINTS - room), COLORIZER_OK);
        assert_int_equal(colorizer_analyze(c, &src), COLORIZER_OK);
        const answer a = ask(c, 0, 2);
        for (size_t k = room; k < N; k++) assert_true(a.hints[k].x < 0);
    }
    free(src.data[0]);
    colorizer_close(c);
}

typedef struct {
    float last, stop_at;
    int calls;
} watcher;

static int32_t watch(void *user, float done) {
    watcher *w = user;
    assert_true(done >= w->last && done <= 1);
    w->last = done;
    w->calls++;
    return done >= w->stop_at;
}

static void progress_and_cancel(void **state) {
    (void)state;
    colorizer *c = open_analyzed(0, 1);
    watcher w = {.stop_at = 2};
    answer a = ask(c, 0, 4);
    assert_int_equal(colorizer_set_progress(c, watch, &w), COLORIZER_OK);
    (void)ask(c, 0, 4);
    assert_true(w.last == 1.0f && w.calls > 10);
    for (float stop = 0; stop <= 1; stop += 0.25f) {
        w = (watcher){.stop_at = stop};
        assert_int_equal(colorizer_alternatives(c, 0, 4, a.probability, a.hints, &a.found), COLORIZER_E_CANCELLED);
        assert_int_equal(a.found, 0);
    }
    assert_int_equal(colorizer_set_progress(c, NULL, NULL), COLORIZER_OK);
    (void)ask(c, 0, 4); /* the analysis is still there */
    colorizer_close(c);
}

static void what_is_refused(void **state) {
    (void)state;
    size_t size;
    const void *model = tiny_model(&size);
    colorizer *c = open_analyzed(0, 1), *fresh;
    answer a = ask(c, 0, 2);
    assert_int_equal(colorizer_alternatives(NULL, 0, 2, a.probability, a.hints, &a.found), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_alternatives(c, 0, 2, NULL, a.hints, &a.found), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_alternatives(c, 0, 2, a.probability, NULL, &a.found), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_alternatives(c, 0, 2, a.probability, a.hints, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_alternatives(c, 0, 0, a.probability, a.hints, &a.found), COLORIZER_E_RANGE);
    assert_int_equal(colorizer_alternatives(c, 0, MOST + 1, a.probability, a.hints, &a.found), COLORIZER_E_RANGE);
    a.hints[2 * N - 1].struct_size = 28; /* an older struct has no room for a and b */
    assert_int_equal(colorizer_alternatives(c, 0, 2, a.probability, a.hints, &a.found), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_alternatives(c, 0, 1, a.probability, a.hints, &a.found), COLORIZER_OK);
    a.hints[0].struct_size = 28;
    assert_int_equal(colorizer_alternatives(c, 0, 1, a.probability, a.hints, &a.found), COLORIZER_E_ARGUMENT);
    a.hints[0].struct_size = sizeof a.hints[0];
    assert_int_equal(colorizer_open_memory(&fresh, model, size, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_alternatives(fresh, 0, 1, a.probability, a.hints, &a.found), COLORIZER_E_STATE);
    colorizer_close(fresh);
    colorizer_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_hints_in_order), cmocka_unit_test(nothing_else_changes),
        cmocka_unit_test(the_same_everywhere),     cmocka_unit_test(odd_shapes_and_no_room),
        cmocka_unit_test(progress_and_cancel),     cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests_name("alternatives", tests, NULL, NULL);
}

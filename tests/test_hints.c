/* SPDX-License-Identifier: BSD-2-Clause
 * Hints in the network's answer: they hold, they go where it is alike, and their sums are their formula's. */
#include "image_case.h"

static cz_color_tables tables;
static const cz_exec one_thread = {.threads = 1};

enum { SIDE = 128 };

/** A square photograph, as large as its working image, with an answer of no colour. */
typedef struct {
    cz_color_job job;
    size_t cells;
    float *light, *ab, *work;
    cz_spot spots[COLORIZER_MAX_HINTS];
    size_t n_spots;
} scene;

static scene scene_of(float lightness) {
    scene s = {.job = job_of(COLORIZER_CPU_BEST, &tables, &one_thread, SIDE, SIDE, SIDE)};
    s.cells = (size_t)s.job.grid.cw * s.job.grid.ch;
    s.light = get(sizeof(float) * SIDE * SIDE);
    s.ab = get(2 * sizeof(float) * s.cells);
    s.work = get(sizeof(float) * cz_spread_work(&s.job.grid));
    for (size_t i = 0; i < SIDE * SIDE; i++) s.light[i] = lightness;
    return s;
}

static void scene_free(scene *s) {
    free(s->light);
    free(s->ab);
    free(s->work);
}

static void spread(scene *s, const colorizer_hint *hints, size_t count) {
    s->n_spots = cz_spots(&s->job, hints, count, s->spots);
    assert_true(cz_spread_hints(&s->job, s->light, s->spots, s->n_spots, s->ab, s->work));
}

static float a_at(const scene *s, size_t x, size_t y) { return s->ab[y / 4 * s->job.grid.cw + x / 4]; }

/** sRGB red is a 80.09, b 67.20; green a -86.18, b 83.18. */
static colorizer_hint red_at(float x, float y) {
    return (colorizer_hint){.struct_size = sizeof(colorizer_hint), .x = x, .y = y, .radius = 6, .red = 1};
}

static void no_hint_changes_nothing(void **state) {
    (void)state;
    scene s = scene_of(50);
    for (size_t i = 0; i < 2 * s.cells; i++) s.ab[i] = (float)(i % 37) - 18;
    spread(&s, NULL, 0);
    const colorizer_hint outside = red_at(-3, 5);
    spread(&s, &outside, 1);
    for (size_t i = 0; i < 2 * s.cells; i++) assert_true(s.ab[i] == (float)(i % 37) - 18);
    scene_free(&s);
}

static void a_hint_holds_and_fades(void **state) {
    (void)state;
    scene s = scene_of(50);
    const colorizer_hint h = red_at(32, 32);
    spread(&s, &h, 1);
    assert_true(a_at(&s, 32, 32) > 0.95f * 80.09f && a_at(&s, 32, 32) < 80.1f);
    for (size_t x = 36; x + 4 < SIDE; x += 4) assert_true(a_at(&s, x + 4, 32) < a_at(&s, x, 32));
    /* exp(-d^2 / 2 (0.6 side)^2), less the noise: cells' middles */
    const double d = 110 - 32, there = 80.09 / 1.005 * exp(-d * d / (2 * 0.36 * SIDE * SIDE));
    assert_true(fabs((double)a_at(&s, 108, 32) - there) < 1.0);
    scene_free(&s);
}

static void lightness_and_colour_stop_it(void **state) {
    (void)state;
    scene s = scene_of(20);
    const colorizer_hint h = red_at(32, 64);
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = SIDE / 2; x < SIDE; x++) s.light[y * SIDE + x] = 95;
    spread(&s, &h, 1);
    assert_true(a_at(&s, 60, 64) > 60); /* the near side of the edge, and past it */
    assert_true(a_at(&s, 66, 64) < 10);
    memset(s.ab, 0, 2 * sizeof(float) * s.cells);
    for (size_t i = 0; i < SIDE * SIDE; i++) s.light[i] = 20;
    for (size_t i = 0; i < s.cells; i++)
        if (i % s.job.grid.cw >= s.job.grid.cw / 2) s.ab[s.cells + i] = -60; /* blue on the right */
    spread(&s, &h, 1);
    assert_true(a_at(&s, 60, 64) > 60 && fabsf(a_at(&s, 66, 64)) < 5);
    scene_free(&s);
}

static void two_colours_hold_together(void **state) {
    (void)state;
    scene s = scene_of(50);
    colorizer_hint h[2] = {red_at(42, 66), red_at(82, 66)};
    h[1].red = 0;
    h[1].green = 1;
    spread(&s, h, 2);
    assert_true(a_at(&s, 42, 66) > 0.9f * 80.09f);
    assert_true(a_at(&s, 82, 66) < 0.9f * -86.18f);
    scene_free(&s);
}

static void the_later_one_lies_on_top(void **state) {
    (void)state;
    scene s = scene_of(50), alone = scene_of(50);
    colorizer_hint h[2] = {red_at(40, 64), red_at(42, 64)};
    h[1].red = 0;
    h[1].green = 1;
    spread(&s, h, 2);
    spread(&alone, h + 1, 1);
    assert_memory_equal(s.ab, alone.ab, 2 * sizeof(float) * s.cells);
    scene_free(&s);
    scene_free(&alone);
}

/** An isolated hint moves what is missing by the share of its weight; a stroke too, along its length. */
static void a_weight_is_a_share(void **state) {
    (void)state;
    static const float weights[] = {0.01f, 0.2f, 0.5f, 0.9f};
    for (size_t i = 0; i < CZ_COUNT(weights); i++)
        for (int stroke = 0; stroke < 2; stroke++) {
            scene s = scene_of(50);
            colorizer_hint h = red_at(32, 64);
            h.weight = weights[i];
            h.dx = stroke ? 30.0f : 0.0f;
            spread(&s, &h, 1);
            const float want = weights[i] * 80.09f;
            assert_true(fabsf(a_at(&s, 32, 64) - want) < 0.02f * want + 0.5f);
            assert_true(!stroke || fabsf(a_at(&s, 60, 64) - want) < 0.02f * want + 0.5f);
            assert_true(fabsf(s.spots[0].held_a - want) < 0.1f);
            scene_free(&s);
        }
}

/** As many hints as a handle takes, on top of each other and beside, of every colour: nothing leaves the range, and
 *  hints that contradict no neighbour hold. */
static void many_hints_stay_finite(void **state) {
    (void)state;
    random_state = 5;
    for (int round = 0; round < 6; round++) {
        scene s = scene_of(round % 2 ? 50 : 0);
        colorizer_hint h[COLORIZER_MAX_HINTS];
        for (size_t i = 0; i < COLORIZER_MAX_HINTS; i++) {
            const float wide = round < 2 ? 3.0f : SIDE;
            h[i] = (colorizer_hint){.struct_size = sizeof h[i],
                                    .x = random_in(0, wide),
                                    .y = random_in(0, wide),
                                    .radius = round < 4 ? 0 : random_in(0, 40),
                                    .red = random_in(0, 1),
                                    .green = random_in(0, 1),
                                    .blue = random_in(0, 1)};
        }
        for (size_t i = 0; i < 2 * s.cells; i++) s.ab[i] = round % 3 ? random_in(-128, 128) : 0;
        spread(&s, h, COLORIZER_MAX_HINTS);
        for (size_t i = 0; i < 2 * s.cells; i++) assert_true(s.ab[i] >= -128 && s.ab[i] <= 128);
        scene_free(&s);
    }
}

/** The kernel against its formula in double, on every instruction set, for odd counts; nothing past n is written. */
static void spread_follows_its_formula(void **state) {
    (void)state;
    enum { MOST = 83, FROM = 5 };
    random_state = 7;
    for (size_t n = 1; n <= MOST; n += 1 + n / 3) {
        float place[CZ_SPREAD_AXES][MOST], first[2][MOST + 16];
        const float *axis[CZ_SPREAD_AXES];
        cz_spread from[FROM];
        for (size_t k = 0; k < CZ_SPREAD_AXES; k++) {
            axis[k] = place[k];
            for (size_t i = 0; i < n; i++) place[k][i] = random_in(-2, 2);
        }
        for (size_t j = 0; j < FROM; j++) {
            for (size_t k = 0; k < CZ_SPREAD_AXES; k++) from[j].at[k] = random_in(-2, 2);
            from[j].a = random_in(-40, 40);
            from[j].b = random_in(-40, 40);
        }
        for (size_t c = 0; c < CZ_COUNT(cpus); c++) {
            if (!cz_cpu_supported(cpus[c])) continue;
            float ab[2][MOST + 16];
            for (size_t i = 0; i < MOST + 16; i++) ab[0][i] = ab[1][i] = 3;
            cz_color(cpus[c])->spread(from, FROM, axis, n, ab[0], ab[1]);
            for (size_t i = 0; i < n; i++) {
                double a = 3, b = 3;
                for (size_t j = 0; j < FROM; j++) {
                    double d2 = 0;
                    for (size_t k = 0; k < CZ_SPREAD_AXES; k++)
                        d2 += pow((double)place[k][i] - (double)from[j].at[k], 2);
                    a += exp(-d2 / 2) * (double)from[j].a;
                    b += exp(-d2 / 2) * (double)from[j].b;
                }
                assert_true(fabs((double)ab[0][i] - a) < 1e-4 && fabs((double)ab[1][i] - b) < 1e-4);
            }
            for (size_t i = n; i < MOST + 16; i++) assert_true(ab[0][i] == 3 && ab[1][i] == 3);
            if (c == 0) memcpy(first, ab, sizeof ab);
            assert_memory_equal(first, ab, sizeof ab);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_hint_changes_nothing),      cmocka_unit_test(a_hint_holds_and_fades),
        cmocka_unit_test(lightness_and_colour_stop_it), cmocka_unit_test(two_colours_hold_together),
        cmocka_unit_test(the_later_one_lies_on_top),    cmocka_unit_test(many_hints_stay_finite),
        cmocka_unit_test(spread_follows_its_formula),   cmocka_unit_test(a_weight_is_a_share),
    };
    cz_color_tables_init(&tables, cz_color(cz_cpu_choose(COLORIZER_CPU_BEST)));
    return cmocka_run_group_tests_name("hints", tests, NULL, NULL);
}

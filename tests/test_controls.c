/* SPDX-License-Identifier: BSD-2-Clause
 * What an editor sets and asks: strokes, weights and colour spaces of hints, suggestions, palette, tint, hues. */
#include "image_case.h"

#include "picture.h"
#include "tiny_model.h"

enum { SIDE = 96 };

static cz_color_tables tables;
static const cz_exec one_thread = {.threads = 1};

static void assert_detail(colorizer *c, const char *part) {
    char text[256];
    colorizer_last_error(c, text, sizeof text);
    if (strstr(text, part) == NULL) fail_msg("'%s' does not name '%s'", text, part);
}

/** A flat gray of L 54 with a dark half on the right. */
static colorizer_image halves(void) {
    const colorizer_image p = picture_make(COLORIZER_GRAY_U8, SIDE, SIDE);
    for (size_t i = 0; i < SIDE * SIDE; i++) ((uint8_t *)p.data[0])[i] = i % SIDE < SIDE / 2 ? 130 : 20;
    return p;
}

/** Floats: errors of rounding are not the subject. */
static colorizer_image colorize(colorizer *c, const colorizer_image *src) {
    const colorizer_image dst = picture_make(COLORIZER_RGB_F32, src->width, src->height);
    assert_int_equal(colorizer_colorize(c, src, &dst), COLORIZER_OK);
    return dst;
}

static const float *pixel(const colorizer_image *p, size_t x, size_t y) {
    return (const float *)p->data[0] + 3 * (y * (size_t)p->width + x);
}

/** CIELAB a and b of an sRGB pixel, by the standards' formulas. */
static void chroma_of(const float *rgb, double *a, double *b) {
    const double r = to_light((double)rgb[0], false), g = to_light((double)rgb[1], false),
                 v = to_light((double)rgb[2], false);
    const double x = (0.4124564 * r + 0.3575761 * g + 0.1804375 * v) / 0.95047;
    const double y = 0.2126729 * r + 0.7151522 * g + 0.0721750 * v;
    const double z = (0.0193339 * r + 0.1191920 * g + 0.9503041 * v) / 1.08883;
    *a = 500 * (lab_f(x) - lab_f(y));
    *b = 200 * (lab_f(y) - lab_f(z));
}

static double distance_at(const colorizer_image *p, size_t x, size_t y, double a, double b) {
    double pa, pb;
    chroma_of(pixel(p, x, y), &pa, &pb);
    return hypot(pa - a, pb - b);
}

static colorizer_hint ab_hint(float x, float y, float a, float b) {
    return (colorizer_hint){
        .struct_size = sizeof(colorizer_hint), .x = x, .y = y, .radius = 5, .space = COLORIZER_HINT_AB, .a = a, .b = b};
}

static colorizer_image with_hints(colorizer *c, const colorizer_image *src, const colorizer_hint *hints, uint32_t n) {
    assert_int_equal(colorizer_set_hints(c, hints, n), COLORIZER_OK);
    return colorize(c, src);
}

/* ---------------------------------------------------------------- hints */

/** In a hint's core the colour is the hint's own; past an edge in the lightness it is not. */
static void a_hint_is_exact(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image src = halves();
    for (int turn = 0; turn < 8; turn++) {
        const float a = 25 * cosf((float)turn), b = 25 * sinf((float)turn);
        const colorizer_hint h = ab_hint(24, 40, a, b);
        const colorizer_image dst = with_hints(c, &src, &h, 1);
        for (size_t y = 38; y <= 41; y++)
            for (size_t x = 22; x <= 25; x++) assert_true(distance_at(&dst, x, y, (double)a, (double)b) < 0.1);
        free(dst.data[0]);
    }
    colorizer_hint h = ab_hint(44, 40, 25, 0); /* its edge lies past the dark half's */
    const colorizer_image hinted = with_hints(c, &src, &h, 1);
    assert_true(distance_at(&hinted, 42, 40, 25, 0) < 0.1 && distance_at(&hinted, 50, 40, 25, 0) > 15);
    free(hinted.data[0]);
    free(src.data[0]);
    colorizer_close(c);
}

static void a_stroke_holds_along_its_length(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image src = halves();
    colorizer_hint h = ab_hint(20, -300, 10, 22); /* enters and leaves the photograph */
    h.dx = 10;
    h.dy = 900;
    const colorizer_image down = with_hints(c, &src, &h, 1);
    for (size_t y = 0; y < SIDE; y++) {
        const double x = 20 + 10 * (300.5 + (double)y) / 900;
        assert_true(distance_at(&down, (size_t)x, y, 10, 22) < 0.1);
    }
    h.x += h.dx; /* from the other end it is the same stroke */
    h.y += h.dy;
    h.dx = -h.dx;
    h.dy = -h.dy;
    const colorizer_image up = with_hints(c, &src, &h, 1);
    for (size_t y = 0; y < SIDE; y++) assert_true(distance_at(&up, 24, y, 10, 22) < 0.1);
    h = ab_hint(-5, -5, 10, 22); /* nowhere on it */
    h.dx = 200;
    h.dy = -1;
    const colorizer_image none = colorize(c, &src), beside = with_hints(c, &src, &h, 1);
    assert_int_equal(colorizer_set_hints(c, NULL, 0), COLORIZER_OK);
    const colorizer_image plain = colorize(c, &src);
    assert_memory_equal(beside.data[0], plain.data[0], plain.size[0]);
    assert_memory_not_equal(none.data[0], plain.data[0], plain.size[0]);
    const colorizer_image all[] = {down, up, none, beside, plain, src};
    for (size_t i = 0; i < CZ_COUNT(all); i++) free(all[i].data[0]);
    colorizer_close(c);
}

/** As many strokes as a handle takes, long ones and all over each other. */
static void many_strokes(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image src = halves();
    static colorizer_hint h[COLORIZER_MAX_HINTS];
    random_state = 3;
    for (size_t i = 0; i < COLORIZER_MAX_HINTS; i++) {
        h[i] = ab_hint(random_in(-20, 120), random_in(-20, 120), random_in(-128, 128), random_in(-128, 128));
        h[i].dx = random_in(-200, 200);
        h[i].dy = i % 7 == 0 ? 3e38f : random_in(-200, 200);
        h[i].radius = i % 5 == 0 ? 0 : random_in(0, 4);
        h[i].weight = i % 3 == 0 ? 0 : random_in(0, 1);
    }
    h[0].x = -3e38f; /* from very far to very far */
    h[0].dx = 3.4e38f;
    h[0].dy = 0;
    h[1].x = h[1].y = 3e38f;
    h[1].dx = h[1].dy = -3.4e38f;
    h[COLORIZER_MAX_HINTS - 1] = ab_hint(24, 40, -20, 10);
    const colorizer_image dst = with_hints(c, &src, h, COLORIZER_MAX_HINTS);
    for (size_t i = 0; i < 3 * SIDE * SIDE; i++)
        assert_true(((float *)dst.data[0])[i] >= 0 && ((float *)dst.data[0])[i] <= 1);
    assert_true(distance_at(&dst, 24, 40, -20, 10) < 0.1); /* the last lies on top */
    free(dst.data[0]);
    free(src.data[0]);
    colorizer_close(c);
}

/** A weight of nearly nothing does nearly nothing, a whole one all, and 0 means a whole one. */
static void a_weight_between_none_and_whole(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image src = halves(), plain = colorize(c, &src);
    colorizer_hint h = ab_hint(24, 40, 10, 10);
    const colorizer_image zero = with_hints(c, &src, &h, 1);
    h.weight = 1;
    const colorizer_image whole = with_hints(c, &src, &h, 1);
    h.weight = 1e-30f;
    const colorizer_image nothing = with_hints(c, &src, &h, 1);
    assert_memory_equal(whole.data[0], zero.data[0], zero.size[0]);
    assert_true(distance_at(&whole, 24, 40, 10, 10) < 0.1);
    for (size_t i = 0; i < 3 * SIDE * SIDE; i++)
        assert_true(fabsf(((float *)nothing.data[0])[i] - ((float *)plain.data[0])[i]) < 0.01f);
    const colorizer_image all[] = {src, plain, zero, whole, nothing};
    for (size_t i = 0; i < CZ_COUNT(all); i++) free(all[i].data[0]);
    colorizer_close(c);
}

/** sRGB red by both ways; a program that knows only the first version's fields. */
static void both_spaces_and_the_older_struct(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image src = halves();
    colorizer_hint by_ab = ab_hint(24, 40, 80.09f, 67.20f), by_rgb = ab_hint(24, 40, 1, 1);
    by_rgb.space = COLORIZER_HINT_SRGB;
    by_rgb.red = 1;
    const colorizer_image first = with_hints(c, &src, &by_ab, 1), second = with_hints(c, &src, &by_rgb, 1);
    const colorizer_hint two[2] = {by_rgb, {.struct_size = sizeof by_rgb, .x = 24, .y = 80, .radius = 5, .red = 1}};
    const colorizer_image both = with_hints(c, &src, two, 2);
    for (size_t i = 0; i < 3 * SIDE * SIDE; i++)
        assert_true(fabsf(((float *)first.data[0])[i] - ((float *)second.data[0])[i]) < 2e-3f);
    struct {
        uint32_t struct_size;
        float x, y, radius, red, green, blue;
    } old[2] = {{sizeof old[0], 24, 40, 5, 1, 0, 0}, {sizeof old[0], 24, 80, 5, 1, 0, 0}};
    const colorizer_image older = with_hints(c, &src, (const colorizer_hint *)(const void *)old, 2);
    assert_memory_equal(older.data[0], both.data[0], both.size[0]);
    free(both.data[0]);
    free(first.data[0]);
    free(second.data[0]);
    free(older.data[0]);
    free(src.data[0]);
    colorizer_close(c);
}

static void refused_hints(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_hint good = ab_hint(1, 1, 0, 0);
    colorizer_hint h;
#define BAD(field, value, detail)                                                                                      \
    h = good;                                                                                                          \
    h.field = value;                                                                                                   \
    assert_int_equal(colorizer_set_hints(c, &h, 1), COLORIZER_E_RANGE);                                                \
    assert_detail(c, detail)
    BAD(dx, INFINITY, "place");
    BAD(dy, NAN, "place");
    BAD(weight, -0.1f, "weight");
    BAD(weight, 1.1f, "weight");
    BAD(weight, NAN, "weight");
    BAD(space, 2, "space");
    BAD(space, -1, "space");
    BAD(a, 129, "128");
    BAD(b, NAN, "128");
#undef BAD
    h = good;
    h.red = NAN; /* not looked at */
    assert_int_equal(colorizer_set_hints(c, &h, 1), COLORIZER_OK);
    h.struct_size = 24;
    assert_int_equal(colorizer_set_hints(c, &h, 1), COLORIZER_E_ARGUMENT);
    struct {
        colorizer_hint hint;
        float more;
    } newer = {.hint = good, .more = 1};
    newer.hint.struct_size = sizeof newer;
    assert_int_equal(colorizer_set_hints(c, &newer.hint, 1), COLORIZER_E_ARGUMENT);
    newer.more = 0;
    assert_int_equal(colorizer_set_hints(c, &newer.hint, 1), COLORIZER_OK);
    colorizer_close(c);
}

/* ---------------------------------------------------------------- suggestions */

static void suggestions_are_ordered_and_apart(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 120, 90),
                          map = picture_make(COLORIZER_GRAY_F32, 9, 9);
    const colorizer_image before = picture_make(COLORIZER_RGB_U8, 120, 90),
                          after = picture_make(COLORIZER_RGB_U8, 120, 90);
    colorizer_suggestion s[8], again[8];
    uint32_t count = 99, second;
    for (size_t i = 0; i < 8; i++) s[i].struct_size = again[i].struct_size = sizeof s[i];
    assert_int_equal(colorizer_suggest(c, 5, 5, s, 8, &count), COLORIZER_E_STATE);
    assert_int_equal(count, 0);
    assert_int_equal(colorizer_colorize(c, &src, &before), COLORIZER_OK);
    for (float x = 0; x < 120; x += 17) {
        assert_int_equal(colorizer_suggest(c, x, x / 2, s, 8, &count), COLORIZER_OK);
        assert_in_range(count, 1, 8);
        float sum = 0;
        for (uint32_t i = 0; i < count; i++) {
            sum += s[i].probability;
            assert_int_equal(s[i].struct_size, sizeof s[i]);
            assert_true(s[i].probability > 0 && (i == 0 || s[i].probability <= s[i - 1].probability));
            for (uint32_t j = 0; j < i; j++) assert_true(hypotf(s[i].a - s[j].a, s[i].b - s[j].b) > 10);
            double a, b; /* the colour shown has the hue told, in gamut */
            chroma_of(&s[i].red, &a, &b);
            const double told = hypot((double)s[i].a, (double)s[i].b), shown = hypot(a, b);
            assert_true(shown <= told + 0.5);
            assert_true(a * (double)s[i].a + b * (double)s[i].b >= shown * told - 1);
        }
        assert_true(sum <= 1.001f);
        assert_int_equal(colorizer_suggest(c, x, x / 2, again, 2, &second), COLORIZER_OK);
        assert_int_equal(second, count < 2 ? count : 2);
        assert_memory_equal(s, again, second * sizeof *s);
    }
    /* the analysis is still there */
    assert_int_equal(colorizer_render(c, &src, &after, NULL), COLORIZER_OK);
    assert_memory_equal(before.data[0], after.data[0], after.size[0]);
    assert_int_equal(colorizer_confidence(c, &map), COLORIZER_OK);
    const colorizer_image all[] = {src, map, before, after};
    for (size_t i = 0; i < CZ_COUNT(all); i++) free(all[i].data[0]);
    colorizer_close(c);
}

static int32_t stop(void *user, float done) {
    (void)user;
    return done > 0.4f;
}

static void refused_suggestions(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 120, 90);
    colorizer_suggestion s[2] = {{.struct_size = sizeof s[0]}, {.struct_size = sizeof s[0]}};
    uint32_t n;
    assert_int_equal(colorizer_analyze(c, &src), COLORIZER_OK);
    assert_int_equal(colorizer_suggest(NULL, 5, 5, s, 2, &n), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_suggest(c, 5, 5, NULL, 2, &n), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_suggest(c, 5, 5, s, 2, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_suggest(c, 5, 5, s, 0, &n), COLORIZER_E_RANGE);
    assert_int_equal(colorizer_suggest(c, 5, 5, s, COLORIZER_MAX_SUGGESTIONS + 1, &n), COLORIZER_E_RANGE);
    static const float places[][2] = {{-0.1f, 5}, {120, 5}, {5, -1}, {5, 90}, {NAN, 5}, {5, INFINITY}};
    for (size_t i = 0; i < CZ_COUNT(places); i++)
        assert_int_equal(colorizer_suggest(c, places[i][0], places[i][1], s, 2, &n), COLORIZER_E_RANGE);
    s[1].struct_size = 8;
    assert_int_equal(colorizer_suggest(c, 5, 5, s, 2, &n), COLORIZER_E_ARGUMENT);
    assert_detail(c, "out[1]");
    assert_int_equal(colorizer_suggest(c, 119.9f, 89.9f, s, 1, &n), COLORIZER_OK); /* the second is not looked at */
    assert_int_equal(colorizer_set_progress(c, stop, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_suggest(c, 5, 5, s, 1, &n), COLORIZER_E_CANCELLED);
    assert_int_equal(n, 0);
    assert_int_equal(colorizer_set_progress(c, NULL, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_suggest(c, 5, 5, s, 1, &n), COLORIZER_OK);
    free(src.data[0]);
    colorizer_close(c);
}

/** A distribution made by hand: two peaks of known mass and their middle. */
static void modes_of_a_known_distribution(void **state) {
    (void)state;
    const cz_color_job job = job_of(COLORIZER_CPU_BEST, &tables, &one_thread, 64, 64, 64);
    /* bins 0 and 1 are 6 apart and count as one; 2 lies far away; 3 is nearly impossible */
    static const float centres[] = {40, 0, 40, 6, -30, 10, 0, -50}, weight[] = {0, 0, 0, 0};
    float logits[] = {logf(0.3f), logf(0.3f), logf(0.399f), logf(0.001f)};
    const cz_chroma_in in = {.logits = logits, .centers = centres, .log_weight = weight, .bins = 4};
    cz_mode m[4];
    cz_read_cell(&job, &in, 0);
    assert_int_equal(cz_modes(&in, 0, m, 4), 2);
    assert_true(fabsf(m[0].probability - 0.6f) < 1e-4f && fabsf(m[1].probability - 0.399f) < 1e-4f);
    assert_true(fabsf(m[0].a - 40) < 1e-3f && fabsf(m[0].b - 3) < 1e-3f && fabsf(m[1].a + 30) < 1e-3f);
    assert_int_equal(cz_modes(&in, 0, m, 1), 1);
}

/* ---------------------------------------------------------------- palette, tint, hues */

/** What cz_chroma makes of a hand-made distribution of four bins, the same in every cell, with some wishes; and what
 * the formulas of docs/color.md say, in double. */
static void wish_for(const cz_wishes *w, double *got, double *want) {
    enum { BINS = 4 };
    static const float centres[2 * BINS] = {40, 0, 0, 30, -30, 10, 0, -50}, weight[BINS] = {0.5f, -0.5f, 0, 1};
    static const float log_p[BINS] = {-1.2f, -1.4f, -0.9f, -3}, departs[5] = {0.01f, -0.02f, 0.4f, 0.05f, -0.03f};
    const cz_color_job job = job_of(COLORIZER_CPU_BEST, &tables, &one_thread, 32, 32, 32);
    const size_t cells = (size_t)job.grid.cw * job.grid.ch;
    float *logits = get(sizeof(float) * BINS * cells), *ab = get(2 * sizeof(float) * cells);
    float *residual = get(5 * sizeof(float) * cells), *sure = get(sizeof(float) * cells);
    for (size_t i = 0; i < BINS * cells; i++) logits[i] = log_p[i % BINS];
    for (size_t i = 0; i < 5 * cells; i++) residual[i] = departs[i % 5];
    const cz_chroma_in in = {.logits = logits,
                             .residual = residual,
                             .channels = 5,
                             .centers = centres,
                             .log_weight = weight,
                             .bins = BINS,
                             .vividness = 0.7f,
                             .wishes = w};
    assert_true(cz_chroma(&job, &in, ab, sure));
    double sum = 0, sa = 0, sb = 0, all = 0, most = 0;
    for (size_t i = 0; i < BINS; i++) {
        const double a = (double)centres[2 * i], b = (double)centres[2 * i + 1];
        double nearest = 1e9;
        for (size_t k = 0; k < w->colours; k++)
            nearest = fmin(nearest, hypot(a - (double)w->palette[k][0], b - (double)w->palette[k][1]));
        const double off = w->colours == 0 ? 0 : (double)w->palette_strength * fmin(nearest * nearest / (2 * 144), 8);
        const double tilt = (a * (double)w->tint[0] + b * (double)w->tint[1]) / 2500;
        const double p = exp((double)log_p[i] - (double)weight[i]), e = p * exp(tilt - off);
        sum += e;
        sa += e * a;
        sb += e * b;
        all += p;
        most = fmax(most, exp(tilt - off));
    }
    /* what the vivid picture adds counts as far as the wishes leave the data's own distribution */
    const double kept = sum / most / all;
    want[0] = 1.28 * sa / sum + 110 * (0.01 + 0.7 * kept * 0.05);
    want[1] = 1.28 * sb / sum + 110 * (-0.02 - 0.7 * kept * 0.03);
    got[0] = (double)ab[0];
    got[1] = (double)ab[cells];
    /* confidence is of the data's own distribution: of nothing that was wished but where it led */
    double near = 0;
    for (size_t i = 0; i < BINS; i++) {
        const double d2 = pow((double)centres[2 * i] - got[0], 2) + pow((double)centres[2 * i + 1] - got[1], 2);
        near += exp((double)log_p[i] - (double)weight[i]) * fmin(fmax((375 - d2) / 300, 0), 1);
    }
    assert_true(fabs((double)sure[0] - near / all) < 1e-4);
    void *const blocks[] = {logits, ab, residual, sure};
    for (size_t i = 0; i < CZ_COUNT(blocks); i++) free(blocks[i]);
}

static void wishes_follow_their_formulas(void **state) {
    (void)state;
    double got[2], want[2];
    random_state = 11;
    for (int i = 0; i < 200; i++) {
        cz_wishes w = {.colours = (size_t)i % 4, .palette_strength = i % 5 == 0 ? 0 : random_in(0, 1)};
        for (size_t k = 0; k < w.colours; k++) {
            w.palette[k][0] = random_in(-60, 60);
            w.palette[k][1] = random_in(-60, 60);
        }
        w.tint[0] = i % 3 == 0 ? 0 : random_in(-100, 100);
        w.tint[1] = i % 7 == 0 ? 0 : random_in(-100, 100);
        wish_for(&w, got, want);
        assert_true(fabs(got[0] - want[0]) < 2e-3 && fabs(got[1] - want[1]) < 2e-3);
    }
}

static void tint_settings(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 90, 70), plain = colorize(c, &src);
    for (int32_t key = COLORIZER_KEY_TINT_A; key <= COLORIZER_KEY_TINT_B; key++) {
        double value;
        assert_int_equal(colorizer_set_f(c, key, -100), COLORIZER_OK);
        const colorizer_image dst = colorize(c, &src);
        assert_memory_not_equal(dst.data[0], plain.data[0], plain.size[0]);
        assert_int_equal(colorizer_set_f(c, key, 100.5), COLORIZER_E_RANGE);
        assert_detail(c, "-100..100");
        assert_int_equal(colorizer_set_f(c, key, (double)NAN), COLORIZER_E_RANGE);
        assert_int_equal(colorizer_set_i(c, key, 3), COLORIZER_E_KEY);
        assert_int_equal(colorizer_get_f(c, key, &value), COLORIZER_OK);
        assert_true(value == -100);
        assert_int_equal(colorizer_set_f(c, key, 0), COLORIZER_OK);
        free(dst.data[0]);
    }
    const colorizer_image again = colorize(c, &src);
    assert_memory_equal(again.data[0], plain.data[0], plain.size[0]);
    free(again.data[0]);
    free(plain.data[0]);
    free(src.data[0]);
    colorizer_close(c);
}

static void palette_settings(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 90, 70), plain = colorize(c, &src);
    static const float red[6] = {0.78f, 0.3f, 0.27f, 2, 2, 2};
    static const struct {
        uint32_t count;
        float strength;
        bool changes;
    } rows[] = {{1, 1, true}, {1, 0, false}, {0, 1, false}};
    for (size_t i = 0; i < CZ_COUNT(rows); i++) {
        assert_int_equal(colorizer_set_palette(c, rows[i].count > 0 ? red : NULL, rows[i].count, rows[i].strength),
                         COLORIZER_OK);
        const colorizer_image dst = colorize(c, &src);
        assert_int_equal(memcmp(dst.data[0], plain.data[0], plain.size[0]) != 0, rows[i].changes);
        free(dst.data[0]);
    }
    assert_int_equal(colorizer_set_palette(c, red, 2, 1), COLORIZER_E_RANGE);
    assert_detail(c, "colours[3]");
    assert_int_equal(colorizer_set_palette(c, red, 1, 1.5f), COLORIZER_E_RANGE);
    assert_int_equal(colorizer_set_palette(c, red, 1, NAN), COLORIZER_E_RANGE);
    assert_int_equal(colorizer_set_palette(c, NULL, 1, 1), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_set_palette(c, red, COLORIZER_MAX_PALETTE + 1, 1), COLORIZER_E_RANGE);
    assert_int_equal(colorizer_set_palette(NULL, red, 1, 1), COLORIZER_E_ARGUMENT);
    free(plain.data[0]);
    free(src.data[0]);
    colorizer_close(c);
}

static void strength_between_hues(void **state) {
    (void)state;
    static const float hues[COLORIZER_HUES] = {0.1f, 0.4f, 1.9f, 0.3f, 1.1f, 0.7f, 2, 0.5f};
    static const float angle[COLORIZER_HUES][2] = {{1, 0},  {1, 1},   {0, 1},  {-1, 1},
                                                   {-1, 0}, {-1, -1}, {0, -1}, {1, -1}};
    for (size_t i = 0; i < COLORIZER_HUES; i++)
        assert_true(cz_hue_strength(hues, 7 * angle[i][0], 7 * angle[i][1]) == hues[i]);
    for (float t = 0; t < 6.28f; t += 0.01f) {
        const float s = cz_hue_strength(hues, cosf(t), sinf(t)),
                    next = cz_hue_strength(hues, cosf(t + 0.001f), sinf(t + 0.001f));
        assert_true(s >= 0.1f && s <= 2 && fabsf(s - next) < 0.01f);
    }
    assert_true(cz_hue_strength(hues, 0, 0) == 1);
}

/** Hues take effect when rendering, whole or in parts, and bring no other change. */
static void hues_without_another_analysis(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 90, 70), plain = colorize(c, &src);
    const colorizer_image dst = picture_make(COLORIZER_RGB_F32, 90, 70);
    const float gray[COLORIZER_HUES] = {0}, varied[COLORIZER_HUES] = {0.5f, 0.4f, 1.5f, 0.6f, 0.8f, 0.7f, 1.4f, 1.2f};
    assert_int_equal(colorizer_set_hues(c, gray), COLORIZER_OK);
    assert_int_equal(colorizer_render(c, &src, &dst, NULL), COLORIZER_OK);
    for (size_t i = 0; i < 90 * 70; i++) {
        const float *p = (const float *)dst.data[0] + 3 * i;
        assert_true(p[0] == p[1] && p[1] == p[2]);
    }
    assert_int_equal(colorizer_set_hues(c, varied), COLORIZER_OK);
    const colorizer_image whole = colorize(c, &src);
    assert_memory_not_equal(whole.data[0], plain.data[0], plain.size[0]);
    assert_int_equal(colorizer_set_hues(c, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_render(c, &src, &dst, NULL), COLORIZER_OK);
    assert_memory_equal(dst.data[0], plain.data[0], plain.size[0]);
    assert_int_equal(colorizer_set_hues(c, varied), COLORIZER_OK);
    assert_int_equal(colorizer_set_i(c, COLORIZER_KEY_THREADS, 5), COLORIZER_OK);
    assert_int_equal(colorizer_render(c, &src, &dst, NULL), COLORIZER_OK);
    assert_memory_equal(dst.data[0], whole.data[0], whole.size[0]);
    static const float bad[][COLORIZER_HUES] = {{-0.1f}, {0, 2.1f}, {0, 0, 0, 0, 0, 0, 0, NAN}};
    for (size_t i = 0; i < CZ_COUNT(bad); i++) assert_int_equal(colorizer_set_hues(c, bad[i]), COLORIZER_E_RANGE);
    assert_int_equal(colorizer_set_hues(NULL, gray), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_render(c, &src, &dst, NULL), COLORIZER_OK); /* what was refused left the old */
    assert_memory_equal(dst.data[0], whole.data[0], whole.size[0]);
    const colorizer_image all[] = {src, plain, dst, whole};
    for (size_t i = 0; i < CZ_COUNT(all); i++) free(all[i].data[0]);
    colorizer_close(c);
}

/** A clone has every setting; a static handle gives the same pixels. */
static void clones_and_static_handles(void **state) {
    (void)state;
    size_t size;
    const void *model = tiny_model(&size);
    uint64_t need;
    colorizer *c[3] = {tiny_open(COLORIZER_CPU_BEST, 0)};
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 90, 70);
    assert_int_equal(colorizer_workspace_size(model, size, NULL, 90, 70, 0, &need), COLORIZER_OK);
    void *buffer = aligned_alloc(64, (size_t)(need + 63) / 64 * 64);
    assert_int_equal(colorizer_open_static(&c[2], buffer, need, model, size, NULL), COLORIZER_OK);
    static const float colours[] = {0.2f, 0.5f, 0.1f, 0.9f, 0.1f, 0.1f}, hues[] = {2, 1, 0, 1, 0.5f, 1, 1, 1};
    colorizer_hint h = ab_hint(40, 20, 20, 20);
    h.dx = 20;
    h.weight = 0.8f;
    for (int i = 0; i < 3; i += 2) {
        assert_int_equal(colorizer_set_palette(c[i], colours, 2, 0.7f), COLORIZER_OK);
        assert_int_equal(colorizer_set_hues(c[i], hues), COLORIZER_OK);
        assert_int_equal(colorizer_set_f(c[i], COLORIZER_KEY_TINT_A, 20), COLORIZER_OK);
        assert_int_equal(colorizer_set_f(c[i], COLORIZER_KEY_TINT_B, -30), COLORIZER_OK);
        assert_int_equal(colorizer_set_hints(c[i], &h, 1), COLORIZER_OK);
    }
    assert_int_equal(colorizer_clone(c[0], &c[1]), COLORIZER_OK);
    const colorizer_image first = colorize(c[0], &src);
    for (int i = 1; i < 3; i++) {
        const colorizer_image other = colorize(c[i], &src);
        assert_memory_equal(first.data[0], other.data[0], first.size[0]);
        colorizer_suggestion s = {.struct_size = sizeof s};
        uint32_t count;
        assert_int_equal(colorizer_suggest(c[i], 40, 20, &s, 1, &count), COLORIZER_OK);
        free(other.data[0]);
    }
    for (int i = 0; i < 3; i++) colorizer_close(c[i]);
    free(first.data[0]);
    free(src.data[0]);
    free(buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hint_is_exact),
        cmocka_unit_test(a_stroke_holds_along_its_length),
        cmocka_unit_test(many_strokes),
        cmocka_unit_test(a_weight_between_none_and_whole),
        cmocka_unit_test(both_spaces_and_the_older_struct),
        cmocka_unit_test(refused_hints),
        cmocka_unit_test(suggestions_are_ordered_and_apart),
        cmocka_unit_test(refused_suggestions),
        cmocka_unit_test(modes_of_a_known_distribution),
        cmocka_unit_test(wishes_follow_their_formulas),
        cmocka_unit_test(tint_settings),
        cmocka_unit_test(palette_settings),
        cmocka_unit_test(strength_between_hues),
        cmocka_unit_test(hues_without_another_analysis),
        cmocka_unit_test(clones_and_static_handles),
    };
    cz_color_tables_init(&tables, cz_color(cz_cpu_choose(COLORIZER_CPU_BEST)));
    return cmocka_run_group_tests_name("controls", tests, NULL, NULL);
}

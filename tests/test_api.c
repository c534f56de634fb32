/* SPDX-License-Identifier: BSD-2-Clause
 * The contract of the public header: every function's results, errors and detail texts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "picture.h"
#include "tiny_model.h"

static void assert_detail(colorizer *c, const char *part) {
    char text[256];
    colorizer_last_error(c, text, sizeof text);
    if (strstr(text, part) == NULL) fail_msg("'%s' does not name '%s'", text, part);
}

/* ---------------------------------------------------------------- opening */

static void test_open_arguments(void **state) {
    (void)state;
    size_t size;
    const void *model = tiny_model(&size);
    colorizer *c = (colorizer *)&size;
    assert_int_equal(colorizer_open(NULL, NULL, NULL), COLORIZER_E_ARGUMENT);
    assert_detail(NULL, "out");
    errno = 7;
    assert_int_equal(colorizer_open(&c, "/nowhere/model.czw", NULL), COLORIZER_E_IO);
    assert_int_equal(errno, 7);
    assert_null(c);
    assert_detail(NULL, "/nowhere/model.czw");
    assert_int_equal(colorizer_open_memory(&c, NULL, size, NULL), COLORIZER_E_ARGUMENT);
    assert_detail(NULL, "model");
    assert_int_equal(colorizer_open_memory(&c, (const char *)model + 4, size - 4, NULL), COLORIZER_E_BUFFER);
    assert_int_equal(colorizer_open_memory(&c, model, size - 1, NULL), COLORIZER_E_FORMAT);
    assert_null(c);
}

static void *unused_alloc(void *user, uint64_t size, uint64_t alignment) {
    (void)user;
    (void)size;
    (void)alignment;
    return NULL;
}

static void test_open_options(void **state) {
    (void)state;
    static const struct {
        colorizer_options options;
        int32_t status;
        const char *detail;
    } bad[] = {
        {{.struct_size = 0}, COLORIZER_E_ARGUMENT, "struct_size"},
        {{.struct_size = sizeof(colorizer_options), .threads = 65}, COLORIZER_E_RANGE, "threads"},
        {{.struct_size = sizeof(colorizer_options), .threads = -1}, COLORIZER_E_RANGE, "threads"},
        {{.struct_size = sizeof(colorizer_options), .cpu = 5}, COLORIZER_E_RANGE, "cpu"},
        {{.struct_size = sizeof(colorizer_options), .alloc = unused_alloc}, COLORIZER_E_ARGUMENT, "alloc"},
        {{.struct_size = sizeof(colorizer_options), .reserved = 1}, COLORIZER_E_ARGUMENT, "reserved"},
    };
    size_t size;
    const void *model = tiny_model(&size);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        colorizer *c = NULL;
        assert_int_equal(colorizer_open_memory(&c, model, size, &bad[i].options), bad[i].status);
        assert_null(c);
        assert_detail(NULL, bad[i].detail);
    }
    struct {
        colorizer_options o;
        uint64_t more;
    } newer = {.o = {.struct_size = sizeof newer, .threads = 3}};
    colorizer *c = NULL;
    int64_t threads;
    assert_int_equal(colorizer_open_memory(&c, model, size, &newer.o), COLORIZER_OK);
    assert_int_equal(colorizer_get_i(c, COLORIZER_KEY_THREADS, &threads), COLORIZER_OK);
    assert_int_equal(threads, 3);
    colorizer_close(c);
    newer.more = 1; /* a setting this library does not know must not be dropped in silence */
    assert_int_equal(colorizer_open_memory(&c, model, size, &newer.o), COLORIZER_E_ARGUMENT);
    assert_detail(NULL, "struct_size");
}

static void test_open_file(void **state) {
    (void)state;
    size_t size;
    const void *model = tiny_model(&size);
    char path[] = "test_api_model.czw";
    colorizer *c = NULL;
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(model, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(colorizer_open(&c, path, NULL), COLORIZER_OK);
    colorizer_close(c);
    f = fopen(path, "wb");
    assert_int_equal(fclose(f), 0);
    assert_int_equal(colorizer_open(&c, path, NULL), COLORIZER_E_FORMAT); /* empty */
    assert_int_equal(remove(path), 0);
    assert_int_equal(colorizer_open(&c, ".", NULL), COLORIZER_E_IO); /* a folder */
}

static void test_null_handles(void **state) {
    (void)state;
    int64_t i;
    double f;
    colorizer *out;
    colorizer_close(NULL);
    colorizer_cancel(NULL);
    assert_int_equal(colorizer_colorize(NULL, NULL, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_confidence(NULL, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_set_i(NULL, 1, 1), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_set_f(NULL, 3, 1), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_get_i(NULL, 1, &i), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_get_f(NULL, 3, &f), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_clone(NULL, &out), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_set_hints(NULL, NULL, 0), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_set_log(NULL, NULL, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_set_progress(NULL, NULL, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_set_runner(NULL, NULL, NULL), COLORIZER_E_ARGUMENT);
    assert_detail(NULL, "c: is NULL");
}

/* ---------------------------------------------------------------- settings and texts */

static void test_settings(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    int64_t i;
    double f;
    assert_int_equal(colorizer_get_f(c, COLORIZER_KEY_STRENGTH, &f), COLORIZER_OK);
    assert_true(f == 1.0);
    assert_int_equal(colorizer_get_f(c, COLORIZER_KEY_VIVIDNESS, &f), COLORIZER_OK);
    assert_true(f == 1.0);
    assert_int_equal(colorizer_get_i(c, COLORIZER_KEY_SIZE, &i), COLORIZER_OK);
    assert_int_equal(i, 64);
    assert_int_equal(colorizer_get_i(c, COLORIZER_KEY_CPU, &i), COLORIZER_OK);
    assert_in_range(i, COLORIZER_CPU_SCALAR, COLORIZER_CPU_NEON);
    assert_int_equal(colorizer_get_i(c, COLORIZER_KEY_MEMORY, &i), COLORIZER_OK);
    assert_true(i > 1000);
    static const struct {
        int32_t key, status;
        int64_t value;
    } ints[] = {{COLORIZER_KEY_THREADS, COLORIZER_OK, 64},
                {COLORIZER_KEY_THREADS, COLORIZER_OK, 0},
                {COLORIZER_KEY_THREADS, COLORIZER_E_RANGE, 65},
                {COLORIZER_KEY_THREADS, COLORIZER_E_RANGE, -1},
                {COLORIZER_KEY_SIZE, COLORIZER_OK, 32},
                {COLORIZER_KEY_SIZE, COLORIZER_OK, 1024},
                {COLORIZER_KEY_SIZE, COLORIZER_E_RANGE, 31},
                {COLORIZER_KEY_SIZE, COLORIZER_E_RANGE, 1025},
                {COLORIZER_KEY_CPU, COLORIZER_E_KEY, 1},
                {COLORIZER_KEY_MEMORY, COLORIZER_E_KEY, 1},
                {COLORIZER_KEY_STRENGTH, COLORIZER_E_KEY, 1},
                {0, COLORIZER_E_KEY, 1},
                {COLORIZER_KEY_THREADS, COLORIZER_E_RANGE, INT64_MAX}};
    for (size_t k = 0; k < sizeof ints / sizeof *ints; k++)
        assert_int_equal(colorizer_set_i(c, ints[k].key, ints[k].value), ints[k].status);
    assert_int_equal(colorizer_get_i(c, COLORIZER_KEY_SIZE, &i), COLORIZER_OK);
    assert_int_equal(i, 1024); /* a refused value leaves the old one */
    static const struct {
        int32_t key, status;
        double value;
    } reals[] = {{COLORIZER_KEY_STRENGTH, COLORIZER_OK, 0.5},       {COLORIZER_KEY_STRENGTH, COLORIZER_E_RANGE, 1.01},
                 {COLORIZER_KEY_STRENGTH, COLORIZER_E_RANGE, -0.1}, {COLORIZER_KEY_STRENGTH, COLORIZER_E_RANGE, NAN},
                 {COLORIZER_KEY_VIVIDNESS, COLORIZER_OK, 2},        {COLORIZER_KEY_VIVIDNESS, COLORIZER_E_RANGE, 2.1},
                 {COLORIZER_KEY_THREADS, COLORIZER_E_KEY, 1},       {99, COLORIZER_E_KEY, 1}};
    for (size_t k = 0; k < sizeof reals / sizeof *reals; k++)
        assert_int_equal(colorizer_set_f(c, reals[k].key, reals[k].value), reals[k].status);
    assert_int_equal(colorizer_get_f(c, COLORIZER_KEY_STRENGTH, &f), COLORIZER_OK);
    assert_true(f == 0.5);
    assert_int_equal(colorizer_get_f(c, COLORIZER_KEY_CPU, &f), COLORIZER_E_KEY);
    assert_int_equal(colorizer_get_i(c, COLORIZER_KEY_STRENGTH, &i), COLORIZER_E_KEY);
    assert_int_equal(colorizer_get_i(c, COLORIZER_KEY_SIZE, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_get_f(c, COLORIZER_KEY_STRENGTH, NULL), COLORIZER_E_ARGUMENT);
    colorizer_close(c);
}

static void test_texts(void **state) {
    (void)state;
    for (int32_t a = COLORIZER_E_STATE; a <= COLORIZER_OK; a++) {
        assert_true(strlen(colorizer_strerror(a)) > 3);
        for (int32_t b = a + 1; b <= COLORIZER_OK; b++)
            assert_string_not_equal(colorizer_strerror(a), colorizer_strerror(b));
    }
    assert_string_equal(colorizer_strerror(1), colorizer_strerror(-9999));
    assert_string_equal(colorizer_strerror(INT32_MIN), colorizer_strerror(1));
    int major, minor, patch;
    assert_int_equal(sscanf(colorizer_version(), "%d.%d.%d", &major, &minor, &patch), 3);
    assert_int_equal(major, COLORIZER_VERSION_MAJOR);
    assert_int_equal(colorizer_abi_version(), COLORIZER_ABI_MAJOR * 65536 + COLORIZER_ABI_MINOR);
}

static void test_metadata(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    char text[16];
    uint64_t length = 0;
    assert_int_equal(colorizer_metadata(c, "name", text, sizeof text, &length), COLORIZER_OK);
    assert_string_equal(text, "tiny");
    assert_int_equal(length, 4);
    assert_int_equal(colorizer_metadata(c, "name", text, 3, &length), COLORIZER_OK);
    assert_string_equal(text, "ti");
    assert_int_equal(length, 4);
    assert_int_equal(colorizer_metadata(c, "name", NULL, 0, &length), COLORIZER_OK);
    assert_int_equal(colorizer_metadata(c, "name", NULL, 0, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_metadata(c, "accent", text, 2, &length), COLORIZER_OK); /* "é" takes two bytes */
    assert_string_equal(text, "");
    assert_int_equal(length, 2);
    assert_int_equal(colorizer_metadata(c, "none", text, 16, NULL), COLORIZER_E_KEY);
    assert_int_equal(colorizer_metadata(c, NULL, text, 16, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_metadata(c, "name", NULL, 16, NULL), COLORIZER_E_ARGUMENT);
    colorizer_close(c);
}

static void test_last_error(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    char text[8];
    assert_int_equal(colorizer_last_error(c, NULL, 0), 0);
    assert_int_equal(colorizer_set_i(c, 77, 0), COLORIZER_E_KEY);
    const uint64_t length = colorizer_last_error(c, text, sizeof text);
    assert_true(length > 7);
    assert_int_equal(strlen(text), 7);
    assert_int_equal(colorizer_last_error(c, NULL, 0), length);
    colorizer_close(c);
}

/* ---------------------------------------------------------------- colorizing */

static void test_colorize_every_format(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    for (int i = 0; i < FORMATS; i++) {
        const colorizer_image src = picture_scene_make(all_formats[i], 37, 29);
        for (int k = 0; k < FORMATS; k++) {
            const colorizer_image dst = picture_make(all_formats[k], 37, 29);
            const int32_t status = colorizer_colorize(c, &src, &dst);
            assert_int_equal(status, format_is_gray(dst.format) ? COLORIZER_E_PIXEL_FORMAT : COLORIZER_OK);
            free(dst.data[0]);
        }
        free(src.data[0]);
    }
    colorizer_close(c);
}

/** Colours a gray scene; the caller frees. */
static colorizer_image colorize_scene(colorizer *c, int32_t width, int32_t height) {
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, width, height);
    const colorizer_image dst = picture_make(COLORIZER_RGB_U8, width, height);
    assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_OK);
    free(src.data[0]);
    return dst;
}

static void test_strength_and_vividness(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image full = colorize_scene(c, 50, 40);
    const uint8_t *p = full.data[0];
    int coloured = 0;
    for (size_t i = 0; i < full.size[0]; i += 3) coloured += p[i] != p[i + 1] || p[i] != p[i + 2];
    assert_true(coloured > 1000);
    assert_int_equal(colorizer_set_f(c, COLORIZER_KEY_VIVIDNESS, 0), COLORIZER_OK);
    const colorizer_image safe = colorize_scene(c, 50, 40);
    assert_memory_not_equal(safe.data[0], full.data[0], full.size[0]);
    assert_int_equal(colorizer_set_f(c, COLORIZER_KEY_STRENGTH, 0), COLORIZER_OK);
    const colorizer_image gray = colorize_scene(c, 50, 40);
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 50, 40);
    for (size_t i = 0; i < src.size[0]; i++)
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(((uint8_t *)gray.data[0])[3 * i + k], ((uint8_t *)src.data[0])[i]);
    free(full.data[0]);
    free(safe.data[0]);
    free(gray.data[0]);
    free(src.data[0]);
    colorizer_close(c);
}

static void test_image_errors(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 20, 10);
    const colorizer_image dst = picture_make(COLORIZER_RGB_U8, 20, 10);
    colorizer_image bad;
#define BAD(base, field, value, expected, detail)                                                                      \
    bad = base;                                                                                                        \
    bad.field = value;                                                                                                 \
    assert_int_equal(colorizer_colorize(c, &base == &src ? &bad : &src, &base == &src ? &dst : &bad), expected);       \
    assert_detail(c, detail)
    assert_int_equal(colorizer_colorize(c, NULL, &dst), COLORIZER_E_ARGUMENT);
    assert_detail(c, "src");
    assert_int_equal(colorizer_colorize(c, &src, NULL), COLORIZER_E_ARGUMENT);
    assert_detail(c, "dst");
    BAD(src, struct_size, 8, COLORIZER_E_ARGUMENT, "src.struct_size");
    BAD(src, width, 0, COLORIZER_E_IMAGE_SIZE, "src.width");
    BAD(src, height, 65536, COLORIZER_E_IMAGE_SIZE, "src.height");
    BAD(src, format, 0x0105, COLORIZER_E_PIXEL_FORMAT, "src.format");
    BAD(dst, format, COLORIZER_GRAY_U8, COLORIZER_E_PIXEL_FORMAT, "dst.format");
    BAD(src, transfer, 4, COLORIZER_E_PIXEL_FORMAT, "src.transfer");
    BAD(src, reserved, 1, COLORIZER_E_ARGUMENT, "src.reserved");
    BAD(src, data[0], NULL, COLORIZER_E_ARGUMENT, "src.data");
    BAD(dst, stride[0], 59, COLORIZER_E_STRIDE, "dst.stride");
    BAD(dst, stride[0], -59, COLORIZER_E_STRIDE, "dst.stride");
    BAD(dst, size[0], dst.size[0] - 1, COLORIZER_E_BUFFER, "dst.size");
    BAD(dst, width, 19, COLORIZER_E_IMAGE_SIZE, "dst");
#undef BAD
    const colorizer_image big = picture_make(COLORIZER_RGB_U8, 20, 11);
    colorizer_image low = big, high = big;
    low.height = high.height = 10;
    low.size[0] = high.size[0] = 600;
    high.data[0] = (unsigned char *)big.data[0] + 60;
    assert_int_equal(colorizer_colorize(c, &low, &high), COLORIZER_E_OVERLAP);
    assert_detail(c, "overlap");
    for (size_t i = 0; i < dst.size[0]; i++) assert_int_equal(((uint8_t *)dst.data[0])[i], 0); /* nothing written */
    free(big.data[0]);
    free(src.data[0]);
    free(dst.data[0]);
    colorizer_close(c);
}

static void test_confidence(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image map = picture_make(COLORIZER_GRAY_F32, 31, 17);
    assert_int_equal(colorizer_confidence(c, &map), COLORIZER_E_STATE);
    free(colorize_scene(c, 40, 50).data[0]);
    assert_int_equal(colorizer_confidence(c, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_confidence(c, &map), COLORIZER_OK);
    const float *p = map.data[0];
    float low = 1, high = 0;
    for (size_t i = 0; i < 31 * 17; i++) {
        low = fminf(low, p[i]);
        high = fmaxf(high, p[i]);
    }
    assert_true(low >= 0 && high <= 1 && high > low);
    const colorizer_image colour = picture_make(COLORIZER_RGB_U8, 31, 17);
    assert_int_equal(colorizer_confidence(c, &colour), COLORIZER_E_PIXEL_FORMAT);
    free(colour.data[0]);
    free(map.data[0]);
    colorizer_close(c);
}

static void test_hints(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    colorizer_hint hints[2] = {
        {.struct_size = sizeof(colorizer_hint), .x = 20, .y = 20, .radius = 8, .red = 1},
        {.struct_size = sizeof(colorizer_hint), .x = 5, .y = 5, .blue = 1},
    };
    const colorizer_image plain = colorize_scene(c, 48, 48);
    assert_int_equal(colorizer_set_hints(c, hints, 2), COLORIZER_OK);
    const colorizer_image hinted = colorize_scene(c, 48, 48);
    assert_memory_not_equal(plain.data[0], hinted.data[0], plain.size[0]);
    hints[1].green = 1.5f;
    assert_int_equal(colorizer_set_hints(c, hints, 2), COLORIZER_E_RANGE);
    assert_detail(c, "hints[1]");
    hints[1].green = 0;
    hints[1].x = NAN;
    assert_int_equal(colorizer_set_hints(c, hints, 2), COLORIZER_E_RANGE);
    hints[1].x = 0;
    hints[1].radius = -1;
    assert_int_equal(colorizer_set_hints(c, hints, 2), COLORIZER_E_RANGE);
    hints[1].radius = 0;
    hints[1].struct_size = 4;
    assert_int_equal(colorizer_set_hints(c, hints, 2), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_set_hints(c, NULL, 1), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_set_hints(c, hints, COLORIZER_MAX_HINTS + 1), COLORIZER_E_RANGE);
    const colorizer_image again = colorize_scene(c, 48, 48); /* refused hints left the old ones */
    assert_memory_equal(again.data[0], hinted.data[0], plain.size[0]);
    assert_int_equal(colorizer_set_hints(c, NULL, 0), COLORIZER_OK);
    const colorizer_image cleared = colorize_scene(c, 48, 48);
    assert_memory_equal(cleared.data[0], plain.data[0], plain.size[0]);
    free(plain.data[0]);
    free(hinted.data[0]);
    free(again.data[0]);
    free(cleared.data[0]);
    colorizer_close(c);
}

static void test_clone(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0), *copy = NULL;
    assert_int_equal(colorizer_set_f(c, COLORIZER_KEY_VIVIDNESS, 0.25), COLORIZER_OK);
    const colorizer_image first = colorize_scene(c, 33, 44);
    assert_int_equal(colorizer_clone(c, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_clone(c, &copy), COLORIZER_OK);
    colorizer_close(c); /* the clone keeps the model alive */
    const colorizer_image second = colorize_scene(copy, 33, 44);
    assert_memory_equal(first.data[0], second.data[0], first.size[0]);
    double f;
    assert_int_equal(colorizer_get_f(copy, COLORIZER_KEY_VIVIDNESS, &f), COLORIZER_OK);
    assert_true(f == 0.25);
    free(first.data[0]);
    free(second.data[0]);
    colorizer_close(copy);
}

static void test_in_place_and_sizes(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    static const int32_t sizes[][2] = {{1, 1}, {1, 90}, {90, 1}, {2, 3}, {64, 64}, {65, 131}, {400, 20}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const colorizer_image src = picture_scene_make(COLORIZER_RGBA_U8, sizes[i][0], sizes[i][1]);
        const colorizer_image dst = picture_make(COLORIZER_RGBA_U8, sizes[i][0], sizes[i][1]);
        assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_OK);
        assert_int_equal(colorizer_colorize(c, &src, &src), COLORIZER_OK);
        assert_memory_equal(src.data[0], dst.data[0], dst.size[0]);
        free(src.data[0]);
        free(dst.data[0]);
    }
    colorizer_close(c);
}

/* ---------------------------------------------------------------- callbacks */

typedef struct {
    colorizer *c;
    int calls, stop_at;
    bool cancel, busy_checked;
    float last;
} watcher;

static int32_t watch(void *user, float fraction) {
    watcher *w = user;
    assert_true(fraction >= w->last && fraction <= 1);
    w->last = fraction;
    if (!w->busy_checked) { /* a call on a handle that is working */
        w->busy_checked = true;
        assert_int_equal(colorizer_set_f(w->c, COLORIZER_KEY_STRENGTH, 0.5), COLORIZER_E_BUSY);
        assert_int_equal(colorizer_colorize(w->c, NULL, NULL), COLORIZER_E_BUSY);
    }
    w->calls++;
    if (w->calls == w->stop_at && w->cancel) colorizer_cancel(w->c);
    return w->calls == w->stop_at && !w->cancel;
}

static void test_progress_and_cancel(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 700, 900);
    const colorizer_image dst = picture_make(COLORIZER_RGB_U8, 700, 900);
    watcher w = {.c = c};
    assert_int_equal(colorizer_set_progress(c, watch, &w), COLORIZER_OK);
    assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_OK);
    assert_true(w.last == 1.0f && w.calls > 5);
    const int calls = w.calls;
    for (int stop = 1; stop < calls; stop++)
        for (int cancel = 0; cancel < 2; cancel++) {
            const colorizer_image part = picture_make(COLORIZER_RGB_U8, 700, 900);
            w = (watcher){.c = c, .stop_at = stop, .cancel = cancel != 0};
            assert_int_equal(colorizer_colorize(c, &src, &part), COLORIZER_E_CANCELLED);
            assert_int_equal(w.calls, stop);
            free(part.data[0]);
        }
    assert_int_equal(colorizer_set_progress(c, NULL, NULL), COLORIZER_OK);
    colorizer_cancel(c); /* nothing runs: no effect on the next call */
    const colorizer_image again = picture_make(COLORIZER_RGB_U8, 700, 900);
    assert_int_equal(colorizer_colorize(c, &src, &again), COLORIZER_OK);
    assert_memory_equal(again.data[0], dst.data[0], dst.size[0]);
    free(again.data[0]);
    free(src.data[0]);
    free(dst.data[0]);
    colorizer_close(c);
}

static void keep_log(void *user, int32_t level, const char *message) {
    assert_int_equal(level, COLORIZER_LOG_ERROR);
    strncpy(user, message, 99);
}

static void test_log(void **state) {
    (void)state;
    char text[100] = "";
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    assert_int_equal(colorizer_set_log(c, keep_log, text), COLORIZER_OK);
    assert_int_equal(colorizer_set_i(c, COLORIZER_KEY_THREADS, 99), COLORIZER_E_RANGE);
    assert_non_null(strstr(text, "threads"));
    colorizer_close(c);
}

/** Runs tasks last first, on one thread: a host may. */
static void backwards(void *user, colorizer_task_fn task, void *context, uint32_t count) {
    ++*(int *)user;
    for (uint32_t i = count; i-- > 0;) task(context, i);
}

static void test_runner(void **state) {
    (void)state;
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    int calls = 0;
    const colorizer_image own = colorize_scene(c, 200, 150);
    assert_int_equal(colorizer_set_runner(c, backwards, &calls), COLORIZER_OK);
    assert_int_equal(colorizer_set_i(c, COLORIZER_KEY_THREADS, 5), COLORIZER_OK);
    const colorizer_image host = colorize_scene(c, 200, 150);
    assert_true(calls > 5);
    assert_memory_equal(own.data[0], host.data[0], own.size[0]);
    free(own.data[0]);
    free(host.data[0]);
    colorizer_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_arguments),
        cmocka_unit_test(test_open_options),
        cmocka_unit_test(test_open_file),
        cmocka_unit_test(test_null_handles),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_last_error),
        cmocka_unit_test(test_colorize_every_format),
        cmocka_unit_test(test_strength_and_vividness),
        cmocka_unit_test(test_image_errors),
        cmocka_unit_test(test_confidence),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_clone),
        cmocka_unit_test(test_in_place_and_sizes),
        cmocka_unit_test(test_progress_and_cancel),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_runner),
    };
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause
 * Analysis and rendering apart: parts are the whole, frames of other sizes, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "picture.h"
#include "tiny_model.h"

enum { W = 203, H = 154 };

static colorizer *open_tiny(void) {
    size_t size;
    const void *model = tiny_model(&size);
    colorizer *c = NULL;
    assert_int_equal(colorizer_open_memory(&c, model, size, NULL), COLORIZER_OK);
    return c;
}

/** The part of an image at x, y. */
static colorizer_image part_of(const colorizer_image *whole, int32_t x, int32_t y, int32_t width, int32_t height,
                               int64_t pixel) {
    colorizer_image part = *whole;
    part.width = width;
    part.height = height;
    part.data[0] = (unsigned char *)whole->data[0] + y * whole->stride[0] + x * pixel;
    part.size[0] = (uint64_t)(whole->stride[0] * (height - 1) + width * pixel);
    return part;
}

static colorizer_image image(void *data, int32_t format, int32_t width, int32_t height, int64_t pixel) {
    return (colorizer_image){.struct_size = sizeof(colorizer_image),
                             .format = format,
                             .width = width,
                             .height = height,
                             .data = {data},
                             .stride = {width * pixel},
                             .size = {(uint64_t)(width * height * pixel)}};
}

/** A slope with some structure. */
static void fill(unsigned char *gray, int32_t width, int32_t height) {
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++)
            gray[y * width + x] =
                (unsigned char)(40 + 120 * x / width + 60 * (((x * 7 / width) + (y * 5 / height)) % 2));
}

/** Tiles, and strips of rows, rendered one by one equal the whole. */
static void test_parts_are_the_whole(void **state) {
    (void)state;
    static unsigned char gray[W * H], whole[W * H * 3], parts[W * H * 3];
    fill(gray, W, H);
    const colorizer_image src = image(gray, COLORIZER_GRAY_U8, W, H, 1), dst = image(whole, COLORIZER_RGB_U8, W, H, 3);
    const colorizer_image out = image(parts, COLORIZER_RGB_U8, W, H, 3);
    static const int32_t sizes[][2] = {{W, 1}, {W, 37}, {1, H}, {50, 41}, {17, 16}, {W, H}};
    colorizer *c = open_tiny();
    assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(parts, 0, sizeof parts);
        assert_int_equal(colorizer_set_i(c, COLORIZER_KEY_THREADS, 1 + (int64_t)i % 3), COLORIZER_OK);
        assert_int_equal(colorizer_analyze(c, &src), COLORIZER_OK);
        for (int32_t y = 0; y < H; y += sizes[i][1])
            for (int32_t x = 0; x < W; x += sizes[i][0]) {
                const int32_t w = x + sizes[i][0] <= W ? sizes[i][0] : W - x;
                const int32_t h = y + sizes[i][1] <= H ? sizes[i][1] : H - y;
                const colorizer_image from = part_of(&src, x, y, w, h, 1), to = part_of(&out, x, y, w, h, 3);
                const colorizer_region region = {sizeof region, x, y, 0, 0};
                assert_int_equal(colorizer_render(c, &from, &to, &region), COLORIZER_OK);
            }
        assert_memory_equal(parts, whole, sizeof whole);
    }
    colorizer_close(c);
}

/** More threads than the analysis had; another strength; in place. */
static void test_settings_after_the_analysis(void **state) {
    (void)state;
    static unsigned char gray[W * H], rgb[W * H * 3], want[W * H * 3];
    fill(gray, W, H);
    const colorizer_image src = image(gray, COLORIZER_GRAY_U8, W, H, 1), dst = image(rgb, COLORIZER_RGB_U8, W, H, 3);
    const colorizer_image expected = image(want, COLORIZER_RGB_U8, W, H, 3);
    colorizer *c = open_tiny();
    assert_int_equal(colorizer_set_i(c, COLORIZER_KEY_THREADS, 1), COLORIZER_OK);
    assert_int_equal(colorizer_set_f(c, COLORIZER_KEY_STRENGTH, 0.4), COLORIZER_OK);
    assert_int_equal(colorizer_colorize(c, &src, &expected), COLORIZER_OK);
    assert_int_equal(colorizer_set_f(c, COLORIZER_KEY_STRENGTH, 1), COLORIZER_OK);
    assert_int_equal(colorizer_analyze(c, &src), COLORIZER_OK);
    assert_int_equal(colorizer_set_i(c, COLORIZER_KEY_THREADS, 8), COLORIZER_OK);
    assert_int_equal(colorizer_set_i(c, COLORIZER_KEY_SIZE, 64), COLORIZER_OK);
    assert_int_equal(colorizer_set_f(c, COLORIZER_KEY_STRENGTH, 0.4), COLORIZER_OK);
    for (size_t i = 0; i < W * H; i++) memset(rgb + 3 * i, gray[i], 3);
    assert_int_equal(colorizer_render(c, &dst, &dst, NULL), COLORIZER_OK);
    assert_memory_equal(rgb, want, sizeof rgb);
    colorizer_close(c);
}

/** A picture twice as large, every pixel four times, gets nearly the colours of the small one that was analyzed. */
static void test_frame_of_another_size(void **state) {
    (void)state;
    static unsigned char gray[W * H], rgb[W * H * 3], wide[4 * W * H], colours[4 * W * H * 3];
    fill(gray, W, H);
    for (int32_t y = 0; y < 2 * H; y++)
        for (int32_t x = 0; x < 2 * W; x++) wide[y * 2 * W + x] = gray[y / 2 * W + x / 2];
    const colorizer_image src = image(gray, COLORIZER_GRAY_U8, W, H, 1), dst = image(rgb, COLORIZER_RGB_U8, W, H, 3);
    const colorizer_image large = image(wide, COLORIZER_GRAY_U8, 2 * W, 2 * H, 1);
    const colorizer_image out = image(colours, COLORIZER_RGB_U8, 2 * W, 2 * H, 3);
    const colorizer_region frame = {sizeof frame, 0, 0, 2 * W, 2 * H};
    colorizer *c = open_tiny();
    assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_OK);
    assert_int_equal(colorizer_render(c, &large, &out, &frame), COLORIZER_OK);
    double sum = 0;
    int colourful = 0;
    for (int32_t y = 0; y < 2 * H; y++)
        for (int32_t x = 0; x < 2 * W; x++)
            for (int k = 0; k < 3; k++) {
                const int small = rgb[(y / 2 * W + x / 2) * 3 + k], now = colours[(y * 2 * W + x) * 3 + k];
                sum += abs(small - now);
                colourful += small != gray[y / 2 * W + x / 2];
            }
    assert_true(colourful > 1000);
    const double mean = sum / (sizeof colours);
    if (mean > 2) fail_msg("a mean difference of %f", mean); /* at edges colours change within two pixels */
    colorizer_close(c);
}

static void test_what_is_refused(void **state) {
    (void)state;
    static unsigned char gray[W * H], rgb[W * H * 3];
    const colorizer_image src = image(gray, COLORIZER_GRAY_U8, W, H, 1), dst = image(rgb, COLORIZER_RGB_U8, W, H, 3);
    const colorizer_image from = part_of(&src, 0, 0, 10, 20, 1), to = part_of(&dst, 0, 0, 10, 20, 3);
    static const struct {
        colorizer_region region;
        int32_t status;
    } rows[] = {{{20, W - 10, H - 20, 0, 0}, COLORIZER_OK},    {{20, W - 9, 0, 0, 0}, COLORIZER_E_RANGE},
                {{20, 0, H - 19, 0, 0}, COLORIZER_E_RANGE},    {{20, -1, 0, 0, 0}, COLORIZER_E_RANGE},
                {{20, 0, INT32_MIN, 0, 0}, COLORIZER_E_RANGE}, {{20, INT32_MAX, 0, 0, 0}, COLORIZER_E_RANGE},
                {{20, 0, 0, 9, 20}, COLORIZER_E_RANGE},        {{20, 0, 0, 10, 20}, COLORIZER_OK},
                {{20, 0, 0, 0, 20}, COLORIZER_E_RANGE},        {{20, 0, 0, -5, -5}, COLORIZER_E_RANGE},
                {{20, 0, 0, 65536, 20}, COLORIZER_E_RANGE},    {{20, 65525, 65515, 65535, 65535}, COLORIZER_OK},
                {{0, 0, 0, 0, 0}, COLORIZER_E_ARGUMENT}};
    colorizer *c = open_tiny();
    assert_int_equal(colorizer_render(c, &src, &dst, NULL), COLORIZER_E_STATE);
    assert_int_equal(colorizer_analyze(c, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_analyze(c, &src), COLORIZER_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int32_t status = colorizer_render(c, &from, &to, &rows[i].region);
        if (status != rows[i].status) fail_msg("row %zu: %d, not %d", i, status, rows[i].status);
    }
    assert_int_equal(colorizer_render(c, &src, &to, NULL), COLORIZER_E_IMAGE_SIZE);
    assert_int_equal(colorizer_render(c, NULL, &dst, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_render(c, &src, NULL, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_colorize(c, &src, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_render(c, &src, &src, NULL), COLORIZER_E_PIXEL_FORMAT);
    colorizer_close(c);
}

static int32_t stop_at_half(void *user, float done) {
    *(float *)user = done;
    return done >= 0.5f;
}

/** Progress rises to 1 in an analysis alone; one that is stopped leaves nothing to render. */
static void test_progress_and_cancel(void **state) {
    (void)state;
    static unsigned char gray[W * H], rgb[W * H * 3];
    const colorizer_image src = image(gray, COLORIZER_GRAY_U8, W, H, 1), dst = image(rgb, COLORIZER_RGB_U8, W, H, 3);
    float last = 0;
    colorizer *c = open_tiny();
    assert_int_equal(colorizer_analyze(c, &src), COLORIZER_OK);
    assert_int_equal(colorizer_set_progress(c, stop_at_half, &last), COLORIZER_OK);
    assert_int_equal(colorizer_analyze(c, &src), COLORIZER_E_CANCELLED);
    assert_true(last >= 0.5f);
    assert_int_equal(colorizer_render(c, &src, &dst, NULL), COLORIZER_E_STATE);
    assert_int_equal(colorizer_set_progress(c, NULL, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_analyze(c, &src), COLORIZER_OK);
    assert_int_equal(colorizer_set_progress(c, stop_at_half, &last), COLORIZER_OK);
    assert_int_equal(colorizer_render(c, &src, &dst, NULL), COLORIZER_E_CANCELLED);
    assert_int_equal(colorizer_set_progress(c, NULL, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_render(c, &src, &dst, NULL), COLORIZER_OK); /* the analysis is still there */
    colorizer_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_are_the_whole),   cmocka_unit_test(test_settings_after_the_analysis),
        cmocka_unit_test(test_frame_of_another_size), cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_progress_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

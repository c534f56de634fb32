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
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
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
                const colorizer_region region = {sizeof region, x, y, 0, 0, NULL};
                assert_int_equal(colorizer_render(c, &from, &to, &region), COLORIZER_OK);
            }
        assert_memory_equal(parts, whole, sizeof whole);
    }
    colorizer_close(c);
}

/** A host that has a photograph in rows, and takes rows. */
typedef struct {
    colorizer *c;
    const colorizer_image *whole;
    unsigned char *colours;
    int32_t next_read, next_write, stop_read, stop_write, reports;
    float share;
} strip_host;

static int32_t read_strip(void *user, const colorizer_image *strip, int32_t y) {
    strip_host *h = user;
    assert_int_equal(y, h->next_read);
    assert_true(strip->height >= 1 && y + strip->height <= H);
    h->next_read = y + strip->height;
    for (int32_t i = 0; i < strip->height; i++)
        memcpy((unsigned char *)strip->data[0] +
                   (strip->stride[0] < 0 ? strip->height - 1 - i : i) * llabs(strip->stride[0]),
               (const unsigned char *)h->whole->data[0] + (y + i) * W, W);
    assert_int_equal(colorizer_analyze(h->c, strip), COLORIZER_E_BUSY);
    return y >= h->stop_read;
}

static int32_t write_strip(void *user, const colorizer_image *strip, int32_t y) {
    strip_host *h = user;
    assert_int_equal(y, h->next_write);
    assert_int_equal(y + strip->height, h->next_read);
    h->next_write = y + strip->height;
    memcpy(h->colours + y * W * 3, strip->data[0], (size_t)strip->height * W * 3);
    return y >= h->stop_write;
}

static int32_t strip_share(void *user, float share) {
    strip_host *h = user;
    assert_true(share > h->share && share <= 1);
    h->share = share;
    h->reports++;
    return 0;
}

/** Strips of any height through callbacks: the whole, in order, with progress and an end where the host wants one. */
static void test_strips(void **state) {
    (void)state;
    static unsigned char gray[W * H], whole[W * H * 3], colours[W * H * 3], in[W * (H + 9)], out[W * (H + 9) * 3];
    fill(gray, W, H);
    const colorizer_image src = image(gray, COLORIZER_GRAY_U8, W, H, 1), dst = image(whole, COLORIZER_RGB_U8, W, H, 3);
    static const int32_t heights[] = {1, 10, 77, H - 1, H, H + 9};
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    strip_host h = {.c = c, .whole = &src, .colours = colours};
    colorizer_image from = image(in, COLORIZER_GRAY_U8, W, 10, 1), to = image(out, COLORIZER_RGB_U8, W, 10, 3);
    assert_int_equal(colorizer_render_strips(c, &from, &to, H, read_strip, write_strip, &h), COLORIZER_E_STATE);
    assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_OK);
    assert_int_equal(colorizer_set_progress(c, strip_share, &h), COLORIZER_OK);
    for (size_t i = 0; i < sizeof heights / sizeof *heights; i++) {
        const int32_t rows = heights[i];
        from = image(in, COLORIZER_GRAY_U8, W, rows, 1);
        to = image(out, COLORIZER_RGB_U8, W, rows, 3);
        if (i % 2 == 1) from.stride[0] = -W;
        memset(colours, 0, sizeof colours);
        h = (strip_host){.c = c, .whole = &src, .colours = colours, .stop_read = H, .stop_write = H};
        assert_int_equal(colorizer_render_strips(c, &from, &to, H, read_strip, write_strip, &h), COLORIZER_OK);
        assert_memory_equal(colours, whole, sizeof whole);
        assert_int_equal(h.reports, (H + rows - 1) / rows);
        assert_true(h.share == 1 && from.height == rows);
    }
    from = image(in, COLORIZER_GRAY_U8, W, 10, 1);
    to = image(out, COLORIZER_RGB_U8, W, 10, 3);
    for (int k = 0; k < 2; k++) {
        h = (strip_host){.c = c, .whole = &src, .colours = colours};
        h.stop_read = k == 0 ? 30 : H;
        h.stop_write = k == 1 ? 30 : H;
        assert_int_equal(colorizer_render_strips(c, &from, &to, H, read_strip, write_strip, &h), COLORIZER_E_CANCELLED);
        assert_int_equal(h.next_read, 40);
        assert_int_equal(h.next_write, 30 + 10 * k);
    }
    /* refused before the first row is read */
    h = (strip_host){.c = c, .whole = &src, .colours = colours};
    assert_int_equal(colorizer_render_strips(NULL, &from, &to, H, read_strip, write_strip, &h), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_render_strips(c, NULL, &to, H, read_strip, write_strip, &h), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_render_strips(c, &from, &to, H, NULL, write_strip, &h), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_render_strips(c, &from, &to, H, read_strip, NULL, &h), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_render_strips(c, &from, &to, 0, read_strip, write_strip, &h), COLORIZER_E_RANGE);
    assert_int_equal(colorizer_render_strips(c, &from, &to, 65536, read_strip, write_strip, &h), COLORIZER_E_RANGE);
    to.height = 9;
    assert_int_equal(colorizer_render_strips(c, &from, &to, H, read_strip, write_strip, &h), COLORIZER_E_IMAGE_SIZE);
    to.height = 10;
    to.size[0]--;
    assert_int_equal(colorizer_render_strips(c, &from, &to, H, read_strip, write_strip, &h), COLORIZER_E_BUFFER);
    from.height = to.height = 9; /* 2 x 2 blocks of NV12 would be cut */
    to.format = COLORIZER_NV12_U8;
    to.data[1] = out + W * 10;
    to.stride[0] = W;
    to.stride[1] = W + 1;
    to.size[0] = to.size[1] = W * 10;
    assert_int_equal(colorizer_render_strips(c, &from, &to, H, read_strip, write_strip, &h), COLORIZER_E_RANGE);
    assert_int_equal(h.next_read, 0);
    colorizer_close(c);
}

/** More threads than the analysis had; another strength; in place. */
static void test_settings_after_the_analysis(void **state) {
    (void)state;
    static unsigned char gray[W * H], rgb[W * H * 3], want[W * H * 3];
    fill(gray, W, H);
    const colorizer_image src = image(gray, COLORIZER_GRAY_U8, W, H, 1), dst = image(rgb, COLORIZER_RGB_U8, W, H, 3);
    const colorizer_image expected = image(want, COLORIZER_RGB_U8, W, H, 3);
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
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
    const colorizer_region frame = {sizeof frame, 0, 0, 2 * W, 2 * H, NULL};
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
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

/** A mask of 1 is no mask, of 0 gray, in between the strength; in each format, rendered whole or by parts. */
static void test_masks(void **state) {
    (void)state;
    static unsigned char gray[W * H], full[W * H * 3], some[W * H * 3], out[W * H * 3];
    static float mask[W * H];
    fill(gray, W, H);
    const colorizer_image src = image(gray, COLORIZER_GRAY_U8, W, H, 1);
    const colorizer_image all = image(full, COLORIZER_RGB_U8, W, H, 3), half = image(some, COLORIZER_RGB_U8, W, H, 3);
    const colorizer_image dst = image(out, COLORIZER_RGB_U8, W, H, 3);
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    assert_int_equal(colorizer_colorize(c, &src, &all), COLORIZER_OK);
    assert_int_equal(colorizer_set_f(c, COLORIZER_KEY_STRENGTH, 128 / 255.0), COLORIZER_OK);
    assert_int_equal(colorizer_render(c, &src, &half, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_set_f(c, COLORIZER_KEY_STRENGTH, 1), COLORIZER_OK);
    static const int32_t formats[] = {COLORIZER_GRAY_U8, COLORIZER_GRAY_U16, COLORIZER_GRAY_F32};
    for (size_t f = 0; f < 3; f++) {
        for (size_t i = 0; i < W * H; i++) { /* three bands: nothing, half, all; floats beyond 0..1 and NaN */
            const size_t band = i % W * 3 / W;
            static const float floats[2][3] = {{0, 128 / 255.0f, 1}, {-3, 128 / 255.0f, 7}};
            if (f == 0) ((uint8_t *)mask)[i] = (uint8_t)(band * 128 - (band == 2));
            if (f == 1) ((uint16_t *)mask)[i] = (uint16_t)((band * 128 - (band == 2)) * 257);
            if (f == 2) mask[i] = band == 0 && i % 5 == 0 ? NAN : floats[i % 2][band];
        }
        const int64_t bytes = f == 0 ? 1 : f == 1 ? 2 : 4;
        colorizer_image cover = image(mask, formats[f], W, H, bytes);
        cover.transfer = 99; /* of no meaning here */
        for (int32_t rows = 1; rows <= H; rows += H - 1)
            for (int32_t y = 0; y < H; y += rows) {
                const colorizer_image from = part_of(&src, 0, y, W, rows, 1), to = part_of(&dst, 0, y, W, rows, 3);
                const colorizer_image over = part_of(&cover, 0, y, W, rows, bytes);
                const colorizer_region region = {sizeof region, 0, y, 0, 0, &over};
                assert_int_equal(colorizer_render(c, &from, &to, &region), COLORIZER_OK);
            }
        for (size_t i = 0; i < W * H; i++) {
            const size_t band = i % W * 3 / W;
            if (band > 0) assert_memory_equal(out + 3 * i, (band == 1 ? some : full) + 3 * i, 3);
            if (band == 0) assert_true(out[3 * i] == gray[i] && out[3 * i + 1] == gray[i] && out[3 * i + 2] == gray[i]);
        }
    }
    colorizer_close(c);
}

static void test_masks_refused(void **state) {
    (void)state;
    static unsigned char gray[W * H], rgb[W * H * 3], cover[W * H * 3];
    const colorizer_image src = image(gray, COLORIZER_GRAY_U8, W, H, 1), dst = image(rgb, COLORIZER_RGB_U8, W, H, 3);
    const struct {
        colorizer_image mask;
        int32_t status;
    } rows[] = {{image(cover, COLORIZER_GRAY_U8, W, H, 1), COLORIZER_OK},
                {image(gray, COLORIZER_GRAY_U8, W, H, 1), COLORIZER_OK}, /* the source itself */
                {image(cover, COLORIZER_GRAY_U8, W - 1, H, 1), COLORIZER_E_IMAGE_SIZE},
                {image(cover, COLORIZER_GRAY_U8, W, H - 1, 1), COLORIZER_E_IMAGE_SIZE},
                {image(cover, COLORIZER_RGB_U8, W, H, 3), COLORIZER_E_PIXEL_FORMAT},
                {image(NULL, COLORIZER_GRAY_U8, W, H, 1), COLORIZER_E_ARGUMENT},
                {image(rgb, COLORIZER_GRAY_U8, W, H, 1), COLORIZER_E_OVERLAP}};
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
    assert_int_equal(colorizer_analyze(c, &src), COLORIZER_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const colorizer_region region = {sizeof region, 0, 0, 0, 0, &rows[i].mask};
        const int32_t status = colorizer_render(c, &src, &dst, &region);
        if (status != rows[i].status) fail_msg("row %zu: %d, not %d", i, status, rows[i].status);
    }
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
    } rows[] = {
        {{20, W - 10, H - 20, 0, 0, NULL}, COLORIZER_OK},    {{20, W - 9, 0, 0, 0, NULL}, COLORIZER_E_RANGE},
        {{20, 0, H - 19, 0, 0, NULL}, COLORIZER_E_RANGE},    {{20, -1, 0, 0, 0, NULL}, COLORIZER_E_RANGE},
        {{20, 0, INT32_MIN, 0, 0, NULL}, COLORIZER_E_RANGE}, {{20, INT32_MAX, 0, 0, 0, NULL}, COLORIZER_E_RANGE},
        {{20, 0, 0, 9, 20, NULL}, COLORIZER_E_RANGE},        {{20, 0, 0, 10, 20, NULL}, COLORIZER_OK},
        {{20, 0, 0, 0, 20, NULL}, COLORIZER_E_RANGE},        {{20, 0, 0, -5, -5, NULL}, COLORIZER_E_RANGE},
        {{20, 0, 0, 65536, 20, NULL}, COLORIZER_E_RANGE},    {{20, 65525, 65515, 65535, 65535, NULL}, COLORIZER_OK},
        {{0, 0, 0, 0, 0, NULL}, COLORIZER_E_ARGUMENT}};
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
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
    colorizer *c = tiny_open(COLORIZER_CPU_BEST, 0);
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
        cmocka_unit_test(test_parts_are_the_whole),
        cmocka_unit_test(test_strips),
        cmocka_unit_test(test_settings_after_the_analysis),
        cmocka_unit_test(test_frame_of_another_size),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_masks_refused),
        cmocka_unit_test(test_progress_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

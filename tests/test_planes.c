/* SPDX-License-Identifier: BSD-2-Clause
 * Formats of several planes through the public interface: chroma alone (a, b), and NV12 with its shared chroma. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "kernels/isa.h"
#include "picture.h"
#include "tiny_model.h"

enum { W = 103, H = 75, CW = (W + 1) / 2, CH = (H + 1) / 2 };

/** Dense planes, one after the other. */
static colorizer_image planes(void *memory, int32_t format) {
    colorizer_image m = {.struct_size = sizeof m, .format = format, .width = W, .height = H};
    const bool ab = format == COLORIZER_AB_F32;
    m.stride[0] = ab ? 4 * W : W;
    m.stride[1] = ab ? 4 * W : 2 * CW;
    m.size[0] = (uint64_t)m.stride[0] * H;
    m.size[1] = (uint64_t)m.stride[1] * (ab ? H : CH);
    m.data[0] = memory;
    m.data[1] = (unsigned char *)memory + m.size[0];
    return m;
}

/** The part of dense planes at even x, y. */
static colorizer_image part_of(const colorizer_image *m, int32_t x, int32_t y, int32_t width, int32_t height) {
    colorizer_image part = *m;
    const bool ab = m->format == COLORIZER_AB_F32, video = m->format >> 8 >= 8;
    const int64_t pixel = ab ? 4 : video ? 1 : format_bytes(m->format);
    part.width = width;
    part.height = height;
    part.data[0] = (unsigned char *)m->data[0] + y * m->stride[0] + x * pixel;
    part.size[0] = (uint64_t)(m->stride[0] * (height - 1) + width * pixel);
    if (m->data[1] == NULL) return part;
    const int64_t rows = video ? (height + 1) / 2 : height, row = video ? (width + 1) / 2 * 2 : 4 * width;
    part.data[1] = (unsigned char *)m->data[1] + (video ? y / 2 : y) * m->stride[1] + (video ? x : 4 * x);
    part.size[1] = (uint64_t)(m->stride[1] * (rows - 1) + row);
    return part;
}

static double light_of(double v) { return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4); }
static double lab_f(double t) { return t > pow(24.0 / 116, 3) ? cbrt(t) : 841.0 / 108 * t + 16.0 / 116; }

/** a and b are those of the colours that the same call gives as RGB. */
static void test_ab_is_that_of_the_colours(void **state) {
    (void)state;
    static float ab[2 * W * H], in_p3[2 * W * H];
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U16, W, H), dst = planes(ab, COLORIZER_AB_F32);
    const colorizer_image rgb = picture_make(COLORIZER_RGB_F32, W, H);
    colorizer_image wide = planes(in_p3, COLORIZER_AB_F32);
    wide.primaries = COLORIZER_PRIMARIES_BT2020;
    colorizer *c = tiny_open(0, 2);
    assert_int_equal(colorizer_set_f(c, COLORIZER_KEY_STRENGTH, 0.8), COLORIZER_OK);
    assert_int_equal(colorizer_colorize(c, &src, &rgb), COLORIZER_OK);
    assert_int_equal(colorizer_render(c, &src, &dst, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_render(c, &src, &wide, NULL), COLORIZER_OK);
    double most = 0, wider = 0;
    for (size_t i = 0; i < W * H; i++) {
        const float *p = (const float *)rgb.data[0] + 3 * i;
        const double r = light_of((double)p[0]), g = light_of((double)p[1]), b = light_of((double)p[2]);
        const double x = lab_f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
        const double y = lab_f(0.2126 * r + 0.7152 * g + 0.0722 * b);
        const double z = lab_f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
        assert_true(fabs(500 * (x - y) - (double)ab[i]) < 0.05 && fabs(200 * (y - z) - (double)ab[W * H + i]) < 0.05);
        most = fmax(most, hypot((double)ab[i], (double)ab[W * H + i]));
        wider = fmax(wider,
                     hypot((double)in_p3[i], (double)in_p3[W * H + i]) - hypot((double)ab[i], (double)ab[W * H + i]));
    }
    assert_true(most > 5 && wider >= 0);
    colorizer_close(c);
    free(src.data[0]);
    free(rgb.data[0]);
}

/** A decoder with the luma that was written shows that luma, and chroma is the mean of each block's colours. */
static void test_nv12(void **state) {
    (void)state;
    static unsigned char video[2][W * H + 2 * CW * CH], alone[W * H + 2 * CW * CH];
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, W, H);
    const colorizer_image rgb = picture_make(COLORIZER_RGB_F32, W, H);
    colorizer *c = tiny_open(0, 3);
    assert_int_equal(colorizer_colorize(c, &src, &rgb), COLORIZER_OK);
    for (int full = 0; full < 2; full++) {
        const int32_t format = full ? COLORIZER_NV12_FULL_U8 : COLORIZER_NV12_U8;
        const colorizer_image dst = planes(video[full], format);
        const double black = full ? 0 : 16, scale = full ? 255 : 219, chroma = full ? 255 : 224;
        assert_int_equal(colorizer_render(c, &src, &dst, NULL), COLORIZER_OK);
        int colourful = 0;
        for (int32_t y = 0; y < CH; y++)
            for (int32_t x = 0; x < CW; x++) {
                double cb = 0, cr = 0;
                int n = 0;
                for (int32_t v = 2 * y; v < 2 * y + 2 && v < H; v++)
                    for (int32_t u = 2 * x; u < 2 * x + 2 && u < W; u++, n++) {
                        const float *p = (const float *)rgb.data[0] + 3 * (v * W + u);
                        const double luma = ((unsigned char *)src.data[0])[v * W + u] / 255.0;
                        assert_true(fabs(video[full][v * W + u] - (black + scale * luma)) <= 0.5001);
                        cb += ((double)p[2] - luma) / 1.8556;
                        cr += ((double)p[0] - luma) / 1.5748;
                    }
                cb = fmin(fmax(128 + chroma * cb / n, 0), 255); /* the codes' ends */
                cr = fmin(fmax(128 + chroma * cr / n, 0), 255);
                const unsigned char *code = video[full] + W * H + 2 * (y * CW + x);
                if (!(fabs(code[0] - cb) < 0.51 && fabs(code[1] - cr) < 0.51))
                    fail_msg("%d, %d: %d %d, not %f %f", x, y, code[0], code[1], cb, cr);
                colourful += abs(code[0] - 128) > 3;
            }
        assert_true(colourful > 100);
        /* chroma alone: the same, and nothing where luma would be */
        colorizer_image no_luma = planes(alone, format);
        memset(alone, 0x5A, sizeof alone);
        no_luma.data[0] = NULL;
        no_luma.stride[0] = 0;
        no_luma.size[0] = 0;
        assert_int_equal(colorizer_render(c, &src, &no_luma, NULL), COLORIZER_OK);
        assert_memory_equal(alone + W * H, video[full] + W * H, 2 * CW * CH);
        for (size_t i = 0; i < W * H; i++) assert_int_equal(alone[i], 0x5A);
    }
    colorizer_close(c);
    free(src.data[0]);
    free(rgb.data[0]);
}

/** Video as a source: its luma is the photograph, headroom and footroom too, and comes back as it was; in place. */
static void test_nv12_source(void **state) {
    (void)state;
    static unsigned char video[W * H + 2 * CW * CH], luma[W * H], other[W * H + 2 * CW * CH];
    const colorizer_image gray = picture_make(COLORIZER_GRAY_F32, W, H), src = planes(video, COLORIZER_NV12_U8);
    const colorizer_image a = picture_make(COLORIZER_RGB_F32, W, H), b = picture_make(COLORIZER_RGB_F32, W, H);
    const colorizer_image dst = planes(other, COLORIZER_NV12_U8);
    for (size_t i = 0; i < W * H; i++) {
        luma[i] = video[i] = (unsigned char)(i % 256);
        ((float *)gray.data[0])[i] = ((float)luma[i] - 16) / 219;
    }
    colorizer *c = tiny_open(0, 2);
    assert_int_equal(colorizer_colorize(c, &gray, &a), COLORIZER_OK);
    assert_int_equal(colorizer_colorize(c, &src, &b), COLORIZER_OK);
    assert_memory_equal(a.data[0], b.data[0], a.size[0]);
    assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_OK);
    assert_memory_equal(other, luma, W * H);
    assert_int_equal(colorizer_colorize(c, &src, &src), COLORIZER_OK);
    assert_memory_equal(video, other, sizeof video);
    colorizer_close(c);
    free(gray.data[0]);
    free(a.data[0]);
    free(b.data[0]);
}

/** Every set, thread count, stride and cut gives what scalar with one thread gives at once. */
static void test_same_bytes(void **state) {
    (void)state;
    static const int32_t formats[] = {COLORIZER_AB_F32, COLORIZER_NV12_U8, COLORIZER_NV12_FULL_U8};
    static float whole[2 * W * H], other[2 * W * H];
    const colorizer_image src = picture_scene_make(COLORIZER_RGB_U8, W, H);
    for (size_t f = 0; f < 3; f++) {
        const colorizer_image dst = planes(whole, formats[f]), out = planes(other, formats[f]);
        colorizer *reference = tiny_open(COLORIZER_CPU_SCALAR, 1);
        assert_int_equal(colorizer_colorize(reference, &src, &dst), COLORIZER_OK);
        const size_t bytes = dst.size[0] + dst.size[1];
        for (int32_t y = 0; y < H; y += 14)
            for (int32_t x = 0; x < W; x += 38) {
                const int32_t w = x + 38 < W ? 38 : W - x, h = y + 14 < H ? 14 : H - y;
                const colorizer_image from = part_of(&src, x, y, w, h), to = part_of(&out, x, y, w, h);
                const colorizer_region at = {.struct_size = sizeof at, .x = x, .y = y};
                assert_int_equal(colorizer_render(reference, &from, &to, &at), COLORIZER_OK);
            }
        assert_memory_equal(other, whole, bytes);
        colorizer_close(reference);
        for (int32_t cpu = COLORIZER_CPU_SCALAR; cpu <= CZ_CPU_LAST; cpu++)
            for (int32_t threads = 1; threads <= 5 && cz_cpu_supported(cpu); threads += 2) {
                colorizer *c = tiny_open(cpu, threads);
                memset(other, 0, sizeof other);
                assert_int_equal(colorizer_colorize(c, &src, &out), COLORIZER_OK);
                if (memcmp(other, whole, bytes) != 0)
                    fail_msg("%s, %d threads, format %x", cz_cpu_name(cpu), threads, (unsigned)formats[f]);
                colorizer_close(c);
            }
        /* upside down: rows from the lowest address up */
        colorizer_image up = out;
        up.stride[0] = -up.stride[0];
        up.stride[1] = -up.stride[1];
        colorizer *c = tiny_open(0, 1);
        assert_int_equal(colorizer_colorize(c, &src, &up), COLORIZER_OK);
        for (int plane = 0; plane < 2; plane++) {
            const size_t row = (size_t)dst.stride[plane], rows = dst.size[plane] / row;
            for (size_t y = 0; y < rows; y++)
                assert_memory_equal((char *)up.data[plane] + (rows - 1 - y) * row, (char *)dst.data[plane] + y * row,
                                    row);
        }
        colorizer_close(c);
    }
    free(src.data[0]);
}

static void test_what_is_refused(void **state) {
    (void)state;
    static float memory[2 * W * H];
    static unsigned char gray[W * H];
    const colorizer_image src = {.struct_size = sizeof src,
                                 .format = COLORIZER_GRAY_U8,
                                 .width = W,
                                 .height = H,
                                 .data = {gray},
                                 .stride = {W},
                                 .size = {W * H}};
    const colorizer_image ab = planes(memory, COLORIZER_AB_F32), video = planes(memory, COLORIZER_NV12_U8);
    colorizer *c = tiny_open(0, 1);
    colorizer_image bad;
#define BAD(base, field, value, expected)                                                                              \
    bad = base;                                                                                                        \
    bad.field = value;                                                                                                 \
    assert_int_equal(colorizer_colorize(c, &src, &bad), expected)
    BAD(ab, data[0], NULL, COLORIZER_E_ARGUMENT);
    BAD(ab, data[1], NULL, COLORIZER_E_ARGUMENT);
    BAD(ab, data[1], (char *)ab.data[1] + 2, COLORIZER_E_BUFFER);
    BAD(ab, stride[1], 4 * W - 4, COLORIZER_E_STRIDE);
    BAD(ab, size[1], ab.size[1] - 1, COLORIZER_E_BUFFER);
    BAD(ab, data[1], ab.data[0], COLORIZER_E_OVERLAP);
    BAD(ab, data[2], memory, COLORIZER_E_ARGUMENT);
    BAD(ab, format, 0x0701, COLORIZER_E_PIXEL_FORMAT);
    BAD(video, data[1], NULL, COLORIZER_E_ARGUMENT);
    BAD(video, stride[1], 2 * CW - 1, COLORIZER_E_STRIDE);
    BAD(video, size[1], video.size[1] - 1, COLORIZER_E_BUFFER);
    BAD(video, data[0], NULL, COLORIZER_E_ARGUMENT); /* its stride and size are still there */
    BAD(video, data[0], gray, COLORIZER_E_OVERLAP);  /* gray is not luma */
    BAD(video, data[1], gray, COLORIZER_E_OVERLAP);
    BAD(video, format, 0x0802, COLORIZER_E_PIXEL_FORMAT);
#undef BAD
    assert_int_equal(colorizer_analyze(c, &ab), COLORIZER_E_PIXEL_FORMAT);
    assert_int_equal(colorizer_analyze(c, &src), COLORIZER_OK);
    assert_int_equal(colorizer_confidence(c, &video), COLORIZER_E_PIXEL_FORMAT);
    static const int32_t cuts[][5] = {{1, 0, 10, 10, COLORIZER_E_RANGE},  {0, 3, 10, 10, COLORIZER_E_RANGE},
                                      {0, 0, 9, 10, COLORIZER_E_RANGE},   {0, 0, 10, 9, COLORIZER_E_RANGE},
                                      {W - 9, H - 9, 9, 9, COLORIZER_OK}, {W - 10, 0, 10, 10, COLORIZER_E_RANGE},
                                      {4, H - 1, 12, 1, COLORIZER_OK}};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        const colorizer_image from = part_of(&src, cuts[i][0], cuts[i][1], cuts[i][2], cuts[i][3]);
        const colorizer_image to = part_of(&video, cuts[i][0] / 2 * 2, cuts[i][1] / 2 * 2, cuts[i][2], cuts[i][3]);
        const colorizer_region at = {.struct_size = sizeof at, .x = cuts[i][0], .y = cuts[i][1]};
        const int32_t status = colorizer_render(c, &from, &to, &at);
        if (status != cuts[i][4]) fail_msg("cut %zu: %d", i, status);
    }
    colorizer_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ab_is_that_of_the_colours),
        cmocka_unit_test(test_nv12),
        cmocka_unit_test(test_nv12_source),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests_name("planes", tests, NULL, NULL);
}

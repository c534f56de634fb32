/* SPDX-License-Identifier: BSD-2-Clause
 * The same pixels everywhere: instruction sets, thread counts, runners, strides, clones at work at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "kernels/isa.h"
#include "picture.h"
#include "tiny_model.h"

/** Opens the tiny model, or the built-in one; NULL when this build has none. */
static colorizer *open_model(bool builtin, int32_t cpu, int32_t threads) {
    size_t size;
    const void *model = tiny_model(&size);
    const colorizer_options options = {.struct_size = sizeof options, .cpu = cpu, .threads = threads};
    colorizer *c = NULL;
    const int32_t status =
        builtin ? colorizer_open(&c, NULL, &options) : colorizer_open_memory(&c, model, size, &options);
    assert_true(status == COLORIZER_OK || (builtin && status == COLORIZER_E_NO_MODEL));
    /* Small, so that plain C gets through it in seconds under sanitizers too; every operator is still there. */
    if (builtin && c != NULL) assert_int_equal(colorizer_set_i(c, COLORIZER_KEY_SIZE, 64), COLORIZER_OK);
    return c;
}

static colorizer_image colorize(colorizer *c, const colorizer_image *src, int32_t format) {
    const colorizer_image dst = picture_make(format, src->width, src->height);
    assert_int_equal(colorizer_colorize(c, src, &dst), COLORIZER_OK);
    return dst;
}

/** Every set and every thread count against the reference: scalar, one thread. */
static void compare_all(bool builtin, int32_t size, size_t n_formats) {
    static const int32_t formats[] = {COLORIZER_RGB_F32, COLORIZER_RGB_U8, COLORIZER_BGRA_U16};
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, size + 31, size);
    for (size_t f = 0; f < n_formats; f++) {
        colorizer *reference = open_model(builtin, COLORIZER_CPU_SCALAR, 1);
        if (reference == NULL) {
            free(src.data[0]);
            print_message("no built-in model in this build: nothing to compare\n");
            skip();
        }
        const colorizer_image expected = colorize(reference, &src, formats[f]);
        colorizer_close(reference);
        for (int32_t cpu = COLORIZER_CPU_SCALAR; cpu <= CZ_CPU_LAST; cpu++) {
            if (!cz_cpu_supported(cpu)) continue;
            for (int32_t threads = 1; threads <= 8; threads++) {
                if (builtin && cpu == COLORIZER_CPU_SCALAR && threads > 2) continue; /* slow; the tiny model does it */
                colorizer *c = open_model(builtin, cpu, threads);
                const colorizer_image got = colorize(c, &src, formats[f]);
                if (memcmp(got.data[0], expected.data[0], got.size[0]) != 0)
                    fail_msg("%s with %d threads differs from scalar with 1, format %x", cz_cpu_name(cpu), threads,
                             (unsigned)formats[f]);
                free(got.data[0]);
                colorizer_close(c);
            }
        }
        free(expected.data[0]);
    }
    free(src.data[0]);
}

static void test_tiny_model(void **state) {
    (void)state;
    compare_all(false, 150, 3);
}

static void test_builtin_model(void **state) {
    (void)state;
    compare_all(true, 90, 1);
}

/** Strides and bottom-up storage change where pixels lie, not what they are; padding stays as it was. */
static void test_strides(void **state) {
    (void)state;
    enum { W = 61, H = 47 };
    colorizer *c = open_model(false, 0, 2);
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U16, W, H);
    const colorizer_image expected = colorize(c, &src, COLORIZER_RGB_U8);
    static const int64_t strides[] = {3 * W, 3 * W + 1, 3 * W + 77, -3 * W, -3 * W - 5};
    for (size_t i = 0; i < sizeof strides / sizeof *strides; i++) {
        const size_t step = (size_t)(strides[i] < 0 ? -strides[i] : strides[i]);
        unsigned char *memory = malloc(step * H);
        memset(memory, 0xC3, step * H);
        colorizer_image dst = expected;
        dst.data[0] = memory;
        dst.stride[0] = strides[i];
        dst.size[0] = step * (H - 1) + 3 * W; /* the last row needs no padding */
        assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_OK);
        for (size_t y = 0; y < H; y++) {
            const unsigned char *row = memory + (strides[i] < 0 ? H - 1 - y : y) * step;
            assert_memory_equal(row, (unsigned char *)expected.data[0] + y * 3 * W, 3 * W);
            for (size_t x = 3 * W; x < step; x++) assert_int_equal(row[x], 0xC3);
        }
        free(memory);
    }
    free(src.data[0]);
    free(expected.data[0]);
    colorizer_close(c);
}

static void *colorize_often(void *handle) {
    colorizer *c = handle;
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 130, 110);
    colorizer_image last = {.width = 0};
    for (int i = 0; i < 5; i++) {
        const colorizer_image dst = picture_make(COLORIZER_RGB_U8, 130, 110);
        const int32_t status = colorizer_colorize(c, &src, &dst);
        const bool same = i == 0 || memcmp(last.data[0], dst.data[0], dst.size[0]) == 0;
        if (i > 0) free(last.data[0]);
        last = dst;
        if (status != COLORIZER_OK || !same) break;
        if (i == 4) {
            free(src.data[0]);
            return last.data[0];
        }
    }
    free(src.data[0]);
    free(last.data[0]);
    return NULL;
}

/** Clones start together, so that they race for the packing of the weights, and must agree. */
static void test_clones_at_once(void **state) {
    (void)state;
    enum { CLONES = 4 };
    for (int round = 0; round < 4; round++) {
        colorizer *c[CLONES] = {open_model(false, 0, 2)};
        pthread_t thread[CLONES];
        void *result[CLONES];
        for (int i = 1; i < CLONES; i++) assert_int_equal(colorizer_clone(c[0], &c[i]), COLORIZER_OK);
        for (int i = 0; i < CLONES; i++) assert_int_equal(pthread_create(&thread[i], NULL, colorize_often, c[i]), 0);
        for (int i = 0; i < CLONES; i++) assert_int_equal(pthread_join(thread[i], &result[i]), 0);
        for (int i = 0; i < CLONES; i++) {
            assert_non_null(result[i]);
            assert_memory_equal(result[i], result[0], 130 * 110 * 3);
        }
        for (int i = 0; i < CLONES; i++) {
            free(result[i]);
            colorizer_close(c[i]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiny_model),
        cmocka_unit_test(test_builtin_model),
        cmocka_unit_test(test_strides),
        cmocka_unit_test(test_clones_at_once),
    };
    return cmocka_run_group_tests_name("determinism", tests, NULL, NULL);
}

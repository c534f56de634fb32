/* SPDX-License-Identifier: BSD-2-Clause
 * Memory: every allocation failing once, nothing leaked, static handles exact and without an allocator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "counting.h"
#include "picture.h"
#include "tiny_model.h"

/** Opens, clones, colorizes two sizes on both, asks for confidence, closes. The first failure ends it. */
static int32_t whole_life(counter *n, const colorizer_image *src, const colorizer_image *dst) {
    size_t size;
    const void *model = tiny_model(&size);
    const colorizer_options options = options_for(n, 3);
    const colorizer_image map = picture_make(COLORIZER_GRAY_U8, 9, 9);
    colorizer *c = NULL, *copy = NULL;
    int32_t status = colorizer_open_memory(&c, model, size, &options);
    if (status == COLORIZER_OK) status = colorizer_colorize(c, src, dst);
    if (status == COLORIZER_OK) status = colorizer_clone(c, &copy);
    if (status == COLORIZER_OK) status = colorizer_colorize(copy, src, dst);
    if (status == COLORIZER_OK) status = colorizer_set_i(c, COLORIZER_KEY_SIZE, 32);
    if (status == COLORIZER_OK) status = colorizer_colorize(c, src, dst);
    if (status == COLORIZER_OK) status = colorizer_confidence(c, &map);
    if (status == COLORIZER_E_MEMORY) {
        char text[256];
        assert_true(colorizer_last_error(copy != NULL ? copy : c, text, sizeof text) > 0 ||
                    colorizer_last_error(c, text, sizeof text) > 0);
        if (c != NULL) { /* the handle still works once there is memory */
            n->fail_at = 0;
            assert_int_equal(colorizer_colorize(c, src, dst), COLORIZER_OK);
        }
    }
    colorizer_close(copy);
    colorizer_close(c);
    free(map.data[0]);
    return status;
}

static void test_every_allocation_fails_once(void **state) {
    (void)state;
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 70, 60);
    const colorizer_image dst = picture_make(COLORIZER_RGB_U8, 70, 60);
    int failed = 0;
    for (int at = 1;; at++) {
        counter n = {.fail_at = at};
        const int32_t status = whole_life(&n, &src, &dst);
        assert_int_equal(n.live_blocks, 0);
        assert_int_equal(n.live_bytes, 0);
        if (n.calls < at) break;
        /* The pool is the one thing that is not needed: without it one thread does the work. */
        assert_true(status == COLORIZER_E_MEMORY || status == COLORIZER_OK);
        failed += status == COLORIZER_E_MEMORY;
    }
    assert_true(failed >= 8);
    free(src.data[0]);
    free(dst.data[0]);
}

static void test_workspace_allocations_fail(void **state) {
    (void)state;
    size_t size;
    const void *model = tiny_model(&size);
    uint64_t bytes;
    for (int at = 1;; at++) {
        counter n = {.fail_at = at};
        const colorizer_options options = options_for(&n, 1);
        const int32_t status = colorizer_workspace_size(model, size, &options, 100, 80, 0, &bytes);
        assert_int_equal(n.live_blocks, 0);
        if (n.calls < at) {
            assert_int_equal(status, COLORIZER_OK);
            break;
        }
        assert_int_equal(status, COLORIZER_E_MEMORY);
        assert_int_equal(bytes, 0);
    }
}

static void test_key_memory(void **state) {
    (void)state;
    size_t size;
    const void *model = tiny_model(&size);
    counter n = {.fail_at = 0};
    const colorizer_options options = options_for(&n, 1);
    colorizer *c;
    int64_t bytes;
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 70, 60);
    const colorizer_image dst = picture_make(COLORIZER_RGB_U8, 70, 60);
    assert_int_equal(colorizer_open_memory(&c, model, size, &options), COLORIZER_OK);
    assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_OK);
    assert_int_equal(colorizer_get_i(c, COLORIZER_KEY_MEMORY, &bytes), COLORIZER_OK);
    assert_true(bytes <= n.live_bytes && n.live_bytes - bytes < 64 * n.live_blocks); /* blocks are rounded up to 64 */
    colorizer_close(c);
    free(src.data[0]);
    free(dst.data[0]);
}

/* ---------------------------------------------------------------- static handles */

/** The linker sends the library's aligned_alloc here in this binary: a static handle must never come by. */
static int heap_calls;
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    heap_calls++;
    return __real_aligned_alloc(alignment, size);
}

static void test_static_is_exact(void **state) {
    (void)state;
    size_t model_size;
    const void *model = tiny_model(&model_size);
    static const int32_t sizes[][3] = {{100, 80, 0}, {1, 1, 0}, {640, 480, 96}, {40, 200, 32}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int32_t w = sizes[i][0], h = sizes[i][1];
        const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, w, h);
        const colorizer_image dst = picture_make(COLORIZER_RGB_U8, w, h),
                              dynamic = picture_make(COLORIZER_RGB_U8, w, h);
        uint64_t need;
        assert_int_equal(colorizer_workspace_size(model, model_size, NULL, w, h, sizes[i][2], &need), COLORIZER_OK);
        colorizer *c;
        assert_int_equal(colorizer_open_memory(&c, model, model_size, NULL), COLORIZER_OK);
        assert_int_equal(colorizer_set_i(c, COLORIZER_KEY_SIZE, sizes[i][2]), COLORIZER_OK);
        assert_int_equal(colorizer_colorize(c, &src, &dynamic), COLORIZER_OK);
        colorizer_close(c);
        for (uint64_t less = 0; less < 2; less++) {
            /* exactly as many bytes as asked for, with a guard behind */
            unsigned char *buffer = __real_aligned_alloc(64, (size_t)(need + 127) & ~(size_t)63);
            assert_non_null(buffer);
            memset(buffer + need - less, 0xA5, 64);
            const int before = heap_calls;
            int32_t status = colorizer_open_static(&c, buffer, need - less, model, model_size, NULL);
            if (status == COLORIZER_OK) {
                assert_int_equal(colorizer_set_i(c, COLORIZER_KEY_SIZE, sizes[i][2]), COLORIZER_OK);
                status = colorizer_colorize(c, &src, &dst);
                if (less == 0) { /* again, and for another size: the room is used anew */
                    assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_OK);
                    assert_memory_equal(dst.data[0], dynamic.data[0], dst.size[0]);
                    colorizer *copy;
                    assert_int_equal(colorizer_clone(c, &copy), COLORIZER_E_UNSUPPORTED);
                    assert_null(copy);
                }
                colorizer_close(c);
            }
            assert_int_equal(status, less == 0 ? COLORIZER_OK : COLORIZER_E_WORKSPACE);
            assert_int_equal(heap_calls, before);
            for (int k = 0; k < 64; k++) assert_int_equal(buffer[need - less + (uint64_t)k], 0xA5);
            free(buffer);
        }
        free(src.data[0]);
        free(dst.data[0]);
        free(dynamic.data[0]);
    }
}

static void test_static_sizes_in_turn(void **state) {
    (void)state;
    size_t model_size;
    const void *model = tiny_model(&model_size);
    uint64_t need;
    assert_int_equal(colorizer_workspace_size(model, model_size, NULL, 128, 128, 0, &need), COLORIZER_OK);
    unsigned char *buffer = __real_aligned_alloc(64, (size_t)(need + 63) & ~(size_t)63);
    colorizer *c;
    assert_int_equal(colorizer_open_static(&c, buffer, need, model, model_size, NULL), COLORIZER_OK);
    for (int turn = 0; turn < 6; turn++) {
        const int32_t side = turn % 2 == 0 ? 128 : 64;
        const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, side, side);
        const colorizer_image dst = picture_make(COLORIZER_RGB_U8, side, side);
        assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_OK);
        free(src.data[0]);
        free(dst.data[0]);
    }
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 500, 128);
    const colorizer_image dst = picture_make(COLORIZER_RGB_U8, 500, 128);
    assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_E_WORKSPACE); /* a longer shape needs more */
    colorizer_close(c);
    free(src.data[0]);
    free(dst.data[0]);
    free(buffer);
}

static void test_static_arguments(void **state) {
    (void)state;
    size_t model_size;
    const void *model = tiny_model(&model_size);
    static _Alignas(64) unsigned char small[4096];
    colorizer *c;
    uint64_t need;
    counter n = {.fail_at = 0};
    const colorizer_options options = options_for(&n, 1);
    assert_int_equal(colorizer_open_static(NULL, small, sizeof small, model, model_size, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_open_static(&c, NULL, 4096, model, model_size, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_open_static(&c, small + 8, 4000, model, model_size, NULL), COLORIZER_E_WORKSPACE);
    assert_int_equal(colorizer_open_static(&c, small, 0, model, model_size, NULL), COLORIZER_E_WORKSPACE);
    assert_int_equal(colorizer_open_static(&c, small, sizeof small, model, model_size, NULL), COLORIZER_E_WORKSPACE);
    assert_int_equal(colorizer_open_static(&c, small, sizeof small, model, model_size, &options), COLORIZER_E_ARGUMENT);
    assert_null(c);
    assert_int_equal(colorizer_workspace_size(model, model_size, NULL, 0, 5, 0, &need), COLORIZER_E_IMAGE_SIZE);
    assert_int_equal(colorizer_workspace_size(model, model_size, NULL, 5, 65536, 0, &need), COLORIZER_E_IMAGE_SIZE);
    assert_int_equal(colorizer_workspace_size(model, model_size, NULL, 5, 5, 31, &need), COLORIZER_E_RANGE);
    assert_int_equal(colorizer_workspace_size(model, model_size, NULL, 5, 5, 0, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_workspace_size(model, 100, NULL, 5, 5, 0, &need), COLORIZER_E_FORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails_once),
        cmocka_unit_test(test_workspace_allocations_fail),
        cmocka_unit_test(test_key_memory),
        cmocka_unit_test(test_static_is_exact),
        cmocka_unit_test(test_static_sizes_in_turn),
        cmocka_unit_test(test_static_arguments),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}

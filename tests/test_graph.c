/* SPDX-License-Identifier: BSD-2-Clause
 * colorizer_experimental.h: models of any inputs and outputs, run on named tensors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <colorizer/colorizer_experimental.h>
#include "model_builder.h"
#include "picture.h"
#include "tiny_model.h"

enum { H = 6, W = 4, CELLS = H * W };

/** Two inputs of three channels, "left" of any even size and "right" of the same; outputs "sum" = left + right and
 *  "product" = left * right, and a convolution "mixed" of the sum. Not a colorizer. */
static const void *pair_model(size_t *size) {
    static unsigned char *bytes;
    static size_t length;
    if (bytes == NULL) {
        mb_model *m = calloc(1, sizeof *m);
        assert_non_null(m);
        const mb_tensor a = mb_input(m, "left", 2, 0, 0, 3), b = mb_input(m, "right", 2, 0, 0, 3);
        const cz_attr add = mb_attr(CZ_OP_add), mul = mb_attr(CZ_OP_mul);
        cz_attr conv = mb_attr(CZ_OP_conv2d);
        conv.conv2d.stride_h = conv.conv2d.stride_w = 2;
        const mb_tensor sum = mb_op3(m, CZ_OP_add, &add, a, b, CZ_NO_TENSOR);
        mb_output(m, "sum", sum);
        mb_output(m, "product", mb_op3(m, CZ_OP_mul, &mul, a, b, CZ_NO_TENSOR));
        mb_output(m, "mixed",
                  mb_op3(m, CZ_OP_conv2d, &conv, sum, mb_constant(m, "", CZ_F32, 5, 2, 2, 3), mb_vector(m, "", 5)));
        mb_write(m, &bytes, &length);
        mb_free(m);
        free(m);
    }
    *size = length;
    return bytes;
}

static colorizer *open_pair(void) {
    size_t size;
    const void *model = pair_model(&size);
    colorizer *c = NULL;
    assert_int_equal(colorizer_graph_open_memory(&c, model, size, NULL), COLORIZER_OK);
    return c;
}

static colorizer_tensor tensor(const char *name, int32_t h, int32_t w, int32_t channels, float *data) {
    colorizer_tensor t = {.struct_size = sizeof t, .dims = {1, h, w, channels}, .data = data};
    t.size = sizeof(float) * (uint64_t)(h * w * channels);
    strcpy(t.name, name);
    return t;
}

static void fill(float *at, size_t n, float first, float step) {
    for (size_t i = 0; i < n; i++) at[i] = first + step * (float)i;
}

static void assert_detail(colorizer *c, const char *part) {
    char text[256];
    colorizer_last_error(c, text, sizeof text);
    if (strstr(text, part) == NULL) fail_msg("'%s' does not name '%s'", text, part);
}

static void test_describe(void **state) {
    (void)state;
    colorizer *c = open_pair();
    colorizer_tensor t = {.struct_size = sizeof t}, in[2];
    assert_int_equal(colorizer_graph_input(c, 1, &t), COLORIZER_OK);
    assert_string_equal(t.name, "right");
    assert_int_equal(t.multiple, 2);
    assert_int_equal(t.dims[0], 1);
    assert_int_equal(t.dims[1], 0);
    assert_int_equal(t.dims[2], 0);
    assert_int_equal(t.dims[3], 3);
    assert_int_equal(colorizer_graph_input(c, 2, &t), COLORIZER_E_RANGE);
    in[0] = tensor("right", H, W, 3, NULL); /* any order */
    in[1] = tensor("left", H, W, 3, NULL);
    assert_int_equal(colorizer_graph_output(c, in, 2, 2, &t), COLORIZER_OK);
    assert_string_equal(t.name, "mixed");
    assert_int_equal(t.multiple, 0);
    assert_int_equal(t.dims[1], H / 2);
    assert_int_equal(t.dims[2], W / 2);
    assert_int_equal(t.dims[3], 5);
    assert_int_equal(colorizer_graph_output(c, in, 2, 3, &t), COLORIZER_E_RANGE);
    in[0].dims[1] = 5;
    assert_int_equal(colorizer_graph_output(c, in, 2, 0, &t), COLORIZER_E_RANGE);
    assert_detail(c, "'right': dims[1] is 5");
    in[0].dims[1] = 8; /* each is allowed, but they cannot be added */
    assert_int_equal(colorizer_graph_output(c, in, 2, 0, &t), COLORIZER_E_MODEL);
    t.struct_size = 8;
    assert_int_equal(colorizer_graph_input(c, 0, &t), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_graph_input(c, 0, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_graph_input(NULL, 0, &t), COLORIZER_E_ARGUMENT);
    colorizer_close(c);
}

/** Runs at one size after another on one handle; every thread count gives the same. */
static void test_run(void **state) {
    (void)state;
    colorizer *c = open_pair();
    float left[4 * CELLS * 3], right[4 * CELLS * 3], sum[4 * CELLS * 3], product[4 * CELLS * 3];
    fill(left, 4 * CELLS * 3, -3.0f, 0.25f);
    fill(right, 4 * CELLS * 3, 1.0f, -0.5f);
    for (int32_t round = 0; round < 4; round++) {
        const int32_t h = round == 1 ? 2 * H : H, w = round == 1 ? 2 * W : W;
        const colorizer_tensor in[] = {tensor("left", h, w, 3, left), tensor("right", h, w, 3, right)};
        const colorizer_tensor out[] = {tensor("product", h, w, 3, product), tensor("sum", h, w, 3, sum)};
        assert_int_equal(colorizer_set_i(c, COLORIZER_KEY_THREADS, 1 + round), COLORIZER_OK);
        assert_int_equal(colorizer_graph_run(c, in, 2, out, 2), COLORIZER_OK);
        for (int32_t i = 0; i < h * w * 3; i++) {
            if (sum[i] != left[i] + right[i] || product[i] != left[i] * right[i]) fail_msg("element %d", i);
        }
        memset(sum, 0, sizeof sum);
        memset(product, 0, sizeof product);
    }
    int64_t memory = 0;
    assert_int_equal(colorizer_get_i(c, COLORIZER_KEY_MEMORY, &memory), COLORIZER_OK);
    assert_true(memory > (int64_t)(4 * CELLS * 3 * sizeof(float)));
    colorizer_close(c);
}

/** An output may take an input's place; a subset of the outputs may be asked for. */
static void test_in_place(void **state) {
    (void)state;
    colorizer *c = open_pair();
    float left[CELLS * 3], right[CELLS * 3];
    fill(left, CELLS * 3, -3.0f, 0.25f);
    fill(right, CELLS * 3, 1.0f, -0.5f);
    const colorizer_tensor in[] = {tensor("left", H, W, 3, left), tensor("right", H, W, 3, right)};
    const colorizer_tensor out = tensor("sum", H, W, 3, left);
    assert_int_equal(colorizer_graph_run(c, in, 2, &out, 1), COLORIZER_OK);
    for (size_t i = 0; i < CELLS * 3; i++) assert_true(left[i] == -2.0f - 0.25f * (float)i);
    assert_int_equal(colorizer_graph_run(c, in, 2, NULL, 0), COLORIZER_OK);
    colorizer_close(c);
}

static void test_run_refuses(void **state) {
    (void)state;
    colorizer *c = open_pair();
    float a[CELLS * 3] = {0}, b[CELLS * 3] = {0}, y[CELLS * 3];
    const colorizer_tensor good[2] = {tensor("left", H, W, 3, a), tensor("right", H, W, 3, b)},
                           fine = tensor("sum", H, W, 3, y);
    colorizer_tensor in[2], out = fine;
    fill(y, CELLS * 3, 7.0f, 0.0f);
#define REFUSED(edit, status, detail)                                                                                  \
    do {                                                                                                               \
        memcpy(in, good, sizeof in);                                                                                   \
        out = fine;                                                                                                    \
        edit;                                                                                                          \
        assert_int_equal(colorizer_graph_run(c, in, 2, &out, 1), status);                                              \
        assert_detail(c, detail);                                                                                      \
    } while (0)
    REFUSED(in[0].struct_size = 0, COLORIZER_E_ARGUMENT, "inputs[0].struct_size");
    REFUSED(memset(in[1].name, 'x', sizeof in[1].name), COLORIZER_E_ARGUMENT, "inputs[1].name");
    REFUSED(strcpy(in[1].name, "left"), COLORIZER_E_ARGUMENT, "given twice");
    REFUSED(strcpy(in[1].name, "middle"), COLORIZER_E_ARGUMENT, "middle");
    REFUSED(in[1].data = NULL, COLORIZER_E_BUFFER, "'right'");
    REFUSED(in[1].size -= 1, COLORIZER_E_BUFFER, "'right'");
    REFUSED(in[1].data = (float *)(void *)((char *)b + 2), COLORIZER_E_BUFFER, "'right'");
    REFUSED(in[1].dims[0] = 2, COLORIZER_E_RANGE, "dims[0] is 2");
    REFUSED(in[1].dims[3] = 4, COLORIZER_E_RANGE, "dims[3] is 4");
    REFUSED(in[1].dims[2] = 0, COLORIZER_E_RANGE, "dims[2] is 0");
    REFUSED(in[1].dims[2] = -4, COLORIZER_E_RANGE, "dims[2] is -4");
    REFUSED(in[1].dims[1] = in[1].dims[2] = 1 << 29, COLORIZER_E_MODEL, "");
    REFUSED(out.struct_size = 0, COLORIZER_E_ARGUMENT, "outputs[0].struct_size");
    REFUSED(strcpy(out.name, "left"), COLORIZER_E_ARGUMENT, "not an output");
    REFUSED(out.dims[1] = H + 1, COLORIZER_E_RANGE, "'sum'");
    REFUSED(out.size = 4, COLORIZER_E_BUFFER, "'sum'");
#undef REFUSED
    assert_int_equal(colorizer_graph_run(c, good, 1, &fine, 1), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_graph_run(c, NULL, 2, &fine, 1), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_graph_run(c, good, 2, NULL, 1), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_graph_run(NULL, good, 2, &fine, 1), COLORIZER_E_ARGUMENT);
    for (size_t i = 0; i < CELLS * 3; i++) assert_true(y[i] == 7.0f); /* nothing was written */
    assert_int_equal(colorizer_graph_run(c, good, 2, &fine, 1), COLORIZER_OK);
    colorizer_close(c);
}

static int32_t stop(void *user, float fraction) {
    (void)fraction;
    return ++*(int *)user == 2;
}

static void test_progress_cancels(void **state) {
    (void)state;
    colorizer *c = open_pair();
    float a[CELLS * 3] = {0}, b[CELLS * 3] = {0}, y[CELLS * 3];
    const colorizer_tensor in[] = {tensor("left", H, W, 3, a), tensor("right", H, W, 3, b)},
                           out = tensor("sum", H, W, 3, y);
    int calls = 0;
    y[0] = 7.0f;
    assert_int_equal(colorizer_set_progress(c, stop, &calls), COLORIZER_OK);
    assert_int_equal(colorizer_graph_run(c, in, 2, &out, 1), COLORIZER_E_CANCELLED);
    assert_int_equal(calls, 2);
    assert_true(y[0] == 7.0f);
    assert_int_equal(colorizer_set_progress(c, NULL, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_graph_run(c, in, 2, &out, 1), COLORIZER_OK);
    colorizer_close(c);
}

/** A graph does not colorize, and is no model for the stable calls. */
static void test_not_a_colorizer(void **state) {
    (void)state;
    size_t size;
    const void *model = pair_model(&size);
    colorizer *c = NULL, *copy = NULL;
    const colorizer_image src = picture_make(COLORIZER_GRAY_U8, 2, 2), dst = picture_make(COLORIZER_RGB_U8, 2, 2);
    assert_int_equal(colorizer_open_memory(&c, model, size, NULL), COLORIZER_E_MODEL);
    assert_null(c);
    c = open_pair();
    assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_E_MODEL);
    assert_detail(c, "not a colorizer");
    free(src.data[0]);
    free(dst.data[0]);
    assert_int_equal(colorizer_clone(c, &copy), COLORIZER_OK);
    colorizer_close(c);
    colorizer_tensor t = {.struct_size = sizeof t};
    assert_int_equal(colorizer_graph_input(copy, 0, &t), COLORIZER_OK);
    assert_string_equal(t.name, "left");
    colorizer_close(copy);
}

/** A colorizer serves both kinds of calls, one after the other. */
static void test_colorizer_as_graph(void **state) {
    (void)state;
    size_t size;
    const void *model = tiny_model(&size);
    colorizer *c = NULL;
    static float image[64 * 64 * 4];
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 40, 40);
    const colorizer_image dst[2] = {picture_make(COLORIZER_RGB_U8, 40, 40), picture_make(COLORIZER_RGB_U8, 40, 40)};
    assert_int_equal(colorizer_graph_open_memory(&c, model, size, NULL), COLORIZER_OK);
    fill(image, 64 * 64 * 4, -1.0f, 1e-4f);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(colorizer_colorize(c, &src, &dst[round]), COLORIZER_OK);
        colorizer_tensor in = tensor("image", 64, 64, 4, image), out = {.struct_size = sizeof out};
        assert_int_equal(colorizer_graph_output(c, &in, 1, 0, &out), COLORIZER_OK);
        assert_string_equal(out.name, "logits");
        assert_int_equal(out.dims[1], 16);
        out.size = sizeof(float) * (uint64_t)(out.dims[1] * out.dims[2] * out.dims[3]);
        out.data = malloc(out.size);
        assert_non_null(out.data);
        assert_int_equal(colorizer_graph_run(c, &in, 1, &out, 1), COLORIZER_OK);
        free(out.data);
    }
    assert_memory_equal(dst[0].data[0], dst[1].data[0], (size_t)dst[0].size[0]);
    for (int i = 0; i < 2; i++) free(dst[i].data[0]);
    free(src.data[0]);
    colorizer_close(c);
}

static void test_open_refuses(void **state) {
    (void)state;
    size_t size;
    const void *model = pair_model(&size);
    colorizer *c = NULL;
    assert_int_equal(colorizer_graph_open(NULL, NULL, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_graph_open(&c, "/nowhere/model.czw", NULL), COLORIZER_E_IO);
    assert_int_equal(colorizer_graph_open_memory(&c, NULL, size, NULL), COLORIZER_E_ARGUMENT);
    assert_int_equal(colorizer_graph_open_memory(&c, model, size - 1, NULL), COLORIZER_E_FORMAT);
    assert_null(c);
}

static void *counted_alloc(void *user, uint64_t size, uint64_t alignment) {
    int *left = user;
    return (*left)-- > 0 ? aligned_alloc((size_t)alignment, (size_t)size) : NULL;
}

static void counted_free(void *user, void *ptr, uint64_t size) {
    (void)user;
    (void)size;
    free(ptr);
}

/** Every allocation failing in turn leaves nothing behind (a sanitizer looks) and a handle that still works. */
static void test_no_memory(void **state) {
    (void)state;
    size_t size;
    const void *model = pair_model(&size);
    float a[CELLS * 3] = {0}, b[CELLS * 3] = {0}, y[CELLS * 3];
    const colorizer_tensor in[] = {tensor("left", H, W, 3, a), tensor("right", H, W, 3, b)},
                           out = tensor("sum", H, W, 3, y);
    int failures = 0;
    for (int allowed = 0;; allowed++) {
        int left = allowed;
        const colorizer_options options = {.struct_size = sizeof options,
                                           .threads = 1,
                                           .alloc = counted_alloc,
                                           .free = counted_free,
                                           .alloc_user = &left};
        colorizer *c = NULL;
        int32_t status = colorizer_graph_open_memory(&c, model, size, &options);
        if (status == COLORIZER_OK) status = colorizer_graph_run(c, in, 2, &out, 1);
        if (status != COLORIZER_OK) {
            assert_int_equal(status, COLORIZER_E_MEMORY);
            failures++;
            left = 1000;
            if (c != NULL) assert_int_equal(colorizer_graph_run(c, in, 2, &out, 1), COLORIZER_OK);
        }
        colorizer_close(c);
        if (status == COLORIZER_OK) break;
    }
    assert_true(failures >= 4);
}

/** A colorizer of three bins, opened with its table of vividness and its defaults as given. */
static int32_t open_colorizer(const float *vividness, uint32_t rows, uint32_t columns, const float *defaults) {
    static const float bins[] = {0, 0, 40, 20, -20, 30}, weight[] = {0, 0.5f, -0.5f};
    unsigned char *bytes;
    size_t size;
    colorizer *c = NULL;
    mb_model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    cz_attr conv = mb_attr(CZ_OP_conv2d);
    conv.conv2d.stride_h = conv.conv2d.stride_w = 4;
    const mb_tensor x = mb_input(m, "image", 4, 0, 0, 4), kernel = mb_constant(m, "", CZ_F32, 3, 4, 4, 4);
    mb_output(m, "logits", mb_op3(m, CZ_OP_conv2d, &conv, x, kernel, CZ_NO_TENSOR));
    mb_block(m, "color.bins", CZ_F32, (cz_shape){{1, 1, 3, 2}}, bins);
    mb_block(m, "color.log_weight", CZ_F32, (cz_shape){{1, 1, 1, 3}}, weight);
    mb_block(m, "color.vividness", CZ_F32, (cz_shape){{1, 1, rows, columns}}, vividness);
    mb_block(m, "color.default", CZ_F32, (cz_shape){{1, 1, 1, 3}}, defaults);
    mb_write(m, &bytes, &size);
    const int32_t status = colorizer_open_memory(&c, bytes, size, NULL);
    colorizer_close(c);
    mb_free(m);
    free(m);
    free(bytes);
    return status;
}

static void test_constants_of_a_colorizer(void **state) {
    (void)state;
    const float defaults[] = {64, 32, 1}, good[] = {0, 0, 1, 1, 2, 2.5f};
    assert_int_equal(open_colorizer(good, 3, 2, defaults), COLORIZER_OK);
    assert_int_equal(open_colorizer(good, 1, 2, defaults), COLORIZER_OK);
    /* rows of v, s, T, as before 0.1.0 was finished */
    const float old[] = {0, 1, 1, 1, 0.2f, 0.65f};
    assert_int_equal(open_colorizer(old, 2, 3, defaults), COLORIZER_E_MODEL);
    assert_detail(NULL, "'color.vividness' has rows of 3 values; this version reads f32, rows of 2");
    static const float bad[][4] = {{0.1f, 0, 1, 1}, {0, 0, 0, 1}, {0, 0, -1, 1}, {0, -0.1f, 1, 1}, {0, 0, 1, 10.5f}};
    for (size_t i = 0; i < CZ_COUNT(bad); i++) {
        assert_int_equal(open_colorizer(bad[i], 2, 2, defaults), COLORIZER_E_MODEL);
        assert_detail(NULL, "color.vividness: row");
    }
    static const float wrong[][3] = {{31, 32, 1}, {1025, 32, 1}, {64.5f, 32, 1}, {64, 30, 1}, {64, 32, 2.1f}};
    for (size_t i = 0; i < CZ_COUNT(wrong); i++) {
        assert_int_equal(open_colorizer(good, 3, 2, wrong[i]), COLORIZER_E_MODEL);
        assert_detail(NULL, "color.default");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe),           cmocka_unit_test(test_run),
        cmocka_unit_test(test_in_place),           cmocka_unit_test(test_run_refuses),
        cmocka_unit_test(test_progress_cancels),   cmocka_unit_test(test_not_a_colorizer),
        cmocka_unit_test(test_colorizer_as_graph), cmocka_unit_test(test_open_refuses),
        cmocka_unit_test(test_no_memory),          cmocka_unit_test(test_constants_of_a_colorizer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause
 * Models in files: the same results as in memory, weights in memory once, and files that are broken or change while
 * they are read. */
#define _POSIX_C_SOURCE 200809L /* mkstemp */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include <colorizer/colorizer_experimental.h>

#include "counting.h"
#include "model_builder.h"
#include "picture.h"
#include "tiny_model.h"

enum { LAYERS = 6, CHANNELS = 64, LAYER_BYTES = 9 * CHANNELS * CHANNELS * 4, SLACK = 1 << 15 };

static char path[] = "test_file.XXXXXX"; /* in the folder where the test runs */

static void write_file(const void *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/** Some 3 x 3 convolutions of many channels in a row. */
static unsigned char *deep_model(uint32_t dtype, size_t *size) {
    unsigned char *bytes;
    mb_model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    mb_tensor x = mb_input(m, "x", 1, 8, 8, CHANNELS);
    cz_attr a = mb_attr(CZ_OP_conv2d);
    a.conv2d.pad_top = a.conv2d.pad_left = a.conv2d.pad_bottom = a.conv2d.pad_right = 1;
    for (int i = 0; i < LAYERS; i++) {
        const mb_tensor bias = mb_vector(m, "", CHANNELS);
        x = mb_op3(m, CZ_OP_conv2d, &a, x, mb_constant(m, "", dtype, CHANNELS, 3, 3, CHANNELS), bias);
    }
    mb_output(m, "y", x);
    mb_write(m, &bytes, size);
    mb_free(m);
    free(m);
    return bytes;
}

/* ---------------------------------------------------------------- results */

static colorizer_image colorize(colorizer *c) {
    const colorizer_image src = picture_scene_make(COLORIZER_GRAY_U8, 70, 60);
    const colorizer_image dst = picture_make(COLORIZER_RGB_U8, 70, 60);
    assert_int_equal(colorizer_colorize(c, &src, &dst), COLORIZER_OK);
    free(src.data[0]);
    return dst;
}

/** The file may go once it is opened; clones share what was read. */
static void test_same_pixels(void **state) {
    (void)state;
    size_t size;
    const void *model = tiny_model(&size);
    colorizer *c, *copy, *in_memory = tiny_open(COLORIZER_CPU_BEST, 2);
    write_file(model, size);
    assert_int_equal(colorizer_open(&c, path, NULL), COLORIZER_OK);
    write_file("", 0);
    assert_int_equal(colorizer_clone(c, &copy), COLORIZER_OK);
    const colorizer_image wanted = colorize(in_memory), got = colorize(c);
    assert_memory_equal(got.data[0], wanted.data[0], wanted.size[0]);
    colorizer_close(c);
    const colorizer_image again = colorize(copy);
    assert_memory_equal(again.data[0], wanted.data[0], wanted.size[0]);
    char name[8];
    assert_int_equal(colorizer_metadata(copy, "name", name, sizeof name, NULL), COLORIZER_OK);
    assert_string_equal(name, "tiny");
    colorizer_close(copy);
    colorizer_close(in_memory);
    free(wanted.data[0]);
    free(got.data[0]);
    free(again.data[0]);
}

/** All outputs of a model at one size, one after the other. */
static float *run_graph(colorizer *c, size_t *n) {
    colorizer_tensor in[CZ_FILE_MAX_INPUTS], out = {.struct_size = sizeof out};
    uint32_t inputs = 0;
    float *values = NULL;
    memset(in, 0, sizeof in);
    for (; inputs < CZ_FILE_MAX_INPUTS; inputs++) {
        colorizer_tensor *t = &in[inputs];
        t->struct_size = sizeof *t;
        if (colorizer_graph_input(c, inputs, t) != COLORIZER_OK) break;
        if (t->dims[1] == 0) t->dims[1] = 24, t->dims[2] = 16;
        const size_t count = (size_t)t->dims[1] * (size_t)t->dims[2] * (size_t)t->dims[3];
        t->data = malloc(count * sizeof(float));
        assert_non_null(t->data);
        t->size = count * sizeof(float);
        for (size_t i = 0; i < count; i++) t->data[i] = (float)(i * 37 % 101) / 50.0f - 1.0f;
    }
    *n = 0;
    for (uint32_t i = 0; colorizer_graph_output(c, in, inputs, i, &out) == COLORIZER_OK; i++) {
        const size_t count = (size_t)out.dims[0] * (size_t)out.dims[1] * (size_t)out.dims[2] * (size_t)out.dims[3];
        values = realloc(values, (*n + count) * sizeof(float));
        assert_non_null(values);
        out.data = values + *n;
        out.size = count * sizeof(float);
        assert_int_equal(colorizer_graph_run(c, in, inputs, &out, 1), COLORIZER_OK);
        *n += count;
    }
    for (uint32_t i = 0; i < inputs; i++) free(in[i].data);
    return values;
}

/** Writes a model to the file, and gives its bytes. */
static unsigned char *build_file(void (*build)(mb_model *), size_t *size) {
    unsigned char *bytes;
    mb_model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    build(model);
    mb_write(model, &bytes, size);
    mb_free(model);
    free(model);
    write_file(bytes, *size);
    return bytes;
}

/** Every operator, and constants of every type, packed and plain. */
static void test_same_tensors(void **state) {
    (void)state;
    size_t size, n, m;
    colorizer *in_memory, *in_file;
    unsigned char *bytes = build_file(mb_every_operator, &size);
    assert_int_equal(colorizer_graph_open_memory(&in_memory, bytes, size, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_graph_open(&in_file, path, NULL), COLORIZER_OK);
    float *wanted = run_graph(in_memory, &n), *got = run_graph(in_file, &m);
    assert_true(n > 100 && m == n);
    assert_memory_equal(got, wanted, n * sizeof(float));
    colorizer_close(in_memory);
    colorizer_close(in_file);
    free(wanted);
    free(got);
    free(bytes);
}

/** A colorizer whose logits are the averages of its input's pixels. Its table of weights is a layer's weight, too. */
static void build_odd(mb_model *m) {
    static const float bins[4][2] = {{40, 0}, {0, 40}, {-40, 0}, {0, -40}}, vividness[2][2] = {{0, 0}, {2, 1.5f}};
    static const float weight[4] = {0.1f, 0.2f, -0.3f, 0.4f}, defaults[3] = {64, 32, 1};
    cz_attr average = mb_attr(CZ_OP_pool2d);
    const cz_attr linear = mb_attr(CZ_OP_linear);
    average.pool2d = (cz_attr_pool2d){.kind = 1, .kernel_h = 4, .kernel_w = 4, .stride_h = 4, .stride_w = 4};
    const mb_tensor image = mb_input(m, "image", 32, 0, 0, 4);
    const mb_tensor logits = mb_op3(m, CZ_OP_pool2d, &average, image, CZ_NO_TENSOR, CZ_NO_TENSOR);
    const mb_tensor table = mb_block(m, "color.log_weight", CZ_F32, (cz_shape){{1, 1, 1, 4}}, weight);
    mb_output(m, "logits", logits);
    mb_output(m, "other", mb_op3(m, CZ_OP_linear, &linear, logits, table, CZ_NO_TENSOR));
    mb_block(m, "color.bins", CZ_F32, (cz_shape){{1, 1, 4, 2}}, bins);
    mb_block(m, "color.vividness", CZ_F32, (cz_shape){{1, 1, 2, 2}}, vividness);
    mb_block(m, "color.default", CZ_F32, (cz_shape){{1, 1, 1, 3}}, defaults);
}

static void test_table_that_is_a_weight(void **state) {
    (void)state;
    size_t size;
    colorizer *in_memory, *in_file;
    unsigned char *bytes = build_file(build_odd, &size);
    assert_int_equal(colorizer_open_memory(&in_memory, bytes, size, NULL), COLORIZER_OK);
    assert_int_equal(colorizer_open(&in_file, path, NULL), COLORIZER_OK);
    const colorizer_image wanted = colorize(in_memory), got = colorize(in_file);
    assert_memory_equal(got.data[0], wanted.data[0], wanted.size[0]);
    colorizer_close(in_memory);
    colorizer_close(in_file);
    free(wanted.data[0]);
    free(got.data[0]);
    free(bytes);
}

/* ---------------------------------------------------------------- memory */

/** f32 weights take as much as the file and, while it is read, one block more; f16 ones twice the file's. */
static void test_weights_lie_in_memory_once(void **state) {
    (void)state;
    for (uint32_t dtype = CZ_F32; dtype <= CZ_F16; dtype++) {
        size_t size;
        unsigned char *bytes = deep_model(dtype, &size);
        counter n = {.fail_at = 0};
        const colorizer_options options = options_for(&n, 1);
        colorizer *c;
        int64_t told;
        write_file(bytes, size);
        assert_int_equal(colorizer_graph_open(&c, path, &options), COLORIZER_OK);
        assert_true(n.live_bytes >= LAYERS * LAYER_BYTES);
        assert_true(n.live_bytes < LAYERS * LAYER_BYTES + SLACK);
        assert_true(n.peak_bytes < LAYERS * LAYER_BYTES + LAYER_BYTES / (dtype == CZ_F32 ? 1 : 2) + SLACK);
        assert_int_equal(colorizer_get_i(c, COLORIZER_KEY_MEMORY, &told), COLORIZER_OK);
        assert_true(told <= n.live_bytes && n.live_bytes - told < 64 * n.live_blocks);
        colorizer_close(c);
        assert_int_equal(n.live_blocks, 0);
        free(bytes);
    }
}

static void test_every_allocation_fails_once(void **state) {
    (void)state;
    size_t size;
    const void *model = tiny_model(&size);
    int at = 1;
    write_file(model, size);
    for (;; at++) {
        counter n = {.fail_at = at};
        const colorizer_options options = options_for(&n, 1);
        colorizer *c;
        const int32_t status = colorizer_open(&c, path, &options);
        colorizer_close(c);
        assert_int_equal(n.live_blocks, 0);
        assert_int_equal(n.live_bytes, 0);
        if (status == COLORIZER_OK) break;
        assert_int_equal(status, COLORIZER_E_MEMORY);
        assert_null(c);
    }
    assert_true(at > 6); /* shared, head, model, its shapes, a block, weights, handle */
}

/* ---------------------------------------------------------------- broken files */

static int32_t status_of_file(const void *bytes, size_t size) {
    counter n = {.fail_at = 0};
    const colorizer_options options = options_for(&n, 1);
    colorizer *c;
    char text[256];
    write_file(bytes, size);
    const int32_t status = colorizer_open(&c, path, &options);
    assert_true((c != NULL) == (status == COLORIZER_OK));
    assert_true(status == COLORIZER_OK || colorizer_last_error(NULL, text, sizeof text) > 0);
    colorizer_close(c);
    assert_int_equal(n.live_blocks, 0);
    return status;
}

static void test_truncated_files(void **state) {
    (void)state;
    size_t size;
    const void *model = tiny_model(&size);
    for (size_t n = 0; n < size; n += n < 200 || size - n < 100 ? 1 : 61)
        assert_int_equal(status_of_file(model, n), COLORIZER_E_FORMAT);
    assert_int_equal(status_of_file(model, size), COLORIZER_OK);
}

/** A changed byte, with and without checksums that fit: as a model in memory. */
static void test_changed_files(void **state) {
    (void)state;
    size_t size;
    const void *model = tiny_model(&size);
    unsigned char *copy = mb_exact(size);
    for (size_t at = 0; at < size; at += at < 200 ? 1 : 53)
        for (int sealed = 0; sealed < 2; sealed++) {
            colorizer *c;
            memcpy(copy, model, size);
            copy[at] ^= 0x41;
            if (sealed) mb_seal(copy, size);
            const int32_t wanted = colorizer_open_memory(&c, copy, size, NULL);
            colorizer_close(c);
            assert_int_equal(status_of_file(copy, size), wanted);
            assert_true(sealed || wanted != COLORIZER_OK);
        }
    free(copy);
}

static void test_no_file(void **state) {
    (void)state;
    colorizer *c;
    assert_int_equal(colorizer_open(&c, ".", NULL), COLORIZER_E_IO);
    assert_null(c);
    assert_int_equal(status_of_file("", 0), COLORIZER_E_FORMAT);
}

/* ---------------------------------------------------------------- files that change while they are read */

/** Does something to the file when block number `at` is asked for. */
typedef struct {
    counter n;
    int at;
    void (*spoil)(void);
} spoiler;

static void *spoiling_alloc(void *user, uint64_t size, uint64_t alignment) {
    spoiler *s = user;
    if (s->n.calls + 1 == s->at) s->spoil();
    return counting_alloc(&s->n, size, alignment);
}

static void spoiling_free(void *user, void *p, uint64_t size) {
    spoiler *s = user;
    counting_free(&s->n, p, size);
}

static void spoil_cut(void) { write_file("", 0); }
static void spoil_remove(void) { assert_int_equal(remove(path), 0); }
static void spoil_last_weight(void) {
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, -1, SEEK_END), 0);
    assert_int_equal(fputc(0xFF, f), 0xFF); /* the highest byte of a float: with the one before it, NaN or not */
    assert_int_equal(fclose(f), 0);
}

/** @return how many of the places where it may happen make opening fail; each failure must be `expected`. */
static int spoil_everywhere(void (*spoil)(void), int32_t expected) {
    size_t size;
    unsigned char *bytes = deep_model(CZ_F32, &size); /* far more than stdio reads ahead */
    int failed = 0;
    for (int at = 2;; at++) { /* the first block is asked for before the file is opened */
        spoiler s = {.at = at, .spoil = spoil};
        const colorizer_options options = {.struct_size = sizeof options,
                                           .alloc = spoiling_alloc,
                                           .free = spoiling_free,
                                           .alloc_user = &s,
                                           .threads = 1};
        colorizer *c;
        write_file(bytes, size);
        const int32_t status = colorizer_graph_open(&c, path, &options);
        assert_true(status == COLORIZER_OK || status == expected);
        colorizer_close(c);
        assert_int_equal(s.n.live_blocks, 0);
        failed += status == expected;
        if (s.n.calls < at) break;
    }
    free(bytes);
    return failed;
}

static void test_changes_while_read(void **state) {
    (void)state;
    assert_true(spoil_everywhere(spoil_cut, COLORIZER_E_IO) >= 4);
    assert_true(spoil_everywhere(spoil_last_weight, COLORIZER_E_CHECKSUM) >= 5);
    assert_int_equal(spoil_everywhere(spoil_remove, COLORIZER_E_IO), 0);
}

/* ---------------------------------------------------------------- */

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_pixels),
        cmocka_unit_test(test_same_tensors),
        cmocka_unit_test(test_table_that_is_a_weight),
        cmocka_unit_test(test_weights_lie_in_memory_once),
        cmocka_unit_test(test_every_allocation_fails_once),
        cmocka_unit_test(test_truncated_files),
        cmocka_unit_test(test_changed_files),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_changes_while_read),
    };
    const int f = mkstemp(path);
    if (f < 0) {
        perror(path);
        return 1;
    }
    (void)close(f);
    const int failed = cmocka_run_group_tests_name("file", tests, NULL, NULL);
    (void)remove(path);
    return failed;
}
